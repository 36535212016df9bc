/* Chains by their bytes, and the sentences said about them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "x509/store.h"

/* A sentence; the same one is kept once. */
struct detail {
    struct detail *next;
    const char *text;
};

/* The chain is const for its users: what they see of it never changes. Counting is our business. */
static struct x509_chain *mutable(const struct x509_chain *chain)
{
    return (struct x509_chain *)(uintptr_t)chain;
}

static void list_remove(struct x509_chain *chain)
{
    struct x509_store *s = chain->store;
    *(chain->newer == NULL ? &s->newest : &chain->newer->older) = chain->older;
    *(chain->older == NULL ? &s->oldest : &chain->older->newer) = chain->newer;
    chain->newer = NULL;
    chain->older = NULL;
    s->n_kept--;
}

static void list_push(struct x509_chain *chain)
{
    struct x509_store *s = chain->store;
    chain->newer = NULL;
    chain->older = s->newest;
    *(s->newest == NULL ? &s->oldest : &s->newest->newer) = chain;
    s->newest = chain;
    s->n_kept++;
}

static void chain_free(struct x509_chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        cert_unref(chain->certs[i]);
    }
    arena_deinit(&chain->arena);
    free(chain);
}

/* Of a chain that is in the table and in the list. */
static void chain_drop(struct x509_chain *chain)
{
    struct x509_chain **at = &chain->store->chains[chain->hash % TABLE_BUCKETS];
    while (*at != chain) {
        at = &(*at)->next;
    }
    *at = chain->next;
    list_remove(chain);
    chain_free(chain);
}

static bool is_chain_of(const struct x509_chain *chain, const struct bytes *der, size_t n)
{
    if (chain->n != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct cert *c = chain->certs[i];
        if (!bytes_equal(bytes_of(c->der, c->der_len), der[i])) {
            return false;
        }
    }
    return true;
}

static struct x509_chain *chain_new(struct x509_store *s, const struct bytes *der, size_t n)
{
    struct x509_chain *chain = calloc(1, sizeof *chain + n * sizeof(struct cert *));
    if (chain == NULL) {
        return NULL;
    }
    chain->store = s;
    chain->arena.limit_bytes = CHAIN_TEXT_MAX;
    for (; chain->n < n; chain->n++) {
        chain->certs[chain->n] = cert_get(s, der[chain->n]);
        if (chain->certs[chain->n] == NULL) {
            chain_free(chain);
            return NULL;
        }
    }
    return chain;
}

static const struct x509_chain *add(struct x509_store *s, const struct bytes *der, size_t n,
                                    uint64_t hash)
{
    ERR_set_mark();
    struct x509_chain *chain = chain_new(s, der, n);
    ERR_pop_to_mark();
    if (chain == NULL) {
        return NULL;
    }
    chain->hash = hash;
    chain->refs = 1;
    chain->next = s->chains[hash % TABLE_BUCKETS];
    s->chains[hash % TABLE_BUCKETS] = chain;
    while (s->n_kept > X509_CHAINS_KEPT) {
        chain_drop(s->oldest);
    }
    return chain;
}

const struct x509_chain *x509_store_chain(struct x509_store *s, const struct bytes *der, size_t n)
{
    size_t used = n < X509_CHAIN_MAX ? n : X509_CHAIN_MAX;
    uint64_t hash = digest_pieces(&s->key, der, used) + (n - used);
    for (struct x509_chain *c = s->chains[hash % TABLE_BUCKETS]; c != NULL; c = c->next) {
        if (c->hash == hash && c->n_ignored == n - used && is_chain_of(c, der, used)) {
            return x509_chain_ref(c);
        }
    }
    const struct x509_chain *chain = add(s, der, used, hash);
    if (chain != NULL) {
        mutable(chain)->n_ignored = n - used;
    }
    return chain;
}

const struct x509_chain *x509_chain_ref(const struct x509_chain *chain)
{
    struct x509_chain *c = mutable(chain);
    if (c->refs++ == 0) {
        list_remove(c);
    }
    return chain;
}

void x509_chain_unref(const struct x509_chain *chain)
{
    if (chain == NULL) {
        return;
    }
    struct x509_chain *c = mutable(chain);
    if (--c->refs == 0) {
        list_push(c);
    }
}

void x509_store_trim(struct x509_store *s)
{
    struct x509_chain *newer = NULL;
    for (struct x509_chain *chain = s->oldest; chain != NULL; chain = newer) {
        newer = chain->newer;
        chain_drop(chain);
    }
}

void cache_clear(struct x509_store *s)
{
    x509_store_trim(s);
    for (size_t i = 0; i < TABLE_BUCKETS; i++) {
        while (s->chains[i] != NULL) { /* referred to until the end */
            struct x509_chain *chain = s->chains[i];
            s->chains[i] = chain->next;
            chain_free(chain);
        }
    }
}

size_t x509_chain_n(const struct x509_chain *chain)
{
    return chain->n;
}

size_t x509_chain_n_ignored(const struct x509_chain *chain)
{
    return chain->n_ignored;
}

struct bytes x509_chain_der(const struct x509_chain *chain, size_t i)
{
    if (i >= chain->n) {
        return (struct bytes){ NULL, 0 };
    }
    return bytes_of(chain->certs[i]->der, chain->certs[i]->der_len);
}

const struct x509_facts *x509_chain_facts(const struct x509_chain *chain, size_t i)
{
    return i < chain->n ? cert_facts(chain->certs[i]) : &cert_no_facts;
}

static const char *find_detail(const struct x509_chain *chain, const char *text)
{
    for (const struct detail *d = chain->details; d != NULL; d = d->next) {
        if (strcmp(d->text, text) == 0) {
            return d->text;
        }
    }
    return NULL;
}

const char *chain_say(struct x509_chain *chain, const char *fallback, const char *fmt, ...)
{
    char text[640];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (len < 0) {
        return fallback;
    }
    const char *known = find_detail(chain, text);
    if (known != NULL) {
        return known;
    }
    struct detail *d = arena_alloc(&chain->arena, sizeof *d);
    char *copy = arena_strndup(&chain->arena, text, strlen(text));
    if (d == NULL || copy == NULL) {
        return fallback;
    }
    *d = (struct detail){ chain->details, copy };
    chain->details = d;
    return copy;
}
