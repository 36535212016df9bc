/*
 * Which certificate of an input is the leaf: the one whose key is there; else the one that issued
 * none of the others; else the first. A server's and a capture's leaf is the first, as TLS has it
 * (RFC 8446 section 4.4.2).
 */
#include <stdlib.h>

#include "check/engine.h"

static const struct pool_cert *cert_of(const struct check *c, size_t i)
{
    return &c->pool.certs[i];
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The certificates of an input, or of one alias of it. */
struct lot {
    size_t n;
    size_t *certs;     /* indices into the pool, in the order of the input */
    uint64_t *issuers; /* the issuers' keys of those not issued by themselves, sorted */
    size_t n_issuers;
};

static void lot_deinit(struct lot *lot)
{
    free(lot->certs);
    free(lot->issuers);
}

static bool lot_init(struct lot *lot, const struct check *c, const struct pool_input *in)
{
    *lot = (struct lot){ .certs = calloc(in->n + 1, sizeof *lot->certs),
                         .issuers = calloc(in->n + 1, sizeof *lot->issuers) };
    if (lot->certs == NULL || lot->issuers == NULL) {
        lot_deinit(lot);
        return false;
    }
    for (size_t i = in->first; i < in->first + in->n; i++) {
        const struct pool_cert *cert = cert_of(c, i);
        if (cert->is_trusted) {
            continue;
        }
        lot->certs[lot->n++] = i;
        if (!cert->is_self_issued && cert->issuer_key != 0) {
            lot->issuers[lot->n_issuers++] = cert->issuer_key;
        }
    }
    qsort(lot->issuers, lot->n_issuers, sizeof *lot->issuers, by_number);
    return true;
}

static bool issued_some(const struct lot *lot, const struct pool_cert *cert)
{
    return bsearch(&cert->subject_key, lot->issuers, lot->n_issuers, sizeof *lot->issuers,
                   by_number) != NULL;
}

static bool is_end_entity(const struct lot *lot, const struct pool_cert *cert)
{
    return (!cert->is_ca || cert->names_hosts) && !issued_some(lot, cert);
}

/* --- what is sent with a leaf --- */

static bool is_in(const struct candidate_chain *chain, size_t cert)
{
    size_t n = chain->n < ENGINE_SENT_MAX ? chain->n : ENGINE_SENT_MAX;
    for (size_t i = 0; i < n; i++) {
        if (chain->certs[i] == cert) {
            return true;
        }
    }
    return false;
}

static void put(struct candidate_chain *chain, size_t cert)
{
    if (chain->n < ENGINE_SENT_MAX) {
        chain->certs[chain->n] = cert;
    }
    chain->n++;
}

/* All of the lot, in its order. */
static void put_all(struct candidate_chain *chain, const struct lot *lot, size_t leaf)
{
    put(chain, leaf);
    for (size_t i = 0; i < lot->n; i++) {
        if (lot->certs[i] != leaf) {
            put(chain, lot->certs[i]);
        }
    }
}

/* Several leaves in one file: each with those of the file that may have issued it. */
static void put_issuers(const struct check *c, struct candidate_chain *chain, size_t leaf)
{
    put(chain, leaf);
    for (size_t i = 0; i < chain->n && i < ENGINE_SENT_MAX; i++) {
        const struct pool_cert *below = cert_of(c, chain->certs[i]);
        size_t n = 0;
        const size_t *found =
            pool_find_in(&c->pool, below->issuer_key, &c->pool.inputs[chain->input], &n);
        for (size_t k = 0; k < n && chain->n < ENGINE_SENT_MAX; k++) {
            if (!is_in(chain, found[k])) {
                put(chain, found[k]);
            }
        }
    }
}

static enum status judge_leaf(struct check *c, const struct lot *lot, size_t leaf, bool is_only,
                              struct err *err)
{
    struct candidate_chain chain = { .input = cert_of(c, leaf)->input,
                                     .alias = cert_of(c, leaf)->alias };
    if (is_only) {
        put_all(&chain, lot, leaf);
        chain.leaf_was_moved = lot->certs[0] != leaf;
    } else {
        put_issuers(c, &chain, leaf);
    }
    return judge_chain(c, &chain, err);
}

/* --- Java key stores: the chain of an alias is what is sent --- */

static enum status judge_alias(struct check *c, const struct lot *lot, size_t first, size_t n,
                               struct err *err)
{
    struct candidate_chain chain = { .input = cert_of(c, lot->certs[first])->input,
                                     .alias = cert_of(c, lot->certs[first])->alias };
    for (size_t i = first; i < first + n; i++) {
        put(&chain, lot->certs[i]);
    }
    return judge_chain(c, &chain, err);
}

static enum status judge_aliases(struct check *c, const struct lot *lot, struct err *err)
{
    for (size_t i = 0; i < lot->n;) {
        size_t n = 1;
        while (i + n < lot->n &&
               cert_of(c, lot->certs[i + n])->group == cert_of(c, lot->certs[i])->group) {
            n++;
        }
        TRY(judge_alias(c, lot, i, n, err));
        i += n;
    }
    return ST_OK;
}

/* --- which leaves --- */

enum { LEAF_BY_KEY, LEAF_BY_ISSUING };

/* The same certificate stands before it in this input. */
static bool is_again(const struct check *c, size_t cert)
{
    size_t n = 0;
    const struct pool_cert *one = cert_of(c, cert);
    const size_t *found = pool_find_in(&c->pool, one->subject_key, &c->pool.inputs[one->input], &n);
    for (size_t i = 0; i < n && found[i] < cert; i++) {
        if (bytes_equal(cert_of(c, found[i])->der, one->der)) {
            return true;
        }
    }
    return false;
}

static bool is_leaf(const struct check *c, const struct lot *lot, size_t cert, int by)
{
    if (is_again(c, cert)) {
        return false;
    }
    return by == LEAF_BY_KEY ? cert_of(c, cert)->has_key : is_end_entity(lot, cert_of(c, cert));
}

static size_t count_leaves(const struct check *c, const struct lot *lot, int by)
{
    size_t n = 0;
    for (size_t i = 0; i < lot->n; i++) {
        n += is_leaf(c, lot, lot->certs[i], by) ? 1 : 0;
    }
    return n;
}

static size_t fallback_leaf(const struct check *c, const struct lot *lot)
{
    for (size_t i = 0; i < lot->n; i++) {
        if (!issued_some(lot, cert_of(c, lot->certs[i]))) {
            return lot->certs[i];
        }
    }
    return lot->certs[0];
}

static enum status judge_leaves(struct check *c, const struct lot *lot, struct err *err)
{
    int by = count_leaves(c, lot, LEAF_BY_KEY) > 0 ? LEAF_BY_KEY : LEAF_BY_ISSUING;
    size_t n = count_leaves(c, lot, by);
    if (n == 0) {
        return judge_leaf(c, lot, fallback_leaf(c, lot), true, err);
    }
    for (size_t i = 0; i < lot->n; i++) {
        if (is_leaf(c, lot, lot->certs[i], by)) {
            TRY(judge_leaf(c, lot, lot->certs[i], n == 1, err));
        }
    }
    return ST_OK;
}

/* CA certificates alone, and nothing that asks for a judgement of them as a chain. */
static bool is_truststore(const struct check *c, const struct lot *lot)
{
    const struct check_request *rq = c->rq;
    bool asks_of_chain = rq->trust_is_given || rq->host != NULL || rq->purpose_is_given;
    if (asks_of_chain && rq->against == NULL) {
        return false;
    }
    for (size_t i = 0; i < lot->n; i++) {
        const struct pool_cert *cert = cert_of(c, lot->certs[i]);
        if (!cert->is_ca || cert->names_hosts || cert->has_key) {
            return false;
        }
    }
    return true;
}

/* CA certificates beside an input that has a leaf are there to help, not to be judged. */
static bool is_helper(const struct check *c, const struct lot *lot, size_t input)
{
    bool has_leaf_elsewhere =
        c->rq->against == NULL && c->pool.n_leaves > c->pool.inputs[input].n_leaves;
    for (size_t i = 0; i < lot->n && has_leaf_elsewhere; i++) {
        const struct pool_cert *cert = cert_of(c, lot->certs[i]);
        if (!cert->is_ca || cert->names_hosts || cert->has_key) {
            return false;
        }
    }
    return has_leaf_elsewhere;
}

static enum status judge_lot(struct check *c, const struct lot *lot, size_t input, struct err *err)
{
    const struct pool_input *in = &c->pool.inputs[input];
    if (in->source != CHECK_FILE) {
        return judge_leaf(c, lot, lot->certs[0], true, err);
    }
    if (is_helper(c, lot, input)) {
        return ST_OK;
    }
    if (is_truststore(c, lot)) {
        return judge_truststore(c, input, lot->certs, lot->n, err);
    }
    return in->is_store ? judge_aliases(c, lot, err) : judge_leaves(c, lot, err);
}

static enum status judge_trusted(struct check *c, size_t input, struct err *err)
{
    const struct pool_input *in = &c->pool.inputs[input];
    size_t n = 0;
    size_t *trusted = calloc(in->n + 1, sizeof *trusted);
    if (trusted == NULL) {
        return check_no_memory(err);
    }
    for (size_t i = in->first; i < in->first + in->n; i++) {
        if (cert_of(c, i)->is_trusted) {
            trusted[n++] = i;
        }
    }
    enum status st = n == 0 ? ST_OK : judge_truststore(c, input, trusted, n, err);
    free(trusted);
    return st;
}

enum status leaf_judge_input(struct check *c, size_t input, struct err *err)
{
    struct lot lot;
    TRY(judge_trusted(c, input, err));
    if (!lot_init(&lot, c, &c->pool.inputs[input])) {
        return check_no_memory(err);
    }
    enum status st = lot.n == 0 ? ST_OK : judge_lot(c, &lot, input, err);
    lot_deinit(&lot);
    return st;
}
