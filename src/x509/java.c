/* A certificate in Java's words. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "x509/store.h"

enum { VALUE_MAX = 1024, SERIAL_MAX = 64, OID_TEXT_MAX = 80 };

/* The keywords of sun.security.x509.AVAKeyword that toString() prints; all else is an OID. */
static const struct {
    int nid;
    const char *keyword;
} keywords[] = {
    { NID_commonName, "CN" },
    { NID_countryName, "C" },
    { NID_localityName, "L" },
    { NID_stateOrProvinceName, "ST" },
    { NID_streetAddress, "STREET" },
    { NID_organizationName, "O" },
    { NID_organizationalUnitName, "OU" },
    { NID_title, "T" },
    { NID_dnQualifier, "DNQUALIFIER" },
    { NID_surname, "SURNAME" },
    { NID_givenName, "GIVENNAME" },
    { NID_initials, "INITIALS" },
    { NID_generationQualifier, "GENERATION" },
    { NID_pkcs9_emailAddress, "EMAILADDRESS" },
    { NID_userId, "UID" },
    { NID_domainComponent, "DC" },
    { NID_serialNumber, "SERIALNUMBER" },
};

/* JCA standard names where they are not the OpenSSL name with other letters. */
static const struct {
    int nid;
    const char *name;
} algorithms[] = {
    { NID_md5WithRSAEncryption, "MD5withRSA" },
    { NID_sha1WithRSAEncryption, "SHA1withRSA" },
    { NID_sha224WithRSAEncryption, "SHA224withRSA" },
    { NID_sha256WithRSAEncryption, "SHA256withRSA" },
    { NID_sha384WithRSAEncryption, "SHA384withRSA" },
    { NID_sha512WithRSAEncryption, "SHA512withRSA" },
    { NID_rsassaPss, "RSASSA-PSS" },
    { NID_dsaWithSHA1, "SHA1withDSA" },
    { NID_dsa_with_SHA256, "SHA256withDSA" },
    { NID_ecdsa_with_SHA1, "SHA1withECDSA" },
    { NID_ecdsa_with_SHA224, "SHA224withECDSA" },
    { NID_ecdsa_with_SHA256, "SHA256withECDSA" },
    { NID_ecdsa_with_SHA384, "SHA384withECDSA" },
    { NID_ecdsa_with_SHA512, "SHA512withECDSA" },
    { NID_ED25519, "Ed25519" },
    { NID_ED448, "Ed448" },
};

static void put_oid(struct text *t, const ASN1_OBJECT *oid)
{
    char figures[OID_TEXT_MAX] = "";
    OBJ_obj2txt(figures, sizeof figures, oid, 1);
    text_put_safe(t, bytes_of_str(figures));
}

static void put_keyword(struct text *t, const ASN1_OBJECT *type)
{
    int nid = OBJ_obj2nid(type);
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (keywords[i].nid == nid) {
            text_puts(t, keywords[i].keyword);
            return;
        }
    }
    text_puts(t, "OID.");
    put_oid(t, type);
}

/* AVA.toKeywordValueString(): quoted where it holds one of these, or spaces at an end or in a row.
 */
static bool needs_quotes(struct bytes value)
{
    bool was_space = true;
    for (size_t i = 0; i < value.len; i++) {
        bool is_space = value.p[i] == ' ';
        if ((is_space && (was_space || i == value.len - 1)) ||
            (value.p[i] != 0 && strchr(",+=\n<>#;\\\"", value.p[i]) != NULL)) {
            return true;
        }
        was_space = is_space;
    }
    return value.len == 0;
}

static void put_value(struct text *t, struct bytes value)
{
    bool is_quoted = needs_quotes(value);
    text_puts(t, is_quoted ? "\"" : "");
    for (size_t i = 0, from = 0; i <= value.len; i++) {
        if (i == value.len) {
            text_put_safe(t, bytes_skip(value, from));
        } else if (value.p[i] == '"' || value.p[i] == '\\') {
            text_put_safe(t, bytes_head(bytes_skip(value, from), i - from));
            text_printf(t, "\\%c", value.p[i]);
            from = i + 1;
        }
    }
    text_puts(t, is_quoted ? "\"" : "");
}

static void put_entry(struct text *t, const X509_NAME_ENTRY *entry)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
    put_keyword(t, X509_NAME_ENTRY_get_object(entry));
    text_putc(t, '=');
    if (len >= 0) {
        put_value(t, bytes_head(bytes_of(utf8, (size_t)len), VALUE_MAX));
    }
    OPENSSL_free(utf8);
}

/* The last RDN of the DER comes first; the parts of one RDN keep their order. */
static void put_name(struct text *t, const X509_NAME *name)
{
    int n = X509_NAME_entry_count(name);
    int end = n;
    while (end > 0) {
        int first = end - 1;
        int set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first));
        while (first > 0 && X509_NAME_ENTRY_set(X509_NAME_get_entry(name, first - 1)) == set) {
            first--;
        }
        text_puts(t, end == n ? "" : ", ");
        for (int i = first; i < end; i++) {
            text_puts(t, i == first ? "" : " + ");
            put_entry(t, X509_NAME_get_entry(name, i));
        }
        end = first;
    }
}

static void put_serial(struct text *t, const ASN1_INTEGER *serial)
{
    const unsigned char *p = ASN1_STRING_get0_data(serial);
    int len = ASN1_STRING_length(serial);
    text_puts(t, ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "");
    for (int i = 0; i < len && i < SERIAL_MAX; i++) {
        text_printf(t, "%s%02x", i == 0 ? "" : ":", p[i]);
    }
}

static void put_algorithm(struct text *t, const X509 *x)
{
    const ASN1_OBJECT *oid = NULL;
    int nid = X509_get_signature_nid(x);
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        if (algorithms[i].nid == nid) {
            text_puts(t, algorithms[i].name);
            return;
        }
    }
    X509_ALGOR_get0(&oid, NULL, NULL, X509_get0_tbs_sigalg(x));
    put_oid(t, oid);
}

static void put_key(struct text *t, const struct x509_facts *f)
{
    bool is_ec = strncmp(f->key_type, "EC", 2) == 0;
    text_printf(t, "%s Public Key, %u bits", is_ec ? "EC" : f->key_type, f->key_bits);
}

static void put_basic(struct text *t, const struct x509_facts *f)
{
    text_puts(t, f->has_basic_constraints && f->is_ca ? "CA:TRUE" : "CA:FALSE");
    if (f->path_length >= 0) {
        text_printf(t, ", pathlen:%d", f->path_length);
    }
}

static const char *keep(struct cert *c, struct text *t)
{
    const char *copy = arena_strndup(&c->arena, text_str(t), t->len);
    text_clear(t);
    return copy == NULL ? "" : copy;
}

static void fill(struct cert *c, struct x509_java *java)
{
    struct text t = { 0 };
    put_name(&t, X509_get_subject_name(c->x));
    java->subject = keep(c, &t);
    put_name(&t, X509_get_issuer_name(c->x));
    java->issuer = keep(c, &t);
    put_serial(&t, X509_get0_serialNumber(c->x));
    java->serial_number = keep(c, &t);
    put_algorithm(&t, c->x);
    java->sig_alg_name = keep(c, &t);
    put_key(&t, cert_facts(c));
    java->public_key = keep(c, &t);
    put_basic(&t, cert_facts(c));
    java->basic_constraints = keep(c, &t);
    text_deinit(&t);
}

const struct x509_java *x509_chain_java(const struct x509_chain *chain, size_t i)
{
    static const struct x509_java nothing = { "", "", "", "", "", "" };
    struct cert *c = i < chain->n ? chain->certs[i] : NULL;
    if (c == NULL || c->x == NULL) {
        return &nothing;
    }
    if (c->java == NULL) {
        struct x509_java *java = arena_alloc(&c->arena, sizeof *java);
        if (java == NULL) {
            return &nothing;
        }
        ERR_set_mark();
        fill(c, java);
        ERR_pop_to_mark();
        c->java = java;
    }
    return c->java;
}
