/* The tests behind profile.def: each true where its rule is broken. */
#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "x509/idn.h"
#include "x509/profile.h"

enum { SERIAL_OCTETS_MAX = 20 };

static bool has_extension(const X509 *x, int nid)
{
    return X509_get_ext_by_NID(x, nid, -1) >= 0;
}

static bool is_critical(const X509 *x, int nid)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at)) != 0;
}

static bool has_uncritical(const X509 *x, int nid)
{
    return has_extension(x, nid) && !is_critical(x, nid);
}

static bool has_subject(const X509 *x)
{
    return X509_NAME_entry_count(X509_get_subject_name(x)) > 0;
}

static uint32_t flags(const struct profile_subject *s)
{
    return X509_get_extension_flags(s->c->x);
}

static struct bytes string_bytes(const ASN1_STRING *s)
{
    int len = s == NULL ? 0 : ASN1_STRING_length(s);
    return len <= 0 ? bytes_of(NULL, 0) : bytes_of(ASN1_STRING_get0_data(s), (size_t)len);
}

bool breaks_extensions_version(const struct profile_subject *s)
{
    return X509_get_ext_count(s->x) > 0 && X509_get_version(s->x) != X509_VERSION_3;
}

bool breaks_version(const struct profile_subject *s)
{
    return X509_get_version(s->x) != X509_VERSION_3;
}

bool breaks_serial_sign(const struct profile_subject *s)
{
    return ASN1_STRING_type(X509_get0_serialNumber(s->x)) == V_ASN1_NEG_INTEGER;
}

/* Of the value: 20 octets whose first bit is set need 21 in DER, and are usual. */
bool breaks_serial_length(const struct profile_subject *s)
{
    return string_bytes(X509_get0_serialNumber(s->x)).len > SERIAL_OCTETS_MAX;
}

bool breaks_issuer_name(const struct profile_subject *s)
{
    return X509_NAME_entry_count(X509_get_issuer_name(s->x)) == 0;
}

bool breaks_ca_subject(const struct profile_subject *s)
{
    return !has_subject(s->x);
}

/* Letters, digits, hyphens, dots and the wildcard; the underscore has a rule of its own. */
static bool is_host_syntax(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        bool is_sign = name.p[i] != 0 && strchr("-.*_", name.p[i]) != NULL;
        if (!is_sign && !isalnum(name.p[i]) && name.p[i] < 0x80) {
            return false;
        }
    }
    return true;
}

static bool has_underscore(struct bytes name)
{
    return name.len > 0 && memchr(name.p, '_', name.len) != NULL;
}

/* True where `test` is true of a dNSName. */
static bool any_dns_name(const X509 *x, bool (*test)(struct bytes name), bool wanted)
{
    bool is_found = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !is_found; i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        is_found = type == GEN_DNS && test(string_bytes(value)) == wanted;
    }
    GENERAL_NAMES_free(names);
    return is_found;
}

bool breaks_name_syntax(const struct profile_subject *s)
{
    return any_dns_name(s->x, is_host_syntax, false);
}

bool breaks_name_underscore(const struct profile_subject *s)
{
    return any_dns_name(s->x, has_underscore, true);
}

bool breaks_san_content(const struct profile_subject *s)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(s->x, NID_subject_alt_name, NULL, NULL);
    bool is_empty = names != NULL && sk_GENERAL_NAME_num(names) == 0;
    GENERAL_NAMES_free(names);
    return is_empty;
}

bool breaks_san_not_critical(const struct profile_subject *s)
{
    return !has_subject(s->x) && has_uncritical(s->x, NID_subject_alt_name);
}

bool breaks_san_critical(const struct profile_subject *s)
{
    return has_subject(s->x) && is_critical(s->x, NID_subject_alt_name);
}

bool breaks_aki_critical(const struct profile_subject *s)
{
    return is_critical(s->x, NID_authority_key_identifier);
}

bool breaks_ski_critical(const struct profile_subject *s)
{
    return is_critical(s->x, NID_subject_key_identifier);
}

bool breaks_aia_critical(const struct profile_subject *s)
{
    return is_critical(s->x, NID_info_access);
}

bool breaks_aia_content(const struct profile_subject *s)
{
    AUTHORITY_INFO_ACCESS *aia = X509_get_ext_d2i(s->x, NID_info_access, NULL, NULL);
    bool is_bad = has_extension(s->x, NID_info_access) && sk_ACCESS_DESCRIPTION_num(aia) <= 0;
    AUTHORITY_INFO_ACCESS_free(aia);
    return is_bad;
}

bool breaks_policy_critical(const struct profile_subject *s)
{
    return has_uncritical(s->x, NID_policy_constraints) ||
           has_uncritical(s->x, NID_inhibit_any_policy);
}

bool breaks_constraints_in_leaf(const struct profile_subject *s)
{
    return has_extension(s->x, NID_name_constraints) && (flags(s) & EXFLAG_CA) == 0;
}

/* Version 1 knew no extensions: such a root is trusted for what it is. */
bool breaks_ca_basic(const struct profile_subject *s)
{
    return X509_get_version(s->x) == X509_VERSION_3 && (flags(s) & EXFLAG_BCONS) == 0;
}

bool breaks_ca_basic_critical(const struct profile_subject *s)
{
    return has_uncritical(s->x, NID_basic_constraints);
}

bool breaks_leaf_cert_sign(const struct profile_subject *s)
{
    return (flags(s) & EXFLAG_KUSAGE) != 0 && (flags(s) & EXFLAG_CA) == 0 &&
           (X509_get_key_usage(s->c->x) & KU_KEY_CERT_SIGN) != 0;
}

/* A certificate that is its own issuer may leave it out. */
bool breaks_aki_missing(const struct profile_subject *s)
{
    AUTHORITY_KEYID *aki = X509_get_ext_d2i(s->x, NID_authority_key_identifier, NULL, NULL);
    bool has_key_id = aki != NULL && aki->keyid != NULL;
    AUTHORITY_KEYID_free(aki);
    return !s->c->is_self_issued && !has_key_id;
}

bool breaks_ski_missing(const struct profile_subject *s)
{
    return !has_extension(s->x, NID_subject_key_identifier);
}

bool breaks_root_key_ids(const struct profile_subject *s)
{
    const ASN1_OCTET_STRING *authority = X509_get0_authority_key_id(s->c->x);
    const ASN1_OCTET_STRING *subject = X509_get0_subject_key_id(s->c->x);
    return authority != NULL && subject != NULL && ASN1_OCTET_STRING_cmp(authority, subject) != 0;
}

bool breaks_root_eku(const struct profile_subject *s)
{
    return has_extension(s->x, NID_ext_key_usage);
}

bool breaks_eku_critical(const struct profile_subject *s)
{
    return is_critical(s->x, NID_ext_key_usage);
}

bool breaks_eku_any(const struct profile_subject *s)
{
    return (flags(s) & EXFLAG_XKUSAGE) != 0 &&
           (X509_get_extended_key_usage(s->c->x) & XKU_ANYEKU) != 0;
}

bool breaks_rsa_size(const struct profile_subject *s)
{
    const EVP_PKEY *key = X509_get0_pubkey(s->x);
    return key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA &&
           EVP_PKEY_get_bits(key) % 8 != 0;
}

/* Four decimal numbers, zeros before them allowed. */
static bool parse_padded(const char *text, uint32_t *out)
{
    uint32_t address = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t number = 0;
        size_t n = strspn(text, "0123456789");
        for (size_t k = 0; k < n && number <= 255; k++) {
            number = number * 10 + (uint32_t)(text[k] - '0');
        }
        if (n == 0 || number > 255 || text[n] != (i == 3 ? '\0' : '.')) {
            return false;
        }
        address = address << 8 | number;
        text += n + 1;
    }
    *out = address;
    return true;
}

/* "0x7f000001", "0177.0.0.1": what inet_aton() still takes for an address; "127.000.000.001". */
static bool is_same_address(const char *cn, const char *name)
{
    struct in_addr a;
    struct in_addr b;
    struct in6_addr a6;
    struct in6_addr b6;
    uint32_t padded;
    if (inet_pton(AF_INET, name, &b) == 1) {
        return (inet_aton(cn, &a) == 1 && a.s_addr == b.s_addr) ||
               (parse_padded(cn, &padded) && htonl(padded) == b.s_addr);
    }
    return inet_pton(AF_INET6, name, &b6) == 1 && inet_pton(AF_INET6, cn, &a6) == 1 &&
           bytes_equal(bytes_of(&a6, sizeof a6), bytes_of(&b6, sizeof b6));
}

/* Letters above ASCII and dots, no spaces: a host name in U-labels. */
static bool is_unicode_host(const char *cn)
{
    bool is_ascii = true;
    for (const char *p = cn; *p != '\0'; p++) {
        is_ascii = is_ascii && (unsigned char)*p < 0x80;
        if (isspace((unsigned char)*p)) {
            return false;
        }
    }
    return !is_ascii && strchr(cn, '.') != NULL;
}

static bool is_same_in_other_spelling(const char *cn, const char *name)
{
    char ascii[HOST_MAX + 1];
    if (is_same_address(cn, name)) {
        return true;
    }
    return idn_to_ascii(bytes_of_str(cn), ascii, sizeof ascii) && strcasecmp(ascii, name) == 0;
}

bool breaks_cn_spelling(const struct profile_subject *s)
{
    const struct x509_facts *f = cert_facts(s->c);
    bool is_other = is_unicode_host(f->common_name);
    for (size_t i = 0; i < f->n_names; i++) {
        if (strcmp(f->common_name, f->names[i]) == 0) {
            return false;
        }
        is_other = is_other || is_same_in_other_spelling(f->common_name, f->names[i]);
    }
    return is_other;
}
