#include "x509/constraints.h"

#include <strings.h>

#include <openssl/x509v3.h>

static struct bytes string_bytes(const ASN1_STRING *s)
{
    int len = s == NULL ? 0 : ASN1_STRING_length(s);
    return len <= 0 ? bytes_of(NULL, 0) : bytes_of(ASN1_STRING_get0_data(s), (size_t)len);
}

static bool equal_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len &&
           (a.len == 0 || strncasecmp((const char *)a.p, (const char *)b.p, a.len) == 0);
}

/* "*.a.example" stands for every name one label below a.example, so also for the excluded
 * "b.a.example" (CVE-2025-61727 in Go; RFC 9525 section 6.3 says what a wildcard stands for). */
static bool may_stand_for(struct bytes name, struct bytes excluded)
{
    const uint8_t *dot = excluded.len == 0 ? NULL : memchr(excluded.p, '.', excluded.len);
    if (dot == NULL || dot == excluded.p || !bytes_start_with(name, BYTES("*."))) {
        return false;
    }
    return equal_nocase(bytes_skip(name, 1), bytes_skip(excluded, (size_t)(dot - excluded.p)));
}

static bool is_excluded(const GENERAL_NAME *name, const GENERAL_NAME *base)
{
    int type;
    int base_type;
    const void *held = GENERAL_NAME_get0_value(name, &type);
    const void *excluded = GENERAL_NAME_get0_value(base, &base_type);
    if (type != base_type) {
        return false;
    }
    if (type == GEN_DNS) {
        return may_stand_for(string_bytes(held), string_bytes(excluded));
    }
    /* an empty constraint takes in every mailbox, as an empty dNSName takes in every host */
    return type == GEN_EMAIL && string_bytes(excluded).len == 0;
}

static bool excludes_any(const NAME_CONSTRAINTS *nc, const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(nc->excludedSubtrees); i++) {
        const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(nc->excludedSubtrees, i)->base;
        for (int k = 0; k < sk_GENERAL_NAME_num(names); k++) {
            if (is_excluded(sk_GENERAL_NAME_value(names, k), base)) {
                return true;
            }
        }
    }
    return false;
}

/* As many comparisons as X509_verify_cert() takes on (NAME_CHECK_MAX there). */
static bool is_too_much(const NAME_CONSTRAINTS *nc, const GENERAL_NAMES *names)
{
    size_t n_bases = (size_t)sk_GENERAL_SUBTREE_num(nc->excludedSubtrees);
    size_t n_names = (size_t)sk_GENERAL_NAME_num(names);
    return n_bases > 0 && n_names > 0 && n_names > (1U << 20) / n_bases;
}

static void check_below(const struct path *path, size_t ca, const NAME_CONSTRAINTS *nc,
                        struct findings *out)
{
    for (size_t i = 0; i < ca; i++) {
        struct cert *c = path->certs[i];
        GENERAL_NAMES *names = X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);
        if ((i == 0 || !c->is_self_issued) && names != NULL && !is_too_much(nc, names) &&
            excludes_any(nc, names)) {
            findings_put(out, X509_FAULT_CONSTRAINT, c, X509_V_ERR_EXCLUDED_VIOLATION,
                         "has a name that a CA above it may not certify (name constraints, "
                         "excluded)");
        }
        GENERAL_NAMES_free(names);
    }
}

void constraints_check(const struct path *path, struct findings *out)
{
    for (size_t i = 1; i < path->n; i++) {
        NAME_CONSTRAINTS *nc =
            X509_get_ext_d2i(path->certs[i]->x, NID_name_constraints, NULL, NULL);
        if (nc != NULL && sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) > 0) {
            check_below(path, i, nc, out);
        }
        NAME_CONSTRAINTS_free(nc);
    }
}
