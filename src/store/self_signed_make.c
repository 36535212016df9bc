/* The key and the certificate. */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "store/host_name.h"
#include "store/self_signed_subject.h"

enum { SERIAL_BITS = 127, DAY_S = 86400 };

/* clang-format off */
const struct self_signed_field self_signed_subject[SELF_SIGNED_FIELDS] = {
    { "countryCode", "country_code", NID_countryName,            2,   2, "two letters are wanted" },
    { "state",       "st",           NID_stateOrProvinceName,    1, 128, "at most 128 characters are possible" },
    { "locality",    "city",         NID_localityName,           1, 128, "at most 128 characters are possible" },
    { "org",         "organization", NID_organizationName,       1,  64, "at most 64 characters are possible" },
    { "orgUnit",     "org_unit",     NID_organizationalUnitName, 1,  64, "at most 64 characters are possible" },
    { "commonName",  "common_name",  NID_commonName,             1,  64, "at most 64 characters are possible" },
    { "email",       "emailAddress", NID_pkcs9_emailAddress,     1, 255, "at most 255 characters are possible" },
};
/* clang-format on */

size_t self_signed_subject_find(const char *key)
{
    size_t i = 0;
    while (i < SELF_SIGNED_FIELDS && strcmp(key, self_signed_subject[i].id) != 0 &&
           strcmp(key, self_signed_subject[i].older) != 0) {
        i++;
    }
    return i;
}

static bool put_subject(const struct self_signed *wanted, X509 *x)
{
    X509_NAME *name = X509_get_subject_name(x);
    for (size_t i = 0; i < SELF_SIGNED_FIELDS; i++) {
        const char *value = wanted->subject[i];
        if (value != NULL &&
            X509_NAME_add_entry_by_NID(name, self_signed_subject[i].nid, MBSTRING_UTF8,
                                       (const unsigned char *)value, -1, -1, 0) != 1) {
            return false;
        }
    }
    return X509_set_issuer_name(x, name) == 1;
}

/* 127 random bits: positive, and shorter than the 20 octets of RFC 5280 section 4.1.2.2. */
static bool put_serial(X509 *x)
{
    BIGNUM *number = BN_new();
    bool ok = number != NULL &&
              BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)) != NULL;
    BN_free(number);
    return ok;
}

static bool put_dates(const struct self_signed *wanted, int64_t at_s, X509 *x)
{
    return ASN1_TIME_adj(X509_getm_notBefore(x), (time_t)at_s, 0, 0) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), (time_t)at_s, (int)wanted->days, 0) != NULL;
}

/* --- extensions --- */

static bool put_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

/* Not through the syntax of configuration files: a name might be more than a name there. */
static GENERAL_NAME *general_name(const char *name)
{
    bool is_address = host_is_address(name);
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *s = is_address ? (ASN1_STRING *)a2i_IPADDRESS(name) : ASN1_IA5STRING_new();
    bool ok = g != NULL && s != NULL && (is_address || ASN1_STRING_set(s, name, -1) == 1);
    if (!ok) {
        GENERAL_NAME_free(g);
        ASN1_STRING_free(s);
        return NULL;
    }
    GENERAL_NAME_set0_value(g, is_address ? GEN_IPADD : GEN_DNS, s);
    return g;
}

static bool put_names(const struct self_signed *wanted, X509 *x)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool ok = list != NULL;
    for (size_t i = 0; i < wanted->n_names && ok; i++) {
        GENERAL_NAME *g = general_name(wanted->names[i]);
        ok = g != NULL && sk_GENERAL_NAME_push(list, g) > 0;
        if (!ok) {
            GENERAL_NAME_free(g);
        }
    }
    ok = ok && (wanted->n_names == 0 ||
                X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, X509V3_ADD_APPEND) == 1);
    GENERAL_NAMES_free(list);
    return ok;
}

/* No key usage: some verifiers would then not take it as its own issuer. */
static bool put_extensions(const struct self_signed *wanted, X509 *x)
{
    return put_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
           put_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
           put_extension(x, NID_subject_key_identifier, "hash") && put_names(wanted, x);
}

static bool sign(const struct self_signed *wanted, X509 *x, EVP_PKEY *key)
{
    const EVP_MD *digest = wanted->digest_bits == 512   ? EVP_sha512()
                           : wanted->digest_bits == 384 ? EVP_sha384()
                                                        : EVP_sha256();
    return X509_sign(x, key, digest) > 0;
}

static bool keep(struct material *m, X509 *x)
{
    unsigned char *der = NULL;
    int len = i2d_X509(x, &der);
    if (len > 0) {
        m->der[0] = arena_copy(&m->arena, bytes_of(der, (size_t)len));
    }
    OPENSSL_free(der);
    m->n = len > 0 && m->der[0].p != NULL ? 1 : 0;
    return m->n == 1;
}

static enum status fill(const struct self_signed *wanted, int64_t at_s, struct material *m, X509 *x,
                        struct store_problem *problem)
{
    if (x == NULL || X509_set_version(x, 2) != 1 || !put_serial(x) || !put_dates(wanted, at_s, x) ||
        X509_set_pubkey(x, m->key) != 1) {
        return problem_no_memory(problem);
    }
    if (!put_subject(wanted, x)) {
        return problem_set(problem, PROBLEM_ID_SELF_SIGNED_INVALID,
                           "subject: a value has characters that a certificate cannot hold there");
    }
    if (!put_extensions(wanted, x) || !sign(wanted, x, m->key) || !keep(m, x)) {
        return problem_no_memory(problem);
    }
    return ST_OK;
}

enum status self_signed_make(const struct self_signed *wanted, int64_t at_s, struct material *out,
                             struct store_problem *problem)
{
    *out = (struct material){ .arena.limit_bytes = MATERIAL_ARENA_MAX, .part = "certificate" };
    ERR_set_mark();
    EVP_PKEY *key = EVP_RSA_gen(wanted->key_bits);
    X509 *x = X509_new();
    enum status st =
        key != NULL ? material_take_key(out, "key", key, problem) : problem_no_memory(problem);
    if (st == ST_OK) {
        st = fill(wanted, at_s, out, x, problem);
    }
    X509_free(x);
    ERR_pop_to_mark();
    return st;
}
