/* When bytes that lack are declared a gap: hole.c states the rule. */
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
    { "acknowledged, 8 packets later",
      { .packets =
            OPEN "c A 103 'cd'; s A 501 a=105; s A 501 a=105 x=7; c A 105 'e'; c A 106 'f'" },
      OPENED "c[2] c'cd' c'e' c'f'" ENDED },
    { "acknowledged, 7 packets later it comes",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=105; s A 501 a=105 x=7; c A 101 'ab'" },
      OPENED "c'ab' c'cd'" ENDED },
    { "acknowledged, 500 ms later",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=105; +500; advance; c A 101 'ab'" },
      OPENED "c[2] c'cd' c.again" ENDED },
    { "acknowledged, 499 ms later it comes",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=105; +499; c A 101 'ab'" },
      OPENED "c'ab' c'cd'" ENDED },
    { "other connections tell the time",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=105; +500; c1 S 700" },
      OPENED "c[2] c'cd' 1/c.syn end.capture 1/end.capture" },
    { "the acknowledgment is seen before the data",
      { .packets = OPEN "s A 501 a=103; c A 101 'ab'; s A 501 a=105; c A 103 'cd'" },
      OPENED "c'ab' c'cd'" ENDED },
    { "acknowledgments always before data",
      { .packets =
            OPEN "s A 501 a=111; c A 101 'a'; c A 102 'b'; c A 103 'c'; c A 104 'd'; c A 105 'e';"
                 "c A 106 'f'; c A 107 'g'; c A 108 'h'; c A 109 'i'; c A 110 'j'" },
      OPENED "c'a' c'b' c'c' c'd' c'e' c'f' c'g' c'h' c'i' c'j'" ENDED },
    { "acknowledged in part: the rest may come",
      { .packets = OPEN "c A 105 'ef'; s A 501 a=103; +500; advance; c A 103 'cd'" },
      OPENED "c[2] c'cd' c'ef'" ENDED },
    { "two holes, one acknowledgment",
      { .packets = OPEN "c A 103 'c'; c A 105 'e'; s A 501 a=106; +500; advance; c A 106 'f'" },
      OPENED "c[2] c'c' c[1] c'e' c'f'" ENDED },
    { "acknowledged and nothing behind it",
      { .packets = OPEN "s A 501 a=111; +500; advance; c A 111 'k'" },
      OPENED "c[10] c'k'" ENDED },
    { "lost on the network: the retransmission is waited for",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=101 x=30; +60000; advance; c A 101 'ab'" },
      OPENED "c'ab' c'cd'" ENDED },
    { "lost on the network for good",
      { .packets = OPEN "c A 103 'cd'; s A 501 a=101" },
      OPENED "c[2] c'cd'" ENDED },
    { "one-sided: data at once",
      { .packets = "c S 100; c A 101 a=501 'ab'; c A 103 a=501 'cd'" },
      "c.syn c'ab' c'cd'" ENDED },
    { "one-sided: 32 packets later",
      { .packets = "c S 100; c - 103 'c'; c - 104 x=32; c - 101 'ab'" },
      "c.syn c[2] c'c' c.again" ENDED },
    { "one-sided: 31 packets later it comes",
      { .packets = "c S 100; c - 103 'c'; c - 104 x=31; c - 101 'ab'" },
      "c.syn c'ab' c'c'" ENDED },
    { "one-sided: 2 s later",
      { .packets = "c S 100; c - 103 'c'; +1999; advance; +1; advance; c - 104 'd'" },
      "c.syn c[2] c'c' c'd'" ENDED },
    { "one-sided: a retransmission within 2 s",
      { .packets = "c S 100; c - 103 'c'; +1200; c - 101 'ab'" },
      "c.syn c'ab' c'c'" ENDED },
    { "one-sided: what the other side sent is named",
      { .packets = "c S 100; c A 101 a=501; c A 101 a=501 'ab'; c A 103 a=2001; +500; advance; c A "
                   "103 a=2001 'cd'" },
      "c.syn c'ab' s[1500] c'cd'" ENDED },
    { "a FIN that was not captured is no gap",
      { .packets = OPEN "c A 101 'ab'; s A 501 a=104; +500; advance; s FA 501 a=104" },
      OPENED "c'ab' s.fin" ENDED },
    { "data before a FIN that were not captured",
      { .packets = OPEN "c FA 103; s A 501 a=104; +500; advance" },
      OPENED "c[2] c.fin" ENDED },
    { "data before a FIN, lost",
      { .packets = OPEN "c FA 103; s A 501 a=101; s FA 501 a=101" },
      OPENED "s.fin c[2] c.fin end.closed" },
    { "an acknowledgment of more than can be in flight",
      { .packets = OPEN "s A 501 a=2000000000; +500; advance; c A 101 'ab'" },
      OPENED "c'ab'" ENDED },
    { "a reset: what lacks will not be sent again",
      { .packets = OPEN "c A 103 'cd'; c R 105; +500; advance; s A 501 a=101 'x'" },
      OPENED "c[2] c'cd' c.rst s'x' end.closed" },
    { "a reset of the other side",
      { .packets = OPEN "c A 103 'cd'; s R 501; +500; advance; s R 501" },
      OPENED "s.rst c[2] c'cd' s.rst end.closed" },
    { "a reset that waits for data that are not there",
      { .packets = OPEN "c R 103; +500; advance; s A 501 'x'" },
      OPENED "c.rst s'x' end.closed" },
    { "the end flushes both ways in the order of the capture",
      { .packets = OPEN "s A 503 'yz'; c A 103 'cd'; s A 507 'vw'" },
      OPENED "s[2] s'yz' c[2] c'cd' s[2] s'vw'" ENDED },
    { "the end declares what was acknowledged",
      { .packets = OPEN "c A 101 'ab'; s A 501 a=110" },
      OPENED "c'ab' c[7]" ENDED },
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
    return cmocka_run_group_tests_name("tcp_hole", tests, NULL, NULL);
}
