#include "x509/policies.h"

#include <openssl/x509v3.h>

static bool has(const X509 *x, int nid)
{
    return X509_get_ext_by_NID(x, nid, -1) >= 0;
}

bool policies_are_bare(const struct path *path)
{
    for (size_t i = 0; i + 1 < path->n; i++) {
        const X509 *x = path->certs[i]->x;
        if (has(x, NID_policy_constraints) && !has(x, NID_certificate_policies)) {
            return true;
        }
    }
    return false;
}

/* requireExplicitPolicy, where it is less than `least`. */
static int64_t required_within(const X509 *x, int64_t least)
{
    POLICY_CONSTRAINTS *pc = X509_get_ext_d2i(x, NID_policy_constraints, NULL, NULL);
    int64_t n = least;
    bool is_told = pc != NULL && pc->requireExplicitPolicy != NULL &&
                   ASN1_INTEGER_get_int64(&n, pc->requireExplicitPolicy) == 1 && n >= 0;
    POLICY_CONSTRAINTS_free(pc);
    return is_told && n < least ? n : least;
}

/* explicit_policy of RFC 5280 sections 6.1.4 (h) and (i) and 6.1.5 (a) and (b): how many more
 * certificates may do without a valid policy. It never grows, and a path that fails on its way
 * (6.1.3 (f)) fails at its end too. */
void policies_check(const struct path *path, bool is_required, struct findings *out)
{
    int64_t explicit_policy = is_required ? 0 : (int64_t)path->n;
    for (size_t i = path->n - 1; i > 0 && explicit_policy > 0; i--) {
        X509 *x = path->certs[i - 1]->x;
        if ((X509_get_extension_flags(x) & EXFLAG_SI) == 0) { /* self-issued */
            explicit_policy--;
        }
        explicit_policy = required_within(x, explicit_policy);
    }
    if (explicit_policy == 0) {
        findings_put(out, X509_FAULT_CONSTRAINT, path->certs[0], X509_V_ERR_NO_EXPLICIT_POLICY,
                     "requires a certificate policy that the chain does not have");
    }
}
