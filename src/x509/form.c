#include "x509/form.h"

#include <openssl/x509v3.h>

enum { EXTENSIONS_COMPARED_MAX = 64 };

/* RFC 5280 section 4.2: no extension twice. */
static bool has_extension_twice(const X509 *x)
{
    int n = X509_get_ext_count(x);
    for (int i = 0; i < n && i < EXTENSIONS_COMPARED_MAX; i++) {
        const ASN1_OBJECT *oid = X509_EXTENSION_get_object(X509_get_ext(x, i));
        if (X509_get_ext_by_OBJ(x, oid, i) >= 0) {
            return true;
        }
    }
    return false;
}

/* RFC 5280 section 4.2.1.6: an iPAddress has 4 or 16 octets. */
static bool has_bad_address(const X509 *x)
{
    bool is_bad = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        int len = type == GEN_IPADD ? ASN1_STRING_length(value) : 4;
        is_bad = is_bad || (len != 4 && len != 16);
    }
    GENERAL_NAMES_free(names);
    return is_bad;
}

/* RFC 5280 section 4.2.1.10: a constraint on addresses is address and mask, 8 or 32 octets; one on
 * host names has no wildcard, one on mailboxes one "@" at most. */
static bool is_bad_base(const GENERAL_NAME *base)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(base, &type);
    if (type != GEN_IPADD && type != GEN_DNS && type != GEN_EMAIL) {
        return false;
    }
    const uint8_t *p = ASN1_STRING_get0_data(value);
    size_t len = (size_t)ASN1_STRING_length(value);
    if (type == GEN_IPADD) {
        return len != 8 && len != 32;
    }
    if (type == GEN_DNS) {
        return len > 0 && memchr(p, '*', len) != NULL;
    }
    const uint8_t *at = len == 0 ? NULL : memchr(p, '@', len);
    return at != NULL && *p != '"' && memchr(at + 1, '@', len - (size_t)(at + 1 - p)) != NULL;
}

static bool has_bad_subtree(const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        if (is_bad_base(sk_GENERAL_SUBTREE_value(trees, i)->base)) {
            return true;
        }
    }
    return false;
}

static const char *wrong_constraints(const X509 *x)
{
    const char *wrong = NULL;
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
    if (nc == NULL) {
        return NULL;
    }
    if (has_bad_subtree(nc->permittedSubtrees) || has_bad_subtree(nc->excludedSubtrees)) {
        wrong = "has name constraints that are not well formed";
    } else if (sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) <= 0 &&
               sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) <= 0) {
        wrong = "has name constraints without any content"; /* RFC 5280 section 4.2.1.10 */
    }
    NAME_CONSTRAINTS_free(nc);
    return wrong;
}

/* RFC 5280 section 4.2.1.3 asks for one bit at least; OpenSSL takes the extension for invalid,
 * other verifiers for what it says: good for nothing. */
static bool has_empty_usage(const X509 *x)
{
    ASN1_BIT_STRING *usage = X509_get_ext_d2i(x, NID_key_usage, NULL, NULL);
    bool is_empty = usage != NULL;
    for (int i = 0; is_empty && i < ASN1_STRING_length(usage); i++) {
        is_empty = ASN1_STRING_get0_data(usage)[i] == 0;
    }
    ASN1_BIT_STRING_free(usage);
    return is_empty;
}

static const char *wrong_form(X509 *x)
{
    if ((X509_get_extension_flags(x) & EXFLAG_INVALID) != 0 && !has_empty_usage(x)) {
        return "has an extension that is not valid";
    }
    if (has_extension_twice(x)) {
        return "has the same extension twice";
    }
    if (X509_get0_pubkey(x) == NULL) {
        return "has a public key that cannot be decoded or is of no known kind";
    }
    if (has_bad_address(x)) {
        return "has an address among its names that is none";
    }
    return wrong_constraints(x);
}

void form_check(const struct path *path, struct findings *out)
{
    for (size_t i = 0; i < path->n; i++) {
        const char *wrong = wrong_form(path->certs[i]->x);
        if (wrong != NULL) {
            findings_put(out, X509_FAULT_MALFORMED, path->certs[i], 0, wrong);
        } else if (has_empty_usage(path->certs[i]->x)) {
            findings_put(out, i > 0 ? X509_FAULT_CHAIN_INVALID : X509_FAULT_WRONG_PURPOSE,
                         path->certs[i], 0, "has a key usage that allows nothing");
        }
    }
}
