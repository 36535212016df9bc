/* Trust stores and CRLs from files of every format: how many count, and what is said of the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keystore/keystore.h"
#include "x509/x509.h"

#define FOLDER "tests/data/keystore"

struct row {
    const char *path; /* below FOLDER */
    const char *password;
    size_t n_anchors;
    const char *says; /* a part of the error; NULL: none */
};

/* clang-format off */
static const struct row rows[] = {
    { "/root.pem",     NULL,       1, NULL },
    { "/bundle.pem",   NULL,       3, NULL }, /* the leaf, twice in it, once */
    { "/leaf.der",     NULL,       1, NULL },
    { "/chain.p7b",    NULL,       2, NULL },
    { "/store.jks",    NULL,       2, NULL }, /* the trusted one, and the leaf of the key's chain */
    { "/store.jceks",  "changeit", 2, NULL },
    { "/store.jks",    "changed",  2, NULL }, /* the password may be another file's */
    { "/java.p12",     "changeit", 3, NULL },
    { "/java.p12",     NULL,       0, "java.p12: it is encrypted, and no password was given" },
    { "/certs.p12",    "changed",  0, "certs.p12: the password is wrong, or the file was altered" },
    { "/crl.pem",      NULL,       0, "crl.pem: no certificate in it" },
    { "/empty.jks",    NULL,       0, "empty.jks: no certificate in it" },
    { "/make",         NULL,       0, "it is text without a BEGIN line" },
    { "",              "changeit", 3, NULL },
};
/* clang-format on */

static struct x509_store *open_store(void)
{
    struct x509_store *s = NULL;
    struct err err = { 0 };
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    return s;
}

static const char *path_of(const struct row *row)
{
    static char path[128];
    assert_true(bytes_copy(path, sizeof path, BYTES(FOLDER)));
    assert_true(bytes_copy(path + sizeof FOLDER - 1, sizeof path - sizeof FOLDER,
                           bytes_of(row->path, strlen(row->path) + 1)));
    return path;
}

static void load_row(void **state)
{
    const struct row *row = *state;
    struct x509_store *s = open_store();
    struct err err = { 0 };
    struct x509_password password = { .given = row->password };
    enum status st = x509_store_add_trust_opened(s, path_of(row), &password, &err);
    assert_int_equal(st, row->says == NULL ? ST_OK : ST_FORMAT);
    assert_int_equal(x509_store_n_anchors(s), row->n_anchors);
    assert_int_equal(x509_store_trust(s), row->says == NULL ? X509_TRUST_FILES : X509_TRUST_NONE);
    if (row->says != NULL && strstr(err.text, row->says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.text, row->says);
    }
    x509_store_free(s);
}

/* Of key stores that were opened by somebody else. */
static void entries(void **state)
{
    struct x509_store *s = open_store();
    struct keystore *k = NULL;
    struct err err = { 0 };
    (void)state;
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(x509_store_add_trust_entries(s, k, &err), ST_FORMAT);
    assert_int_equal(keystore_add(k, FOLDER "/store.jks", NULL, &err), ST_OK);
    assert_int_equal(keystore_add(k, FOLDER "/sub.pem", NULL, &err), ST_OK);
    assert_int_equal(x509_store_add_trust_entries(s, k, &err), ST_OK);
    assert_int_equal(x509_store_n_anchors(s), 3);
    keystore_free(k);
    x509_store_free(s);
}

static void crls(void **state)
{
    static const char *const files[] = { FOLDER "/crl.pem", FOLDER "/crl.der", FOLDER "/chain.p7b",
                                         FOLDER };
    struct err err = { 0 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct x509_store *s = open_store();
        assert_int_equal(x509_store_add_crl(s, files[i], &err), ST_OK);
        assert_int_equal(x509_store_n_broken_crls(s), 0);
        x509_store_free(s);
    }
    struct x509_store *s = open_store();
    assert_int_equal(x509_store_add_crl(s, FOLDER "/leaf.pem", &err), ST_FORMAT);
    assert_string_equal(err.text, FOLDER "/leaf.pem: no CRL in it");
    x509_store_free(s);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].path, load_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(entries);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(crls);
    return cmocka_run_group_tests_name("x509_load", tests, NULL, NULL);
}
