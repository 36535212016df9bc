/* A question about a chain: answered from the cache, or by search, verification and explanation. */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdlib.h>

#include "x509/evidence.h"
#include "x509/ocsp.h"
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

/* Times between which nothing changes: the last boundary not after, the first after the question.
 */
struct span {
    int64_t at_s, from_s, until_s;
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
    if (w->q->ocsp_response.len > 0) { /* its signer has dates too: no answer outlives its second */
        span_cut_around(s, s->at_s);
    }
}

static bool is_better(const struct findings *a, const struct findings *than)
{
    if (a->n == 0 || than->n == 0) {
        return a->n < than->n;
    }
    if (a->list[0].kind != than->list[0].kind) {
        return a->list[0].kind > than->list[0].kind;
    }
    return a->n < than->n;
}

/* The path with the least wrong with it; the first of equals, since it is the likeliest. */
static enum status judge_complete(struct work *w)
{
    for (size_t i = 0; i < w->paths.n; i++) {
        w->trial = (struct findings){ .chain = w->chain };
        TRY(verify_path(&w->paths.found[i], w->q, &w->trial));
        if (w->trial.could_not_build && w->trial.n == 0) {
            findings_put(&w->trial, X509_FAULT_CHAIN_INVALID, w->chain->certs[0], 0,
                         "has a chain whose links OpenSSL does not accept");
        }
        findings_sort(&w->trial);
        if (i == 0 || is_better(&w->trial, &w->best)) {
            w->best = w->trial;
            w->path = &w->paths.found[i];
        }
        if (w->best.n == 0) {
            break;
        }
    }
    return ST_OK;
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

/* No anchor is reached: why, and what else is wrong with the certificates that are there. */
static enum status judge_dead_end(struct work *w, struct x509_judgement *out)
{
    w->path = &w->paths.dead_end;
    w->best = (struct findings){ .chain = w->chain };
    evidence_judge_end(w->path, &w->best, out);
    if (has_kind(&w->best, X509_FAULT_CHAIN_INVALID)) {
        TRY(paths_find(w->chain, w->q, true, &w->broken));
        if (w->broken.n > 0) {
            w->path = &w->broken.found[0];
        }
    }
    TRY(verify_path(w->path, w->q, &w->best));
    return ST_OK;
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
    if (out->has_anchor) {
        TRY(judge_complete(w));
    } else {
        TRY(judge_dead_end(w, out));
    }
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

static bool answers(const struct judged *e, const struct x509_store *s,
                    const struct x509_question *q, uint64_t ocsp_hash)
{
    return e->is_used && e->purpose == q->purpose && e->ignore_dates == q->ignore_dates &&
           e->partial_chain == q->partial_chain && e->demand_revocation == q->demand_revocation &&
           e->ocsp_hash == ocsp_hash && e->ocsp_len == q->ocsp_response.len &&
           e->trust_generation == s->trust_generation &&
           (e->j.has_anchor || e->seen_generation == s->seen_generation) &&
           (q->ignore_dates || (q->at_s >= e->from_s && q->at_s < e->until_s));
}

static const struct judged *find(const struct x509_chain *chain, const struct x509_question *q,
                                 uint64_t ocsp_hash)
{
    for (size_t i = 0; i < CHAIN_ENTRIES; i++) {
        if (answers(&chain->entries[i], chain->store, q, ocsp_hash)) {
            return &chain->entries[i];
        }
    }
    return NULL;
}

static const struct judged *remember(const struct work *w, uint64_t ocsp_hash,
                                     const struct x509_judgement *j)
{
    struct judged *e = &w->chain->entries[w->chain->next_entry++ % CHAIN_ENTRIES];
    struct span span = { w->q->at_s, INT64_MIN, INT64_MAX };
    span_find(&span, w);
    *e = (struct judged){
        .is_used = true,
        .purpose = w->q->purpose,
        .ignore_dates = w->q->ignore_dates,
        .partial_chain = w->q->partial_chain,
        .demand_revocation = w->q->demand_revocation,
        .ocsp_hash = ocsp_hash,
        .ocsp_len = w->q->ocsp_response.len,
        .trust_generation = w->chain->store->trust_generation,
        .seen_generation = w->chain->store->seen_generation,
        .from_s = span.from_s,
        .until_s = span.until_s,
        .j = *j,
    };
    return e;
}

static enum status judge_anew(struct x509_chain *chain, const struct x509_question *q,
                              uint64_t ocsp_hash, const struct judged **out)
{
    struct work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return ST_NOMEM;
    }
    struct x509_judgement j = { .trust_is_known = chain->store->trust != X509_TRUST_NONE };
    w->chain = chain;
    w->q = q;
    ERR_set_mark();
    enum status st = judge_chain(w, &j);
    ERR_pop_to_mark();
    if (st == ST_OK) {
        fill(w, &j);
        *out = remember(w, ocsp_hash, &j);
    }
    free(w);
    return st;
}

static void put_host(struct x509_chain *chain, struct x509_judgement *out)
{
    const struct x509_facts *facts = cert_facts(chain->certs[0]);
    struct text names = { 0 };
    for (size_t i = 0; i < facts->n_names && i < 5; i++) {
        text_printf(&names, "%s%.80s", i == 0 ? "" : ", ", facts->names[i]);
    }
    if (facts->n_names > 5) {
        text_printf(&names, " and %zu more", facts->n_names - 5);
    }
    const char *summary = x509_fault_summary(X509_FAULT_HOSTNAME_MISMATCH);
    if (out->n_faults < X509_FAULTS_MAX) {
        out->faults[out->n_faults++] = (struct x509_fault){
            .kind = X509_FAULT_HOSTNAME_MISMATCH,
            .openssl_error = X509_V_ERR_HOSTNAME_MISMATCH,
            .detail =
                facts->n_names == 0
                    ? "the leaf certificate names no host at all (no subjectAltName)"
                    : chain_say(chain, summary, "the leaf certificate is for %s", text_str(&names)),
        };
    }
    text_deinit(&names);
}

static void judge_no_certificate(struct x509_judgement *out)
{
    *out = (struct x509_judgement){ .n_faults = 1 };
    out->faults[0] =
        (struct x509_fault){ .kind = X509_FAULT_MALFORMED, .detail = "there is no certificate" };
}

enum status x509_judge(struct x509_store *s, const struct x509_chain *chain,
                       const struct x509_question *q, struct x509_judgement *out, struct err *err)
{
    struct x509_chain *own = (struct x509_chain *)(uintptr_t)chain; /* for its cache */
    if (chain->n == 0) {
        judge_no_certificate(out);
        return ST_OK;
    }
    uint64_t ocsp_hash = q->ocsp_response.len == 0 ? 0 : digest_bytes(&s->key, q->ocsp_response);
    const struct judged *e = find(chain, q, ocsp_hash);
    if (e == NULL && judge_anew(own, q, ocsp_hash, &e) != ST_OK) {
        return err_set(err, ST_NOMEM, "judging a certificate chain: no memory");
    }
    *out = e->j;
    if (q->host != NULL && chain->certs[0]->x != NULL && !x509_names_host(chain, q->host)) {
        put_host(own, out);
        out->is_valid = false;
    }
    return ST_OK;
}
