/* What is wrong with a path, each finding under the rule that says who refuses it. */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "check/verifier_view.h"

enum { SLOP_S = 24 * 60 * 60 };          /* RULE_SLOP */
enum { DROPPED = N_VERIFIER_RULES + 1 }; /* a rule of the table asks the same, more exactly */

/* The link of the path that a fault of x509 is about. */
static size_t link_of(const struct view *v, const struct x509_fault *fault)
{
    for (size_t i = 0; i < v->n && fault->culprit >= 0; i++) {
        if (v->links[i].from->index == fault->culprit) {
            return i;
        }
    }
    return v->n == 0 || fault->culprit >= 0 ? 0 : v->n - 1;
}

static bool is_strict_error(int error)
{
    return error >= X509_V_ERR_PATHLEN_INVALID_FOR_NON_CA &&
           error <= X509_V_ERR_EC_KEY_EXPLICIT_PARAMS;
}

static bool has_empty_constraints(X509 *x)
{
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
    bool is_so = nc != NULL && sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) <= 0 &&
                 sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) <= 0;
    NAME_CONSTRAINTS_free(nc);
    return is_so;
}

static int rule_of_form(const struct view *v, size_t link, const struct x509_fault *fault)
{
    if (fault->openssl_error == X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION ||
        view_has_extension_twice(v, link)) {
        return DROPPED;
    }
    if (fault->openssl_error == 0 && has_empty_constraints(v->links[link].x)) {
        return RULE_EMPTY_CONSTRAINTS;
    }
    if (fault->openssl_error == X509_V_ERR_EC_KEY_EXPLICIT_PARAMS) {
        return N_VERIFIER_RULES;
    }
    return is_strict_error(fault->openssl_error) ? (int)RULE_STRICT : (int)N_VERIFIER_RULES;
}

static bool holds_only_directory_names(const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        if (sk_GENERAL_SUBTREE_value(trees, i)->base->type != GEN_DIRNAME) {
            return false;
        }
    }
    return true;
}

static bool constrains_only_directory_names(X509 *x)
{
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
    bool is_so = nc != NULL && holds_only_directory_names(nc->permittedSubtrees) &&
                 holds_only_directory_names(nc->excludedSubtrees);
    NAME_CONSTRAINTS_free(nc);
    return is_so;
}

static bool holds_host_name(X509 *leaf)
{
    bool is_so = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        is_so = is_so || sk_GENERAL_NAME_value(names, i)->type == GEN_DNS;
    }
    GENERAL_NAMES_free(names);
    return is_so;
}

/* A CA above constrains the names of this certificate, and this check of OpenSSL's fails. */
static bool is_violated(const struct view *v, size_t below,
                        int (*check)(X509 *, NAME_CONSTRAINTS *))
{
    bool is_so = false;
    for (size_t i = below + 1; i < v->n; i++) {
        NAME_CONSTRAINTS *nc = X509_get_ext_d2i(v->links[i].x, NID_name_constraints, NULL, NULL);
        is_so = is_so || (nc != NULL && check(v->links[below].x, nc) != X509_V_OK);
        NAME_CONSTRAINTS_free(nc);
    }
    return is_so;
}

/* By the CAs in the path that constrain names at all. */
static int rule_of_constraints(const struct view *v, size_t link)
{
    if (!is_violated(v, link, NAME_CONSTRAINTS_check)) {
        bool by_cn = link == 0 && !holds_host_name(v->links[0].x) &&
                     is_violated(v, link, NAME_CONSTRAINTS_check_CN);
        /* x509 also sees names that a wildcard stands for; X509_verify_cert() does not */
        return by_cn ? RULE_CN_CONSTRAINTS : RULE_WILDCARD_EXCLUDED;
    }
    bool is_root_only = true;
    bool is_directory_only = true;
    for (size_t i = 1; i < v->n; i++) {
        X509 *x = v->links[i].x;
        if (X509_get_ext_by_NID(x, NID_name_constraints, -1) >= 0) {
            is_root_only = is_root_only && v->links[i].place == AT_ROOT;
            is_directory_only = is_directory_only && constrains_only_directory_names(x);
        }
    }
    if (is_root_only) {
        return RULE_ROOT_CONSTRAINTS;
    }
    return is_directory_only ? (int)RULE_DIRECTORY_NAMES : (int)N_VERIFIER_RULES;
}

/* The key identifiers differ: does the signature verify all the same? */
static int rule_of_key_ids(const struct view *v, size_t link)
{
    EVP_PKEY *key = link + 1 < v->n ? X509_get0_pubkey(v->links[link + 1].x) : NULL;
    if (key == NULL || X509_verify(v->links[link].x, key) != 1) {
        return N_VERIFIER_RULES;
    }
    return link == 0 ? (int)RULE_KEY_ID_LEAF : (int)RULE_KEY_ID;
}

static int rule_of_links(const struct view *v, size_t link, const struct x509_fault *fault)
{
    bool is_root = v->links[link].place == AT_ROOT;
    switch (fault->openssl_error) {
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
        return is_root ? (int)DROPPED : (int)N_VERIFIER_RULES;
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return is_root ? (int)RULE_ROOT_PATHLEN : (int)N_VERIFIER_RULES;
    case X509_V_ERR_AKID_SKID_MISMATCH:
    case X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH:
        return rule_of_key_ids(v, link);
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
        return rule_of_constraints(v, link);
    case X509_V_ERR_NO_EXPLICIT_POLICY:
    case X509_V_ERR_INVALID_POLICY_EXTENSION:
        return RULE_POLICY;
    default: /* the codes are OpenSSL's: an open list */
        return N_VERIFIER_RULES;
    }
}

static int rule_of_dates(const struct view *v, size_t link, const struct x509_fault *fault)
{
    bool is_expired = fault->kind == X509_FAULT_EXPIRED;
    if (v->links[link].place == AT_ROOT) {
        return is_expired ? RULE_ROOT_EXPIRED : RULE_ROOT_NOT_YET;
    }
    if (v->path->reaches_anchor && v->n == 1) {
        return is_expired ? RULE_LEAF_ANCHOR_EXPIRED : RULE_LEAF_ANCHOR_NOT_YET;
    }
    bool is_soon = !is_expired && fault->limit_s - v->q->at_s <= SLOP_S;
    return is_soon ? (int)RULE_SLOP : (int)N_VERIFIER_RULES;
}

static int rule_of(const struct view *v, size_t link, const struct x509_fault *fault)
{
    switch (fault->kind) {
    case X509_FAULT_MALFORMED:
        return rule_of_form(v, link, fault);
    case X509_FAULT_CHAIN_INVALID:
    case X509_FAULT_CONSTRAINT:
        return rule_of_links(v, link, fault);
    case X509_FAULT_EXPIRED:
    case X509_FAULT_NOT_YET_VALID:
        return rule_of_dates(v, link, fault);
    case X509_FAULT_CHAIN_INCOMPLETE:
        return v->links[v->n - 1].from->facts->aia_issuer_url != NULL ? (int)RULE_FETCH
                                                                      : (int)N_VERIFIER_RULES;
    case X509_FAULT_REVOKED:
    case X509_FAULT_REVOCATION_UNKNOWN:
        return RULE_REVOKED;
    case X509_FAULT_WRONG_PURPOSE:
    case X509_FAULT_WEAK:
    case X509_FAULT_HOSTNAME_MISMATCH:
        return DROPPED;
    case X509_FAULT_SELF_SIGNED:
    case X509_FAULT_UNTRUSTED_CA:
    case X509_N_FAULTS:
        break;
    }
    return N_VERIFIER_RULES;
}

static void sort_in(const struct view *v, const struct x509_fault *fault, struct view_findings *out)
{
    size_t link = link_of(v, fault);
    int rule = rule_of(v, link, fault);
    if (rule != DROPPED) {
        view_put(out, (struct view_finding){ .rule = (enum verifier_rule)rule,
                                             .kind = fault->kind,
                                             .link = link,
                                             .culprit = fault->culprit,
                                             .detail = fault->detail });
    }
}

static void ask_all(const struct view *v, size_t link, struct view_findings *out)
{
    for (size_t r = 0; r < N_VERIFIER_RULES; r++) {
        const struct rule_row *rule = &verifier_rules[r];
        if ((rule->where & v->links[link].place) != 0 && rule->is_so(v, link)) {
            view_put(out, (struct view_finding){ .rule = (enum verifier_rule)r,
                                                 .kind = rule->row.fault,
                                                 .link = link,
                                                 .culprit = view_culprit(v, link) });
        }
    }
}

void view_examine(const struct view *v, struct view_findings *out)
{
    out->n = 0;
    for (size_t i = 0; i < v->path->n_faults && v->n > 0; i++) {
        sort_in(v, &v->path->faults[i], out);
    }
    for (size_t i = 0; i < v->n; i++) {
        ask_all(v, i, out);
    }
}
