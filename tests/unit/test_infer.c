/*
 * What encrypted records show by size, order and timing (transcript/infer.c): the facts of each
 * side as a line of text.
 */
#include "transcript/infer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

/* --- sizes --- */

/* clang-format off: a table reads by columns */
static const struct size_row {
    const char *name;
    uint16_t suite;
    bool is_dtls;
    uint32_t padding;
    struct sealed_sizes want; /* alert, finished, empty_certificate, end_of_early_data, overhead */
} sizes[] = {
    { "AES-128-GCM, SHA-256", 0x1301, false, 0, { 19, 53, 25, 21, 17 } },
    { "AES-256-GCM, SHA-384", 0x1302, false, 0, { 19, 69, 25, 21, 17 } },
    { "ChaCha20, SHA-256", 0x1303, false, 0, { 19, 53, 25, 21, 17 } },
    { "CCM, SHA-256", 0x1304, false, 0, { 19, 53, 25, 21, 17 } },
    { "CCM_8: a tag of 8 bytes", 0x1305, false, 0, { 11, 45, 17, 13, 9 } },
    { "a suite nobody knows", 0x13ff, false, 0, { 19, 53, 25, 21, 17 } },
    { "padded by 16", 0x1301, false, 16, { 35, 69, 41, 37, 33 } },
    { "DTLS: a header of 12", 0x1301, true, 0, { 19, 61, 33, 29, 17 } },
};
/* clang-format on */

static void check_sizes(void **state)
{
    const struct size_row *row = *state;
    struct sealed_sizes got = sealed_sizes_of(row->suite, row->is_dtls, row->padding);
    assert_int_equal(got.alert, row->want.alert);
    assert_int_equal(got.finished, row->want.finished);
    assert_int_equal(got.empty_certificate, row->want.empty_certificate);
    assert_int_equal(got.end_of_early_data, row->want.end_of_early_data);
    assert_int_equal(got.overhead, row->want.overhead);
}

/* --- conclusions --- */

#define NEW      "c.hello s.serverhello s.app=100 "
#define NEW_384  "c.hello s.serverhello(suite=1302) s.app=100 "
#define EARLY    "c.hello(psk,modes,early) c.app=900 s.serverhello(psk) s.app=100 "
#define OLD      "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.done c.cke c.ccs "
#define OLD_OVER OLD "c.sealed=40 s.ccs s.sealed=40 "
#define DTLS     "dtls c.hello s.serverhello(v=fefc,group=-) s.app=100 "

/* Facts of the client, then of the server: F finished (f: by inference), C a certificate, e an
 * empty one, u an unreadable one, D data of its own, A a sealed alert, N close_notify; behind both
 * T where a ticket was seen. */
static const struct row {
    const char *script;
    const char *want;
} rows[] = {
    /* the client's Finished, and with it the server's */
    { NEW, "-/-" },
    { NEW "c.app=53", "f/f" },
    { NEW "c.app=52", "-/-" },
    { NEW_384 "c.app=69", "f/f" },
    { NEW_384 "c.app=53", "-/-" },
    { "c.hello s.serverhello(suite=1302) c.app=69", "-/-" }, /* before the server said anything */
    { NEW "c.ccs c.app=53", "f/f" },
    { NEW "c.app=69 c.app=200", "fD/f" }, /* padded by 16, as Java does */
    { NEW "c.app=69 c.app=35", "fA/f" },
    /* a client certificate, or none */
    { NEW "c.app=25 c.app=53", "feC/f" },
    { NEW "c.app=61 c.app=53", "feCD/f" },
    { NEW "c.app=700 c.app=100 c.app=53", "fuC/f" },
    { NEW "c.app=61", "feC/f" },            /* empty Certificate and Finished in one record */
    { NEW "c.app=800 c.app=90", "fuCD/f" }, /* all of it in one record */
    /* alerts */
    { NEW "c.app=19", "A/-" },
    { NEW "c.app=19 c.fin", "A/-" },
    { NEW "c.app=20 c.fin", "-/-" },
    { NEW "c.app=35 c.fin", "A/-" }, /* padded */
    { NEW "c.app=53 c.app=19", "fA/f" },
    { NEW "c.app=53 s.app=19", "f/fA" },
    { NEW "c.app=53 c.app=90 s.app=90 c.app=19 s.app=19", "fDAN/fDANT" },
    { "c.hello s.serverhello(suite=1305) s.app=100 c.app=45 s.app=11", "f/fA" },
    /* tickets are no data, data are no tickets */
    { NEW "c.app=53 s.app=250", "f/fT" },
    { NEW "c.app=53 s.app=250 s.app=250", "f/fT" },
    { NEW "c.app=53 s.app=250*5", "f/fDT" },
    { NEW "c.app=53 c.app=90 s.app=250", "fD/fDT" },
    { NEW "c.app=53 s.app=250 c.app=90", "fD/fT" },
    /* early data */
    { EARLY, "-/-" },
    { EARLY "c.app=21 c.app=53", "f/f" },
    { EARLY "c.app=900 c.app=21 c.app=53 c.app=90", "fD/f" },
    { EARLY "c.app=53", "f/f" }, /* not taken: no EndOfEarlyData */
    /* TLS 1.2: what is after ChangeCipherSpec */
    { OLD, "-/C" },
    { OLD "c.sealed=40", "f/C" },
    { OLD_OVER, "f/fC" },
    { OLD_OVER "c.app=40", "fD/fC" },
    { OLD_OVER "c.app=40 c.sealedalert=26", "fDAN/fC" },
    { OLD_OVER "c.sealedalert=26", "fA/fC" },
    { OLD_OVER "c.fault=1'QUIT'", "fD/fC" }, /* TLS was left, and they go on in clear */
    /* keys were there: nothing is guessed */
    { "c.hello s.serverhello s.ee! s.cert! s.verify! s.finished! c.finished! c.app=53!", "FD/FC" },
    { "c.hello s.serverhello s.ee! s.cert! s.verify! s.finished! c.alert=42!", "-/FC" },
    /* DTLS 1.3 */
    { DTLS, "-/-" },
    { DTLS "c.app=61", "f/f" },
    { DTLS "c.app=61 s.app=90", "f/fT" },
    { DTLS "c.app=19", "A/-" },
    { DTLS "c.app=61 c.app=90 s.app=90", "fD/fDT" },
    /* one direction */
    { "silent=s c.hello c.app=53 c.app=90", "D/-" },
    { "silent=c s.serverhello s.app=100 s.app=90", "-/-" },
};

static void put_side(struct text *out, const struct side_facts *side)
{
    size_t start = out->len;
    const struct {
        bool is_set;
        char letter;
    } facts[] = {
        { side->finished, side->finished_is_inferred ? 'f' : 'F' },
        { side->certificate_is_empty, 'e' },
        { side->certificate_unreadable, 'u' },
        { side->has_certificate, 'C' },
        { side->sent_application_data, 'D' },
        { side->sealed_alert != NULL, 'A' },
        { side->close_notify, 'N' },
    };
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        if (facts[i].is_set) {
            text_putc(out, facts[i].letter);
        }
    }
    text_puts(out, out->len == start ? "-" : "");
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct text got = { 0 };
    struct flow *f = flow_new(row->script);
    put_side(&got, &f->t->side[SIDE_CLIENT]);
    text_putc(&got, '/');
    put_side(&got, &f->t->side[SIDE_SERVER]);
    text_puts(&got, f->t->has_ticket ? "T" : "");
    if (strcmp(text_str(&got), row->want) != 0) {
        fail_msg("%s: got %s, want %s", row->script, text_str(&got), row->want);
    }
    text_deinit(&got);
    flow_free(f);
}

static void what_is_concluded_says_so(void **state)
{
    (void)state;
    struct flow *f = flow_new(NEW "c.app=19 c.fin");
    const struct event *alert = f->t->side[SIDE_CLIENT].sealed_alert;
    assert_int_equal(alert->kind, EVENT_SEALED_ALERT);
    assert_true((alert->flags & EVENT_INFERRED) != 0);
    assert_int_equal(f->t->side[SIDE_CLIENT].n_application_records, 0);
    flow_free(f);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(sizes) + ARRAY_LEN(rows) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        tests[n++] =
            (struct CMUnitTest){ sizes[i].name, check_sizes, NULL, NULL, (void *)&sizes[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].script, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_is_concluded_says_so);
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
