#include "x509/verify.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "x509/constraints.h"
#include "x509/form.h"
#include "x509/policies.h"
#include "x509/profile.h"
#include "x509/strength.h"

/* One run of X509_verify_cert(). */
struct run {
    const struct path *path;
    const struct x509_question *q;
    struct findings *out;
    bool checks_crls;
    bool has_no_memory;
    X509_STORE *store;
    X509_STORE_CTX *ctx;
    STACK_OF(X509) * untrusted;
    X509_STORE_CTX_verify_fn verify_links; /* OpenSSL's own */
};

static void run_deinit(struct run *r)
{
    X509_STORE_CTX_free(r->ctx);
    X509_STORE_free(r->store);
    sk_X509_free(r->untrusted);
}

static const struct meaning {
    int error;
    enum x509_fault_kind kind;
    const char *what;
} meanings[] = {
#define X509_ERROR(code, kind, what) { X509_V_ERR_##code, X509_FAULT_##kind, what },
#include "x509/errors.def"
};

/* CRLs say nothing about trust anchors: those are taken out of the trust store instead (RFC 5280
 * section 6.1: the anchor is no part of the path). */
static bool is_about_anchor_crl(enum x509_fault_kind kind, const struct cert *c)
{
    return kind == X509_FAULT_REVOCATION_UNKNOWN && c->is_anchor;
}

/* RFC 5280 section 4.2.1.12: anyExtendedKeyUsage does not restrict. OpenSSL does not take it for
 * any use in TLS; other verifiers do. The key usage must fit all the same. */
static bool is_for_any_use(const struct run *r, const struct cert *c)
{
    uint32_t usage = X509_get_key_usage(c->x); /* all ones without the extension */
    uint32_t needed = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT;
    if (c != r->path->certs[0]) {
        needed = KU_KEY_CERT_SIGN;
    } else if (r->q->purpose == X509_FOR_SERVER) {
        needed |= KU_KEY_ENCIPHERMENT;
    }
    return (X509_get_extension_flags(c->x) & EXFLAG_XKUSAGE) != 0 &&
           (X509_get_extended_key_usage(c->x) & XKU_ANYEKU) != 0 && (usage & needed) != 0;
}

static bool is_passed_over(const struct run *r, int error, enum x509_fault_kind kind,
                           const struct cert *c)
{
    return is_about_anchor_crl(kind, c) ||
           (error == X509_V_ERR_INVALID_PURPOSE && is_for_any_use(r, c));
}

static const struct meaning *meaning_of(int error)
{
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (meanings[i].error == error) {
            return &meanings[i];
        }
    }
    return NULL;
}

static void put_error(struct run *r, int error, struct cert *c)
{
    char what[160];
    const struct meaning *meaning = meaning_of(error);
    if (meaning != NULL) {
        if (!is_passed_over(r, error, meaning->kind, c)) {
            findings_put(r->out, meaning->kind, c, error, meaning->what);
        }
        return;
    }
    (void)snprintf(what, sizeof what, "is refused: %s", X509_verify_cert_error_string(error));
    findings_put(r->out, X509_FAULT_CHAIN_INVALID, c, error, what);
}

static struct cert *current(const struct run *r, X509_STORE_CTX *ctx)
{
    const X509 *x = X509_STORE_CTX_get_current_cert(ctx);
    for (size_t i = 0; i < r->path->n; i++) {
        if (r->path->certs[i]->x == x) {
            return r->path->certs[i];
        }
    }
    int depth = X509_STORE_CTX_get_error_depth(ctx);
    return r->path->certs[depth >= 0 && (size_t)depth < r->path->n ? (size_t)depth : 0];
}

/* Sorts one error in; dates and building are judged elsewhere, where more is known. */
static void note_error(struct run *r, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx);
    switch (error) {
    case X509_V_OK:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        r->out->could_not_build = true;
        return;
    case X509_V_ERR_OUT_OF_MEM:
        r->has_no_memory = true;
        return;
    default:
        put_error(r, error, current(r, ctx));
    }
}

static int on_verify(int ok, X509_STORE_CTX *ctx)
{
    if (X509_STORE_CTX_get0_parent_ctx(ctx) != NULL) {
        return ok; /* the path of a CRL's signer: what counts is whether it is good */
    }
    if (ok != 1) {
        note_error(X509_STORE_CTX_get_app_data(ctx), ctx);
    }
    return 1; /* go on: all errors are wanted, not the first */
}

/* OpenSSL built the chain of the path's certificates, and the search verified each link. */
static bool are_links_known(const struct run *r, STACK_OF(X509) * chain)
{
    const struct path *p = r->path;
    bool is_same = p->n > 1 && sk_X509_num(chain) == (int)p->n;
    for (size_t i = 0; is_same && i < p->n; i++) {
        is_same = sk_X509_value(chain, (int)i) == p->certs[i]->x &&
                  (i == 0 || cert_is_known_signed_by(p->certs[i - 1], p->certs[i]));
    }
    return is_same;
}

/* In the place of OpenSSL's own step, which verifies every signature again and costs most of the
 * time. What else that step does: an issuer's key usage has to allow it (RFC 5280 section 4.2.1.3).
 * Dates, which it looks at too, are judged in check_dates(). */
static int verify_links(X509_STORE_CTX *ctx)
{
    struct run *r = X509_STORE_CTX_get_app_data(ctx);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    if (!are_links_known(r, chain)) {
        return r->verify_links(ctx);
    }
    for (int i = sk_X509_num(chain) - 2; i >= 0; i--) {
        X509 *issuer = sk_X509_value(chain, i + 1);
        int error = X509_check_issued(issuer, sk_X509_value(chain, i));
        if (error != X509_V_OK) {
            X509_STORE_CTX_set_error(ctx, error);
            X509_STORE_CTX_set_error_depth(ctx, i + 1);
            X509_STORE_CTX_set_current_cert(ctx, issuer);
            note_error(r, ctx);
        }
    }
    X509_STORE_CTX_set_error(ctx, X509_V_OK); /* where OpenSSL's own step ends: at the leaf */
    X509_STORE_CTX_set_error_depth(ctx, 0);
    X509_STORE_CTX_set_current_cert(ctx, sk_X509_value(chain, 0));
    return 1;
}

static bool is_trusted_here(const struct path *path, size_t i)
{
    return path->reaches_anchor ? path->certs[i]->is_anchor : i == path->n - 1;
}

/* Certificates of CRLs' signers: whatever else was sent may be one, and those noted elsewhere. */
static bool fill_crl_signers(struct run *r)
{
    const struct x509_chain *chain = r->out->chain;
    const struct x509_store *s = chain->store;
    for (size_t i = 1; i < chain->n; i++) {
        X509 *x = chain->certs[i]->x;
        if (x != NULL && sk_X509_push(r->untrusted, x) <= 0) {
            return false;
        }
    }
    for (size_t i = 0; s->n_crl_signers > 0 && i < s->n_seen; i++) {
        if (cert_signs_crls_only(s->seen[i]) && sk_X509_push(r->untrusted, s->seen[i]->x) <= 0) {
            return false;
        }
    }
    return true;
}

/* The trusted certificates of the path, and the others. */
static bool fill(struct run *r)
{
    for (size_t i = 0; i < r->path->n; i++) {
        X509 *x = r->path->certs[i]->x;
        bool is_put = is_trusted_here(r->path, i) ? X509_STORE_add_cert(r->store, x) == 1
                                                  : sk_X509_push(r->untrusted, x) > 0;
        if (!is_put) {
            return false;
        }
    }
    return !r->checks_crls || fill_crl_signers(r);
}

static bool is_zero(const ASN1_INTEGER *count)
{
    return count != NULL && ASN1_INTEGER_get(count) == 0;
}

/* RFC 5937 section 3.2: what a trust anchor says of policies sets the inputs of the path's
 * validation, since the anchor itself is no part of the path. */
static unsigned long flags_of_anchor(const struct run *r)
{
    unsigned long flags = 0;
    const X509 *x = r->path->certs[r->path->n - 1]->x;
    if (r->q->profile != X509_PROFILE_CAREFUL || r->path->n < 2) {
        return 0;
    }
    POLICY_CONSTRAINTS *pc = X509_get_ext_d2i(x, NID_policy_constraints, NULL, NULL);
    ASN1_INTEGER *any = X509_get_ext_d2i(x, NID_inhibit_any_policy, NULL, NULL);
    if (pc != NULL && is_zero(pc->requireExplicitPolicy)) {
        flags |= X509_V_FLAG_EXPLICIT_POLICY;
    }
    if (pc != NULL && is_zero(pc->inhibitPolicyMapping)) {
        flags |= X509_V_FLAG_INHIBIT_MAP;
    }
    if (is_zero(any)) {
        flags |= X509_V_FLAG_INHIBIT_ANY;
    }
    POLICY_CONSTRAINTS_free(pc);
    ASN1_INTEGER_free(any);
    return flags;
}

static unsigned long flags_of(const struct run *r)
{
    unsigned long flags = 0;
    if (!policies_are_bare(r->path)) {
        flags = X509_V_FLAG_POLICY_CHECK | /* RFC 5280 section 6.1 asks for it always */
                flags_of_anchor(r);
    }
    if (r->q->strict) {
        flags |= X509_V_FLAG_X509_STRICT;
    }
    if (r->q->partial_chain || !r->path->reaches_anchor) {
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    }
    if (r->q->ignore_dates) {
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    }
    if (r->checks_crls) {
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                 X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    }
    return flags;
}

static bool set_purpose(const struct run *r)
{
    switch (r->q->purpose) {
    case X509_FOR_SERVER:
        return X509_STORE_CTX_set_default(r->ctx, "ssl_server") == 1;
    case X509_FOR_CLIENT:
        return X509_STORE_CTX_set_default(r->ctx, "ssl_client") == 1;
    case X509_FOR_ANY:
        return true;
    }
    return true;
}

static enum status prepare(struct run *r)
{
    r->store = X509_STORE_new();
    r->ctx = X509_STORE_CTX_new();
    r->untrusted = sk_X509_new_null();
    if (r->store == NULL || r->ctx == NULL || r->untrusted == NULL || !fill(r) ||
        X509_STORE_CTX_init(r->ctx, r->store, r->path->certs[0]->x, r->untrusted) != 1 ||
        !set_purpose(r)) {
        return ST_NOMEM;
    }
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(r->ctx);
    if (!r->q->ignore_dates) {
        X509_VERIFY_PARAM_set_time(param, (time_t)r->q->at_s);
    }
    /* the initial policy set of RFC 5280 section 6.1.1: any */
    (void)X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy));
    X509_VERIFY_PARAM_set_depth(param, PATH_LINKS_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, 0); /* strength is judged below, by itself */
    (void)X509_VERIFY_PARAM_set_flags(param, flags_of(r));
    if (r->q->host != NULL) {
        /* the common name is then no host name (RFC 9525), and not under name constraints for hosts
         */
        X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    }
    if (r->checks_crls) {
        X509_STORE_CTX_set0_crls(r->ctx, r->out->chain->store->crls);
    }
    X509_STORE_CTX_set_app_data(r->ctx, r);
    X509_STORE_CTX_set_verify_cb(r->ctx, on_verify);
    r->verify_links = X509_STORE_CTX_get_verify(r->ctx);
    X509_STORE_CTX_set_verify(r->ctx, verify_links);
    return ST_OK;
}

/* RFC 5280 sections 5.2 and 6.3.3: a CRL that may not be used says nothing, not even "revoked". */
static bool is_unusable_crl(int error)
{
    return error == X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION ||
           error == X509_V_ERR_CRL_SIGNATURE_FAILURE || error == X509_V_ERR_DIFFERENT_CRL_SCOPE ||
           error == X509_V_ERR_KEYUSAGE_NO_CRL_SIGN ||
           error == X509_V_ERR_CRL_PATH_VALIDATION_ERROR ||
           error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER;
}

static bool is_contradicted(const struct findings *f, const struct x509_fault *revoked)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->list[i].culprit == revoked->culprit && is_unusable_crl(f->list[i].openssl_error)) {
            return true;
        }
    }
    return false;
}

/* Keeps of the findings about revocation what may be said. */
static void settle_revocation(const struct x509_question *q, struct findings *f)
{
    struct findings all = *f;
    f->n = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct x509_fault *fault = &all.list[i];
        bool is_dropped = (fault->kind == X509_FAULT_REVOKED && is_contradicted(&all, fault)) ||
                          (fault->kind == X509_FAULT_REVOCATION_UNKNOWN && !q->demand_revocation);
        if (!is_dropped) {
            f->list[f->n++] = *fault;
        }
    }
}

static bool has_kind_flags(const X509_CRL *crl)
{
    ISSUING_DIST_POINT *idp = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
    bool has = idp != NULL && (idp->onlyuser > 0 || idp->onlyCA > 0);
    ISSUING_DIST_POINT_free(idp);
    return has;
}

/* RFC 5280 section 5.2.5: the scope of a CRL for users' or for CAs' certificates only does not take
 * in certificates of version 1 or 2, which do not say what they are. */
static bool is_out_of_scope(const struct cert *c, STACK_OF(X509_CRL) * crls)
{
    bool is_out = false;
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        const X509_CRL *crl = sk_X509_CRL_value(crls, i);
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(c->x)) != 0) {
            continue;
        }
        if (!has_kind_flags(crl)) {
            return false;
        }
        is_out = true;
    }
    return is_out;
}

static void check_crl_versions(const struct path *path, const struct x509_question *q,
                               struct findings *out)
{
    STACK_OF(X509_CRL) *crls = out->chain->store->crls;
    for (size_t i = 0; i < path->n && q->demand_revocation; i++) {
        struct cert *c = path->certs[i];
        if (X509_get_version(c->x) != X509_VERSION_3 && !c->is_anchor && is_out_of_scope(c, crls)) {
            findings_put(out, X509_FAULT_REVOCATION_UNKNOWN, c, X509_V_ERR_DIFFERENT_CRL_SCOPE,
                         "is not in the scope of the revocation list");
        }
    }
}

static enum status run(struct run *r)
{
    TRY(prepare(r));
    size_t before = r->out->n;
    if (X509_verify_cert(r->ctx) != 1 && r->out->n == before && !r->out->could_not_build) {
        note_error(r, r->ctx);
    }
    if (policies_are_bare(r->path)) {
        bool is_required = (flags_of_anchor(r) & X509_V_FLAG_EXPLICIT_POLICY) != 0;
        policies_check(r->path, is_required, r->out);
    }
    return r->has_no_memory ? ST_NOMEM : ST_OK;
}

/* OpenSSL still takes Netscape's and Microsoft's "server gated crypto" for serverAuth; RFC 5280
 * section 4.2.1.12 does not. */
static void check_gated_crypto(const struct path *path, const struct x509_question *q,
                               struct findings *out)
{
    for (size_t i = 0; i < path->n && q->purpose == X509_FOR_SERVER; i++) {
        X509 *x = path->certs[i]->x;
        if ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) != 0 &&
            (X509_get_extended_key_usage(x) & (XKU_SSL_SERVER | XKU_ANYEKU | XKU_SGC)) == XKU_SGC) {
            findings_put(out, X509_FAULT_WRONG_PURPOSE, path->certs[i], X509_V_ERR_INVALID_PURPOSE,
                         "is for server gated crypto only, which is no use in TLS today");
        }
    }
}

static void check_dates(const struct path *path, const struct x509_question *q,
                        struct findings *out)
{
    for (size_t i = 0; i < path->n && !q->ignore_dates; i++) {
        struct cert *c = path->certs[i];
        if (c->dates_are_valid && q->at_s > c->not_after_s) { /* RFC 5280 4.1.2.5: inclusive */
            findings_put_limit(out, X509_FAULT_EXPIRED, c, c->not_after_s);
        } else if (c->dates_are_valid && q->at_s < c->not_before_s) {
            findings_put_limit(out, X509_FAULT_NOT_YET_VALID, c, c->not_before_s);
        }
    }
}

enum status verify_path(const struct path *path, const struct x509_question *q,
                        struct findings *out)
{
    const struct x509_store *s = out->chain->store;
    struct run r = { .path = path, .q = q, .out = out };
    r.checks_crls = q->demand_revocation || sk_X509_CRL_num(s->crls) > 0;
    enum status st = run(&r);
    run_deinit(&r);
    TRY(st);
    check_crl_versions(path, q, out);
    settle_revocation(q, out);
    form_check(path, out);
    constraints_check(path, out);
    if (q->profile == X509_PROFILE_CAREFUL) {
        profile_check(path, q, out);
    }
    check_gated_crypto(path, q, out);
    check_dates(path, q, out);
    strength_check(path, q, out);
    return ST_OK;
}
