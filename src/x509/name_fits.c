#include "x509/name_fits.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "base/bytes.h"

enum { NAMES_MAX = 1024 };

/* `*.example.com` fits a.example.com, and neither example.com nor a.b.example.com (RFC 6125
 * section 6.4.3). */
static bool wildcard_fits(struct bytes pattern, struct bytes name)
{
    const uint8_t *dot = name.len == 0 ? NULL : memchr(name.p, '.', name.len);
    bool is_wildcard = pattern.len > 2 && pattern.p[0] == '*' && pattern.p[1] == '.';
    if (!is_wildcard || dot == NULL || dot == name.p) {
        return false;
    }
    struct bytes rest = bytes_skip(name, (size_t)(dot - name.p));
    return rest.len == pattern.len - 1 &&
           OPENSSL_strncasecmp((const char *)rest.p, (const char *)pattern.p + 1, rest.len) == 0;
}

static bool one_fits(const ASN1_STRING *text, struct bytes pattern, bool is_wildcard)
{
    unsigned char *utf8 = NULL;
    int len = text == NULL ? -1 : ASN1_STRING_to_UTF8(&utf8, text);
    if (len < 0) {
        return false;
    }
    struct bytes name = bytes_of(utf8, (size_t)len);
    bool is_literal =
        name.len == pattern.len &&
        OPENSSL_strncasecmp((const char *)name.p, (const char *)pattern.p, name.len) == 0;
    bool fits = is_literal || (is_wildcard && wildcard_fits(pattern, name));
    OPENSSL_free(utf8);
    return fits;
}

static bool alternative_fits(const X509 *x, struct bytes pattern, bool is_wildcard)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool fits = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && i < NAMES_MAX && !fits; i++) {
        int type = 0;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &type);
        fits = type == GEN_DNS && one_fits(value, pattern, is_wildcard);
    }
    GENERAL_NAMES_free(all);
    return fits;
}

static bool common_name_fits(const X509 *x, struct bytes pattern, bool is_wildcard)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = -1;
    bool fits = false;
    for (int n = 0; n < NAMES_MAX && !fits; n++) {
        at = X509_NAME_get_index_by_NID(subject, NID_commonName, at);
        if (at < 0) {
            break;
        }
        fits = one_fits(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), pattern,
                        is_wildcard);
    }
    return fits;
}

bool x509_name_fits(X509 *x, const char *name, bool is_pattern, bool is_wildcard)
{
    struct bytes text = bytes_of_str(name);
    if (x == NULL || text.len == 0) {
        return false;
    }
    if (is_pattern) {
        return alternative_fits(x, text, is_wildcard) || common_name_fits(x, text, is_wildcard);
    }
    return X509_check_ip_asc(x, name, 0) == 1 || X509_check_host(x, name, text.len, 0, NULL) == 1;
}
