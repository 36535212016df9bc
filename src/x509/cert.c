#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "x509/store.h"

enum { FACTS_MAX = 64 * 1024 };

bool asn1_time_get(const ASN1_TIME *t, int64_t *out_s)
{
    struct tm tm;
    /* no time at all would be taken for the present by ASN1_TIME_to_tm() */
    if (t == NULL || ASN1_TIME_check(t) != 1 || ASN1_TIME_to_tm(t, &tm) != 1) {
        return false;
    }
    *out_s = (int64_t)timegm(&tm);
    return true;
}

static X509 *decode(struct bytes der)
{
    const unsigned char *p = der.p;
    if (der.len == 0 || der.len > CERT_BYTES_MAX) {
        return NULL;
    }
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    if (x != NULL && p != der.p + der.len) { /* RFC 8446 section 4.4.2: one certificate, no more */
        X509_free(x);
        return NULL;
    }
    return x;
}

static void read_basics(struct cert *c)
{
    c->subject_hash = X509_NAME_hash_ex(X509_get_subject_name(c->x), NULL, NULL, NULL);
    c->issuer_hash = X509_NAME_hash_ex(X509_get_issuer_name(c->x), NULL, NULL, NULL);
    bool from = asn1_time_get(X509_get0_notBefore(c->x), &c->not_before_s);
    bool until = asn1_time_get(X509_get0_notAfter(c->x), &c->not_after_s);
    c->dates_are_valid = from && until;
    c->is_self_issued = X509_NAME_cmp(X509_get_subject_name(c->x), X509_get_issuer_name(c->x)) == 0;
    (void)X509_check_purpose(c->x, -1, 0); /* reads the extensions */
}

static bool fill(struct cert *c, struct bytes der)
{
    c->der = malloc(der.len == 0 ? 1 : der.len);
    if (c->der == NULL || !bytes_copy(c->der, der.len, der)) {
        return false;
    }
    c->der_len = der.len;
    c->x = decode(der);
    if (c->x != NULL) {
        read_basics(c);
    }
    return true;
}

static void cert_free(struct cert *c)
{
    X509_free(c->x);
    arena_deinit(&c->arena);
    free(c->der);
    free(c);
}

static struct cert *cert_new(struct x509_store *s, struct bytes der, uint64_t hash)
{
    struct cert *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    c->store = s;
    c->serial = ++s->last_serial;
    c->hash = hash;
    c->refs = 1;
    c->self_signed = -1;
    c->arena.limit_bytes = FACTS_MAX;
    if (!fill(c, der)) {
        cert_free(c);
        return NULL;
    }
    return c;
}

struct cert *cert_get(struct x509_store *s, struct bytes der)
{
    uint64_t hash = digest_bytes(&s->key, der);
    struct cert **bucket = &s->certs[hash % TABLE_BUCKETS];
    for (struct cert *c = *bucket; c != NULL; c = c->next) {
        if (c->hash == hash && bytes_equal(bytes_of(c->der, c->der_len), der)) {
            return cert_ref(c);
        }
    }
    struct cert *c = cert_new(s, der, hash);
    if (c != NULL) {
        c->next = *bucket;
        *bucket = c;
        s->n_certs++;
    }
    return c;
}

struct cert *cert_ref(struct cert *c)
{
    c->refs++;
    return c;
}

void cert_unref(struct cert *c)
{
    if (c == NULL || --c->refs > 0) {
        return;
    }
    struct cert **at = &c->store->certs[c->hash % TABLE_BUCKETS];
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    c->store->n_certs--;
    cert_free(c);
}

static const struct signer *find_signer(const struct cert *c, const struct cert *issuer)
{
    for (size_t i = 0; i < SIGNERS_KEPT; i++) {
        if (c->signers[i].serial == issuer->serial) {
            return &c->signers[i];
        }
    }
    return NULL;
}

bool cert_is_known_signed_by(const struct cert *c, const struct cert *issuer)
{
    const struct signer *known = find_signer(c, issuer);
    return known != NULL && known->is_good;
}

bool cert_is_signed_by(struct cert *c, const struct cert *issuer)
{
    const struct signer *known = find_signer(c, issuer);
    if (known != NULL) {
        return known->is_good;
    }
    EVP_PKEY *key = issuer->x == NULL ? NULL : X509_get0_pubkey(issuer->x);
    bool is_good = c->x != NULL && key != NULL && X509_verify(c->x, key) == 1;
    c->signers[c->next_signer++ % SIGNERS_KEPT] = (struct signer){ issuer->serial, is_good };
    return is_good;
}

bool cert_is_self_signed(struct cert *c)
{
    if (c->self_signed < 0) {
        c->self_signed = c->is_self_issued && cert_is_signed_by(c, c) ? 1 : 0;
    }
    return c->self_signed == 1;
}

bool cert_names_issuer(const struct cert *c, const struct cert *issuer)
{
    return c->x != NULL && issuer->x != NULL && c->issuer_hash == issuer->subject_hash &&
           X509_NAME_cmp(X509_get_issuer_name(c->x), X509_get_subject_name(issuer->x)) == 0;
}

bool cert_key_ids_agree(const struct cert *c, const struct cert *issuer)
{
    const ASN1_OCTET_STRING *wanted = X509_get0_authority_key_id(c->x);
    const ASN1_OCTET_STRING *there = X509_get0_subject_key_id(issuer->x);
    if (wanted != NULL && there != NULL && ASN1_OCTET_STRING_cmp(wanted, there) != 0) {
        return false;
    }
    const ASN1_INTEGER *serial = X509_get0_authority_serial(c->x);
    return serial == NULL || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(issuer->x)) == 0;
}

bool cert_is_ca(const struct cert *c)
{
    return c->x != NULL && X509_check_ca(c->x) != 0;
}

bool cert_signs_crls_only(const struct cert *c)
{
    return c->x != NULL && !cert_is_ca(c) &&
           (X509_get_extension_flags(c->x) & EXFLAG_KUSAGE) != 0 &&
           (X509_get_key_usage(c->x) & KU_CRL_SIGN) != 0;
}

const char *cert_organization(struct cert *c)
{
    if (c->organization == NULL) {
        struct text name = { 0 };
        (void)name_put_entry(&name, X509_get_subject_name(c->x), NID_organizationName);
        const char *copy = arena_strndup(&c->arena, text_str(&name), name.len);
        c->organization = copy == NULL ? "" : copy;
        text_deinit(&name);
    }
    return c->organization;
}

const char *cert_label(struct cert *c)
{
    const struct x509_facts *f = cert_facts(c);
    if (f->common_name[0] != '\0') {
        return f->common_name;
    }
    if (f->subject[0] != '\0') {
        return f->subject;
    }
    return f->n_names > 0 ? f->names[0] : "(no name)";
}
