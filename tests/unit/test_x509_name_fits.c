/* A CommonName of the guide and the names of a certificate: which fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "make_cert.h"
#include "x509/name_fits.h"

struct row {
    const char *name; /* that is asked for */
    bool is_pattern, is_wildcard, fits;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "www.example.com", false, false, true },
    { "a.wild.test", false, false, true }, /* the certificate's own wildcard */
    { "a.b.wild.test", false, false, false },
    { "192.0.2.1", false, false, true },
    { "192.0.2.2", false, false, false },
    { "www.example.com", true, false, true },
    { "WWW.Example.com", true, false, true },
    { "common.test", true, false, true },  /* the common name counts too */
    { "a.wild.test", true, false, false }, /* literally, it is not there */
    { "*.wild.test", true, false, true },
    { "*.example.com", true, false, false },
    { "*.example.com", true, true, true },
    { "*.com", true, true, false }, /* one label */
    { "*.test", true, true, true }, /* common.test */
    { "*", true, true, false },
    { "", true, true, false },
    { "", false, false, false },
};
/* clang-format on */

static struct made_cert made;

static int make(void **state)
{
    (void)state;
    made = make_cert(&(struct cert_recipe){
        .name = "common.test", .names = "DNS:www.example.com,DNS:*.wild.test,IP:192.0.2.1" });
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    made_cert_free(&made);
    return 0;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(x509_name_fits(made.x, row->name, row->is_pattern, row->is_wildcard),
                     row->fits);
    assert_false(x509_name_fits(NULL, row->name, row->is_pattern, row->is_wildcard));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("name_fits", tests, make, unmake);
}
