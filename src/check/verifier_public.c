#include "check/verifier_public.h"

#include <unistd.h>

#define DEBIAN_ROOTS "/usr/share/ca-certificates/mozilla" /* the package ca-certificates */

static enum status load(struct public_web *w, struct err *err)
{
    const char *path = w->path == NULL ? DEBIAN_ROOTS : w->path;
    if (w->roots != NULL || (w->path == NULL && access(path, R_OK) != 0)) {
        return ST_OK; /* loaded, or not known here */
    }
    TRY(x509_store_new(&w->roots, err));
    return x509_store_add_trust(w->roots, path, err);
}

void public_web_deinit(struct public_web *w)
{
    x509_store_free(w->roots);
    *w = (struct public_web){ .path = NULL };
}

enum status public_web_trusts(struct public_web *w, const struct x509_chain *chain, bool *out,
                              struct err *err)
{
    struct bytes der[X509_CHAIN_MAX];
    struct x509_judgement j;
    size_t n = x509_chain_n(chain) < X509_CHAIN_MAX ? x509_chain_n(chain) : X509_CHAIN_MAX;
    *out = false;
    TRY(load(w, err));
    if (w->roots == NULL || n == 0) {
        return ST_OK;
    }
    for (size_t i = 0; i < n; i++) {
        der[i] = x509_chain_der(chain, i);
    }
    const struct x509_chain *own = x509_store_chain(w->roots, der, n);
    if (own == NULL) {
        return err_set(err, ST_NOMEM, "judging by the eyes of others: no memory");
    }
    struct x509_question q = { .purpose = X509_FOR_ANY, .ignore_dates = true };
    enum status st = x509_judge(w->roots, own, &q, &j, err);
    x509_chain_unref(own);
    *out = st == ST_OK && j.has_anchor;
    return st;
}
