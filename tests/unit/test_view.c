/* The questions that rules ask of a transcript: stage, end, idleness, retries; and end_words(). */
#include "diagnose/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/status.h"
#include "flow_script.h"

#define OLD "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) "
#define NEW "c.hello s.serverhello "

/* clang-format off: a table reads by columns */
static const struct row {
    const char *script;
    enum stage stage;
    const char *end;
    const char *last; /* event before the end that carried bytes, or "" */
    int64_t idle_ms;
    bool has_retry;
} rows[] = {
    { "", STAGE_CONNECT, "nobody ended the connection", "", 0, false },
    { "c.syn +5 s.rst", STAGE_CONNECT, "the server reset the connection", "", 6, false },
    { "c.syn s.synack", STAGE_SILENT, "nobody ended the connection", "", 1, false },
    { "c.syn s.synack +9 c.fin", STAGE_SILENT, "the client closed the connection", "", 11, false },
    { "s.prelude(kind=4,step=0)", STAGE_PRELUDE, "nobody ended the connection", "SMTP", 0, false },
    { "c.plain'x' s.fin", STAGE_PRELUDE, "the server closed the connection", "plain text", 1,
      false },
    { "c.hello", STAGE_HELLO, "nobody ended the connection", "ClientHello", 0, false },
    { "c.hello +100 s.alert=40 s.fin", STAGE_HELLO, "the server sent alert handshake_failure",
      "ClientHello", 101, false },
    { "c.hello s.alert=99", STAGE_HELLO, "the server sent alert of an unknown kind", "ClientHello",
      1, false },
    { "c.hello s.warn=112 s.fin", STAGE_HELLO, "the server closed the connection",
      "unrecognized_name", 1, false },
    { "c.hello s.warn=0 s.fin", STAGE_HELLO, "the server sent alert close_notify", "ClientHello", 1,
      false },
    { "c.hello s.retry", STAGE_HELLO, "nobody ended the connection", "HelloRetryRequest", 0,
      false },
    { OLD, STAGE_SERVER_FLIGHT, "nobody ended the connection", "ServerHello", 0, false },
    { OLD "s.cert s.ske", STAGE_SERVER_FLIGHT, "nobody ended the connection", "ServerKeyExchange",
      0, false },
    { OLD "s.cert s.ske s.done", STAGE_CLIENT_FLIGHT, "nobody ended the connection",
      "ServerHelloDone", 0, false },
    { OLD "s.cert c.cke", STAGE_CLIENT_FLIGHT, "nobody ended the connection", "ClientKeyExchange",
      0, false },
    { OLD "s.cert s.done c.cke c.ccs c.sealed=40", STAGE_SERVER_FINISH,
      "nobody ended the connection", "encrypted handshake message", 0, false },
    { OLD "s.cert s.done c.cke c.ccs c.sealed=40 s.ccs s.sealed=40 c.sealedalert=26", STAGE_OVER,
      "the client sent an encrypted alert", "encrypted handshake message", 1, false },
    { NEW, STAGE_SERVER_FLIGHT, "nobody ended the connection", "ServerHello", 0, false },
    { NEW "s.app=100", STAGE_CLIENT_FLIGHT, "nobody ended the connection", "application data", 0,
      false },
    { NEW "s.app=100 c.app=53", STAGE_OVER, "nobody ended the connection", "application data", 0,
      false },
    { NEW "s.ee!", STAGE_SERVER_FLIGHT, "nobody ended the connection", "EncryptedExtensions", 0,
      false },
    { NEW "s.ee! s.finished!", STAGE_CLIENT_FLIGHT, "nobody ended the connection", "Finished", 0,
      false },
    { "dtls c.hello s.serverhello(v=fefc,group=-) s.app=100", STAGE_CLIENT_FLIGHT,
      "nobody ended the connection", "application data", 0, false },
    { "middle s.serverhello", STAGE_SERVER_FLIGHT, "nobody ended the connection", "ServerHello", 0,
      false },
    /* ends, and what does not count as one */
    { "c.hello c.fin s.rst", STAGE_HELLO, "the client closed the connection", "ClientHello", 1,
      false },
    { "s.rst c.syn s.synack c.hello", STAGE_HELLO, "nobody ended the connection", "ClientHello", 0,
      false },
    { "c.hello s.gap=5 c.partial s.fin", STAGE_HELLO, "the server closed the connection",
      "ClientHello", 3, false },
    { "c.hello s.fault=1'x' s.fin", STAGE_HELLO, "the server closed the connection",
      "not a TLS record", 1, false },
    /* retries that nobody answered */
    { "c.hello c.again", STAGE_HELLO, "nobody ended the connection", "ClientHello", 1, true },
    { "c.hello c.again s.serverhello", STAGE_SERVER_FLIGHT, "nobody ended the connection",
      "ServerHello", 0, false },
    { "c.hello c.again c.hello", STAGE_HELLO, "nobody ended the connection", "ClientHello", 0,
      true },
    { "c.hello c.again s.fin", STAGE_HELLO, "the server closed the connection", "ClientHello", 2,
      true },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct flow *f = flow_new(row->script);
    struct view view;
    view_make(f->t, &f->context, &view);
    struct judging j = { &view, f->t, &f->arena, &f->v };
    assert_int_equal(view.stage, row->stage);
    assert_string_equal(end_words(&j), row->end);
    assert_string_equal(view.last_before_end == NULL ? "" : event_name(view.last_before_end),
                        row->last);
    assert_int_equal(view.idle_ns, row->idle_ms * NS_PER_MS);
    assert_int_equal(view.stalled_retry != NULL, row->has_retry);
    flow_free(f);
}

static void the_offer(void **state)
{
    (void)state;
    struct view view;
    struct flow *f = flow_new("c.hello(v=0304+0303) s.retry c.hello(v=0304,shares=0017,random=9)");
    view_make(f->t, &f->context, &view);
    assert_ptr_equal(view.offer, f->t->retry_hello);
    assert_ptr_equal(view.offer_event, f->t->retry_hello_event);
    assert_int_equal(view.min_version, 0x0304);
    assert_int_equal(view.max_version, 0x0304);
    flow_free(f);
}

static void alerts_by_side_and_kind(void **state)
{
    (void)state;
    struct view view;
    struct flow *f = flow_new("c.hello s.alert=40");
    view_make(f->t, &f->context, &view);
    assert_true(ended_by_alert(&view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE));
    assert_false(ended_by_alert(&view, SIDE_CLIENT, TLS_ALERT_HANDSHAKE_FAILURE));
    assert_false(ended_by_alert(&view, SIDE_SERVER, TLS_ALERT_BAD_CERTIFICATE));
    flow_free(f);
}

/* For which faults a verifier leaves without a word. */
static void hard_faults(void **state)
{
    (void)state;
    static const struct {
        const char *script;
        bool is_hard;
    } faults[] = {
        { "fault=s:malformed", true },
        { "fault=s:chain-invalid", true },
        { "fault=s:revoked", true },
        { "fault=s:wrong-purpose", true },
        { "fault=s:hostname-mismatch", true },
        { "fault=s:expired", true },
        { "fault=s:not-yet-valid", true },
        { "fault=s:weak-crypto-refused", false },
        { "fault=s:revocation-unknown", false },
        { "fault=s:untrusted-ca", false },
        { "fault=s:self-signed", false },
        { "fault=s:chain-incomplete", false },
        { "trust fault=s:untrusted-ca", true },
        { "trust fault=s:self-signed", true },
        { "trust fault=s:weak-crypto-refused", false },
        { "ok=s", false },
        { "", false },
        { "fault=c:expired", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct view view;
        struct flow *f = flow_new(faults[i].script);
        view_make(f->t, &f->context, &view);
        assert_int_equal(view_hard_fault(&view, SIDE_SERVER) != NULL, faults[i].is_hard);
        flow_free(f);
    }
}

static void the_host(void **state)
{
    (void)state;
    static const struct {
        const char *script, *want;
    } hosts[] = {
        { "c.hello", "app.example" },
        { "c.hello(sni=-)", "198.51.100.20:443" },
        { "c.hello(sni=-) server=[2001:db8::5]:443", "[2001:db8::5]:443" },
    };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct view view;
        struct flow *f = flow_new(hosts[i].script);
        view_make(f->t, &f->context, &view);
        struct judging j = { &view, f->t, &f->arena, &f->v };
        assert_string_equal(view_host(&j), hosts[i].want);
        flow_free(f);
    }
}

/* Beyond their arrays things are left out; an alternative is named once and never the cause. */
static void builders_keep_within_limits(void **state)
{
    (void)state;
    struct view view;
    struct flow *f = flow_new("c.hello");
    view_make(f->t, &f->context, &view);
    struct judging j = { &view, f->t, &f->arena, &f->v };
    set_cause(&j, CAUSE_UNDETERMINED, NULL, CONFIDENCE_POSSIBLE);
    add_evidence(&j, NULL, "of nothing");
    assert_int_equal(f->v.n_evidence, 0);
    for (int i = 0; i < 100; i++) {
        add_evidence(&j, f->t->hello_event, "%d", i);
        add_fact(&j, 0, 0, "%d", i);
        add_ruled_out(&j, CAUSE_CIPHER_MISMATCH, "%d", i);
        add_finding(&j, "abandoned", CAUSE_NONE, ACTOR_NONE, "%d", i);
        add_alternative(&j, (enum cause)(1 + i % (N_CAUSES - 1)), CONFIDENCE_POSSIBLE, "why");
    }
    assert_int_equal(f->v.n_evidence, EVIDENCE_MAX);
    assert_int_equal(f->v.n_ruled_out, RULED_OUT_MAX);
    assert_int_equal(f->v.n_findings, FINDINGS_MAX);
    assert_int_equal(f->v.n_alternatives, ALTERNATIVES_MAX);
    flow_free(f);
}

static void long_sentences_are_cut(void **state)
{
    (void)state;
    struct view view;
    char name[3000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct flow *f = flow_new("c.hello");
    view_make(f->t, &f->context, &view);
    struct judging j = { &view, f->t, &f->arena, &f->v };
    say(&j, "%s", name);
    assert_in_range(strlen(f->v.sentence), 500, 1100);
    flow_free(f);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 6];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].script, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_offer);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(alerts_by_side_and_kind);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(hard_faults);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_host);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(builders_keep_within_limits);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(long_sentences_are_cut);
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
