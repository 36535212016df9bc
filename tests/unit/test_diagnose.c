/* diagnose(): direction, what every verdict holds to, and its limits. */
#include "diagnose/diagnose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.done "

/* --- direction: the client is 192.0.2.10, the server 198.51.100.20:443 --- */

/* clang-format off: a table reads by columns */
static const struct direction_row {
    const char *script;
    enum direction want;
} directions[] = {
    { "c.hello", DIRECTION_NONE },
    { "c.hello gateway=198.51.100.20", DIRECTION_NORTHBOUND },
    { "c.hello gateway=198.51.100.20:443", DIRECTION_NORTHBOUND },
    { "c.hello gateway=198.51.100.20:8443", DIRECTION_NONE },
    { "c.hello gateway=198.51.100.0/24", DIRECTION_NORTHBOUND },
    { "c.hello gateway=198.51.101.0/24", DIRECTION_NONE },
    { "c.hello gateway=192.0.2.10", DIRECTION_SOUTHBOUND },
    { "c.hello gateway=192.0.2.10:443", DIRECTION_SOUTHBOUND }, /* its own port is any */
    { "c.hello gateway=192.0.2.11", DIRECTION_NONE },
    { "c.hello gateway=192.0.2.10 gateway=198.51.100.20", DIRECTION_NORTHBOUND }, /* both */
    { "c.hello gateway=203.0.113.1 gateway=192.0.2.0/24", DIRECTION_SOUTHBOUND },
    { "c.hello server=[2001:db8::5]:443 gateway=2001:db8::5", DIRECTION_NORTHBOUND },
    { "c.hello server=[2001:db8::5]:443 gateway=198.51.100.20", DIRECTION_NONE },
    { "c.plain'x' c.fin gateway=198.51.100.20", DIRECTION_NORTHBOUND },
};

/* --- why it is unfinished --- */

static const struct {
    const char *script, *want;
} unfinished[] = {
    { "middle c.app=40 s.app=40", "before the capture" },
    { "silent=s c.hello", "one direction" },
    { "c.hello s.gap=100", "missing" },
    { "snap c.hello", "snap length" },
    { "c.hello", "ends during the handshake" },
    { "c.syn", "ends during the handshake" },
    { "c.prelude(kind=4,step=2)", "ends during the handshake" },
};

/* --- certain only where nothing is missing --- */

static const struct {
    const char *script, *want;
} certainty[] = {
    { OLD "c.alert=45 fault=s:expired",
      "failed certificate-expired of server by client certain certificate/server" },
    { OLD "c.gap=9 c.alert=45 fault=s:expired",
      "failed certificate-expired of server by client probable certificate/server" },
    { "c.hello(alpn=h2) s.alert=120", "failed alpn-mismatch by server certain alpn/alert" },
    { "c.hello(alpn=h2) s.gap=4 s.alert=120",
      "failed alpn-mismatch by server probable alpn/alert" },
    { "silent=c s.alert=120", "failed alpn-mismatch by server probable alpn/alert" },
};

/* --- scripts for what every verdict holds to --- */

static const char *const any[] = {
    "",
    "c.syn",
    "c.syn s.rst",
    "c.syn c.syn",
    "c.hello",
    "c.hello s.fin",
    "c.hello s.rst",
    "s.hello c.alert=40",
    "c.hello s.alert=255",
    "c.hello c.alert=255",
    "s.alert=40",
    "c.alert=0",
    "s.rst",
    "c.fin",
    "c.gap=1",
    "c.hello s.serverhello c.alert=40",
    OLD "c.alert=42",
    OLD "c.rst fault=s:expired",
    "c.sslv s.fin",
    "c.fault=1'x' s.alert=10",
    "c.hello(broken) s.alert=50",
    "c.hello(cut,suites=) s.alert=50",
    "c.hello s.serverhello(broken) c.alert=50",
    "c.hello s.cert(broken) c.alert=42",
    "c.prelude(kind=4,step=4)",
    "s.prelude(kind=14,step=4)'N'",
    "c.limit c.unopened s.malformed s.rst",
    "c.hello s.plain'' s.fin",
    "c.plain'' s.alert=10",
    "dtls c.hello s.alert=40",
    "inside s.alert=48",
    "middle s.cert s.alert=40",
    "c.heartbeat=1 s.heartbeat=1 s.fin",
    "c.ccs s.ccs s.rst",
    "c.sealed=40 s.sealed=40 s.sealedalert=26 s.fin",
    "silent=c s.serverhello s.app=100 s.alert=48",
    "silent=s c.hello c.rst",
    "guess c.hello s.alert=40",
    "port=0 c.hello s.alert=40",
};
/* clang-format on */

static void check_direction(void **state)
{
    const struct direction_row *row = *state;
    struct flow *f = flow_new(row->script);
    flow_diagnose(f, NULL);
    assert_int_equal(f->v.direction, row->want);
    flow_free(f);
}

static void why_unfinished(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unfinished); i++) {
        struct flow *f = flow_new(unfinished[i].script);
        flow_diagnose(f, NULL);
        assert_int_equal(f->v.outcome, OUTCOME_UNFINISHED);
        if (strstr(f->v.sentence, unfinished[i].want) == NULL) {
            fail_msg("%s: \"%s\"", unfinished[i].script, f->v.sentence);
        }
        flow_free(f);
    }
}

static void how_certain(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(certainty); i++) {
        char *got = flow_verdict(NULL, certainty[i].script);
        assert_string_equal(got, certainty[i].want);
        free(got);
    }
}

static void check_parts(const struct flow *f)
{
    const struct verdict *v = &f->v;
    for (size_t i = 0; i < v->n_evidence; i++) {
        assert_non_null(v->evidence[i].sentence);
        assert_true(v->evidence[i].frame <= f->now.frame);
    }
    for (size_t i = 0; i < v->n_alternatives; i++) {
        assert_non_null(v->alternatives[i].why);
        assert_int_not_equal(v->alternatives[i].cause, v->cause);
    }
}

/* A cause, a rule, a side and a sentence where it failed, and nowhere else. */
static void holds_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        struct flow *f = flow_new(any[i]);
        flow_diagnose(f, NULL);
        bool failed = f->v.outcome == OUTCOME_FAILED;
        assert_int_equal(failed, f->v.cause != CAUSE_NONE);
        assert_int_equal(failed, f->v.rule != NULL && f->v.source != NULL);
        assert_int_equal(failed, f->v.rejected_by != ACTOR_NONE);
        assert_int_equal(failed, f->v.confidence != CONFIDENCE_NONE);
        assert_true(!failed || f->v.sentence != NULL);
        check_parts(f);
        flow_free(f);
    }
}

/* Purity: the same transcript gives the same verdict, and without memory still one. */
static void the_same_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        struct arena nothing = { .limit_bytes = 0 };
        struct verdict poor;
        struct flow *f = flow_new(any[i]);
        flow_diagnose(f, NULL);
        char *first = flow_words(&f->v);
        flow_diagnose(f, NULL);
        char *second = flow_words(&f->v);
        diagnose(f->t, &f->context, &nothing, &poor);
        char *third = flow_words(&poor);
        assert_string_equal(first, second);
        assert_string_equal(first, third);
        free(first);
        free(second);
        free(third);
        flow_free(f);
    }
}

/* As many faults as a judgement holds: everything stays within its arrays. */
static void many_faults(void **state)
{
    (void)state;
    struct flow *f = flow_new(
        OLD "c.alert=46 trust fault=s:malformed fault=s:chain-incomplete fault=s:self-signed "
            "fault=s:untrusted-ca fault=s:chain-invalid fault=s:expired fault=s:not-yet-valid "
            "fault=s:revoked fault=s:revocation-unknown fault=s:wrong-purpose "
            "fault=s:weak-crypto-refused fault=s:hostname-mismatch fault=s:expired fault=s:expired "
            "fault=s:expired fault=s:expired");
    flow_diagnose(f, NULL);
    assert_int_equal(f->v.cause, CAUSE_CERTIFICATE_MALFORMED);
    assert_int_equal(f->v.n_alternatives, ALTERNATIVES_MAX);
    assert_true(f->v.n_findings > 10 && f->v.n_findings <= FINDINGS_MAX);
    flow_free(f);
}

/* Each fault of a chain is the cause of the document. */
static void faults_are_causes(void **state)
{
    (void)state;
    for (int kind = 0; kind < X509_N_FAULTS; kind++) {
        enum cause cause = cause_of_fault((enum x509_fault_kind)kind);
        assert_string_equal(cause_id(cause), x509_fault_id((enum x509_fault_kind)kind));
    }
}

static void causes_by_id(void **state)
{
    (void)state;
    enum cause got = CAUSE_NONE;
    for (int c = 1; c < N_CAUSES; c++) {
        assert_true(cause_from_id(bytes_of_str(cause_id((enum cause)c)), &got));
        assert_int_equal(got, c);
        assert_non_null(category_id(cause_category((enum cause)c)));
        assert_non_null(cause_summary((enum cause)c));
    }
    assert_false(cause_from_id(BYTES("certificate"), &got));
    assert_false(cause_from_id(BYTES(""), &got));
    assert_null(cause_id(CAUSE_NONE));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(directions) + 7];
    size_t n = 0;
    for (; n < ARRAY_LEN(directions); n++) {
        tests[n] = (struct CMUnitTest){ directions[n].script, check_direction, NULL, NULL,
                                        (void *)&directions[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(why_unfinished);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(how_certain);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(holds_together);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_same_again);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(many_faults);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(faults_are_causes);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(causes_by_id);
    return cmocka_run_group_tests_name("diagnose", tests, NULL, NULL);
}
