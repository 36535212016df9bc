#include "check/verifier_view.h"

#include <limits.h>

#include <openssl/x509v3.h>

static unsigned place_of(const struct x509_path *path, size_t i)
{
    bool is_last = i == path->n - 1;
    if (i == 0) {
        return AT_LEAF;
    }
    return is_last && (path->reaches_anchor || path->links[i].facts->is_self_signed) ? AT_ROOT
                                                                                     : AT_INTER;
}

enum status view_open(struct view *v, const struct x509_path *path, const struct x509_chain *chain,
                      const struct x509_question *q)
{
    *v = (struct view){ .path = path, .q = q, .chain = chain };
    for (size_t i = 0; i < path->n; i++) {
        const struct x509_link *from = &path->links[i];
        const unsigned char *p = from->der.p;
        X509 *x = from->der.len > LONG_MAX ? NULL : d2i_X509(NULL, &p, (long)from->der.len);
        if (x == NULL) { /* x509 has decoded it before */
            return ST_NOMEM;
        }
        (void)X509_check_purpose(x, -1, 0); /* reads the extensions, which other calls rely on */
        v->links[v->n++] = (struct view_link){ x, place_of(path, i), from };
    }
    return ST_OK;
}

void view_close(struct view *v)
{
    for (size_t i = 0; i < v->n; i++) {
        X509_free(v->links[i].x);
    }
    v->n = 0;
}

int view_culprit(const struct view *v, size_t i)
{
    const struct x509_link *link = v->links[i].from;
    switch (link->origin) {
    case X509_SENT:
        return link->index;
    case X509_TRUSTED:
        return i == 0 ? 0 : X509_CULPRIT_TRUST;
    case X509_SEEN:
        return X509_CULPRIT_SEEN;
    }
    return X509_CULPRIT_TRUST;
}

void view_put(struct view_findings *to, struct view_finding f)
{
    if (to->n < VIEW_FINDINGS_MAX) {
        to->list[to->n++] = f;
    }
}
