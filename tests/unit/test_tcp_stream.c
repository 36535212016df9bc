/* One direction of a connection: order, overlap, retransmission, sequence numbers. */
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
    { "in order",
      { .packets = OPEN "c A 101 a=501 'ab'; c A 103 a=501 'cd'; s A 501 a=105 'ef'" },
      OPENED "c'ab' c'cd' s'ef'" ENDED },
    { "a whole connection",
      { .packets = OPEN "c A 101 a=501 'ab'; s FA 501 a=103 'cd'; c FA 103 a=504; s A 504 a=104" },
      OPENED "c'ab' s'cd' s.fin c.fin end.closed" },
    { "out of order",
      { .packets = OPEN "c A 103 'cd'; c A 105 'ef'; c A 101 'ab'" },
      OPENED "c'ab' c'cd' c'ef'" ENDED },
    { "in reverse",
      { .packets = OPEN "c A 105 'ef'; c A 103 'cd'; c A 101 'ab'" },
      OPENED "c'ab' c'cd' c'ef'" ENDED },
    { "the same again",
      { .packets = OPEN "c A 101 'ab'; c A 101 'ab'; c A 103 'cd'" },
      OPENED "c'ab' c.again c'cd'" ENDED },
    { "again, cut otherwise",
      { .packets = OPEN "c A 101 'ab'; c A 103 'cd'; c A 102 'bc'" },
      OPENED "c'ab' c'cd' c.again" ENDED },
    { "again and more",
      { .packets = OPEN "c A 101 'ab'; c A 101 'abcd'" },
      OPENED "c'ab' c'cd'" ENDED },
    { "again while out of order",
      { .packets = OPEN "c A 103 'cd'; c A 103 'cd'; c A 101 'ab'" },
      OPENED "c.again c'ab' c'cd'" ENDED },
    { "overlap: the first copy wins in order",
      { .packets = OPEN "c A 101 'abc'; c A 102 'XXd'" },
      OPENED "c'abc' c'd'" ENDED },
    { "overlap: the first copy wins out of order",
      { .packets = OPEN "c A 103 'cd'; c A 102 'XXXe'; c A 101 'ab'" },
      OPENED "c'a' c'X' c'cd' c'e'" ENDED },
    { "overlap: what waits was first",
      { .packets = OPEN "c A 103 'cd'; c A 101 'abXXef'" },
      OPENED "c'ab' c'cd' c'ef'" ENDED },
    { "overlap: a piece between two",
      { .packets = OPEN "c A 103 'c'; c A 105 'e'; c A 102 'bXdX'; c A 101 'a'" },
      OPENED "c'a' c'b' c'c' c'd' c'e'" ENDED },
    { "numbers wrap",
      { .packets = "c S 4294967293; s SA 500 a=4294967294; c A 4294967294 a=501 'abc'; c A 1 'd'; "
                   "c A 2 'e'" },
      OPENED "c'abc' c'd' c'e'" ENDED },
    { "numbers wrap out of order",
      { .packets =
            "c S 4294967293; s SA 500 a=4294967294; c A 2 'ef'; c A 0 'cd'; c A 4294967294 'ab'" },
      OPENED "c'ab' c'cd' c'ef'" ENDED },
    { "keep-alive of one byte",
      { .packets = OPEN "c A 101 'ab'; c A 102 'b'; c A 103 'c'" },
      OPENED "c'ab' c'c'" ENDED },
    { "keep-alive without a byte",
      { .packets = OPEN "c A 101 'ab'; c A 102; c A 103 'c'" },
      OPENED "c'ab' c'c'" ENDED },
    { "keep-alive before any data",
      { .packets = OPEN "c A 100; c A 100 'x'; c A 101 'a'" },
      OPENED "c'a'" ENDED },
    { "zero-window probe, then the segment",
      { .packets = OPEN "c A 101 'a'; c A 101 'a'; c A 101 'abc'" },
      OPENED "c'a' c'bc'" ENDED },
    { "cut by the snap length",
      { .packets = OPEN "c A 101 'ab' cut=3; c A 106 'c'" },
      OPENED "c'ab' c[3] c'c'" ENDED },
    { "cut by the snap length, out of order",
      { .packets = OPEN "c A 106 'c'; c A 101 'ab' cut=3" },
      OPENED "c'ab' c[3] c'c'" ENDED },
    { "cut to nothing",
      { .packets = OPEN "c A 101 cut=5; c A 106 cut=5" },
      OPENED "c[5] c[5]" ENDED },
    { "SYN with data",
      { .packets = "c S 100 'ab'; s SA 500 a=103; c A 103 a=501 'cd'" },
      "c.syn c'ab' s.synack c'cd'" ENDED },
    { "SYN with data that were not taken",
      { .packets = "c S 100 'ab'; s SA 500 a=101; c A 101 a=501 'ab'" },
      "c.syn c'ab' s.synack c.again" ENDED },
    { "from before the capture",
      { .packets = "s A 501 'cd'; s A 301 'zz'; s A 503 'ef'" },
      "s'cd' s'ef'" ENDED },
    { "FIN with data", { .packets = OPEN "c FA 101 'ab'" }, OPENED "c'ab' c.fin" ENDED },
    { "FIN overtakes data",
      { .packets = OPEN "c FA 103 a=501; c A 101 a=501 'ab'" },
      OPENED "c'ab' c.fin" ENDED },
    { "FIN with data overtakes data",
      { .packets = OPEN "c FA 103 'cd'; c A 101 'ab'" },
      OPENED "c'ab' c'cd' c.fin" ENDED },
    { "FIN again",
      { .packets = OPEN "c FA 101 'ab'; c FA 101 'ab'; c FA 103" },
      OPENED "c'ab' c.fin c.again" ENDED },
    { "data after FIN",
      { .packets = OPEN "c FA 101 'ab'; c A 104 'cd'" },
      OPENED "c'ab' c.fin c'cd'" ENDED },
    { "data after FIN overtake it",
      { .packets = OPEN "c A 104 'cd'; c FA 101 'ab'" },
      OPENED "c'ab' c.fin c'cd'" ENDED },
    { "data of the other side after FIN",
      { .packets = OPEN "c FA 101; s A 501 'cd'" },
      OPENED "c.fin s'cd'" ENDED },
    { "RST overtakes data",
      { .packets = OPEN "c R 103; c A 101 'ab'" },
      OPENED "c'ab' c.rst end.closed" },
    { "RST overtakes data that never come",
      { .packets = OPEN "c R 103; s A 501 a=101 'x'" },
      OPENED "s'x' c.rst end.closed" },
    { "data after RST",
      { .packets = OPEN "s R 501; c A 101 'ab'; s R 501" },
      OPENED "s.rst c'ab' s.rst end.closed" },
    { "RST with a number out of the blue",
      { .packets = OPEN "s R 99000000; c A 101 'ab'" },
      OPENED "s.rst c'ab'" ENDED },
    { "payload of a RST", { .packets = OPEN "s R 501 'reset'" }, OPENED "s.rst end.closed" },
    { "limit of waiting bytes",
      { .packets = OPEN "c A 103 'cd'; c A 107 'gh'", .limits = { .waiting_bytes = 150 } },
      OPENED "c[2] c'cd' c[2] c'gh'" ENDED },
    { "a segment above the limit",
      { .packets = OPEN "c A 103 'cd'; c A 105 'ef'", .limits = { .waiting_bytes = 1 } },
      OPENED "c[2] c'cd' c'ef'" ENDED },
    { "limit of all waiting bytes",
      { .packets = OPEN "c A 103 'cd'; c A 107 'gh'", .limits = { .waiting_bytes_total = 150 } },
      OPENED "c[2] c'cd' c[2] c'gh'" ENDED },
    { "two holes, one filled",
      { .packets = OPEN "c A 103 'c'; c A 105 'e'; c A 101 'ab'" },
      OPENED "c'ab' c'c' c[1] c'e'" ENDED },
    { "interest lost",
      { .packets = OPEN "c A 101 'ab'; c A 103 'cd'; c A 109 'xx'; c A 105 'ef'; c FA 111; s R 501",
        .ignore_at_data = true },
      OPENED "c'ab' c.fin s.rst end.closed" },
    { "interest lost while data wait",
      { .packets = OPEN "c A 103 'cd'; s FA 503; s A 501 'xy'; c A 101 'ab'; c A 105 'ef'",
        .ignore_at_data = true,
        .show_stats = true },
      OPENED "s'xy' s.fin" ENDED " c:b6p5r0o1g0u0S s:b2p3r0o0g0u0AF" },
    { "counters of a clean connection",
      { .packets = OPEN "c A 101 a=501 'ab'; s A 501 a=103 'x'; c A 103 a=502",
        .show_stats = true },
      OPENED "c'ab' s'x'" ENDED " c:b2p4r0o0g0u0S. s:b1p2r0o0g0u0A." },
    { "counters of order",
      { .packets = OPEN "c A 103 'cd'; c A 101 'ab'; c A 101 'ab'; c A 105 'e' cut=1",
        .show_stats = true },
      OPENED "c'ab' c'cd' c.again c'e' c[1]" ENDED " c:b6p6r1o1g1u0ST s:b0p1r0o0g0u0A." },
    { "never acknowledged",
      { .packets = OPEN "c A 101 'ab' x=4", .show_stats = true },
      OPENED "c'ab' c.again c.again c.again" ENDED " c:b2p6r3o0g0u3S s:b0p1r0o0g0u0A." },
    { "acknowledged at last",
      { .packets = OPEN "c A 101 a=501 'ab' x=3; s A 501 a=103", .show_stats = true },
      OPENED "c'ab' c.again c.again" ENDED " c:b2p5r2o0g0u0S. s:b0p2r0o0g0u0A." },
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
    return cmocka_run_group_tests_name("tcp_stream", tests, NULL, NULL);
}
