/* What is worth saying of a handshake that completed. */
#include "diagnose/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD(hello, answer)                                                                         \
    "c.hello(v=-,shares=-" hello ") s.serverhello(" answer ") s.cert s.ske s.done c.cke c.ccs "    \
    "c.sealed=40 s.ccs s.sealed=40 "
#define PLAIN OLD("", "v=0303,ri") "c.app=40 s.app=40 "

/* clang-format off: a table reads by columns */
static const struct row {
    const char *script;
    const char *want; /* ids, each with its party where there is one */
} rows[] = {
    { PLAIN "ok=s", "" },
    { PLAIN, "" },
    { OLD("", "v=0303,ri") "c.fin", "abandoned" },
    { OLD("", "v=0303,ri") "s.fin", "abandoned" },
    { OLD("", "v=0303,ri") "s.app=40 s.fin", "" },
    { OLD("", "v=0303,ri"), "" },
    { PLAIN "c.fin", "" },
    { PLAIN "fault=s:hostname-mismatch", "certificate-hostname-mismatch:server" },
    { PLAIN "fault=s:expired fault=s:weak-crypto-refused",
      "certificate-expired:server weak-crypto-refused:server" },
    { "c.hello(v=-,shares=-) s.serverhello(v=0303,ri) s.cert s.ske s.creq s.done c.cert c.cke "
      "c.verify c.ccs c.sealed=40 s.ccs s.sealed=40 c.app=40 s.app=40 fault=c:expired",
      "certificate-expired:client" },
    { PLAIN "until=s:29", "certificate-expires-soon:server" },
    { PLAIN "until=s:30", "" },
    { PLAIN "until=s:31", "" },
    { PLAIN "until=s:-1", "" }, /* expired: a fault says so */
    { PLAIN "until=s:5 fault=s:hostname-mismatch", "certificate-hostname-mismatch:server" },
    { OLD("", "v=0302,ri") "c.app=40 s.app=40", "obsolete-version" },
    { OLD("", "v=0300,ri") "c.app=40 s.app=40", "obsolete-version" },
    { OLD(",suites=000a+00ff", "v=0303,ri,suite=000a") "c.app=40 s.app=40", "weak-cipher-suite" },
    { OLD(",suites=0005+00ff", "v=0301,ri,suite=0005") "c.fin fault=s:untrusted-ca",
      "certificate-untrusted-ca:server obsolete-version weak-cipher-suite abandoned" },
    { "dtls c.hello s.serverhello(v=feff,suite=c02f) s.ccs s.sealed=40 c.ccs c.sealed=40 c.app=40 "
      "s.app=40",
      "" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct text got = { 0 };
    struct flow *f = flow_new(row->script);
    flow_diagnose(f, NULL);
    assert_int_equal(f->v.outcome, OUTCOME_COMPLETED);
    assert_int_equal(f->v.cause, CAUSE_NONE);
    for (size_t i = 0; i < f->v.n_findings; i++) {
        const struct finding *finding = &f->v.findings[i];
        text_printf(&got, "%s%s", got.len > 0 ? " " : "", finding->id);
        if (finding->party != ACTOR_NONE) {
            text_printf(&got, ":%s", actor_id(finding->party));
        }
        assert_true(strlen(finding->sentence) > 10);
        assert_true(finding->cause == CAUSE_NONE ||
                    strcmp(cause_id(finding->cause), finding->id) == 0);
    }
    if (strcmp(text_str(&got), row->want) != 0) {
        fail_msg("%s: \"%s\", want \"%s\"", row->script, text_str(&got), row->want);
    }
    text_deinit(&got);
    flow_free(f);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].script, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("findings", tests, NULL, NULL);
}
