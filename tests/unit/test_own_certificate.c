/* Whether a client could mind a server's certificate: by its name, its dates, and again from
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/status.h"
#include "observe/watched.h"

#define DAY 86400L

static struct calls calls;
static EVP_PKEY *private_key;
static unsigned n_asked;

/* In the place of the library's: what is remembered is not asked again. */
static int count_name_checks(X509 *x, const char *name, size_t len, unsigned flags, char **peer)
{
    n_asked++;
    return X509_check_host(x, name, len, flags, peer);
}

static X509 *make_certificate(long serial, long from_s, long until_s)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(x), until_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"good.test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, private_key);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:good.test,DNS:*.wild.test");
    X509_add_ext(x, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x, private_key, EVP_sha256());
    return x;
}

/* A server whose client asked for `name`; NULL: for none. */
static bool is_fine(X509 *x, const char *name)
{
    struct observer o = { .calls = calls };
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (x != NULL) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
    }
    SSL *server = SSL_new(ctx);
    SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
    SSL *client = SSL_new(client_ctx);
    BIO *near = NULL;
    BIO *far = NULL;
    assert_int_equal(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (x != NULL) {
        SSL_use_PrivateKey(server, private_key);
    }
    if (name != NULL) {
        SSL_set_tlsext_host_name(client, name);
    }
    SSL_do_handshake(client);
    SSL_do_handshake(server); /* it has read the name, or failed without a certificate */
    struct watched w = { .o = &o, .ssl = server };
    bool fine = own_certificate_is_fine(&w);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(client_ctx);
    return fine;
}

struct row {
    const char *name;
    long from_s, until_s;
    const char *asked;
    bool is_fine;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "its name", -DAY, DAY, "good.test", true },
    { "no name", -DAY, DAY, NULL, true },
    { "a wildcard's name", -DAY, DAY, "a.wild.test", true },
    { "a name two labels below", -DAY, DAY, "a.b.wild.test", false },
    { "another name", -DAY, DAY, "other.test", false },
    { "expired", -2 * DAY, -DAY, "good.test", false },
    { "not yet valid", DAY, 2 * DAY, "good.test", false },
    { "expired, and no name", -2 * DAY, -DAY, NULL, false },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    long serial = 1 + (long)(row - rows);
    X509 *x = make_certificate(serial, row->from_s, row->until_s);
    for (int i = 0; i < 3; i++) { /* from memory too */
        assert_int_equal(is_fine(x, row->asked), row->is_fine);
    }
    X509_free(x);
}

static void asked_once(void **state)
{
    (void)state;
    X509 *x = make_certificate(100, -DAY, DAY);
    n_asked = 0;
    for (int i = 0; i < 5; i++) {
        assert_true(is_fine(x, "good.test"));
    }
    assert_int_equal(n_asked, 1);
    X509_free(x);
}

/* The same name, another certificate: nothing is taken over. */
static void told_apart(void **state)
{
    (void)state;
    X509 *good = make_certificate(200, -DAY, DAY);
    X509 *expired = make_certificate(201, -2 * DAY, -DAY);
    for (int i = 0; i < 3; i++) {
        assert_true(is_fine(good, "good.test"));
        assert_false(is_fine(expired, "good.test"));
    }
    X509_free(good);
    X509_free(expired);
}

static void no_certificate(void **state)
{
    (void)state;
    assert_false(is_fine(NULL, "good.test"));
}

static void lacking_calls(void **state)
{
    (void)state;
    struct calls whole = calls;
    X509 *x = make_certificate(300, -DAY, DAY);
    calls.X509_check_host = NULL;
    assert_false(is_fine(x, "good.test")); /* it cannot know */
    calls = whole;
    calls.X509_get0_signature = NULL; /* cannot remember, and judges each time */
    n_asked = 0;
    assert_true(is_fine(x, "good.test"));
    assert_true(is_fine(x, "good.test"));
    assert_int_equal(n_asked, 2);
    calls = whole;
    X509_free(x);
}

static int set_up(void **state)
{
    (void)state;
    private_key = EVP_EC_gen("P-256");
    bool is_found = calls_find_own(&calls);
    calls.X509_check_host = count_name_checks;
    return private_key != NULL && is_found ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(private_key);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 4] = { 0 };
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(asked_once);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(told_apart);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_certificate);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(lacking_calls);
    return cmocka_run_group_tests_name("own_certificate", tests, set_up, tear_down);
}
