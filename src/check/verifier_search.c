/* Which of the paths a verifier takes that keeps the first issuer it finds. */
#include <openssl/x509v3.h>

#include "check/verifier_view.h"

struct step {
    const struct view *views;
    size_t n, at; /* the issuer of links[at] is looked for */
    bool prefers_timely;
    bool is_open[X509_PATHS_MAX]; /* paths that begin with what was chosen so far */
};

static bool is_timely(const struct x509_facts *f, const struct x509_question *q)
{
    return q->ignore_dates || (q->at_s >= f->not_before_s && q->at_s <= f->not_after_s);
}

/* The lower, the sooner it is taken: what is trusted, then what is within its dates, then by order.
 */
static unsigned order_of(const struct step *s, const struct x509_link *link, bool is_trusted)
{
    bool is_late = s->prefers_timely && !is_timely(link->facts, s->views[0].q);
    if (is_trusted || link->origin == X509_TRUSTED) {
        return is_late ? 1 : 0;
    }
    return 2 + (is_late ? (unsigned)X509_CHAIN_MAX : 0U) +
           (unsigned)(link->index < 0 ? 0 : link->index);
}

static const struct x509_link *next_of(const struct step *s, size_t path)
{
    const struct x509_path *p = s->views[path].path;
    return s->is_open[path] && s->at + 1 < p->n ? &p->links[s->at + 1] : NULL;
}

static unsigned order_of_next(const struct step *s, size_t path)
{
    const struct x509_path *p = s->views[path].path;
    return order_of(s, &p->links[s->at + 1], p->reaches_anchor && s->at + 2 == p->n);
}

/* The likeliest path among those whose next issuer comes first. */
static bool choose(const struct step *s, size_t *out)
{
    bool is_found = false;
    unsigned best = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct x509_link *next = next_of(s, i);
        if (next != NULL && (!is_found || order_of_next(s, i) < best)) {
            best = order_of_next(s, i);
            *out = i;
            is_found = true;
        }
    }
    return is_found;
}

static bool is_option(const struct step *s, struct bytes der)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct x509_link *next = next_of(s, i);
        if (next != NULL && bytes_equal(next->der, der)) {
            return true;
        }
    }
    return false;
}

/* By name and key identifier; its key has not signed. */
static bool passes_for_issuer(struct bytes der, X509 *of)
{
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    EVP_PKEY *key = x == NULL ? NULL : X509_get0_pubkey(x);
    bool is_so = x != NULL && X509_cmp(x, of) != 0 && X509_check_issued(x, of) == X509_V_OK &&
                 (key == NULL || X509_verify(of, key) != 1);
    X509_free(x);
    return is_so;
}

/* A certificate sent that fits by name and key identifier, did not sign, and comes first. */
static bool find_namesake(const struct step *s, size_t chosen, int *out)
{
    const struct view *v = &s->views[chosen];
    unsigned limit = order_of_next(s, chosen);
    for (size_t i = 1; i < x509_chain_n(v->chain); i++) {
        struct bytes der = x509_chain_der(v->chain, i);
        struct x509_link as = { X509_SENT, (int)i, x509_chain_facts(v->chain, i), der };
        if (as.facts->is_parsed && order_of(s, &as, false) < limit && !is_option(s, der) &&
            passes_for_issuer(der, v->links[s->at].x)) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

static void keep_those_with(struct step *s, size_t chosen)
{
    struct bytes der = next_of(s, chosen)->der;
    for (size_t i = 0; i < s->n; i++) {
        const struct x509_link *next = next_of(s, i);
        s->is_open[i] = next != NULL && bytes_equal(next->der, der);
    }
}

void search_first(const struct view *views, size_t n, bool prefers_timely,
                  struct search_choice *out)
{
    struct step s = { .views = views, .n = n, .prefers_timely = prefers_timely };
    *out = (struct search_choice){ 0 };
    for (size_t i = 0; i < n; i++) { /* what leads nowhere is given up for what does not */
        s.is_open[i] = views[i].path->reaches_anchor || n == 1;
    }
    for (s.at = 0; choose(&s, &out->path); s.at++) {
        if (!out->has_namesake) {
            out->has_namesake = find_namesake(&s, out->path, &out->namesake);
            out->below = s.at;
        }
        keep_those_with(&s, out->path);
    }
}
