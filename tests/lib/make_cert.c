#include "make_cert.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define YEARS_S(n) ((n)*INT64_C(31536000))

static void need(bool is_made, const char *what)
{
    if (!is_made) {
        fprintf(stderr, "make_cert: %s\n", what);
        abort();
    }
}

static EVP_PKEY *new_key(enum made_key kind)
{
    switch (kind) {
    case MADE_P256:
        return EVP_EC_gen("P-256");
    case MADE_RSA2048:
        return EVP_RSA_gen(2048);
    case MADE_RSA1024:
        return EVP_RSA_gen(1024);
    case MADE_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
    return NULL;
}

static void add_entry(X509_NAME *name, const char *field, const char *value)
{
    if (value != NULL) {
        need(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)value, -1, -1,
                                        0) == 1,
             field);
    }
}

static X509_NAME *new_name(const char *organization, const char *common_name)
{
    X509_NAME *name = X509_NAME_new();
    need(name != NULL, "name");
    add_entry(name, "O", organization);
    add_entry(name, "CN", common_name);
    return name;
}

static void set_names(X509 *x, const struct cert_recipe *r)
{
    X509_NAME *subject = new_name(r->organization, r->name);
    X509_NAME *other = new_name(NULL, r->issuer_name);
    X509_NAME *issuer = r->issuer == NULL ? subject : X509_get_subject_name(r->issuer->x);
    need(X509_set_subject_name(x, subject) == 1, "subject");
    need(X509_set_issuer_name(x, r->issuer_name == NULL ? issuer : other) == 1, "issuer");
    X509_NAME_free(subject);
    X509_NAME_free(other);
}

static void set_basics(X509 *x, const struct cert_recipe *r, EVP_PKEY *key)
{
    static long next_serial = 1000;
    int64_t from_s = r->from_s == 0 ? MAKE_CERT_NOW - YEARS_S(5) : r->from_s;
    int64_t until_s = r->until_s == 0 ? MAKE_CERT_NOW + YEARS_S(5) : r->until_s;
    need(X509_set_version(x, X509_VERSION_3) == 1, "version");
    need(ASN1_INTEGER_set(X509_get_serialNumber(x), r->serial != 0 ? r->serial : next_serial++) ==
             1,
         "serial");
    need(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from_s) != NULL, "notBefore");
    need(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)until_s) != NULL, "notAfter");
    need(X509_set_pubkey(x, key) == 1, "key");
}

static void add_extension(X509 *x, const struct cert_recipe *r, int nid, const char *value)
{
    X509V3_CTX ctx;
    if (value == NULL) {
        return;
    }
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, r->issuer == NULL ? x : r->issuer->x, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(ext != NULL, value);
    need(X509_add_ext(x, ext, -1) == 1, "extension");
    X509_EXTENSION_free(ext);
}

static void add_unknown_critical(X509 *x)
{
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.3.4", 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    need(oid != NULL && value != NULL && ASN1_OCTET_STRING_set(value, (const uint8_t *)"\5\0", 2),
         "value");
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value);
    need(ext != NULL && X509_add_ext(x, ext, -1) == 1, "unknown extension");
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
}

static void add_extensions(X509 *x, const struct cert_recipe *r)
{
    const char *basic = r->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE";
    const char *usage = r->is_ca ? "critical,keyCertSign,cRLSign" : NULL;
    if (!r->no_basic_constraints) {
        add_extension(x, r, NID_basic_constraints, r->basic == NULL ? basic : r->basic);
    }
    add_extension(x, r, NID_key_usage, r->usage == NULL ? usage : r->usage);
    add_extension(x, r, NID_ext_key_usage, r->eku);
    if (!r->no_key_ids) {
        add_extension(x, r, NID_subject_key_identifier, "hash");
        add_extension(x, r, NID_authority_key_identifier, "keyid");
    }
    add_extension(x, r, NID_subject_alt_name, r->names);
    add_extension(x, r, NID_name_constraints, r->constraints);
    add_extension(x, r, NID_info_access, r->info_access);
    add_extension(x, r, NID_tlsfeature, r->tls_feature);
    add_extension(x, r, NID_certificate_policies, r->policies);
    add_extension(x, r, NID_policy_constraints, r->policy_constraints);
    if (r->unknown_critical) {
        add_unknown_critical(x);
    }
}

/* The last byte belongs to the signature. */
static void encode(struct made_cert *c, bool is_broken)
{
    uint8_t *der = NULL;
    int len = i2d_X509(c->x, &der);
    need(len > 0, "encoding");
    if (is_broken) {
        der[len - 1] ^= 1;
        const uint8_t *p = der;
        X509_free(c->x);
        c->x = d2i_X509(NULL, &p, len);
        need(c->x != NULL, "decoding");
    }
    c->der = bytes_of(der, (size_t)len);
}

struct made_cert make_cert(const struct cert_recipe *recipe)
{
    struct made_cert c = { .x = X509_new() };
    if (recipe->key_of != NULL) {
        c.key = recipe->key_of->key;
        need(EVP_PKEY_up_ref(c.key) == 1, "key");
    } else {
        c.key = new_key(recipe->key);
    }
    need(c.x != NULL && c.key != NULL, "no memory");
    set_names(c.x, recipe);
    set_basics(c.x, recipe, c.key);
    add_extensions(c.x, recipe);
    if (recipe->tweak != NULL) {
        recipe->tweak(c.x);
    }
    EVP_PKEY *signer = recipe->issuer == NULL ? c.key : recipe->issuer->key;
    const EVP_MD *digest = recipe->digest == NULL ? EVP_sha256() : recipe->digest;
    bool has_own_digest = EVP_PKEY_get_base_id(signer) == EVP_PKEY_ED25519;
    need(X509_sign(c.x, signer, has_own_digest ? NULL : digest) > 0, "signing");
    encode(&c, recipe->signature_broken);
    return c;
}

void made_cert_free(struct made_cert *c)
{
    X509_free(c->x);
    EVP_PKEY_free(c->key);
    OPENSSL_free((void *)(uintptr_t)c->der.p);
    *c = (struct made_cert){ 0 };
}

void made_cert_write(const struct made_cert *c, const char *path)
{
    FILE *f = fopen(path, "ae");
    need(f != NULL && PEM_write_X509(f, c->x) == 1, path);
    fclose(f);
}

static ASN1_TIME *new_time(int64_t asked_s, int64_t usual_s)
{
    ASN1_TIME *t = ASN1_TIME_set(NULL, (time_t)(asked_s == 0 ? usual_s : asked_s));
    need(t != NULL, "time");
    return t;
}

static void add_revoked(X509_CRL *crl, const struct made_cert *revoked)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *at = new_time(0, MAKE_CERT_NOW - 86400);
    need(entry != NULL &&
             X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->x)) == 1 &&
             X509_REVOKED_set_revocationDate(entry, at) == 1 && X509_CRL_add0_revoked(crl, entry),
         "revoked entry");
    ASN1_TIME_free(at);
}

/* RFC 5280 section 5.2.1; an issuer without key identifier is found by its name. */
static void add_crl_issuer_key(X509_CRL *crl, const struct made_cert *issuer)
{
    X509V3_CTX ctx;
    if (X509_get0_subject_key_id(issuer->x) == NULL) {
        return;
    }
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer->x, NULL, NULL, crl, 0);
    X509_EXTENSION *ext =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    need(ext != NULL && X509_CRL_add_ext(crl, ext, -1) == 1, "key identifier of a CRL");
    X509_EXTENSION_free(ext);
}

void make_crl(const struct crl_recipe *recipe, const char *path)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = new_time(recipe->this_update_s, MAKE_CERT_NOW - 86400);
    ASN1_TIME *until = new_time(recipe->next_update_s, MAKE_CERT_NOW + 86400);
    need(crl != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
             X509_CRL_set_issuer_name(crl, X509_get_subject_name(recipe->issuer->x)) == 1 &&
             X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1,
         "CRL");
    if (recipe->revoked != NULL) {
        add_revoked(crl, recipe->revoked);
    }
    add_crl_issuer_key(crl, recipe->issuer);
    need(X509_CRL_sign(crl, recipe->issuer->key, EVP_sha256()) > 0, "signing a CRL");
    FILE *f = fopen(path, "ae");
    need(f != NULL && PEM_write_X509_CRL(f, crl) == 1, path);
    fclose(f);
    X509_CRL_free(crl);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
}

struct bytes make_ocsp(const struct ocsp_recipe *recipe)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), recipe->leaf->x, recipe->issuer->x);
    ASN1_TIME *from = new_time(recipe->this_update_s, MAKE_CERT_NOW - 3600);
    ASN1_TIME *until = new_time(recipe->next_update_s, MAKE_CERT_NOW + 3600);
    ASN1_TIME *revoked = new_time(0, MAKE_CERT_NOW - 86400);
    const struct made_cert *signer = recipe->signer == NULL ? recipe->issuer : recipe->signer;
    bool is_revoked = recipe->status == V_OCSP_CERTSTATUS_REVOKED;
    need(basic != NULL && id != NULL &&
             OCSP_basic_add1_status(basic, id, recipe->status, 0, is_revoked ? revoked : NULL, from,
                                    until) != NULL &&
             OCSP_basic_sign(basic, signer->x, signer->key, EVP_sha256(), NULL, 0) == 1,
         "OCSP response");
    OCSP_RESPONSE *response = OCSP_response_create(recipe->response_status, basic);
    uint8_t *der = NULL;
    int len = i2d_OCSP_RESPONSE(response, &der);
    need(response != NULL && len > 0, "encoding an OCSP response");
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    ASN1_TIME_free(revoked);
    return bytes_of(der, (size_t)len);
}
