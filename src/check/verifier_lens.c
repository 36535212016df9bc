#include "check/verifier_lens.h"

#include <openssl/err.h>

static struct x509_question question_of(enum lens_kind kind, const struct x509_question *q)
{
    struct x509_question own = *q;
    own.profile = X509_PROFILE_TLS;
    own.host = NULL; /* names are matched by the rules of each */
    own.demand_revocation = false;
    own.strict = kind == LENS_STRICT;
    own.partial_chain = kind != LENS_ROOTS;
    own.use_seen = false;
    return own;
}

static enum status open_views(struct lens *l, const struct x509_chain *chain, struct err *err)
{
    for (size_t i = 0; i < l->paths->n; i++) {
        l->n = i + 1;
        if (view_open(&l->views[i], &l->paths->paths[i], chain, &l->q) != ST_OK) {
            return err_set(err, ST_NOMEM, "judging by the eyes of others: no memory");
        }
    }
    return ST_OK;
}

enum status lens_open(struct lens *l, enum lens_kind kind, struct x509_store *store,
                      const struct x509_chain *chain, const struct x509_question *q,
                      struct err *err)
{
    l->q = question_of(kind, q);
    l->n = 0;
    TRY(x509_find_paths(store, chain, &l->q, &l->paths, err));
    TRY(open_views(l, chain, err));
    l->names.n = 0;
    l->has_host = q->host != NULL && l->n > 0;
    if (l->has_host) {
        ERR_set_mark();
        name_ways_find(l->views[0].links[0].x, q->host, &l->names);
        ERR_pop_to_mark();
    }
    return ST_OK;
}

void lens_close(struct lens *l)
{
    for (size_t i = 0; i < l->n; i++) {
        view_close(&l->views[i]);
    }
    x509_paths_free(l->paths);
    l->paths = NULL;
    l->n = 0;
}

void lens_examine(struct lens *l, bool is_public)
{
    ERR_set_mark();
    for (size_t i = 0; i < l->n; i++) {
        l->views[i].is_public = is_public;
        view_examine(&l->views[i], &l->found[i]);
    }
    ERR_pop_to_mark();
}

static bool is_public_rule(enum verifier_rule rule)
{
    return rule == RULE_SHA1_PUBLIC || rule == RULE_VALID_825 || rule == RULE_VALID_398 ||
           rule == RULE_VALID_200 || rule == RULE_VALID_100 || rule == RULE_VALID_47;
}

bool lens_has_public_rules(const struct lens *l)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < l->found[i].n; k++) {
            if (is_public_rule(l->found[i].list[k].rule)) {
                return true;
            }
        }
    }
    return false;
}

bool lens_reaches_anchor(const struct lens *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->views[i].path->reaches_anchor) {
            return true;
        }
    }
    return false;
}
