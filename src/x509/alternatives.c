/* The paths of one chain side by side: one may fail where another passes. */
#include <stdlib.h>

#include <openssl/err.h>

#include "x509/examine.h"

struct trial {
    struct path path;
    struct findings findings;
};

struct comparison {
    struct x509_chain *chain;
    const struct x509_question *q;
    struct paths found, broken;
    size_t n;
    struct trial trials[PATHS_MAX + 1];
    size_t order[PATHS_MAX + 1]; /* best first */
};

/* Stable: of equals the one found first, as x509_judge() has it. */
static void rank(struct comparison *c, size_t trial)
{
    size_t at = c->n++;
    for (; at > 0 &&
           examine_is_better(&c->trials[trial].findings, &c->trials[c->order[at - 1]].findings);
         at--) {
        c->order[at] = c->order[at - 1];
    }
    c->order[at] = trial;
}

/* What does not reach an anchor comes last, whatever else is wrong with the others. */
static enum status try_dead_end(struct comparison *c)
{
    struct trial *t = &c->trials[c->n];
    struct x509_judgement missing = { .n_faults = 0 };
    const struct path *shown = NULL;
    if (c->found.dead_end.n == 0) {
        return ST_OK;
    }
    t->findings.chain = c->chain;
    TRY(examine_dead_end(&c->found, c->q, &c->broken, &t->findings, &missing, &shown));
    t->path = *shown;
    c->order[c->n] = c->n;
    c->n++;
    return ST_OK;
}

static enum status try_all(struct comparison *c)
{
    if (c->chain->n == 0 || c->chain->certs[0]->x == NULL) {
        return ST_OK;
    }
    TRY(paths_find(c->chain, c->q, false, &c->found));
    for (size_t i = 0; i < c->found.n; i++) {
        c->trials[i].path = c->found.found[i];
        c->trials[i].findings.chain = c->chain;
        TRY(examine_path(&c->trials[i].path, c->q, &c->trials[i].findings));
        rank(c, i);
    }
    return try_dead_end(c);
}

static struct x509_link link_of(const struct x509_chain *chain, struct cert *c)
{
    int index = culprit_of(chain, c);
    return (struct x509_link){
        .origin = index >= 0 ? X509_SENT : (c->is_anchor ? X509_TRUSTED : X509_SEEN),
        .index = index >= 0 ? index : -1,
        .facts = cert_facts(c),
        .der = bytes_of(c->der, c->der_len),
    };
}

static void tell(const struct comparison *c, const struct trial *t, struct x509_path *out)
{
    out->n = t->path.n;
    out->reaches_anchor = t->path.reaches_anchor && !t->path.is_broken;
    for (size_t i = 0; i < t->path.n; i++) {
        out->links[i] = link_of(c->chain, t->path.certs[i]);
    }
    out->n_faults = t->findings.n < X509_FAULTS_MAX ? t->findings.n : (size_t)X509_FAULTS_MAX;
    for (size_t i = 0; i < out->n_faults; i++) {
        out->faults[i] = t->findings.list[i];
    }
    out->is_valid = out->reaches_anchor && out->n_faults == 0;
}

static enum status compare(struct comparison *c, struct x509_paths *out)
{
    TRY(try_all(c));
    out->n = c->n < X509_PATHS_MAX ? c->n : (size_t)X509_PATHS_MAX;
    out->search_was_cut = c->found.was_cut;
    for (size_t i = 0; i < out->n; i++) {
        tell(c, &c->trials[c->order[i]], &out->paths[i]);
    }
    return ST_OK;
}

static enum status compare_or_fail(struct x509_chain *chain, const struct x509_question *q,
                                   struct x509_paths *out)
{
    struct comparison *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return ST_NOMEM;
    }
    c->chain = chain;
    c->q = q;
    ERR_set_mark();
    enum status st = compare(c, out);
    ERR_pop_to_mark();
    free(c);
    return st;
}

enum status x509_find_paths(struct x509_store *s, const struct x509_chain *chain,
                            const struct x509_question *q, struct x509_paths **out, struct err *err)
{
    struct x509_paths *p = calloc(1, sizeof *p);
    (void)s; /* the chain knows its store */
    if (p == NULL ||
        compare_or_fail((struct x509_chain *)(uintptr_t)chain, q, p) != ST_OK) { /* its texts */
        free(p);
        return err_set(err, ST_NOMEM, "comparing the paths of a chain: no memory");
    }
    *out = p;
    return ST_OK;
}

void x509_paths_free(struct x509_paths *p)
{
    free(p);
}
