#include "x509/path.h"

#include <stdlib.h>

#include <openssl/x509v3.h>

enum {
    CANDIDATES_MAX = 24,
    STEPS_MAX = 4000,     /* certificates put at the end of a path */
    SIGNATURES_MAX = 256, /* checked per search */
};

struct link_memo {
    const struct cert *subject, *issuer;
    bool is_good;
};

struct candidates {
    size_t n, next;
    struct cert *certs[CANDIDATES_MAX];
    unsigned penalty[CANDIDATES_MAX];
};

struct search {
    struct x509_chain *chain;
    const struct x509_question *q;
    bool broken;
    struct path path;
    struct candidates level[PATH_LINKS_MAX]; /* issuers of path.certs[i] */
    struct link_memo memo[SIGNATURES_MAX];
    size_t n_memo, steps;
    struct paths *out;
};

int culprit_of(const struct x509_chain *chain, const struct cert *c)
{
    for (size_t i = 0; i < chain->n; i++) {
        if (chain->certs[i] == c) {
            return (int)i;
        }
    }
    return c->is_anchor ? X509_CULPRIT_TRUST : X509_CULPRIT_SEEN;
}

static bool is_signed(struct search *f, struct cert *c, const struct cert *issuer)
{
    for (size_t i = 0; i < f->n_memo; i++) {
        if (f->memo[i].subject == c && f->memo[i].issuer == issuer) {
            return f->memo[i].is_good;
        }
    }
    if (f->n_memo == SIGNATURES_MAX) {
        f->out->was_cut = true;
        return false;
    }
    bool is_good = cert_is_signed_by(c, issuer);
    f->memo[f->n_memo++] = (struct link_memo){ c, issuer, is_good };
    return is_good;
}

static bool is_in_path(const struct path *p, const struct cert *c)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->certs[i] == c) {
            return true;
        }
    }
    return false;
}

static bool usage_fits(const struct cert *issuer, enum x509_purpose purpose)
{
    uint32_t eku = X509_get_extended_key_usage(issuer->x); /* all ones without the extension */
    switch (purpose) {
    case X509_FOR_SERVER:
        return (eku & (XKU_SSL_SERVER | XKU_SGC | XKU_ANYEKU)) != 0;
    case X509_FOR_CLIENT:
        return (eku & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
    case X509_FOR_ANY:
        return true;
    }
    return true;
}

/* What speaks against this issuer beside the link itself: the lower, the sooner it is tried. */
static unsigned penalty_of(const struct cert *issuer, const struct x509_question *q)
{
    unsigned penalty = issuer->is_anchor ? 0 : 1;
    if (!cert_is_ca(issuer) || (X509_get_key_usage(issuer->x) & KU_KEY_CERT_SIGN) == 0) {
        penalty += 32;
    }
    if (!usage_fits(issuer, q->purpose)) {
        penalty += 16;
    }
    if (!q->ignore_dates && (q->at_s < issuer->not_before_s || q->at_s > issuer->not_after_s)) {
        penalty += 8;
    }
    if (!issuer->is_anchor && cert_signature_is_weak(issuer)) {
        penalty += 4;
    }
    return penalty;
}

/* Sorted by penalty, those of equal penalty in the order given. */
static void candidates_put(struct search *f, struct candidates *to, struct cert *c,
                           unsigned penalty)
{
    if (to->n == CANDIDATES_MAX) {
        f->out->was_cut = true;
        return;
    }
    size_t at = to->n++;
    for (; at > 0 && to->penalty[at - 1] > penalty; at--) {
        to->certs[at] = to->certs[at - 1];
        to->penalty[at] = to->penalty[at - 1];
    }
    to->certs[at] = c;
    to->penalty[at] = penalty;
}

static void consider(struct search *f, struct candidates *to, struct cert *c, struct cert *issuer)
{
    if (!cert_names_issuer(c, issuer) || is_in_path(&f->path, issuer)) {
        return;
    }
    bool is_good = cert_key_ids_agree(c, issuer) && is_signed(f, c, issuer);
    if (is_good || f->broken) {
        candidates_put(f, to, issuer, penalty_of(issuer, f->q) + (is_good ? 0 : 64));
    }
}

static void find_candidates(struct search *f, struct candidates *to)
{
    const struct x509_store *s = f->chain->store;
    struct cert *c = f->path.certs[f->path.n - 1];
    to->n = 0;
    to->next = 0;
    if (cert_is_self_signed(c)) {
        return;
    }
    for (size_t i = 0; i < s->n_anchors; i++) {
        consider(f, to, c, s->anchors[i]);
    }
    for (size_t i = 1; i < f->chain->n; i++) {
        struct cert *sent = f->chain->certs[i];
        bool is_again = false;
        for (size_t k = 1; k < i; k++) {
            is_again = is_again || f->chain->certs[k] == sent;
        }
        if (!is_again && !sent->is_anchor) {
            consider(f, to, c, sent);
        }
    }
    for (size_t i = 0; f->q->use_seen && i < s->n_seen; i++) {
        if (!s->seen[i]->is_anchor && cert_is_ca(s->seen[i]) &&
            culprit_of(f->chain, s->seen[i]) == X509_CULPRIT_SEEN) {
            consider(f, to, c, s->seen[i]);
        }
    }
}

static bool ends_at_anchor(const struct search *f)
{
    const struct cert *last = f->path.certs[f->path.n - 1];
    return last->is_anchor && (last->is_self_issued || f->q->partial_chain);
}

/* A path to a root that is not trusted explains more than one that just stops. */
static bool is_better_dead_end(const struct path *p, const struct path *than)
{
    if (than->n == 0) {
        return true;
    }
    bool is_root = cert_is_self_signed(p->certs[p->n - 1]);
    bool was_root = cert_is_self_signed(than->certs[than->n - 1]);
    return is_root != was_root ? is_root : p->n > than->n;
}

/* Looks at the end of the path: complete, dead, or with issuers to try. */
static void settle(struct search *f)
{
    struct candidates *to = &f->level[f->path.n - 1];
    f->steps++;
    to->n = 0;
    to->next = 0;
    if (ends_at_anchor(f)) {
        f->path.reaches_anchor = true;
        f->out->found[f->out->n++] = f->path;
        f->path.reaches_anchor = false;
        return;
    }
    if (f->path.n < PATH_LINKS_MAX) {
        find_candidates(f, to);
    } else {
        f->out->was_cut = true;
    }
    if (to->n == 0 && is_better_dead_end(&f->path, &f->out->dead_end)) {
        f->out->dead_end = f->path;
    }
}

static void run(struct search *f)
{
    f->path.certs[0] = f->chain->certs[0];
    f->path.n = 1;
    f->path.is_broken = f->broken;
    settle(f);
    while (f->path.n > 0) {
        if (f->steps >= STEPS_MAX || f->out->n >= PATHS_MAX) {
            f->out->was_cut = true;
            return;
        }
        struct candidates *from = &f->level[f->path.n - 1];
        if (from->next == from->n) {
            f->path.n--;
            continue;
        }
        f->path.certs[f->path.n++] = from->certs[from->next++];
        settle(f);
    }
}

enum status paths_find(struct x509_chain *chain, const struct x509_question *q, bool broken,
                       struct paths *out)
{
    struct search *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return ST_NOMEM;
    }
    out->n = 0;
    out->dead_end.n = 0;
    out->was_cut = false;
    f->chain = chain;
    f->q = q;
    f->broken = broken;
    f->out = out;
    run(f);
    free(f);
    return ST_OK;
}
