/* Trust anchors, revocation lists, and certificates seen elsewhere. */
#include "x509/store.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "x509/x509.h"

static const struct {
    const char *id, *summary;
} faults[X509_N_FAULTS] = {
#define X509_FAULT(symbol, id, summary) { id, summary },
#include "x509/faults.def"
};

const char *x509_fault_id(enum x509_fault_kind kind)
{
    return (unsigned)kind < X509_N_FAULTS ? faults[kind].id : "";
}

const char *x509_fault_summary(enum x509_fault_kind kind)
{
    return (unsigned)kind < X509_N_FAULTS ? faults[kind].summary : "";
}

enum status x509_store_new(struct x509_store **out, struct err *err)
{
    struct x509_store *s = calloc(1, sizeof *s);
    STACK_OF(X509_CRL) *crls = sk_X509_CRL_new_null();
    if (s == NULL || crls == NULL) {
        sk_X509_CRL_free(crls);
        free(s);
        return err_set(err, ST_NOMEM, "certificate store: no memory");
    }
    s->crls = crls;
    digest_key_init(&s->key);
    *out = s;
    return ST_OK;
}

void x509_store_free(struct x509_store *s)
{
    if (s == NULL) {
        return;
    }
    cache_clear(s);
    for (size_t i = 0; i < s->n_seen; i++) {
        cert_unref(s->seen[i]);
    }
    for (size_t i = 0; i < s->n_anchors; i++) {
        cert_unref(s->anchors[i]);
    }
    free(s->anchors);
    sk_X509_CRL_pop_free(s->crls, X509_CRL_free);
    free(s);
}

enum x509_trust_source x509_store_trust(const struct x509_store *s)
{
    return s->trust;
}

size_t x509_store_n_anchors(const struct x509_store *s)
{
    return s->n_anchors;
}

size_t x509_store_n_broken_crls(const struct x509_store *s)
{
    return s->n_broken_crls;
}

static bool grow_anchors(struct x509_store *s)
{
    if (s->n_anchors < s->cap_anchors) {
        return true;
    }
    size_t cap = s->cap_anchors == 0 ? 256 : s->cap_anchors * 2;
    struct cert **grown = realloc(s->anchors, cap * sizeof(struct cert *));
    if (grown == NULL) {
        return false;
    }
    s->anchors = grown;
    s->cap_anchors = cap;
    return true;
}

enum status store_take_anchor(struct x509_store *s, struct cert *c, struct err *err)
{
    s->trust_generation++;
    if (c->is_anchor) { /* twice in the files */
        cert_unref(c);
        return ST_OK;
    }
    if (s->n_anchors >= ANCHORS_MAX) {
        cert_unref(c);
        return err_set(err, ST_USAGE, "more than %d trusted certificates", ANCHORS_MAX);
    }
    if (!grow_anchors(s)) {
        cert_unref(c);
        return err_set(err, ST_NOMEM, "trusted certificates: no memory");
    }
    c->is_anchor = true;
    s->anchors[s->n_anchors++] = c;
    return ST_OK;
}

enum status store_take_crl(struct x509_store *s, X509_CRL *crl, struct err *err)
{
    s->trust_generation++;
    if (sk_X509_CRL_push(s->crls, crl) == 0) {
        X509_CRL_free(crl);
        return err_set(err, ST_NOMEM, "revocation lists: no memory");
    }
    return ST_OK;
}

/* Only certificates of CAs and of their CRLs' signers help to explain another chain; the oldest
 * makes room. */
static void note(struct x509_store *s, struct cert *c)
{
    size_t at = s->n_seen;
    bool is_crl_signer = cert_signs_crls_only(c);
    if (c->is_seen || (!cert_is_ca(c) && !is_crl_signer)) {
        return;
    }
    s->n_crl_signers += is_crl_signer ? 1 : 0;
    if (s->n_seen < SEEN_MAX) {
        s->n_seen++;
    } else {
        at = s->next_seen;
        s->next_seen = (s->next_seen + 1) % SEEN_MAX;
        s->seen[at]->is_seen = false;
        cert_unref(s->seen[at]);
    }
    c->is_seen = true;
    s->seen[at] = cert_ref(c);
    s->seen_as[at] = ++s->n_seen_ever;
}

void x509_store_note_seen(struct x509_store *s, const struct x509_chain *chain)
{
    struct x509_chain *own = (struct x509_chain *)(uintptr_t)chain;
    if (chain == NULL || chain->was_noted) {
        return;
    }
    ERR_set_mark();
    for (size_t i = 0; i < chain->n; i++) {
        note(s, chain->certs[i]);
    }
    ERR_pop_to_mark();
    own->was_noted = true;
}
