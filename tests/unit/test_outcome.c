/* Completed, failed or unfinished: the lines of the causes' document, "Where the lines run". */
#include "diagnose/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD      "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.done "
#define OLD_OVER OLD "c.cke c.ccs c.sealed=40 s.ccs s.sealed=40 "
#define ASKED    "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.creq s.done "
#define NEW      "c.hello s.serverhello s.app=100 "
#define NEW_OVER NEW "c.app=53 "
#define POSTGRES "c.prelude(kind=14,step=2) "

/* clang-format off: a table reads by columns */
static const struct row {
    const char *script;
    enum outcome want;
} rows[] = {
    /* both sides finished */
    { NEW_OVER "c.app=90 s.app=90", OUTCOME_COMPLETED },
    { OLD_OVER "c.app=40 s.app=40 c.rst", OUTCOME_COMPLETED },
    { "c.hello(v=-,shares=-,id=32) s.serverhello(v=0303,ri,id=32) s.ccs s.sealed=40 c.ccs "
      "c.sealed=40",
      OUTCOME_COMPLETED },
    { "c.hello(psk,modes) s.serverhello(psk) s.app=100 c.app=53", OUTCOME_COMPLETED },
    { OLD "c.cke c.ccs c.sealed=40 s.fin", OUTCOME_FAILED },
    { OLD, OUTCOME_UNFINISHED },

    /* a refusal after both Finished: an alert */
    { OLD_OVER "c.alert=42", OUTCOME_FAILED },
    { OLD_OVER "c.warn=0", OUTCOME_COMPLETED },
    { NEW_OVER "s.alert=116", OUTCOME_FAILED },
    { OLD_OVER "c.app=90 c.alert=42", OUTCOME_COMPLETED },
    /* or the end while a fault stands for which that side would refuse */
    { OLD_OVER "c.fin fault=s:hostname-mismatch", OUTCOME_FAILED },
    { OLD_OVER "c.rst fault=s:hostname-mismatch", OUTCOME_FAILED },
    { OLD_OVER "s.app=200 c.fin fault=s:hostname-mismatch", OUTCOME_FAILED },
    { OLD_OVER "c.fin", OUTCOME_COMPLETED },
    { OLD_OVER "c.fin ok=s", OUTCOME_COMPLETED },
    { OLD_OVER "c.app=90 c.fin fault=s:hostname-mismatch", OUTCOME_COMPLETED },
    { OLD_OVER "s.fin fault=s:hostname-mismatch", OUTCOME_COMPLETED },
    { OLD_OVER "+2500 c.fin fault=s:hostname-mismatch", OUTCOME_COMPLETED },
    { OLD_OVER "fault=s:hostname-mismatch", OUTCOME_COMPLETED },
    { OLD_OVER "c.fin fault=s:weak-crypto-refused", OUTCOME_COMPLETED },
    { OLD_OVER "c.fin fault=s:revocation-unknown", OUTCOME_COMPLETED },
    { OLD_OVER "c.fin fault=s:untrusted-ca", OUTCOME_COMPLETED },
    { OLD_OVER "c.fin trust fault=s:untrusted-ca", OUTCOME_FAILED },
    /* TLS 1.3: the server refuses a client's certificate only then */
    { NEW "c.app=25 c.app=53 s.app=19 s.fin", OUTCOME_FAILED },
    { NEW "c.app=700 c.app=100 c.app=53 s.app=19 s.fin", OUTCOME_FAILED },
    { NEW "c.app=700 c.app=100 c.app=53 s.app=250 c.app=90 s.app=90 s.app=19 s.fin",
      OUTCOME_COMPLETED },
    { NEW_OVER "s.app=19 s.fin", OUTCOME_FAILED }, /* all that it says is an alert */
    { NEW_OVER "s.app=250 s.app=19 s.fin", OUTCOME_COMPLETED },
    { NEW_OVER "+2500 s.app=19 s.fin", OUTCOME_COMPLETED },
    { ASKED "c.cert c.cke c.verify c.ccs c.sealed=40 s.ccs s.sealed=40 s.fin fault=c:expired",
      OUTCOME_FAILED },
    { ASKED "c.cert c.cke c.verify c.ccs c.sealed=40 s.ccs s.sealed=40 s.fin ok=c",
      OUTCOME_COMPLETED },
    { ASKED "+2500 c.cert c.cke c.verify c.ccs c.sealed=40 s.ccs s.sealed=40 +2500 s.fin "
            "fault=c:expired",
      OUTCOME_COMPLETED },
    /* up to TLS 1.2 its Finished says that it took the certificate */
    { ASKED
      "c.cert c.cke c.verify c.ccs c.sealed=40 s.ccs s.sealed=40 s.sealedalert=26 fault=c:expired",
      OUTCOME_COMPLETED },
    /* renegotiation */
    { OLD_OVER "c.sealed=200 s.sealedalert=26", OUTCOME_FAILED },
    { OLD_OVER "c.sealed=200", OUTCOME_COMPLETED },
    { OLD_OVER "c.sealed=200 s.sealed=900 c.sealed=90 c.ccs c.sealed=40 s.ccs s.sealed=40 c.fin",
      OUTCOME_COMPLETED },

    /* the handshake lies before the capture, whatever follows */
    { "middle c.app=100 s.app=200", OUTCOME_UNFINISHED },
    { "middle c.app=100 s.app=200 s.alert=40", OUTCOME_UNFINISHED },
    { "middle s.serverhello s.cert", OUTCOME_UNFINISHED },
    { "middle c.hello s.alert=40", OUTCOME_FAILED },
    { "middle c.plain'abc' s.app=19 s.fin", OUTCOME_UNFINISHED },
    { "middle c.plain'abc' s.fin", OUTCOME_NONE },
    { "middle c.plain'abc' s.alert=10", OUTCOME_FAILED },
    { "middle c.plain'GET / HTTP/1.1' s.alert=10", OUTCOME_FAILED },

    /* upgrades */
    { POSTGRES "s.prelude(kind=14,step=4)'N' c.prelude(kind=14,step=6)", OUTCOME_FAILED },
    { POSTGRES "s.prelude(kind=14,step=4)'N' s.prelude(kind=14,step=3)'S' " NEW_OVER,
      OUTCOME_COMPLETED },
    { POSTGRES "s.prelude(kind=14,step=3)'S' s.fin", OUTCOME_FAILED },
    { POSTGRES "s.prelude(kind=14,step=3)'S'", OUTCOME_UNFINISHED },
    { POSTGRES, OUTCOME_UNFINISHED },

    /* stalls */
    { "c.hello", OUTCOME_UNFINISHED },
    { "c.hello +9000", OUTCOME_UNFINISHED },
    { "c.hello c.again +9000", OUTCOME_FAILED },
    { "c.hello c.again +9000 s.serverhello", OUTCOME_UNFINISHED },
    { "c.hello +9000 s.fin", OUTCOME_FAILED },

    /* nobody spoke TLS, nor tried to */
    { "c.syn", OUTCOME_UNFINISHED },
    { "c.syn c.syn", OUTCOME_FAILED },
    { "c.syn c.syn port=80", OUTCOME_NONE },
    { "c.syn s.rst", OUTCOME_FAILED },
    { "c.syn s.rst port=8443", OUTCOME_FAILED },
    { "c.syn s.rst port=80", OUTCOME_NONE },
    { "c.syn c.icmp", OUTCOME_FAILED },
    { "c.syn s.rst c.syn s.synack " NEW_OVER, OUTCOME_COMPLETED },
    { "c.syn s.synack", OUTCOME_UNFINISHED },
    { "c.syn s.synack port=80", OUTCOME_NONE },
    { "c.syn s.synack c.fin", OUTCOME_NONE },
    { "s.plain'220 hi' c.fin", OUTCOME_NONE },
    { "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 200 OK' s.fin", OUTCOME_NONE },
    { "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 400 Bad Request' s.fin", OUTCOME_NONE },
    { "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 400 The plain HTTP request was sent to HTTPS port' "
      "s.fin",
      OUTCOME_FAILED },
    { "c.plain'GET / HTTP/1.1' s.plain'HTTP/1.1 200 The plain HTTP request was sent to HTTPS port' "
      "s.fin",
      OUTCOME_NONE },
    { "c.plain'abc' s.plain'HTTP/1.1 400 Bad Request' s.fin", OUTCOME_FAILED },
    { "c.plain'abc' s.plain'HTTP/1.1 400 Bad Request' s.fin port=80", OUTCOME_NONE },
    { "c.plain'abc' s.alert=10", OUTCOME_FAILED },
    { "c.plain'abc' s.fin", OUTCOME_FAILED },
    { "c.plain'abc' s.fin port=80", OUTCOME_NONE },
    { "c.plain'abc' c.fin", OUTCOME_NONE },
    { "c.plain'' s.plain'' s.fin", OUTCOME_NONE },

    /* packets are missing, or one direction */
    { "silent=s c.hello c.app=53 c.app=90", OUTCOME_UNFINISHED },
    { "silent=s c.hello c.fin", OUTCOME_UNFINISHED },
    { "silent=s c.hello c.alert=48", OUTCOME_FAILED },
    { "c.hello s.gap=900 c.app=53 c.app=100 c.app=100 s.app=200 s.app=100 s.app=90",
      OUTCOME_COMPLETED },
    { "c.hello s.gap=900 s.alert=40", OUTCOME_FAILED },
    { "c.hello s.serverhello s.gap=900 c.fin", OUTCOME_FAILED },
    { "c.hello s.serverhello c.gap=36 c.fin", OUTCOME_FAILED },
    { "c.hello s.serverhello c.gap=37 c.fin", OUTCOME_UNFINISHED },
    { "c.hello s.serverhello c.gap=36 c.fault=4 c.fin", OUTCOME_UNFINISHED },
    { NEW "c.gap=6 c.app=53 s.app=19 s.fin", OUTCOME_COMPLETED },
    { "snap c.hello s.serverhello c.fin", OUTCOME_UNFINISHED },
    { OLD_OVER "s.gap=900 c.app=40 s.app=40 s.fin", OUTCOME_COMPLETED },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct flow *f = flow_new(row->script);
    flow_diagnose(f, NULL);
    if (f->v.outcome != row->want) {
        fail_msg("%s: outcome %d, want %d", row->script, f->v.outcome, row->want);
    }
    flow_free(f);
}

/* The ports that the causes' document names, and some that are near. */
static void tls_ports(void **state)
{
    (void)state;
    static const uint16_t yes[] = { 443, 465,  563,  636,  853,  989,  990,  992,  993, 994,
                                    995, 5061, 5223, 5671, 6514, 6697, 8443, 8883, 9443 };
    static const uint16_t no[] = { 0, 21, 25, 80, 143, 389, 442, 444, 3306, 5432, 8080, 65535 };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        assert_true(diagnose_is_tls_port(yes[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(no); i++) {
        assert_false(diagnose_is_tls_port(no[i]));
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].script, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(tls_ports);
    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
