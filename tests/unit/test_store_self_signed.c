/* Self-signed certificates: bodies of both spellings, limits, and what is made of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/x509v3.h>

#include "store/self_signed.h"

#define NOW    INT64_C(1790000000) /* 2026-09-21 */

#define LONG64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

struct row {
    const char *name, *body;
    const char *says; /* of the refusal; NULL: it is taken */
    unsigned bits, digest_bits, days;
    size_t n_names, n_warnings;
};

/* clang-format off */
static const struct row rows[] = {
    { "least", "{\"subject\":{\"commonName\":\"a.example\"}}", NULL, 2048, 256, 365, 0, 0 },
    { "all of it", "{\"alias\":\"a\",\"keySize\":\"2048\",\"sigAlg\":\"SHA512withRSA\",\"subject\":{\"countryCode\":\"GB\",\"state\":\"s\","
      "\"locality\":\"l\",\"org\":\"o\",\"orgUnit\":\"u\",\"commonName\":\"a.example\",\"email\":\"a@b.example\"},"
      "\"subjectAlternativeDNSNames\":{\"subjectAlternativeName\":[\"a.example\",\"*.b.example\",\"192.0.2.1\"]},"
      "\"certValidityInDays\":\"30\"}", NULL, 2048, 512, 30, 3, 0 },
    { "older spelling", "{\"alias\":\"a\",\"key_size\":4096,\"sig_alg\":\"SHA384withRSA\",\"cert_validity_in_days\":90,"
      "\"subject\":{\"common_name\":\"a.example\",\"country_code\":\"US\"}}", NULL, 4096, 384, 90, 0, 0 },
    { "names as a list", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":[\"a.example\"]}", NULL, 2048, 256, 365, 1, 0 },
    { "one name", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":{\"subjectAlternativeName\":\"a.example\"}}", NULL, 2048, 256, 365, 1, 0 },
    { "null is nothing", "{\"keySize\":null,\"subject\":{\"commonName\":\"a\",\"org\":null,\"state\":\"\"},\"subjectAlternativeDNSNames\":null}", NULL, 2048, 256, 365, 0, 0 },
    { "unknown fields are told", "{\"subject\":{\"commonName\":\"a\",\"planet\":\"b\"},\"curve\":\"c\"}", NULL, 2048, 256, 365, 0, 2 },

    { "no object", "[]", "JSON object", 0, 0, 0, 0, 0 },
    { "no subject", "{}", "commonName", 0, 0, 0, 0, 0 },
    { "empty name", "{\"subject\":{\"commonName\":\"\"}}", "commonName", 0, 0, 0, 0, 0 },
    { "subject is text", "{\"subject\":\"CN=a\"}", "subject", 0, 0, 0, 0, 0 },
    { "small key", "{\"keySize\":1024,\"subject\":{\"commonName\":\"a\"}}", "keySize", 0, 0, 0, 0, 0 },
    { "huge key", "{\"keySize\":1048576,\"subject\":{\"commonName\":\"a\"}}", "keySize", 0, 0, 0, 0, 0 },
    { "odd key", "{\"keySize\":\"2048 \",\"subject\":{\"commonName\":\"a\"}}", "keySize", 0, 0, 0, 0, 0 },
    { "key is a list", "{\"keySize\":[2048],\"subject\":{\"commonName\":\"a\"}}", "keySize", 0, 0, 0, 0, 0 },
    { "key of 2^64+2048", "{\"keySize\":\"18446744073709553664\",\"subject\":{\"commonName\":\"a\"}}", "keySize", 0, 0, 0, 0, 0 },
    { "no days", "{\"certValidityInDays\":0,\"subject\":{\"commonName\":\"a\"}}", "certValidityInDays", 0, 0, 0, 0, 0 },
    { "negative days", "{\"certValidityInDays\":\"-1\",\"subject\":{\"commonName\":\"a\"}}", "certValidityInDays", 0, 0, 0, 0, 0 },
    { "too many days", "{\"certValidityInDays\":36501,\"subject\":{\"commonName\":\"a\"}}", "certValidityInDays", 0, 0, 0, 0, 0 },
    { "days as a fraction", "{\"certValidityInDays\":1.5,\"subject\":{\"commonName\":\"a\"}}", "certValidityInDays", 0, 0, 0, 0, 0 },
    { "old digest", "{\"sigAlg\":\"SHA1withRSA\",\"subject\":{\"commonName\":\"a\"}}", "sigAlg", 0, 0, 0, 0, 0 },
    { "digest is a number", "{\"sigAlg\":256,\"subject\":{\"commonName\":\"a\"}}", "sigAlg", 0, 0, 0, 0, 0 },
    { "country of three", "{\"subject\":{\"commonName\":\"a\",\"countryCode\":\"GBR\"}}", "countryCode", 0, 0, 0, 0, 0 },
    { "long name", "{\"subject\":{\"commonName\":\"" LONG64 "x\"}}", "commonName", 0, 0, 0, 0, 0 },
    { "longest name", "{\"subject\":{\"commonName\":\"" LONG64 "\"}}", NULL, 2048, 256, 365, 0, 0 },
    { "control characters", "{\"subject\":{\"commonName\":\"a\\n\"}}", "commonName", 0, 0, 0, 0, 0 },
    { "a number for a name", "{\"subject\":{\"commonName\":1}}", "commonName", 0, 0, 0, 0, 0 },
    { "no host name", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":[\"a b\"]}", "subjectAlternativeDNSNames", 0, 0, 0, 0, 0 },
    { "more than a name", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":[\"a,IP:1.2.3.4\"]}", "subjectAlternativeDNSNames", 0, 0, 0, 0, 0 },
    { "star within", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":[\"a.*.example\"]}", "subjectAlternativeDNSNames", 0, 0, 0, 0, 0 },
    { "list in a list", "{\"subject\":{\"commonName\":\"a\"},\"subjectAlternativeDNSNames\":[[\"a\"]]}", "subjectAlternativeDNSNames", 0, 0, 0, 0, 0 },
    { "alias is a number", "{\"alias\":1,\"subject\":{\"commonName\":\"a\"}}", "alias", 0, 0, 0, 0, 0 },
};
/* clang-format on */

static void bodies(void **state)
{
    const struct row *row = *state;
    struct self_signed wanted;
    struct store_problem problem = { 0 };
    json_t *body = json_loads(row->body, 0, NULL);
    assert_non_null(body);
    enum status st = self_signed_read(body, &wanted, &problem);
    if (row->says != NULL) {
        assert_int_equal(st, ST_USAGE);
        assert_string_equal(problem.code, problem_code(PROBLEM_ID_SELF_SIGNED_INVALID));
        assert_non_null(strstr(problem.message, row->says));
    } else {
        assert_int_equal(st, ST_OK);
        assert_int_equal(wanted.key_bits, row->bits);
        assert_int_equal(wanted.digest_bits, row->digest_bits);
        assert_int_equal(wanted.days, row->days);
        assert_int_equal(wanted.n_names, row->n_names);
        assert_int_equal(problem.n_contexts, row->n_warnings);
    }
    json_decref(body);
}

static void too_many_names(void **state)
{
    (void)state;
    struct self_signed wanted;
    struct store_problem problem = { 0 };
    json_t *list = json_array();
    for (unsigned i = 0; i <= SELF_SIGNED_NAMES_MAX; i++) {
        json_array_append_new(list, json_sprintf("h%u.example", i));
    }
    json_t *body = json_pack("{s:{s:s}, s:o}", "subject", "commonName", "a",
                             "subjectAlternativeDNSNames", list);
    assert_int_equal(self_signed_read(body, &wanted, &problem), ST_USAGE);
    json_array_remove(list, 0);
    problem_clear(&problem);
    assert_int_equal(self_signed_read(body, &wanted, &problem), ST_OK);
    assert_int_equal(wanted.n_names, SELF_SIGNED_NAMES_MAX);
    json_decref(body);
}

static void expect_dates(X509 *x, unsigned days)
{
    int n_days = 0;
    int n_seconds = 0;
    time_t now = (time_t)NOW;
    assert_int_equal(X509_cmp_time(X509_get0_notBefore(x), &now), -1); /* at the very second */
    assert_int_equal(
        ASN1_TIME_diff(&n_days, &n_seconds, X509_get0_notBefore(x), X509_get0_notAfter(x)), 1);
    assert_int_equal(n_days, days);
    assert_int_equal(n_seconds, 0);
}

/* What is made verifies with itself as its anchor, for the host, on both sides. */
static void expect_verifies(X509 *x, const char *host, bool is_server)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, x);
    X509_STORE_CTX_init(ctx, store, x, NULL);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, (time_t)NOW + 60);
    X509_VERIFY_PARAM_set1_host(param, host, 0);
    X509_VERIFY_PARAM_set_purpose(param,
                                  is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    int ok = X509_verify_cert(ctx);
    if (ok != 1) {
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
}

static void what_is_made(void **state)
{
    (void)state;
    struct self_signed wanted;
    struct store_problem problem = { 0 };
    struct material m = { 0 };
    json_t *body = json_loads(rows[1].body, 0, NULL);
    assert_int_equal(self_signed_read(body, &wanted, &problem), ST_OK);
    assert_int_equal(self_signed_make(&wanted, NOW, &m, &problem), ST_OK);
    const unsigned char *p = m.der[0].p;
    X509 *x = d2i_X509(NULL, &p, (long)m.der[0].len);
    char subject[256];
    X509_NAME_oneline(X509_get_subject_name(x), subject, sizeof subject);
    assert_string_equal(subject, "/C=GB/ST=s/L=l/O=o/OU=u/CN=a.example/emailAddress=a@b.example");
    assert_int_equal(X509_get_signature_nid(x), NID_sha512WithRSAEncryption);
    assert_int_equal(X509_check_private_key(x, m.key), 1);
    assert_int_equal(X509_get_version(x), 2);
    assert_int_equal(EVP_PKEY_get_bits(m.key), 2048);
    expect_dates(x, 30);
    expect_verifies(x, "a.example", true);
    expect_verifies(x, "x.b.example", true);
    expect_verifies(x, "a.example", false);
    assert_int_equal(X509_check_ip_asc(x, "192.0.2.1", 0), 1);
    X509_free(x);
    material_deinit(&m);
    json_decref(body);
}

static void serials_differ(void **state)
{
    (void)state;
    struct self_signed wanted;
    struct store_problem problem = { 0 };
    struct material a = { 0 };
    struct material b = { 0 };
    json_t *body = json_loads(rows[0].body, 0, NULL);
    assert_int_equal(self_signed_read(body, &wanted, &problem), ST_OK);
    assert_int_equal(self_signed_make(&wanted, NOW, &a, &problem), ST_OK);
    assert_int_equal(self_signed_make(&wanted, NOW, &b, &problem), ST_OK);
    const unsigned char *p = a.der[0].p;
    const unsigned char *q = b.der[0].p;
    X509 *x = d2i_X509(NULL, &p, (long)a.der[0].len);
    X509 *y = d2i_X509(NULL, &q, (long)b.der[0].len);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(x), X509_get0_serialNumber(y)), 0);
    assert_int_not_equal(EVP_PKEY_eq(a.key, b.key), 1);
    X509_free(x);
    X509_free(y);
    material_deinit(&a);
    material_deinit(&b);
    json_decref(body);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, bodies, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(too_many_names);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(what_is_made);
    tests[ARRAY_LEN(rows) + 2] = (struct CMUnitTest)cmocka_unit_test(serials_differ);
    return cmocka_run_group_tests_name("self_signed", tests, NULL, NULL);
}
