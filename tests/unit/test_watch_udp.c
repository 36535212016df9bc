/* Datagrams to transcripts: DTLS written by hand. */
#include "transcript/watch_udp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/status.h"
#include "wire_script.h"

/* clang-format off: a table reads by columns */
static const struct row {
    const char *name, *script, *want;
} rows[] = {
    { "a hello", "udp c.hello", "c:ClientHello" },
    { "a refusal", "udp c.hello s.alert=40", "c:ClientHello s:handshake_failure" },
    { "a handshake",
      "udp c.hello c.hello(random=9) s.serverhello(v=fefd)& s.cert& s.done c.cke& c.ccs& "
      "c.sealed=40 s.ccs& s.sealed=40 c.app=40 s.app=40",
      "c:ClientHello c:ClientHello s:ServerHello s:Certificate s:ServerHelloDone "
      "c:ClientKeyExchange c:ChangeCipherSpec c:encrypted handshake message "
      "s:ChangeCipherSpec s:encrypted handshake message c:application data s:application data" },
    { "a hello sent again", "udp c.hello~ c.raw'x' s.alert=40",
      "c:ClientHello c:retransmission c:not a TLS record s:handshake_failure" },
    { "a message lost on the way", "udp c.hello s.serverhello(v=fefd)? s.cert s.done",
      "c:ClientHello s:Certificate s:ServerHelloDone" },
    { "something else on the same ends", "udp c.hello c.raw'stun' s.alert=40",
      "c:ClientHello c:not a TLS record s:handshake_failure" },
    { "something else first", "udp c.raw'stun' c.hello s.alert=40",
      "c:ClientHello s:handshake_failure" },
    { "nothing of DTLS", "udp c.raw'stun' s.raw'stun'", "" },
    { "an alert alone opens no flow", "udp s.alert=40", "" },
    { "data alone open no flow", "udp c.app=40", "" },
    { "silence of two minutes ends a flow", "udp c.hello +120001 c.hello(random=9)",
      "c:ClientHello | c:ClientHello" },
    { "silence shorter does not", "udp c.hello +119000 c.hello(random=9)",
      "c:ClientHello c:ClientHello" },
    { "two flows", "udp @1 c.hello @2 c.hello @2 s.alert=40 @1 s.alert=70",
      "c:ClientHello s:handshake_failure | c:ClientHello s:protocol_version" },
    { "a flow that began before the capture", "udp s.serverhello(v=fefd) c.ccs",
      "s:ServerHello c:ChangeCipherSpec" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct wire w;
    wire_init(&w, NULL, NULL);
    wire_run(&w, row->script);
    assert_string_equal(wire_finish(&w), row->want);
    wire_deinit(&w);
}

static struct transcript seen;

static void look(const struct transcript *t)
{
    seen = *t;
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

static void who_is_client(void **state)
{
    (void)state;
    run_and_look("udp port=5684 c.hello s.alert=40");
    assert_true(seen.is_dtls && !seen.client_is_guess && !seen.starts_in_middle);
    assert_int_equal(seen.client.port, 40000);
    assert_int_equal(seen.server.port, 5684);
    run_and_look("udp port=5684 s.hello c.alert=40"); /* whoever sends the ClientHello */
    assert_int_equal(seen.client.port, 5684);
    run_and_look("udp port=5684 s.serverhello(v=fefd) c.ccs");
    assert_int_equal(seen.client.port, 40000);
    assert_false(seen.client_is_guess);
    run_and_look("udp port=5684 s.cert"); /* nothing tells */
    assert_true(seen.client_is_guess && seen.starts_in_middle);
}

static void counts(void **state)
{
    (void)state;
    run_and_look("udp c.hello~ c.raw'abc'");
    assert_int_equal(seen.side[SIDE_CLIENT].tcp.packets, 3);
    assert_int_equal(seen.side[SIDE_SERVER].tcp.packets, 0);
    assert_int_equal(seen.side[SIDE_CLIENT].tcp.unacked_retransmissions, 1);
    assert_true(seen.side[SIDE_SERVER].is_silent);
    run_and_look("udp c.hello~ s.serverhello(v=fefd)");
    assert_int_equal(seen.side[SIDE_CLIENT].tcp.unacked_retransmissions, 0);
    assert_int_equal(seen.side[SIDE_CLIENT].tcp.retransmissions, 1);
}

static void the_version(void **state)
{
    (void)state;
    run_and_look("udp c.hello s.serverhello(v=fefd)");
    assert_int_equal(seen.version, 0xfefd);
    run_and_look("udp c.hello s.serverhello(v=fefc,group=-)");
    assert_int_equal(seen.version, 0xfefc);
    assert_true(transcript_is_tls13(&seen));
}

/* --- many --- */

enum { N_MANY = UDP_FLOWS_MAX + 500, FIRST_PORT = 20000 /* above those of tunnels */ };

static size_t n_ended, n_evicted;

static void count_ends(const struct transcript *t)
{
    n_ended++;
    n_evicted += t->end_reason == TCP_END_EVICTED;
}

/* One flow more than the limit ends the one that was idle longest. */
static void flows_are_bounded(void **state)
{
    (void)state;
    struct wire w;
    struct text hello = { 0 };
    wire_init(&w, NULL, NULL);
    n_ended = n_evicted = 0;
    w.look = count_ends;
    wire_run(&w, "udp c.hello&");
    text_put(&hello, w.waiting.p, w.waiting.len);
    text_clear(&w.waiting);
    for (unsigned i = 0; i < N_MANY; i++) {
        w.server_port = (uint16_t)(FIRST_PORT + i);
        wire_send(&w, SIDE_CLIENT, 0, bytes_of(hello.p, hello.len));
        text_clear(&w.answer);
        w.when.at_ns -= NS_PER_MS; /* no time goes by */
    }
    assert_int_equal(n_evicted, N_MANY - UDP_FLOWS_MAX);
    w.server_port = FIRST_PORT + N_MANY - 1; /* the newest are still known */
    wire_run(&w, "s.alert=40");
    wire_finish(&w);
    assert_int_equal(n_ended, N_MANY);
    text_deinit(&hello);
    wire_deinit(&w);
}

static void null_is_fine(void **state)
{
    (void)state;
    udp_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(who_is_client), cmocka_unit_test(counts),
        cmocka_unit_test(the_version),   cmocka_unit_test(flows_are_bounded),
        cmocka_unit_test(null_is_fine),
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("watch_udp", tests, NULL, NULL);
}
