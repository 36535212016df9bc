#include "x509/tie.h"

#include <openssl/err.h>

#include "x509/store.h"

static struct cert *cert_at(const struct x509_chain *chain, size_t i)
{
    return i < chain->n && chain->certs[i]->x != NULL ? chain->certs[i] : NULL;
}

static enum x509_tie tie_of(struct cert *c, const struct cert *issuer)
{
    if (c == NULL || issuer == NULL || !cert_names_issuer(c, issuer)) {
        return X509_NOT_TIED;
    }
    ERR_set_mark();
    bool is_good = cert_key_ids_agree(c, issuer) && cert_is_signed_by(c, issuer);
    ERR_pop_to_mark();
    return is_good ? X509_TIED : X509_TIED_BY_NAME;
}

enum x509_tie x509_tie(const struct x509_chain *chain, size_t i, const struct x509_chain *other,
                       size_t k)
{
    return tie_of(cert_at(chain, i), cert_at(other, k));
}

/* X509_NAME_hash_ex() is of the canonical form and has 32 bits, of SHA-1; 0 is left for "none". */
static uint64_t key_of_hash(unsigned long hash)
{
    return (uint64_t)hash | (UINT64_C(1) << 32);
}

uint64_t x509_subject_key(const struct x509_chain *chain, size_t i)
{
    const struct cert *c = cert_at(chain, i);
    return c == NULL ? 0 : key_of_hash(c->subject_hash);
}

uint64_t x509_issuer_key(const struct x509_chain *chain, size_t i)
{
    const struct cert *c = cert_at(chain, i);
    return c == NULL ? 0 : key_of_hash(c->issuer_hash);
}

size_t x509_store_n_certs(const struct x509_store *s)
{
    return s->n_certs;
}

struct bytes x509_store_anchor(const struct x509_store *s, size_t i)
{
    return i < s->n_anchors ? bytes_of(s->anchors[i]->der, s->anchors[i]->der_len)
                            : bytes_of(NULL, 0);
}
