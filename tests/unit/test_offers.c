/* How unusual an offer is, in each dimension, and a single value away. */
#include "diagnose/offers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/status.h"
#include "flow_script.h"

#define OLD "v=-,shares=-"

/* clang-format off: a table reads by columns */
static const struct row {
    const char *options; /* of the ClientHello */
    unsigned suites, groups, signatures;
} rows[] = {
    { "", 0, 0, 0 },
    { OLD, 0, 0, 0 },
    /* suites */
    { "suites=00ff", 3, 0, 0 },
    { "suites=0a0a+5600", 3, 0, 0 },
    { "suites=000a+00ff," OLD, 3, 0, 0 },
    { "suites=0004+0005," OLD, 3, 0, 0 },
    { "suites=0004+002f," OLD, 3, 0, 0 }, /* no forward secrecy */
    { "suites=0033+0039," OLD, 2, 0, 0 }, /* no ECDHE with AEAD */
    { "suites=c013+c014," OLD, 2, 0, 0 },
    { "suites=c02b+c02c+cca9," OLD, 2, 0, 0 }, /* ECDSA alone */
    { "suites=c02f+c030+cca8," OLD, 1, 0, 0 }, /* RSA alone */
    { "suites=c02f+c02b," OLD, 1, 0, 0 },
    { "suites=c02f+c02b+c030," OLD, 0, 0, 0 },
    { "suites=1301,v=0304", 1, 0, 0 },
    { "suites=1301+1302,v=0304", 0, 0, 0 },
    { "suites=1301+1302+c02f+c02b+c013", 0, 0, 0 },
    /* groups */
    { "groups=-," OLD, 0, 0, 0 },
    { "groups=-,shares=-", 0, 3, 0 },
    { "groups=001d,shares=-", 0, 1, 0 },
    { "groups=0017,shares=-", 0, 1, 0 },
    { "groups=0018,shares=-", 0, 2, 0 },
    { "groups=0019,shares=-", 0, 3, 0 },
    { "groups=0017+0018,shares=-", 0, 0, 0 },
    { "groups=0019,suites=002f+0035+0033," OLD, 2, 0, 0 }, /* no suite needs one */
    /* signatures */
    { "sigs=-," OLD, 0, 0, 1 },
    { "sigs=-,v=-,shares=-,legacy=0302", 0, 0, 0 },
    { "sigs=0203+0201", 0, 0, 3 },
    { "sigs=0403+0503", 0, 0, 3 },
    { "sigs=0401+0804", 0, 0, 2 },
    { "sigs=0401+0403", 0, 0, 0 },
    { "sigs=0401+0403,v=0304", 0, 0, 3 }, /* TLS 1.3 needs PSS */
    { "sigs=0804+0403,v=0304", 0, 0, 0 },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct text script = { 0 };
    struct offer_oddness got;
    uint16_t min = 0;
    uint16_t max = 0;
    text_printf(&script, "c.hello(%s)", row->options);
    struct flow *f = flow_new(text_str(&script));
    assert_true(tls_offered_versions(f->t->hello, &min, &max));
    offers_measure(f->t->hello, max, &got);
    assert_int_equal(got.suites.degree, row->suites);
    assert_int_equal(got.groups.degree, row->groups);
    assert_int_equal(got.signatures.degree, row->signatures);
    assert_true(got.suites.why != NULL && got.groups.why != NULL && got.signatures.why != NULL);
    flow_free(f);
    text_deinit(&script);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].options, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("offers", tests, NULL, NULL);
}
