/* The table: ends by time, stragglers, eviction, numbers and order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcp_script.h"

#include <stdlib.h>

#define OPEN   "c S 100; s SA 500 a=101; c A 101 a=501;"
#define OPENED "c.syn s.synack "
#define ENDED  " end.capture"

struct row {
    const char *name;
    struct tcp_script script;
    const char *events;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "idle",
      { .packets = OPEN "+3600000; advance; +1; advance; c1 S 1" },
      OPENED "end.idle 1/c.syn 1/end.capture" },
    { "idle, by the traffic of others",
      { .packets = "c S 1; c1 S 1; +2000000; c1 A 2; +2000000; c1 A 2" },
      "c.syn 1/c.syn end.idle 1/end.capture" },
    { "idle limit of its own",
      { .packets = "c S 1; +1000; advance; +1; advance", .limits = { .idle_ns = 1000000000 } },
      "c.syn end.idle" },
    { "closed connections linger",
      { .packets = OPEN "c FA 101; s FA 501; +2000; c A 102; +2000; advance; +1; advance; c1 S 1" },
      OPENED "c.fin s.fin end.closed 1/c.syn 1/end.capture" },
    { "data while it lingers",
      { .packets = OPEN "s R 501; +1500; c A 101 'x'; +1500; c A 102 'y'" },
      OPENED "s.rst c'x' c'y' end.closed" },
    { "stragglers of an ended connection",
      { .packets = OPEN
        "c A 101 'x'; c FA 102; s FA 501; +3000; c A 101 'x'; c FA 102; s R 502; c A 103; c1 S 1" },
      OPENED "c'x' c.fin s.fin end.closed 1/c.syn 1/end.capture" },
    { "an idle connection goes on in its stream",
      { .packets = OPEN "+3600001; c A 101 'x'; c1 S 1", .show_ends = true },
      OPENED "end.idle 10.0.0.1:40000>10.0.0.2:443 c'x' 1/c.syn end.capture"
             " 10.0.0.1:40000>10.0.0.2:443 1/end.capture 10.0.0.1:40001>10.0.0.2:443" },
    { "a new connection without SYN on old ends",
      { .packets = OPEN "c R 101; +3000; c A 900000 'x'" },
      OPENED "c.rst end.closed c'x'" ENDED },
    { "the same SYN on old ends",
      { .packets = OPEN "c R 101; +3000; " OPEN "c1 S 1" },
      OPENED "c.rst end.closed " OPENED "1/c.syn end.capture 1/end.capture" },
    { "another SYN on old ends",
      { .packets = OPEN "c R 101; +3000; c S 900" },
      OPENED "c.rst end.closed 1/c.syn 1/end.capture" },
    { "ICMP error about an ended connection",
      { .packets = OPEN "c R 101; +3000; c A 101 icmp" },
      OPENED "c.rst end.closed" },
    { "the clock steps back",
      { .packets = "c S 1; -500000000; c1 S 1; +10; c A 2 'x'; advance" },
      "c.syn 1/c.syn c'x' end.capture 1/end.capture" },
    { "the clock steps back and stays there",
      { .packets = "c S 1; -500000000; c1 S 1 x=1; c2 A 1 x=1000; +3600001; c2 A 1" },
      "c.syn 1/c.syn end.idle 1/end.idle 2/end.idle" },
    { "the clock jumps far ahead",
      { .packets = "c S 1; +4000000000000; c1 S 1; c1 A 2 'x'" },
      "c.syn end.idle 1/c.syn 1/c'x' 1/end.capture" },
    { "two clocks",
      { .packets =
            "c S 1; c1 S 1; -7200000; c A 2 'x'; +7200000; c1 A 2 'y'; -7200000; c A 3 'z'" },
      "c.syn 1/c.syn c'x' 1/c'y' c'z' end.capture 1/end.capture" },
    { "eviction: the one idle longest",
      { .packets = "c S 1; c1 S 1; c A 2; c2 S 1", .limits = { .max_connections = 2 } },
      "c.syn 1/c.syn 1/end.evicted 2/c.syn end.capture 2/end.capture" },
    { "eviction: a closed one first",
      { .packets = "c S 1; c1 S 1; s1 RA 0; c2 S 1", .limits = { .max_connections = 2 } },
      "c.syn 1/c.syn 1/s.rst 1/end.closed 2/c.syn end.capture 2/end.capture" },
    { "eviction flushes",
      { .packets = "c S 1; c A 4 'x'; c1 S 1", .limits = { .max_connections = 1 } },
      "c.syn c[2] c'x' end.evicted 1/c.syn 1/end.capture" },
    { "the end in stream order",
      { .packets = "c S 1; c1 S 1; c2 S 1; c S 7; C S 1; c1 A 2" },
      "c.syn 1/c.syn 2/c.syn end.reused 3/c.syn 4/c.syn 1/end.capture 2/end.capture 3/end.capture"
      " 4/end.capture" },
    { "nothing", { .packets = "advance" }, "" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    char *events = tcp_script_run(&row->script);
    assert_string_equal(events, row->events);
    free(events);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("tcp_table", tests, NULL, NULL);
}
