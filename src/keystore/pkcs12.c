/* PKCS#12: safes, sealed by a MAC and mostly encrypted, and the bags in them. RFC 7292. OpenSSL
 * decodes and decrypts; what hashing the password would cost is asked before. */
#include <openssl/pkcs12.h>

#include "keystore/kdf.h"
#include "keystore/reading.h"

enum {
    SAFES_MAX = 32, /* safes in safes */
    GROUPS_MAX = 256,
    PASSWORDS_MAX = 3
};

/* Bags of one localKeyID, or where they have none of one friendlyName, belong together. */
struct bag_group {
    struct bytes id;
    size_t group;
};

struct pkcs12 {
    struct reading *r;
    PKCS12 *p12;
    STACK_OF(PKCS7) * safes;
    STACK_OF(PKCS12_SAFEBAG) * opened; /* of the safe that is being read */
    /* To be tried. No password may be none at all or an empty one (RFC 7292 appendix B.1), and a
     * password that was given may be meant for another file. */
    const char *passwords[PASSWORDS_MAX];
    size_t n_passwords;
    bool is_locked; /* a safe stays closed */
    size_t n_certs;
    struct bag_group groups[GROUPS_MAX];
    size_t n_groups;
};

static const char *no_password(const struct pkcs12 *p)
{
    return p->r->password == NULL ? "it is encrypted, and no password was given"
                                  : "the password does not open it";
}

/* --- the MAC --- */

static bool mac_fits(struct pkcs12 *p, const char *password)
{
    int len = password == NULL ? 0 : (int)strlen(password);
    return PKCS12_verify_mac(p->p12, password, len) == 1;
}

/* The password that the MAC fits is the one for the safes. */
static enum status check_mac(struct pkcs12 *p)
{
    const ASN1_INTEGER *rounds = NULL;
    const X509_ALGOR *algorithm = NULL;
    const ASN1_OBJECT *name = NULL;
    PKCS12_get0_mac(NULL, &algorithm, NULL, &rounds, p->p12);
    X509_ALGOR_get0(&name, NULL, NULL, algorithm);
    if (EVP_get_digestbyobj(name) == NULL) { /* PBMAC1 of RFC 9579, or worse */
        p->r->file->integrity = KEYSTORE_NOT_CHECKED;
        return ST_OK;
    }
    uint64_t n = 1;
    if (rounds != NULL && ASN1_INTEGER_get_uint64(&n, rounds) != 1) {
        n = UINT64_MAX;
    }
    for (size_t i = 0; i < p->n_passwords; i++) {
        const char *why = kdf_spend(p->r, n);
        if (why != NULL) {
            return err_set(p->r->err, ST_FORMAT, "%s: the MAC of the file %s", p->r->file->path,
                           why);
        }
        if (mac_fits(p, p->passwords[i])) {
            p->passwords[0] = p->passwords[i];
            p->n_passwords = 1;
            p->r->file->integrity = KEYSTORE_INTACT;
            return ST_OK;
        }
    }
    p->r->file->integrity =
        p->r->password == NULL ? KEYSTORE_NOT_CHECKED : KEYSTORE_WRONG_PASSWORD_OR_ALTERED;
    return ST_OK;
}

/* --- bags --- */

static bool is_marked_trusted(const PKCS12_SAFEBAG *bag)
{
    /* Java's mark of a trusted entry; sun.security.pkcs12.PKCS12KeyStore, JDK 17 */
    ASN1_OBJECT *usage = OBJ_txt2obj("2.16.840.1.113894.746875.1.1", 1);
    const STACK_OF(X509_ATTRIBUTE) *attributes = PKCS12_SAFEBAG_get0_attrs(bag);
    bool is_marked =
        usage != NULL && attributes != NULL && X509at_get_attr_by_OBJ(attributes, usage, -1) >= 0;
    ASN1_OBJECT_free(usage);
    return is_marked;
}

static enum status keep_alias(struct pkcs12 *p, PKCS12_SAFEBAG *bag, struct keystore_entry *e)
{
    char *name = PKCS12_get_friendlyname(bag);
    enum status st = name == NULL ? ST_OK : keep_text(p->r, bytes_of_str(name), &e->alias);
    OPENSSL_free(name);
    return st;
}

static enum status keep_group(struct pkcs12 *p, const PKCS12_SAFEBAG *bag, struct keystore_entry *e)
{
    struct bytes id = e->alias == NULL ? bytes_of(NULL, 0) : bytes_of_str(e->alias);
    const ASN1_TYPE *key_id = PKCS12_SAFEBAG_get0_attr(bag, NID_localKeyID);
    if (key_id != NULL && key_id->type == V_ASN1_OCTET_STRING) {
        const ASN1_OCTET_STRING *s = key_id->value.octet_string;
        id = bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
    }
    if (id.len == 0) {
        return ST_OK;
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        if (bytes_equal(p->groups[i].id, id)) {
            e->group = p->groups[i].group;
            return ST_OK;
        }
    }
    if (p->n_groups == GROUPS_MAX) {
        return ST_OK;
    }
    p->groups[p->n_groups].group = e->group;
    return keep_bytes(p->r, id, &p->groups[p->n_groups++].id);
}

static enum status keep_attributes(struct pkcs12 *p, PKCS12_SAFEBAG *bag, struct keystore_entry *e)
{
    TRY(keep_alias(p, bag, e));
    return keep_group(p, bag, e);
}

static enum status add_cert_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    struct keystore_entry *e;
    unsigned char *der = NULL;
    X509 *x = PKCS12_SAFEBAG_get1_cert(bag);
    int len = x == NULL ? 0 : i2d_X509(x, &der);
    X509_free(x);
    enum status st = add_certificate(p->r, bytes_of(der, len > 0 ? (size_t)len : 0), &e);
    OPENSSL_free(der);
    TRY(st);
    p->n_certs++;
    e->is_trusted = is_marked_trusted(bag);
    TRY(keep_attributes(p, bag, e));
    if (len > 0) {
        return ST_OK;
    }
    e->fault = NULL;
    return entry_fault(p->r, e, "the certificate%s%s%s cannot be decoded",
                       e->alias == NULL ? "" : " '", e->alias == NULL ? "" : e->alias,
                       e->alias == NULL ? "" : "'");
}

static enum status add_crl_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    unsigned char *der = NULL;
    X509_CRL *crl = PKCS12_SAFEBAG_get1_crl(bag);
    int len = crl == NULL ? 0 : i2d_X509_CRL(crl, &der);
    X509_CRL_free(crl);
    enum status st = add_crl(p->r, bytes_of(der, len > 0 ? (size_t)len : 0));
    OPENSSL_free(der);
    return st;
}

static enum status add_key_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    struct keystore_entry *e;
    TRY(reading_add(p->r, KEYSTORE_KEY, &e));
    TRY(keep_attributes(p, bag, e));
    return keep_pkcs8_info(p->r, e, PKCS12_SAFEBAG_get0_p8inf(bag));
}

static enum status add_shrouded_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    struct keystore_entry *e;
    const X509_SIG *sealed = PKCS12_SAFEBAG_get0_pkcs8(bag);
    TRY(reading_add(p->r, KEYSTORE_KEY, &e));
    TRY(keep_attributes(p, bag, e));
    if (sealed == NULL) {
        return entry_fault(p->r, e, "the encrypted private key cannot be decoded");
    }
    const char *given = p->r->password;
    if (p->n_passwords == 1) { /* the one that fits the MAC */
        p->r->password = p->passwords[0] == NULL ? "" : p->passwords[0];
    }
    enum status st = open_locked_key(p->r, e, sealed);
    p->r->password = given;
    return st;
}

static enum status add_secret_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    struct keystore_entry *e;
    TRY(reading_add(p->r, KEYSTORE_SECRET, &e));
    return keep_attributes(p, bag, e);
}

static enum status add_bag(struct pkcs12 *p, PKCS12_SAFEBAG *bag)
{
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return add_key_bag(p, bag);
    case NID_pkcs8ShroudedKeyBag:
        return add_shrouded_bag(p, bag);
    case NID_certBag:
        return add_cert_bag(p, bag);
    case NID_crlBag:
        return add_crl_bag(p, bag);
    case NID_secretBag:
        return add_secret_bag(p, bag);
    default: /* of a kind that nobody knows; OpenSSL passes over it too */
        return ST_OK;
    }
}

/* Safes in safes wait for their turn. */
struct waiting {
    const STACK_OF(PKCS12_SAFEBAG) * safes[SAFES_MAX];
    size_t n;
};

static enum status take_bag(struct pkcs12 *p, struct waiting *w, PKCS12_SAFEBAG *bag)
{
    if (PKCS12_SAFEBAG_get_nid(bag) != NID_safeContentsBag) {
        return add_bag(p, bag);
    }
    if (w->n == SAFES_MAX) {
        return file_fault(p->r, "more than %d safes in each other", SAFES_MAX);
    }
    w->safes[w->n++] = PKCS12_SAFEBAG_get0_safes(bag);
    return ST_OK;
}

static enum status add_bags(struct pkcs12 *p, const STACK_OF(PKCS12_SAFEBAG) * bags)
{
    struct waiting w = { .safes = { bags }, .n = 1 };
    for (size_t at = 0; at < w.n; at++) {
        for (int i = 0; i < sk_PKCS12_SAFEBAG_num(w.safes[at]); i++) {
            TRY(take_bag(p, &w, sk_PKCS12_SAFEBAG_value(w.safes[at], i)));
        }
    }
    return ST_OK;
}

/* --- safes --- */

static enum status open_safe(struct pkcs12 *p, PKCS7 *safe)
{
    if (PKCS7_type_is_data(safe)) {
        p->opened = PKCS12_unpack_p7data(safe);
        return p->opened == NULL ? file_fault(p->r, "a safe that cannot be decoded") : ST_OK;
    }
    if (!PKCS7_type_is_encrypted(safe) || safe->d.encrypted == NULL ||
        safe->d.encrypted->enc_data == NULL) {
        return file_fault(p->r, "a safe of a kind that is not known here");
    }
    const X509_ALGOR *scheme = safe->d.encrypted->enc_data->algorithm;
    for (size_t i = 0; i < p->n_passwords && p->opened == NULL; i++) {
        const char *password = p->passwords[i];
        const char *why = kdf_spend_on(p->r, scheme);
        if (why != NULL) {
            return file_fault(p->r, "a safe that %s", why);
        }
        p->opened =
            PKCS12_unpack_p7encdata(safe, password, password == NULL ? 0 : (int)strlen(password));
    }
    p->is_locked = p->is_locked || p->opened == NULL;
    return ST_OK;
}

static enum status read_safe(struct pkcs12 *p, PKCS7 *safe)
{
    enum status st = open_safe(p, safe);
    if (st == ST_OK && p->opened != NULL) {
        st = add_bags(p, p->opened);
    }
    sk_PKCS12_SAFEBAG_pop_free(p->opened, PKCS12_SAFEBAG_free);
    p->opened = NULL;
    return st;
}

/* What stays closed for want of a password is nobody's evidence: where there is nothing else, the
 * file is not read at all. */
static enum status tell_locked(struct pkcs12 *p)
{
    struct reading *r = p->r;
    bool is_wrong = r->file->integrity == KEYSTORE_WRONG_PASSWORD_OR_ALTERED;
    if (!p->is_locked && !(is_wrong && p->n_certs == 0)) {
        return ST_OK;
    }
    const char *why = is_wrong ? "the password is wrong, or the file was altered" : no_password(p);
    if (r->file->integrity == KEYSTORE_INTACT) {
        why = crypto_has_legacy(r->k)
                  ? "its MAC fits the password, but a safe of it does not open"
                  : "its MAC fits the password, but a safe of it does not open: old files need "
                    "OpenSSL's legacy provider, which is not installed";
    }
    r->k->wants_password = r->file->integrity != KEYSTORE_INTACT;
    if (p->n_certs == 0) {
        return err_set(r->err, ST_FORMAT, "%s: %s", r->file->path, why);
    }
    return file_fault(r, "%s", why);
}

static enum status read_safes(struct pkcs12 *p)
{
    if (PKCS12_mac_present(p->p12)) {
        TRY(check_mac(p));
    }
    p->safes = PKCS12_unpack_authsafes(p->p12);
    if (p->safes == NULL) {
        return file_fault(p->r, "the safes of the PKCS#12 file cannot be decoded");
    }
    for (int i = 0; i < sk_PKCS7_num(p->safes); i++) {
        TRY(read_safe(p, sk_PKCS7_value(p->safes, i)));
    }
    return tell_locked(p);
}

enum status add_pkcs12(struct reading *r, struct bytes der)
{
    const unsigned char *at = der.p;
    struct pkcs12 p = { .r = r, .passwords = { "", NULL, NULL }, .n_passwords = 2 };
    if (r->password != NULL) {
        p.passwords[0] = r->password;
        p.passwords[1] = "";
        p.n_passwords = 3;
    }
    p.p12 = PKCS12_init_ex(NID_pkcs7_data, crypto_context_with_legacy(r->k), NULL);
    if (p.p12 == NULL) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    if (d2i_PKCS12(&p.p12, &at, (long)der.len) == NULL) { /* which frees it */
        return file_fault(r, "the PKCS#12 structure cannot be decoded");
    }
    enum status st = read_safes(&p);
    sk_PKCS7_pop_free(p.safes, PKCS7_free);
    PKCS12_free(p.p12);
    return st;
}
