/* What stands in a certificate, as text and flags. */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/net.h"
#include "x509/extras.h"
#include "x509/store.h"

enum {
    NAME_MAX_LEN = 255,
    URL_MAX_LEN = 1024,
    SECURE_BITS = 112,         /* NIST SP 800-57 part 1, table 4: SHA-224 and up */
    STATUS_REQUEST_FEATURE = 5 /* RFC 7633 section 4.2.3.1: the TLS extension's number */
};

const struct x509_facts cert_no_facts = { .subject = "",
                                          .issuer = "",
                                          .common_name = "",
                                          .serial_hex = "",
                                          .sha1_hex = "",
                                          .sha256_hex = "",
                                          .key_type = "",
                                          .signature_algorithm = "",
                                          .path_length = -1,
                                          .name_constraints = "",
                                          .subject_key_id = "",
                                          .authority_key_id = "" };

/* The text moves into the arena. */
static const char *keep(struct arena *a, struct text *t)
{
    const char *copy = arena_strndup(a, text_str(t), t->len);
    text_clear(t);
    return copy == NULL ? "" : copy;
}

static const char *keep_hex(struct arena *a, struct text *t, struct bytes b)
{
    text_put_hex(t, b);
    return keep(a, t);
}

static struct bytes string_bytes(const ASN1_STRING *s)
{
    int len = s == NULL ? 0 : ASN1_STRING_length(s);
    return len <= 0 ? bytes_of(NULL, 0) : bytes_of(ASN1_STRING_get0_data(s), (size_t)len);
}

static void read_texts(struct cert *c, struct x509_facts *f, struct text *t)
{
    struct arena *a = &c->arena;
    f->subject = name_dup(a, X509_get_subject_name(c->x));
    f->issuer = name_dup(a, X509_get_issuer_name(c->x));
    (void)name_put_entry(t, X509_get_subject_name(c->x), NID_commonName);
    f->common_name = keep(a, t);

    const ASN1_INTEGER *serial = X509_get0_serialNumber(c->x);
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER) {
        text_putc(t, '-');
    }
    f->serial_hex = keep_hex(a, t, bytes_head(string_bytes(serial), 64));
    f->subject_key_id =
        keep_hex(a, t, bytes_head(string_bytes(X509_get0_subject_key_id(c->x)), 64));
    f->authority_key_id =
        keep_hex(a, t, bytes_head(string_bytes(X509_get0_authority_key_id(c->x)), 64));
}

static const char *digest_of(struct cert *c, const EVP_MD *md, struct text *t)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool is_made = EVP_Digest(c->der, c->der_len, digest, &len, md, NULL) == 1;
    return is_made ? keep_hex(&c->arena, t, bytes_of(digest, len)) : "";
}

static void read_digests(struct cert *c, struct x509_facts *f, struct text *t)
{
    f->sha1_hex = digest_of(c, EVP_sha1(), t);
    f->sha256_hex = digest_of(c, EVP_sha256(), t);
}

static void put_curve(struct text *t, const EVP_PKEY *key)
{
    char group[80];
    size_t len;
    text_puts(t, "EC");
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1) {
        const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));
        text_printf(t, " %s", nist == NULL ? group : nist);
    }
}

static void put_key_type(struct text *t, const X509 *x, const EVP_PKEY *key)
{
    static const struct {
        int nid;
        const char *name;
    } types[] = {
        { EVP_PKEY_RSA, "RSA" },         { EVP_PKEY_RSA_PSS, "RSA-PSS" }, { EVP_PKEY_DSA, "DSA" },
        { EVP_PKEY_ED25519, "Ed25519" }, { EVP_PKEY_ED448, "Ed448" },     { EVP_PKEY_SM2, "SM2" },
    };
    ASN1_OBJECT *algorithm = NULL;
    X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_get_X509_PUBKEY(x));
    int nid = OBJ_obj2nid(algorithm);
    if (key != NULL && nid == EVP_PKEY_EC) {
        put_curve(t, key);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].nid == nid) {
            text_puts(t, types[i].name);
            return;
        }
    }
    char oid[80] = "";
    OBJ_obj2txt(oid, sizeof oid, algorithm, 0);
    text_put_safe(t, bytes_of_str(oid));
}

static void read_key(struct cert *c, struct x509_facts *f, struct text *t)
{
    const EVP_PKEY *key = X509_get0_pubkey(c->x);
    put_key_type(t, c->x, key);
    f->key_type = keep(&c->arena, t);
    int bits = key == NULL ? 0 : EVP_PKEY_get_bits(key);
    f->key_bits = bits > 0 ? (unsigned)bits : 0;
}

bool cert_signature_is_weak(const struct cert *c)
{
    int digest = NID_undef;
    int bits = 0;
    if (X509_get_signature_info(c->x, &digest, NULL, &bits, NULL) == 1) {
        return bits > 0 && bits < SECURE_BITS;
    }
    if (OBJ_find_sigid_algs(X509_get_signature_nid(c->x), &digest, NULL) != 1) {
        return false; /* not known: verifying it says so */
    }
    return digest == NID_md2 || digest == NID_md4 || digest == NID_md5 || digest == NID_sha1;
}

static void read_signature(struct cert *c, struct x509_facts *f, struct text *t)
{
    const X509_ALGOR *algorithm = X509_get0_tbs_sigalg(c->x);
    const ASN1_OBJECT *oid = NULL;
    char name[80] = "";
    X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
    OBJ_obj2txt(name, sizeof name, oid, 0);
    text_put_safe(t, bytes_of_str(name));
    f->signature_algorithm = keep(&c->arena, t);
    f->signature_is_weak = cert_signature_is_weak(c);
}

static bool has_must_staple(const X509 *x)
{
    bool is_there = false;
    TLS_FEATURE *features = X509_get_ext_d2i(x, NID_tlsfeature, NULL, NULL);
    for (int i = 0; features != NULL && i < sk_ASN1_INTEGER_num(features); i++) {
        is_there = is_there ||
                   ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == STATUS_REQUEST_FEATURE;
    }
    TLS_FEATURE_free(features);
    return is_there;
}

static void read_usages(struct cert *c, struct x509_facts *f)
{
    uint32_t flags = X509_get_extension_flags(c->x);
    f->is_ca = cert_is_ca(c);
    f->is_self_issued = c->is_self_issued;
    f->is_self_signed = cert_is_self_signed(c);
    f->has_eku = (flags & EXFLAG_XKUSAGE) != 0;
    uint32_t eku = f->has_eku ? X509_get_extended_key_usage(c->x) : 0;
    f->eku_server = (eku & XKU_SSL_SERVER) != 0;
    f->eku_client = (eku & XKU_SSL_CLIENT) != 0;
    f->eku_any = (eku & XKU_ANYEKU) != 0;
    f->has_key_usage = (flags & EXFLAG_KUSAGE) != 0;
    uint32_t usage = f->has_key_usage ? X509_get_key_usage(c->x) : 0;
    f->ku_digital_signature = (usage & KU_DIGITAL_SIGNATURE) != 0;
    f->ku_key_encipherment = (usage & KU_KEY_ENCIPHERMENT) != 0;
    f->ku_key_agreement = (usage & KU_KEY_AGREEMENT) != 0;
    f->ku_cert_sign = (usage & KU_KEY_CERT_SIGN) != 0;
    f->must_staple = has_must_staple(c->x);
}

bool general_name_put(struct text *t, const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type == GEN_DNS) {
        text_put_safe(t, bytes_head(string_bytes(value), NAME_MAX_LEN));
        return true;
    }
    if (type != GEN_IPADD) {
        return false;
    }
    struct bytes ip = string_bytes(value);
    struct endpoint e = { .family = ip.len == 4 ? 4 : 6 };
    if (ip.len == 4 || ip.len == 16) {
        (void)bytes_copy(e.ip, sizeof e.ip, ip);
        endpoint_put_host(t, &e);
    } else {
        text_put_hex(t, bytes_head(ip, 32));
    }
    return true;
}

static void read_names(struct cert *c, struct x509_facts *f, struct text *t)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        if (!general_name_put(t, sk_GENERAL_NAME_value(names, i))) {
            continue;
        }
        f->n_all_names++;
        if (f->n_names < X509_NAMES_MAX) {
            f->names[f->n_names++] = keep(&c->arena, t);
        }
        text_clear(t);
    }
    GENERAL_NAMES_free(names);
}

static void read_urls(struct cert *c, struct x509_facts *f, struct text *t)
{
    AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(c->x, NID_info_access, NULL, NULL);
    for (int i = 0; aia != NULL && i < sk_ACCESS_DESCRIPTION_num(aia); i++) {
        const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(aia, i);
        int type;
        const ASN1_STRING *url = GENERAL_NAME_get0_value(d->location, &type);
        int method = OBJ_obj2nid(d->method);
        const char **to = method == NID_ad_ca_issuers ? &f->aia_issuer_url : &f->ocsp_url;
        if (type != GEN_URI || *to != NULL ||
            (method != NID_ad_ca_issuers && method != NID_ad_OCSP)) {
            continue;
        }
        text_put_safe(t, bytes_head(string_bytes(url), URL_MAX_LEN));
        *to = keep(&c->arena, t);
    }
    AUTHORITY_INFO_ACCESS_free(aia);
}

const struct x509_facts *cert_facts(struct cert *c)
{
    if (c->facts != NULL) {
        return c->facts;
    }
    struct x509_facts *f = arena_alloc(&c->arena, sizeof *f);
    if (f == NULL) {
        return &cert_no_facts;
    }
    struct text t = { 0 };
    ERR_set_mark();
    *f = cert_no_facts;
    read_digests(c, f, &t);
    if (c->x != NULL) {
        f->is_parsed = true;
        f->not_before_s = c->not_before_s;
        f->not_after_s = c->not_after_s;
        f->version = (unsigned)X509_get_version(c->x) + 1;
        read_texts(c, f, &t);
        read_key(c, f, &t);
        read_signature(c, f, &t);
        read_usages(c, f);
        read_names(c, f, &t);
        read_urls(c, f, &t);
        extras_read(c, f, &t);
    }
    ERR_pop_to_mark();
    text_deinit(&t);
    c->facts = f;
    return f;
}
