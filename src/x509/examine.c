#include "x509/examine.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "x509/evidence.h"
#include "x509/ocsp.h"
#include "x509/profile.h"
#include "x509/strength.h"
#include "x509/verify.h"

/* All that judging one chain needs; too large for the stack of a host process. */
struct work {
    struct x509_chain *chain;
    const struct x509_question *q;
    struct paths paths, broken;
    struct findings best, trial;
    const struct path *path;
    struct staple_answer staple;
};

static void span_cut(struct span *s, int64_t boundary_s)
{
    if (boundary_s <= s->at_s && boundary_s > s->from_s) {
        s->from_s = boundary_s;
    }
    if (boundary_s > s->at_s && boundary_s < s->until_s) {
        s->until_s = boundary_s;
    }
}

/* Whether the boundary itself belongs to the time before or after differs between checks: both
 * seconds cut. */
static void span_cut_around(struct span *s, int64_t boundary_s)
{
    span_cut(s, boundary_s);
    if (boundary_s < INT64_MAX) {
        span_cut(s, boundary_s + 1);
    }
}

static void span_cut_crl(struct span *s, const X509_CRL *crl)
{
    int64_t at;
    if (asn1_time_get(X509_CRL_get0_lastUpdate(crl), &at)) {
        span_cut_around(s, at);
    }
    if (asn1_time_get(X509_CRL_get0_nextUpdate(crl), &at)) {
        span_cut_around(s, at);
    }
}

static void span_find(struct span *s, const struct work *w)
{
    const struct x509_store *store = w->chain->store;
    if (w->q->ignore_dates) {
        return;
    }
    for (size_t i = 0; i < w->chain->n; i++) {
        span_cut_around(s, w->chain->certs[i]->not_before_s);
        span_cut_around(s, w->chain->certs[i]->not_after_s);
    }
    for (size_t i = 0; i < store->n_anchors; i++) {
        span_cut_around(s, store->anchors[i]->not_before_s);
        span_cut_around(s, store->anchors[i]->not_after_s);
    }
    for (int i = 0; i < sk_X509_CRL_num(store->crls); i++) {
        span_cut_crl(s, sk_X509_CRL_value(store->crls, i));
    }
    for (size_t i = 0; i < w->staple.n_boundaries; i++) {
        span_cut_around(s, w->staple.boundaries_s[i]);
    }
    for (size_t i = 0; i < strength_n_steps; i++) {
        span_cut(s, strength_steps_s[i]);
    }
    for (size_t i = 0; i < profile_n_steps; i++) {
        span_cut(s, profile_steps_s[i]);
    }
}

bool examine_is_better(const struct findings *a, const struct findings *than)
{
    if (a->n == 0 || than->n == 0) {
        return a->n < than->n;
    }
    if (findings_rank(&a->list[0]) != findings_rank(&than->list[0])) {
        return findings_rank(&a->list[0]) > findings_rank(&than->list[0]);
    }
    return a->n < than->n;
}

enum status examine_path(const struct path *path, const struct x509_question *q,
                         struct findings *out)
{
    TRY(verify_path(path, q, out));
    if (out->could_not_build && out->n == 0) {
        findings_put(out, X509_FAULT_CHAIN_INVALID, path->certs[0], 0,
                     "has a chain whose links OpenSSL does not accept");
    }
    findings_sort(out);
    return ST_OK;
}

/* The path with the least wrong with it; the first of equals, since it is the likeliest. */
static enum status try_path(struct work *w, const struct path *path)
{
    w->trial = (struct findings){ .chain = w->chain };
    TRY(examine_path(path, w->q, &w->trial));
    if (w->path == NULL || examine_is_better(&w->trial, &w->best)) {
        w->best = w->trial;
        w->path = path;
    }
    return ST_OK;
}

static enum status judge_complete(struct work *w)
{
    enum status st = ST_OK;
    for (size_t i = 0; i < w->paths.n && st == ST_OK && (i == 0 || w->best.n > 0); i++) {
        st = try_path(w, &w->paths.found[i]);
    }
    return st;
}

static bool has_kind(const struct findings *f, enum x509_fault_kind kind)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->list[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* Beyond the limits of the search nobody knows; what was tried is all that may be spoken of. */
static void put_cut(struct cert *last, struct findings *out)
{
    findings_put(out, X509_FAULT_UNTRUSTED_CA, last, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                 "has more possible issuers than are tried, and none of those tried leads to a "
                 "trusted certificate");
}

enum status examine_dead_end(const struct paths *found, const struct x509_question *q,
                             struct paths *broken, struct findings *out,
                             struct x509_judgement *missing, const struct path **shown)
{
    const struct path *dead_end = &found->dead_end;
    *shown = dead_end;
    if (found->was_cut && found->n == 0 && out->chain->store->trust != X509_TRUST_NONE) {
        put_cut(dead_end->certs[dead_end->n - 1], out);
    } else {
        evidence_judge_end(dead_end, out, missing);
    }
    bool is_broken = missing->missing_issuer == NULL && has_kind(out, X509_FAULT_CHAIN_INVALID);
    if (is_broken) {
        TRY(paths_find(out->chain, q, true, broken));
    }
    if (broken->n > 0) { /* beyond the broken link there may be more to say */
        *shown = &broken->found[0];
    }
    TRY(verify_path(*shown, q, out));
    findings_sort(out);
    return ST_OK;
}

/* No anchor is reached: why, and what else is wrong with the certificates that are there. */
static enum status judge_dead_end(struct work *w, struct x509_judgement *out)
{
    w->best = (struct findings){ .chain = w->chain };
    return examine_dead_end(&w->paths, w->q, &w->broken, &w->best, out, &w->path);
}

static bool needs_staple(const struct work *w)
{
    return w->q->purpose != X509_FOR_CLIENT &&
           (cert_facts(w->chain->certs[0])->must_staple ||
            (w->q->demand_revocation && sk_X509_CRL_num(w->chain->store->crls) == 0 &&
             w->chain->store->n_broken_crls == 0));
}

static void judge_staple(struct work *w)
{
    struct cert *leaf = w->chain->certs[0];
    ocsp_read(w->path, w->q, &w->staple);
    switch (w->staple.state) {
    case STAPLE_GOOD:
        return;
    case STAPLE_REVOKED:
        findings_put(&w->best, X509_FAULT_REVOKED, leaf, X509_V_ERR_CERT_REVOKED,
                     "has been revoked: so says the stapled OCSP response");
        return;
    case STAPLE_NONE:
    case STAPLE_UNKNOWN:
        if (cert_facts(leaf)->must_staple && needs_staple(w)) { /* RFC 7633 section 4.2.2 */
            findings_put(
                &w->best, X509_FAULT_REVOCATION_UNKNOWN, leaf, X509_V_ERR_OCSP_VERIFY_NEEDED,
                w->staple.why == NULL ? "demands a stapled OCSP response, and there is none"
                                      : "demands a stapled OCSP response, and the one sent "
                                        "is of no use");
        }
        return;
    }
}

/* TLS stacks decode all certificates before they look at any. */
static bool judge_decoding(struct work *w)
{
    for (size_t i = 0; i < w->chain->n; i++) {
        if (w->chain->certs[i]->x == NULL) {
            findings_put(&w->best, X509_FAULT_MALFORMED, w->chain->certs[i], 0,
                         "cannot be decoded");
        }
    }
    return w->chain->certs[0]->x != NULL;
}

static void put_validity(const struct path *path, struct x509_judgement *out)
{
    out->valid_from_s = INT64_MIN;
    out->valid_until_s = INT64_MAX;
    for (size_t i = 0; i < path->n; i++) {
        const struct cert *c = path->certs[i];
        out->valid_from_s =
            c->not_before_s > out->valid_from_s ? c->not_before_s : out->valid_from_s;
        out->valid_until_s =
            c->not_after_s < out->valid_until_s ? c->not_after_s : out->valid_until_s;
    }
}

static enum status judge_chain(struct work *w, struct x509_judgement *out)
{
    w->best = (struct findings){ .chain = w->chain };
    if (!judge_decoding(w)) {
        return ST_OK;
    }
    struct findings undecoded = w->best;
    TRY(paths_find(w->chain, w->q, false, &w->paths));
    out->has_anchor = w->paths.n > 0;
    out->search_was_cut = w->paths.was_cut;
    TRY(out->has_anchor ? judge_complete(w) : judge_dead_end(w, out));
    judge_staple(w);
    for (size_t i = 0; i < undecoded.n; i++) {
        findings_put_fault(&w->best, &undecoded.list[i]);
    }
    put_validity(w->path, out);
    out->staple = w->staple.why;
    return ST_OK;
}

static void fill(const struct work *w, struct x509_judgement *out)
{
    struct findings sorted = w->best;
    findings_sort(&sorted);
    out->n_faults = sorted.n < X509_FAULTS_MAX ? sorted.n : X509_FAULTS_MAX;
    for (size_t i = 0; i < out->n_faults; i++) {
        out->faults[i] = sorted.list[i];
    }
    out->is_valid = out->n_faults == 0;
}

static enum status work_through(struct work *w, struct examined *out)
{
    out->j = (struct x509_judgement){ .trust_is_known = w->chain->store->trust != X509_TRUST_NONE };
    TRY(judge_chain(w, &out->j));
    fill(w, &out->j);
    out->span = (struct span){ w->q->at_s, INT64_MIN, INT64_MAX };
    span_find(&out->span, w);
    if (w->path != NULL && !out->j.has_anchor) {
        out->missing_hash = w->paths.dead_end.certs[w->paths.dead_end.n - 1]->issuer_hash;
    }
    return ST_OK;
}

enum status examine_chain(struct x509_chain *chain, const struct x509_question *q,
                          struct examined *out)
{
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return ST_NOMEM;
    }
    w->chain = chain;
    w->q = q;
    out->missing_hash = 0;
    ERR_set_mark();
    enum status st = work_through(w, out);
    ERR_pop_to_mark();
    free(w);
    return st;
}
