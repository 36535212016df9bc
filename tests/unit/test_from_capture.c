/* Frames to transcripts: what a watcher makes of packets written by hand. */
#include "transcript/from_capture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/status.h"
#include "wire_script.h"

#define UP    "c.syn s.synack "
#define OLD   UP "c.hello(v=-,shares=-) s.serverhello(v=0303,ri)& s.cert& s.ske& s.done "
#define HELLO "c:SYN s:SYN/ACK c:ClientHello"
#define SMTP  "port=25 " UP "s.raw'220 mail ESMTP\r\n' c.raw'EHLO a\r\n' "

/* clang-format off: a table reads by columns */
static const struct row {
    const char *name, *script, *want;
} rows[] = {
    { "nothing", "", "" },
    { "a SYN", "c.syn", "c:SYN" },
    { "a refusal", UP "c.hello s.alert=40 s.fin c.fin", HELLO " s:handshake_failure s:FIN c:FIN" },
    { "a hello byte by byte", UP "c.hello/1 s.alert=40", HELLO " s:handshake_failure" },
    { "a hello in three segments, each sent twice", UP "c.hello/100~ s.alert=40",
      "c:SYN s:SYN/ACK c:retransmission c:ClientHello c:retransmission s:handshake_failure" },
    { "TLS 1.2",
      OLD "c.cke& c.ccs& c.sealed=40 s.ccs& s.sealed=40 c.app=40 s.app=40 c.sealedalert=26 c.fin",
      HELLO " s:ServerHello s:Certificate s:ServerKeyExchange s:ServerHelloDone "
            "c:ClientKeyExchange c:ChangeCipherSpec "
            "c:encrypted handshake message s:ChangeCipherSpec s:encrypted handshake message "
            "c:application data s:application data c:encrypted alert c:FIN" },
    { "TLS 1.3", UP "c.hello s.serverhello& s.ccs& s.app=100 c.ccs& c.app=53 c.app=90",
      HELLO " s:ServerHello s:ChangeCipherSpec s:application data c:ChangeCipherSpec c:application "
            "data c:application data" },
    { "an alert in clear after ChangeCipherSpec of TLS 1.3",
      UP "c.hello s.serverhello& s.ccs& s.app=100 c.ccs& c.alert=48",
      HELLO
      " s:ServerHello s:ChangeCipherSpec s:application data c:ChangeCipherSpec c:unknown_ca" },
    { "a flight cut anyhow", OLD "c.alert=48",
      HELLO " s:ServerHello s:Certificate s:ServerKeyExchange s:ServerHelloDone c:unknown_ca" },
    { "application data are counted past the first",
      UP "c.hello s.serverhello& s.app=100 c.app=53 "
         "c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& "
         "c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=1& c.app=7& c.app=8 c.fin",
      HELLO " s:ServerHello s:application data"
            " c:application data c:application data c:application data c:application data "
            "c:application data c:application data c:application data c:application data"
            " c:application data c:application data c:application data c:application data "
            "c:application data c:application data c:application data c:application data"
            " c:application data*3 c:FIN" },
    { "the connection ends within a record", UP "c.hello s.raw'\x17\x03\x03\x01\x01half' s.fin",
      HELLO " s:FIN s:incomplete record" },
    /* before TLS */
    { "STARTTLS",
      SMTP "s.raw'250-mail\r\n250 STARTTLS\r\n' c.raw'STARTTLS\r\n' s.raw'220 go\r\n' c.hello "
           "s.alert=40",
      "c:SYN s:SYN/ACK s:SMTP s:SMTP c:SMTP s:SMTP c:ClientHello s:handshake_failure" },
    { "STARTTLS and the hello in one segment",
      SMTP "s.raw'250 STARTTLS\r\n' c.raw'STARTTLS\r\n' s.raw'220 go\r\n' c.hello s.serverhello& "
           "s.app=100",
      "c:SYN s:SYN/ACK s:SMTP s:SMTP c:SMTP s:SMTP c:ClientHello s:ServerHello s:application "
      "data" },
    { "STARTTLS refused",
      SMTP
      "s.raw'250 STARTTLS\r\n' c.raw'STARTTLS\r\n' s.raw'454 no\r\n' c.raw'QUIT\r\n' c.fin s.fin",
      "c:SYN s:SYN/ACK s:SMTP s:SMTP c:SMTP s:SMTP c:FIN s:FIN" },
    { "STARTTLS never offered", SMTP "s.raw'250 SIZE\r\n' c.raw'QUIT\r\n' c.fin s.fin",
      "c:SYN s:SYN/ACK s:SMTP s:SMTP c:SMTP c:FIN s:FIN" },
    { "HTTP answered by an alert", UP "c.raw'GET / HTTP/1.1\r\n\r\n' s.alert=10 s.fin",
      "c:SYN s:SYN/ACK c:plain text s:unexpected_message s:FIN" },
    { "HTTP in both directions",
      UP "c.raw'GET / HTTP/1.1\r\n\r\n' s.raw'HTTP/1.1 400 Bad\r\n\r\n' s.fin",
      "c:SYN s:SYN/ACK c:plain text s:plain text s:FIN" },
    { "a hello answered in HTTP", UP "c.hello s.raw'HTTP/1.1 400 Bad\r\n\r\n' s.fin",
      HELLO " s:not a TLS record s:FIN" },
    { "a hello to a server that speaks first",
      "port=25 " UP "s.raw'220 mail ESMTP\r\n' c.hello s.raw'500 what\r\n' s.fin",
      "c:SYN s:SYN/ACK s:SMTP c:ClientHello s:plain text s:FIN" },
    { "CONNECT",
      "port=3128 " UP "c.raw'CONNECT app.example:443 HTTP/1.1\r\n\r\n' s.raw'HTTP/1.1 200 "
      "OK\r\n\r\n' c.hello s.alert=40",
      "c:SYN s:SYN/ACK c:HTTP CONNECT s:HTTP CONNECT c:ClientHello s:handshake_failure" },
    /* something is missing */
    { "the hello", UP "c.hello? s.alert=40",
      "c:SYN s:SYN/ACK s:handshake_failure c:(missing from the capture)" },
    { "the server's answer", UP "c.hello s.serverhello? s.app=100 c.app=53 c.app=53 s.fin",
      HELLO " c:application data c:application data s:(missing from the capture) "
            "s:application data s:FIN" },
    { "the snap length cut the hello", UP "c.hello%50 s.alert=40",
      "c:SYN s:SYN/ACK c:(missing from the capture) s:handshake_failure" },
    { "a capture from the middle, from the server's answer on", "s.serverhello& s.app=100 c.app=53",
      "s:ServerHello s:application data c:application data" },
    { "a capture from the middle of data", "c.app=100 s.app=200 c.app=100",
      "c:application data s:application data c:application data" },
    { "a capture from the middle of a record",
      "c.raw'rest of a record' c.app=100 c.app=90 s.app=99",
      "c:plain text c:application data s:application data" },
    /* several */
    { "two connections",
      "@1 c.syn @2 c.syn @1 s.synack @2 s.synack @1 c.hello @2 c.hello @2 s.alert=40 @1 "
      "s.serverhello",
      HELLO " s:ServerHello | " HELLO " s:handshake_failure" },
    { "no TCP of interest", "udp c.raw'hello'", "" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct wire w;
    wire_init(&w, NULL, NULL);
    wire_run(&w, row->script);
    const char *got = wire_finish(&w);
    if (strcmp(got, row->want) != 0) {
        fail_msg("got  %s\n want %s", got, row->want);
    }
    wire_deinit(&w);
}

/* Kept in compact form and unfolded at the end, a connection is what it was. */
static void check_kept(void **state)
{
    const struct row *row = *state;
    struct wire now;
    struct wire later;
    wire_init(&now, NULL, NULL);
    wire_init(&later, NULL, NULL);
    later.keep = true;
    wire_run(&now, row->script);
    wire_run(&later, row->script);
    assert_string_equal(wire_finish(&now), wire_finish(&later));
    wire_deinit(&now);
    wire_deinit(&later);
}

/* --- facts --- */

static struct transcript seen;
static char seen_name[64];

static void look(const struct transcript *t)
{
    seen = *t;
    const char *name = t->server_name != NULL ? t->server_name : "";
    assert_true(bytes_copy(seen_name, sizeof seen_name, bytes_of(name, strlen(name) + 1)));
}

static void run_and_look(const char *script)
{
    struct wire w;
    wire_init(&w, NULL, NULL);
    w.look = look;
    wire_run(&w, script);
    wire_finish(&w);
    wire_deinit(&w);
}

static void facts(void **state)
{
    (void)state;
    run_and_look(OLD "+50 c.alert=48 c.fin");
    assert_int_equal(seen.client.port, 40000);
    assert_int_equal(seen.server.port, 443);
    assert_int_equal(seen.version, 0x0303);
    assert_int_equal(seen.cipher_suite, 0xc02f);
    assert_string_equal(seen_name, "app.example");
    assert_int_equal(seen.first.frame, 1);
    assert_int_equal(seen.last.frame, 6);
    assert_int_equal(seen.last.at_ns - seen.first.at_ns, 55 * NS_PER_MS);
    assert_int_equal(seen.end_reason, TCP_END_CAPTURE);
    assert_true(seen.side[SIDE_SERVER].has_certificate);
    assert_false(seen.starts_in_middle || seen.client_is_guess || seen.has_gap);
}

static void the_hello_tells_who_is_client(void **state)
{
    (void)state;
    run_and_look("port=50000 s.hello c.serverhello& c.app=100"); /* the "server" speaks as client */
    assert_int_equal(seen.client.port, 50000);
    assert_int_equal(seen.server.port, 40000);
    assert_true(seen.hello != NULL && seen.server_hello != NULL);
    assert_true(seen.starts_in_middle);
}

static void what_is_missing_is_known(void **state)
{
    (void)state;
    run_and_look(UP "c.hello? s.alert=40");
    assert_true(seen.has_gap);
    run_and_look(UP "c.hello%50 s.alert=40");
    assert_true(seen.is_snap_truncated);
    run_and_look("c.app=100 s.app=200");
    assert_true(seen.starts_in_middle);
    run_and_look("c.hello c.app=3");
    assert_true(seen.side[SIDE_SERVER].is_silent);
    assert_false(seen.side[SIDE_CLIENT].is_silent);
}

/* --- the watcher --- */

static void counts(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, NULL, NULL);
    wire_run(&w, "@1 c.syn s.synack @2 c.syn @3 c.syn s.rst");
    struct watcher_stats stats = watcher_stats(w.watcher);
    assert_int_equal(stats.frames, 5);
    assert_int_equal(stats.tcp_packets, 5);
    assert_int_equal(stats.connections, 3);
    assert_int_equal(stats.udp_packets, 0);
    wire_run(&w, "udp c.hello");
    assert_int_equal(watcher_stats(w.watcher).udp_packets, 1);
    wire_finish(&w);
    wire_deinit(&w);
}

static void drops_are_said_from_there_on(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, NULL, NULL);
    w.look = look;
    wire_run(&w, UP "c.hello s.alert=40");
    watcher_note_drops(w.watcher);
    wire_finish(&w);
    assert_true(seen.capture_dropped);
    assert_string_equal(seen.capture, "wire.pcap");
    wire_deinit(&w);
}

static void a_watcher_may_go_without_being_asked(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, NULL, NULL);
    wire_run(&w, UP "c.hello @1 c.syn");
    wire_deinit(&w);
}

static void a_second_capture_numbers_anew(void **state)
{
    (void)state;
    struct wire w;
    struct err err;
    wire_init(&w, NULL, NULL);
    w.look = look;
    wire_run(&w, "@1 c.syn @2 c.syn @3 c.syn");
    wire_finish(&w);
    assert_int_equal(seen.stream, 2);
    assert_int_equal(watcher_start_capture(w.watcher, "second.pcap", &err), ST_OK);
    wire_run(&w, "@4 c.syn");
    wire_finish(&w);
    assert_int_equal(seen.stream, 0);
    assert_string_equal(seen.capture, "second.pcap");
    wire_deinit(&w);
}

static void idle_connections_end_by_time(void **state)
{
    (void)state;
    struct wire w;
    wire_init(&w, &(struct tcp_limits){ .idle_ns = 60 * NS_PER_S }, NULL);
    w.look = look;
    wire_run(&w, UP "c.hello");
    watcher_advance(w.watcher, w.when.at_ns + 59 * NS_PER_S);
    assert_int_equal(w.answer.len, 0);
    watcher_advance(w.watcher, w.when.at_ns + 61 * NS_PER_S);
    assert_string_equal(text_str(&w.answer), HELLO);
    assert_int_equal(seen.end_reason, TCP_END_IDLE);
    wire_deinit(&w);
}

/* --- many --- */

enum { N_MANY = 3000, N_OPEN = 100 };

static size_t n_ended, n_with_hello;

static void count_ends(const struct transcript *t)
{
    n_ended++;
    n_with_hello += t->hello != NULL && t->n_events == 3;
}

/* More connections than may be open: each is handed over, none is lost. */
static void many_connections(void **state)
{
    (void)state;
    struct wire w;
    struct text hello = { 0 };
    wire_init(&w, &(struct tcp_limits){ .max_connections = N_OPEN }, NULL);
    n_ended = n_with_hello = 0;
    w.look = count_ends;
    wire_run(&w, "c.hello&");
    text_put(&hello, w.waiting.p, w.waiting.len);
    text_clear(&w.waiting);
    for (unsigned i = 0; i < N_MANY; i++) {
        w.connection = 0;
        w.server_port = (uint16_t)(10000 + i);
        wire_run(&w, UP);
        wire_send(&w, SIDE_CLIENT, TCP_ACK, bytes_of(hello.p, hello.len));
        text_clear(&w.answer);
        assert_true(watcher_stats(w.watcher).open <= N_OPEN);
    }
    assert_in_range(n_ended, N_MANY - N_OPEN, N_MANY);
    wire_finish(&w);
    assert_int_equal(n_ended, N_MANY);
    assert_int_equal(n_with_hello, N_MANY);
    text_deinit(&hello);
    wire_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(the_hello_tells_who_is_client),
        cmocka_unit_test(what_is_missing_is_known),
        cmocka_unit_test(counts),
        cmocka_unit_test(drops_are_said_from_there_on),
        cmocka_unit_test(a_watcher_may_go_without_being_asked),
        cmocka_unit_test(a_second_capture_numbers_anew),
        cmocka_unit_test(idle_connections_end_by_time),
        cmocka_unit_test(many_connections),
    };
    struct CMUnitTest tests[2 * ARRAY_LEN(rows) + ARRAY_LEN(others)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_kept, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("from_capture", tests, NULL, NULL);
}
