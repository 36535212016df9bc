/* What the builder keeps of each message, and what does not fit. */
#include "transcript/builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD  "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) "
#define OVER OLD "s.cert s.ske s.done c.cke c.ccs c.sealed=40 s.ccs s.sealed=40 "

/* clang-format off: a table reads by columns */
static const struct row {
    const char *script, *want; /* facts as facts_of() writes them */
} rows[] = {
    { "", "" },
    { "c.hello", "hello sni=app.example" },
    { "c.hello(sni=-)", "hello" },
    { "c.hello(psk,modes,early)", "hello sni=app.example psk? early?" },
    { "c.hello(ext=fe0d)", "hello sni=app.example ech?" },
    { "c.hello c.hello", "hello sni=app.example repeated" },
    { "c.hello c.hello(random=9)", "hello sni=app.example" },
    { "c.sslv", "hello" },
    { "c.hello s.retry", "hello sni=app.example retry v=0304 group=0017" },
    { "c.hello s.retry c.hello(shares=0017,random=9) s.serverhello(group=0017)",
      "hello sni=app.example retry hello2 v=0304 suite=1301 group=0017" },
    { "c.hello s.serverhello", "hello sni=app.example v=0304 suite=1301 group=001d" },
    { "c.hello s.serverhello(v=7f1c)", "hello sni=app.example v=0304/7f1c suite=1301 group=001d" },
    { "c.hello(psk,modes) s.serverhello(psk)",
      "hello sni=app.example psk? v=0304 suite=1301 group=001d psk! resumed" },
    { "c.hello(psk,modes) s.serverhello",
      "hello sni=app.example psk? v=0304 suite=1301 group=001d" },
    { "c.hello s.serverhello s.ee(alpn=h2)!",
      "hello sni=app.example v=0304 suite=1301 group=001d alpn=h2 decrypted" },
    { "c.hello(early,psk,modes) s.serverhello(psk) s.ee(ext=002a)!",
      "hello sni=app.example psk? early? v=0304 suite=1301 group=001d psk! resumed early! "
      "decrypted" },
    { OLD, "hello sni=app.example v=0303 suite=c02f" },
    { "c.hello(v=-,shares=-,alpn=h2+http/1.1) s.serverhello(v=0303,ri,alpn=http/1.1)",
      "hello sni=app.example v=0303 suite=c02f alpn=http/1.1" },
    { "c.hello(v=-,shares=-,id=32) s.serverhello(v=0303,ri,id=32)",
      "hello sni=app.example v=0303 suite=c02f resumed" },
    { "c.hello(v=-,shares=-,id=32) s.serverhello(v=0303,ri,id=16)",
      "hello sni=app.example v=0303 suite=c02f" },
    { OLD "s.cert", "hello sni=app.example v=0303 suite=c02f s:chain=1" },
    { OLD "s.cert s.cert(leaf=1)", "hello sni=app.example v=0303 suite=c02f s:chain=1" },
    { OLD "s.cert s.ske(group=0018)",
      "hello sni=app.example v=0303 suite=c02f group=0018 s:chain=1 ske" },
    { OLD "s.cert s.creq c.cert(empty)",
      "hello sni=app.example v=0303 suite=c02f s:chain=1 creq c:empty" },
    { OLD "s.cert(broken)", "hello sni=app.example v=0303 suite=c02f s:unreadable" },
    { OVER, "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done cke c:finished "
            "s:finished" },
    { OVER "s.ticket!", "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done cke "
                        "c:finished s:finished ticket decrypted" },
    { OVER "c.sealed=200", "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done "
                           "cke c:finished s:finished renegotiation" },
    { OVER "c.hello!", "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done cke "
                       "c:finished s:finished renegotiation decrypted" },
    { OVER "s.helloreq!", "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done "
                          "cke c:finished s:finished renegotiation decrypted" },
    { "dtls c.hello c.hello(sni=other,random=9) s.serverhello(v=fefd)",
      "hello sni=app.example v=fefd suite=c02f" },
    { "dtls c.hello s.serverhello(v=fefc)", "hello sni=app.example v=fefc suite=1301 group=001d" },
    { "c.hello c.unopened", "hello sni=app.example unopened" },
    { "c.hello s.gap=9", "hello sni=app.example gap" },
    { OVER "s.gap=9", "hello sni=app.example v=0303 suite=c02f group=001d s:chain=1 ske done cke "
                      "c:finished s:finished" },
};
/* clang-format on */

static void put_if(struct text *out, bool is_set, const char *word)
{
    if (is_set) {
        text_printf(out, "%s%s", out->len > 0 ? " " : "", word);
    }
}

static void put_negotiation(struct text *out, const struct transcript *t)
{
    if (t->version != 0) {
        text_printf(out, " v=%04x", t->version);
    }
    if (t->version_on_wire != t->version && t->server_hello != NULL) {
        text_printf(out, "/%04x", t->version_on_wire);
    }
    if (t->server_hello != NULL) {
        text_printf(out, " suite=%04x", t->cipher_suite);
    }
    if (t->group != 0) {
        text_printf(out, " group=%04x", t->group);
    }
    if (t->alpn_selected.len > 0) {
        text_puts(out, " alpn=");
        text_put_safe(out, t->alpn_selected);
    }
    put_if(out, t->psk_accepted, "psk!");
    put_if(out, t->is_resumed, "resumed");
    put_if(out, t->early_data_accepted, "early!");
}

static void put_side(struct text *out, const struct side_facts *side, char letter)
{
    if (side->chain != NULL) {
        text_printf(out, " %c:chain=%zu", letter, x509_chain_n(side->chain));
    }
    if (side->certificate_is_empty) {
        text_printf(out, " %c:empty", letter);
    }
    if (side->certificate_unreadable) {
        text_printf(out, " %c:unreadable", letter);
    }
}

static void facts_of(struct text *out, const struct transcript *t)
{
    put_if(out, t->hello != NULL, "hello");
    if (t->server_name != NULL) {
        text_printf(out, " sni=%s", t->server_name);
    }
    put_if(out, t->psk_offered, "psk?");
    put_if(out, t->early_data_offered, "early?");
    put_if(out, t->ech_offered, "ech?");
    put_if(out, t->hello_is_repeated, "repeated");
    put_if(out, t->hello_retry != NULL, "retry");
    put_if(out, t->retry_hello != NULL, "hello2");
    put_negotiation(out, t);
    put_side(out, &t->side[SIDE_SERVER], 's');
    put_if(out, t->server_key_exchange != NULL, "ske");
    put_if(out, t->certificate_request != NULL, "creq");
    put_side(out, &t->side[SIDE_CLIENT], 'c');
    put_if(out, t->server_hello_done, "done");
    put_if(out, t->client_key_exchange, "cke");
    put_if(out, t->side[SIDE_CLIENT].finished, "c:finished");
    put_if(out, t->side[SIDE_SERVER].finished, "s:finished");
    put_if(out, t->has_ticket, "ticket");
    put_if(out, t->is_renegotiation, "renegotiation");
    put_if(out, t->is_decrypted, "decrypted");
    put_if(out, t->keys_failed, "unopened");
    put_if(out, t->has_gap, "gap");
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct text got = { 0 };
    struct flow *f = flow_new(row->script);
    facts_of(&got, f->t);
    if (strcmp(text_str(&got), row->want) != 0) {
        fail_msg("%s:\n got  %s\n want %s", row->script, text_str(&got), row->want);
    }
    text_deinit(&got);
    flow_free(f);
}

static void alerts(void **state)
{
    (void)state;
    struct flow *f = flow_new("c.hello s.warn=112 s.alert=40 s.alert=80 c.warn=0");
    assert_int_equal(f->t->side[SIDE_SERVER].first_alert->type, 112);
    assert_int_equal(f->t->side[SIDE_SERVER].fatal_alert->type, 40);
    assert_null(f->t->side[SIDE_CLIENT].fatal_alert);
    assert_true(f->t->side[SIDE_CLIENT].close_notify);
    assert_ptr_equal(f->t->first_end, f->t->side[SIDE_SERVER].fatal_alert);
    flow_free(f);
}

/* RFC 8446 6: in TLS 1.3 the level says nothing. */
static void warnings_of_tls13_are_fatal(void **state)
{
    (void)state;
    struct flow *f = flow_new("c.hello s.serverhello c.warn=42");
    assert_non_null(f->t->side[SIDE_CLIENT].fatal_alert);
    flow_free(f);
    f = flow_new("c.hello s.serverhello c.warn=90 s.warn=0");
    assert_null(f->t->side[SIDE_CLIENT].fatal_alert);
    assert_null(f->t->side[SIDE_SERVER].fatal_alert);
    flow_free(f);
}

static void ends_of_an_attempt_given_up_do_not_count(void **state)
{
    (void)state;
    struct flow *f = flow_new("s.rst c.syn s.synack c.hello c.fin");
    assert_null(f->t->side[SIDE_SERVER].rst);
    assert_non_null(f->t->side[SIDE_CLIENT].fin);
    assert_int_equal(f->t->first_end->kind, EVENT_FIN);
    flow_free(f);
}

static void upgrades(void **state)
{
    (void)state;
    struct flow *f = flow_new("c.prelude(kind=4,step=2) s.prelude(kind=4,step=4)'454' "
                              "c.prelude(kind=4,step=2) s.prelude(kind=4,step=3)'220'");
    assert_int_equal(f->t->prelude, PRELUDE_SMTP);
    assert_non_null(f->t->prelude_request);
    assert_non_null(f->t->prelude_accepted);
    assert_null(f->t->prelude_refusal); /* taken back */
    flow_free(f);
}

static void records_are_counted(void **state)
{
    (void)state;
    struct flow *f = flow_new(OVER "c.app=100 c.app=50*3 s.app=10");
    assert_int_equal(f->t->side[SIDE_CLIENT].n_application_records, 4);
    assert_int_equal(f->t->side[SIDE_SERVER].n_application_records, 1);
    flow_free(f);
}

/* --- limits --- */

static void events_beyond_the_room_are_counted(void **state)
{
    (void)state;
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct builder b;
    struct event e = { .kind = EVENT_GAP, .count = 1 };
    assert_true(builder_start(&b, &arena, NULL, SOURCE_CAPTURE, 3));
    for (int i = 0; i < 10; i++) {
        builder_event(&b, &e);
    }
    const struct transcript *t = builder_finish(&b);
    assert_int_equal(t->n_events, 3);
    assert_int_equal(t->n_events_dropped, 7);
    arena_deinit(&arena);
}

static void no_room_at_all(void **state)
{
    (void)state;
    struct arena arena = { .limit_bytes = 100 };
    struct builder b;
    assert_false(builder_start(&b, &arena, NULL, SOURCE_CAPTURE, 3));
    arena_deinit(&arena);
}

/* An arena that is full in the middle of anything: facts are missing, nothing else happens. */
static void an_arena_of_any_size(void **state)
{
    (void)state;
    struct flow *f = flow_new(OVER "c.hello(dup)! s.cert!");
    for (size_t limit = 1000; limit < 40000; limit += 211) {
        struct arena arena = { .limit_bytes = limit };
        struct builder b;
        if (builder_start(&b, &arena, NULL, SOURCE_CAPTURE, 16)) {
            for (size_t i = 0; i < f->t->n_events; i++) {
                struct event e = f->t->events[i];
                e.chain = NULL;
                builder_event(&b, &e);
            }
            assert_true(builder_finish(&b)->n_events <= f->t->n_events);
        }
        arena_deinit(&arena);
    }
    flow_free(f);
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(alerts),
        cmocka_unit_test(warnings_of_tls13_are_fatal),
        cmocka_unit_test(ends_of_an_attempt_given_up_do_not_count),
        cmocka_unit_test(upgrades),
        cmocka_unit_test(records_are_counted),
        cmocka_unit_test(events_beyond_the_room_are_counted),
        cmocka_unit_test(no_room_at_all),
        cmocka_unit_test(an_arena_of_any_size),
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].script, check_row, NULL, NULL, (void *)&rows[n] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("builder", tests, NULL, NULL);
}
