/* SYN, FIN and RST; who is the client; where streams start. */
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
    { "SYN again", { .packets = "c S 100 x=3" }, "c.syn c.syn! c.syn!" ENDED },
    { "SYN/ACK again",
      { .packets = "c S 100; s SA 500 a=101 x=2" },
      "c.syn s.synack s.synack!" ENDED },
    { "another SYN is another stream",
      { .packets = OPEN "c A 101 'ab'; c S 900; s SA 40 a=901; c A 901 'x'" },
      OPENED "c'ab' end.reused 1/c.syn 1/s.synack 1/c'x' 1/end.capture" },
    { "another SYN after the close",
      { .packets = OPEN "c FA 101; s FA 501; c S 900" },
      OPENED "c.fin s.fin end.closed 1/c.syn 1/end.capture" },
    { "another SYN where the start was not captured",
      { .packets = "c A 900 a=3 'x'; c S 100" },
      "c'x' end.reused 1/c.syn 1/end.capture" },
    { "the roles turned",
      { .packets = OPEN "s S 7000; c SA 9 a=7001", .show_ends = true },
      OPENED "end.reused 10.0.0.1:40000>10.0.0.2:443 1/c.syn 1/s.synack"
             " 1/end.capture 10.0.0.2:443>10.0.0.1:40000" },
    { "refused",
      { .packets = "c S 100; s RA 0 a=101", .show_stats = true },
      "c.syn s.rst end.closed c:b0p1r0o0g0u0S s:b0p1r0o0g0u0R." },
    { "refused, asked again with the same number, as Windows does",
      { .packets = "c S 100; s RA 0 a=101; +500; c S 100; s RA 0 a=101" },
      "c.syn s.rst c.syn! s.rst end.closed" },
    { "several SYN/ACKs: the one that is acknowledged, first",
      { .packets = "c S 100; s SA 500 a=101; s SA 900 a=101; c A 101 a=501; s A 501 'x'" },
      "c.syn s.synack s.synack!~ s'x'" ENDED },
    { "several SYN/ACKs: the one that is acknowledged, second",
      { .packets = "c S 100; s SA 500 a=101; s SA 900 a=101; c A 101 a=901; s A 901 'x'" },
      "c.syn s.synack s.synack!~ s'x'" ENDED },
    { "several SYN/ACKs: data of the second wait",
      { .packets =
            "c S 100; s SA 500 a=101; s SA 900 a=101; s A 903 'y'; c A 101 a=901; s A 901 'xx'" },
      "c.syn s.synack s.synack!~ s'xx' s'y'" ENDED },
    { "several SYN/ACKs: data with the wrong number",
      { .packets =
            "c S 100; s SA 500 a=101; s SA 900 a=101; s A 903 'y'; c A 101 a=1501; s A 1501 'x'" },
      "c.syn s.synack s.synack!~ s'x'" ENDED },
    { "a second SYN/ACK after data",
      { .packets = OPEN "s A 501 'x'; s SA 900 a=101; s A 502 'y'" },
      OPENED "s'x' s.synack!~ s'y'" ENDED },
    { "an older connection on the same ends is not yet forgotten",
      { .packets =
            "c S 100; s A 70000000 a=80000000; c R 80000000; +1000;" OPEN "s A 501 a=101 'x'" },
      "c.syn c.syn! s.synack s'x'" ENDED },
    { "an older connection: its data do not count",
      { .packets = "c S 100; s FA 70000000 a=80000000 'old';" OPEN "s A 501 a=101 'x'",
        .show_stats = true },
      "c.syn c.syn! s.synack s'x'" ENDED " c:b0p3r0o0g0u0S. s:b1p3r0o0g0u0A" },
    { "the client takes its SYN back",
      { .packets = "c S 100; c R 101" },
      "c.syn c.rst end.closed" },
    { "simultaneous open",
      { .packets = "c S 100; s S 500; c SA 100 a=501; s SA 500 a=101; c A 101 'x'",
        .show_ends = true },
      "c.syn s.syn c.synack s.synack c'x' end.capture 10.0.0.1:40000>10.0.0.2:443" },
    { "SYN/ACK first",
      { .packets = "s SA 500 a=101; c A 101 'x'", .show_ends = true },
      "s.synack c'x' end.capture 10.0.0.1:40000>10.0.0.2:443" },
    { "SYN/ACK before SYN",
      { .packets = "s SA 500 a=101; c S 100; c A 101 'x'" },
      "s.synack c.syn c'x'" ENDED },
    { "the SYN was not captured: the SYN/ACK tells where data start",
      { .packets = "s SA 500 a=101; c A 103 'cd'; c A 101 'ab'" },
      "s.synack c'ab' c'cd'" ENDED },
    { "the SYN/ACK was not captured: the ACK tells where data start",
      { .packets = "c S 100; c A 101 a=501; s A 503 a=101 'cd'; s A 501 a=101 'ab'" },
      "c.syn s'ab' s'cd'" ENDED },
    { "the ACK told too much",
      { .packets = "c S 100; c A 101 a=510; s A 501 a=101 'ab'; s A 503 a=101 'cd'" },
      "c.syn s'ab' s'cd' s[5]" ENDED },
    { "from the middle, the client first",
      { .packets = "c A 101 'x'", .show_ends = true },
      "c'x' end.capture 10.0.0.1:40000?>10.0.0.2:443" },
    { "from the middle, the server first",
      { .packets = "s A 101 'x'", .show_ends = true },
      "s'x' end.capture 10.0.0.1:40000?>10.0.0.2:443" },
    { "from the middle, the lower port serves",
      { .packets = "t A 101 'x'", .show_ends = true },
      "s'x' end.capture 10.0.0.1:40000?>10.0.0.3:39999" },
    { "from the middle, the higher port is known to serve",
      { .packets = "u A 101 'x'", .show_ends = true },
      "s'x' end.capture 10.0.0.1:2000?>10.0.0.2:8443" },
    { "from the middle, with a keep-alive", { .packets = "c A 100; c A 101 'x'" }, "c'x'" ENDED },
    { "from the middle, with an ACK",
      { .packets = "c A 101; c A 103 'cd'; c A 101 'ab'" },
      "c'ab' c'cd'" ENDED },
    { "a guess corrected by a late SYN",
      { .packets = "v A 101; v S 100", .show_ends = true },
      "c.syn end.capture 10.0.0.2:443>10.0.0.1:40000" },
    { "from the middle, RST", { .packets = "s R 77; c A 101 'x'" }, "s.rst c'x' end.closed" },
    { "from the middle, FIN",
      { .packets = "s FA 77 a=101; c FA 101 a=78" },
      "s.fin c.fin end.closed" },
    { "SYN and FIN at once", { .packets = "c SF 100 'a'" }, "c.syn c'a' c.fin" ENDED },
    { "SYN and RST at once", { .packets = "c SR 100" }, "c.rst end.closed" },
    { "no flags at all", { .packets = "c - 100 'a'" }, "c'a'" ENDED },
    { "ICMP error",
      { .packets = "c S 100; c S 100 icmp; c S 100 big" },
      "c.syn c.icmp c.big" ENDED },
    { "ICMP error about what was not captured",
      { .packets = "c S 100 icmp", .show_ends = true },
      "c.icmp end.capture 10.0.0.1:40000>10.0.0.2:443" },
    { "ICMP error that quotes ports alone",
      { .packets = "c - 100 icmp; c1 S 100" },
      "c.syn" ENDED },
    { "IPv6",
      { .packets = "C S 100; S SA 500 a=101; C A 101 'x'", .show_ends = true },
      "c.syn s.synack c'x' end.capture [2001:db8::1]:40000>[2001:db8::2]:443" },
    { "no addresses", { .packets = "c S 100 drop" }, "" },
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
    return cmocka_run_group_tests_name("tcp_conn", tests, NULL, NULL);
}
