/* The public half of a key is what OpenSSL makes of it, of whatever kind and form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "keystore/keystore.h"

enum form { FORM_PKCS8, FORM_TRADITIONAL };

struct row {
    const char *name;
    const char *type, *curve;
    unsigned bits;
    enum form form;
    const char *param; /* set before the key is written */
    const char *text;  /* its value; NULL: 0 */
};

/* clang-format off */
static const struct row rows[] = {
    { "RSA",                       "RSA",     NULL,    2048, FORM_PKCS8,       NULL, NULL },
    { "RSA, short",                "RSA",     NULL,    512,  FORM_PKCS8,       NULL, NULL },
    { "RSA, traditional",          "RSA",     NULL,    1024, FORM_TRADITIONAL, NULL, NULL },
    { "RSA-PSS",                   "RSA-PSS", NULL,    1024, FORM_PKCS8,       NULL, NULL },
    { "P-256",                     "EC",      "P-256", 0,    FORM_PKCS8,       NULL, NULL },
    { "P-384, traditional",        "EC",      "P-384", 0,    FORM_TRADITIONAL, NULL, NULL },
    { "P-521",                     "EC",      "P-521", 0,    FORM_PKCS8,       NULL, NULL },
    { "without the public half",   "EC",      "P-256", 0,    FORM_PKCS8,       OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL },
    { "without it, traditional",   "EC",      "P-256", 0,    FORM_TRADITIONAL, OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL },
    { "a curve in full",           "EC",      "P-256", 0,    FORM_PKCS8,       OSSL_PKEY_PARAM_EC_ENCODING, "explicit" },
    { "a compressed point",        "EC",      "P-256", 0,    FORM_PKCS8,       OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed" },
    { "Ed25519",                   "ED25519", NULL,    0,    FORM_PKCS8,       NULL, NULL },
    { "Ed448",                     "ED448",   NULL,    0,    FORM_PKCS8,       NULL, NULL },
    { "X25519",                    "X25519",  NULL,    0,    FORM_PKCS8,       NULL, NULL },
};
/* clang-format on */

static EVP_PKEY *make_key(const struct row *row)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, row->type, NULL);
    EVP_PKEY *key = NULL;
    OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };
    unsigned bits = row->bits;
    char *curve = (char *)(uintptr_t)row->curve;
    if (curve != NULL) {
        params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0);
    } else if (bits > 0) {
        params[0] = OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_BITS, &bits);
    }
    assert_non_null(ctx);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_params(ctx, params), 1);
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    if (row->param != NULL && row->text != NULL) {
        assert_int_equal(EVP_PKEY_set_utf8_string_param(key, row->param, row->text), 1);
    } else if (row->param != NULL) {
        assert_int_equal(EVP_PKEY_set_int_param(key, row->param, 0), 1);
    }
    return key;
}

static int write_key(const struct row *row, EVP_PKEY *key, unsigned char **der)
{
    if (row->form == FORM_TRADITIONAL) {
        return i2d_PrivateKey(key, der);
    }
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return len;
}

static struct keystore *read_key(struct bytes der)
{
    struct keystore *k = NULL;
    struct err err = { 0 };
    assert_int_equal(keystore_new(&k, &err), ST_OK);
    assert_int_equal(keystore_add_bytes(k, "x", der, NULL, &err), ST_OK);
    assert_int_equal(keystore_n(k), 1);
    assert_int_equal(keystore_entry(k, 0)->kind, KEYSTORE_KEY);
    return k;
}

static void same_half(void **state)
{
    const struct row *row = *state;
    EVP_PKEY *key = make_key(row);
    unsigned char *der = NULL;
    unsigned char *spki = NULL;
    int len = write_key(row, key, &der);
    int spki_len = i2d_PUBKEY(key, &spki);
    assert_true(len > 0 && spki_len > 0);
    struct keystore *k = read_key(bytes_of(der, (size_t)len));
    assert_null(keystore_entry(k, 0)->fault);
    assert_true(bytes_equal(keystore_entry(k, 0)->spki, bytes_of(spki, (size_t)spki_len)));
    keystore_free(k);
    OPENSSL_free(der);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
}

/* A key of which a byte is changed is read as OpenSSL reads it, is broken, or has changed where it
 * is public; no half is made up of bytes that are not there. */
static void changed(void **state)
{
    const struct row *row = *state;
    EVP_PKEY *key = make_key(row);
    unsigned char *der = NULL;
    size_t len = (size_t)write_key(row, key, &der);
    for (size_t at = 1; at < len; at += 1 + len / 60) {
        struct err err = { 0 };
        struct keystore *k = NULL;
        der[at] ^= 0x80;
        assert_int_equal(keystore_new(&k, &err), ST_OK);
        if (keystore_add_bytes(k, "x", bytes_of(der, len), NULL, &err) == ST_OK) {
            const struct keystore_entry *e = keystore_entry(k, 0);
            assert_true(e->spki.len < len + 64);
            assert_true(e->kind != KEYSTORE_KEY || (e->spki.len > 0) == (e->fault == NULL));
        }
        keystore_free(k);
        der[at] ^= 0x80;
    }
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

int main(void)
{
    struct CMUnitTest tests[2 * ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[2 * i] =
            (struct CMUnitTest){ rows[i].name, same_half, NULL, NULL, (void *)(uintptr_t)&rows[i] };
        tests[2 * i + 1] =
            (struct CMUnitTest){ rows[i].name, changed, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("keystore_key", tests, NULL, NULL);
}
