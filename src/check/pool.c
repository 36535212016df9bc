#include "check/pool.h"

#include <stdlib.h>

#include "x509/tie.h"

enum { POOL_TEXT_MAX = 64 << 20 };

void pool_deinit(struct pool *p)
{
    for (size_t i = 0; i < p->n_certs; i++) {
        x509_chain_unref(p->certs[i].held);
    }
    free(p->certs);
    free(p->keys);
    free(p->inputs);
    free(p->by_subject);
    arena_deinit(&p->arena);
}

/* Room for one more; NULL without memory, and what was there stays. */
static void *grow(void *list, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) {
        return list;
    }
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void *grown = more > SIZE_MAX / size ? NULL : realloc(list, more * size);
    *cap = grown == NULL ? *cap : more;
    return grown;
}

struct pool_input *pool_open_input(struct pool *p, enum check_source source, const char *name)
{
    struct pool_input *grown = grow(p->inputs, p->n_inputs, &p->cap_inputs, sizeof *grown);
    if (grown == NULL) {
        return NULL;
    }
    p->inputs = grown;
    p->arena.limit_bytes = POOL_TEXT_MAX;
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(name));
    const char *copy = arena_strndup(&p->arena, text_str(&safe), safe.len);
    text_deinit(&safe);
    struct pool_input *in = &p->inputs[p->n_inputs];
    *in = (struct pool_input){ .source = source, .name = copy, .first = p->n_certs };
    if (copy == NULL) {
        return NULL;
    }
    p->n_inputs++;
    return in;
}

/* What is asked of every certificate of every input. */
static bool look_at(struct pool *p, struct pool_cert *c)
{
    const struct x509_chain *chain = x509_store_chain(p->store, &c->der, 1);
    if (chain == NULL) {
        return false;
    }
    const struct x509_facts *facts = x509_chain_facts(chain, 0);
    c->is_parsed = facts->is_parsed;
    c->is_ca = facts->is_ca;
    c->is_self_issued = facts->is_self_issued;
    c->names_hosts = facts->n_names > 0;
    c->subject_key = x509_subject_key(chain, 0);
    c->issuer_key = x509_issuer_key(chain, 0);
    x509_store_note_seen(p->store, chain); /* CAs, and signers of CRLs */
    if (x509_store_n_certs(p->store) < POOL_HELD_MAX) {
        c->held = chain;
    } else {
        x509_chain_unref(chain);
    }
    return true;
}

enum status pool_add(struct pool *p, const struct pool_cert *cert)
{
    struct pool_cert *grown = grow(p->certs, p->n_certs, &p->cap_certs, sizeof *grown);
    if (grown == NULL) {
        return ST_NOMEM;
    }
    p->certs = grown;
    struct pool_cert *c = &p->certs[p->n_certs];
    struct pool_input *in = &p->inputs[p->n_inputs - 1];
    *c = *cert;
    c->input = p->n_inputs - 1;
    c->position = in->n;
    if (!look_at(p, c)) {
        return ST_NOMEM;
    }
    p->n_certs++;
    in->n++;
    if (!in->is_trust && (!c->is_ca || c->names_hosts)) {
        in->n_leaves++;
        p->n_leaves++;
    }
    return ST_OK;
}

enum status pool_add_key(struct pool *p, const struct pool_key *key)
{
    struct pool_key *grown = grow(p->keys, p->n_keys, &p->cap_keys, sizeof *grown);
    if (grown == NULL) {
        return ST_NOMEM;
    }
    p->keys = grown;
    p->keys[p->n_keys] = *key;
    p->keys[p->n_keys].input = p->n_inputs - 1;
    p->n_keys++;
    p->inputs[p->n_inputs - 1].n_keys++;
    return ST_OK;
}

static int by_spki(const void *a, const void *b)
{
    const struct pool_key *x = a;
    const struct pool_key *y = b;
    size_t least = x->spki.len < y->spki.len ? x->spki.len : y->spki.len;
    int order = least == 0 ? 0 : memcmp(x->spki.p, y->spki.p, least);
    return order != 0 ? order : (x->spki.len > y->spki.len) - (x->spki.len < y->spki.len);
}

static bool match_key(struct pool *p, size_t cert)
{
    const struct x509_chain *chain = pool_chain(p, cert);
    if (chain == NULL) {
        return false;
    }
    struct pool_key wanted = { .spki = x509_chain_facts(chain, 0)->spki };
    struct pool_key *found =
        wanted.spki.len == 0 ? NULL : bsearch(&wanted, p->keys, p->n_keys, sizeof wanted, by_spki);
    for (; found != NULL && found > p->keys && by_spki(found - 1, &wanted) == 0; found--) {
    }
    p->certs[cert].has_key = found != NULL;
    for (; found != NULL && found < p->keys + p->n_keys && by_spki(found, &wanted) == 0; found++) {
        found->is_matched = true;
    }
    x509_chain_unref(chain);
    return true;
}

static int by_subject(const void *a, const void *b, void *arg)
{
    const struct pool *p = arg;
    size_t i = *(const size_t *)a;
    size_t k = *(const size_t *)b;
    uint64_t x = p->certs[i].subject_key;
    uint64_t y = p->certs[k].subject_key;
    return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

enum status pool_index(struct pool *p)
{
    if (p->n_keys > 0) {
        qsort(p->keys, p->n_keys, sizeof *p->keys, by_spki);
    }
    for (size_t i = 0; i < p->n_certs && p->n_keys > 0; i++) {
        if (!match_key(p, i)) {
            return ST_NOMEM;
        }
    }
    p->by_subject = calloc(p->n_certs + 1, sizeof *p->by_subject);
    if (p->by_subject == NULL) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < p->n_certs; i++) {
        p->by_subject[i] = i;
    }
    qsort_r(p->by_subject, p->n_certs, sizeof *p->by_subject, by_subject, p);
    return ST_OK;
}

/* The place in by_subject of the first that is not below (subject_key, cert). */
static size_t lower_bound(const struct pool *p, uint64_t subject_key, size_t cert)
{
    size_t low = 0;
    size_t high = p->n_certs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t key = p->certs[p->by_subject[middle]].subject_key;
        if (key < subject_key || (key == subject_key && p->by_subject[middle] < cert)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const size_t *pool_find(const struct pool *p, uint64_t subject_key, size_t *n)
{
    size_t low = lower_bound(p, subject_key, 0);
    *n = lower_bound(p, subject_key, SIZE_MAX) - low;
    return p->by_subject + low;
}

const size_t *pool_find_in(const struct pool *p, uint64_t subject_key, const struct pool_input *in,
                           size_t *n)
{
    size_t low = lower_bound(p, subject_key, in->first);
    *n = lower_bound(p, subject_key, in->first + in->n) - low;
    return p->by_subject + low;
}

const struct x509_chain *pool_chain(const struct pool *p, size_t cert)
{
    return x509_store_chain(p->store, &p->certs[cert].der, 1);
}

const char *pool_where(struct arena *a, const struct pool *p, size_t cert)
{
    const struct pool_cert *c = &p->certs[cert];
    const struct pool_input *in = &p->inputs[c->input];
    const char *said = NULL;
    if (c->alias != NULL) {
        said = arena_printf(a, "%s, alias %s", in->name, c->alias);
    } else if (c->line > 0) {
        said = arena_printf(a, "%s, line %u", in->name, c->line);
    } else if (in->n > 1) {
        said = arena_printf(a, "%s, certificate %zu", in->name, c->position + 1);
    } else {
        said = arena_printf(a, "%s", in->name);
    }
    return said == NULL ? in->name : said;
}
