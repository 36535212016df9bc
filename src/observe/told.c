/* What a program sets on an SSL_CTX or a trust store and OpenSSL has no getter for. */
#include <errno.h>
#include <stdlib.h>

#include "observe/watched.h"

enum { PATH_BYTES_MAX = 1024 };

struct watched_ctx *watched_ctx_of(const struct observer *o, SSL_CTX *ctx)
{
    int index = atomic_load_explicit(&o->ctx_index, memory_order_relaxed);
    return ctx == NULL ? NULL : o->calls.SSL_CTX_get_ex_data(ctx, index);
}

struct watched_store *watched_store_of(const struct observer *o, const X509_STORE *store)
{
    int index = atomic_load_explicit(&o->store_index, memory_order_relaxed);
    bool is_known = store != NULL && index >= 0 && o->calls.X509_STORE_get_ex_data != NULL;
    return is_known ? o->calls.X509_STORE_get_ex_data(store, index) : NULL;
}

struct watched_ctx *watched_make_ctx(struct observer *o, SSL_CTX *ctx)
{
    struct watched_ctx *c = watched_ctx_of(o, ctx);
    if (c != NULL || ctx == NULL) {
        return c;
    }
    c = calloc(1, sizeof *c);
    if (c != NULL && o->calls.SSL_CTX_set_ex_data(ctx, atomic_load(&o->ctx_index), c) != 1) {
        free(c);
        c = NULL;
    }
    return c;
}

void watched_free_ctx(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent;
    (void)ad;
    (void)idx;
    (void)argl;
    (void)argp;
    free(ptr);
}

void watched_free_store(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct watched_store *t = ptr;
    for (size_t i = 0; t != NULL && i < t->n_places; i++) {
        free(t->places[i].path);
    }
    watched_free_ctx(parent, ptr, ad, idx, argl, argp);
}

bool observer_take_msg_callback(struct observer *o, SSL *s, msg_callback *cb)
{
    struct watched *w = s == NULL ? NULL : watched_of(o, s);
    if (w == NULL) {
        return false;
    }
    w->msg = cb;
    return !w->over;
}

void observer_note_ctx_msg_callback(struct observer *o, SSL_CTX *ctx, msg_callback *cb)
{
    struct watched_ctx *c = watched_make_ctx(o, ctx);
    if (c != NULL) {
        c->msg = cb;
    }
}

bool observer_take_keylog_callback(struct observer *o, SSL_CTX *ctx, SSL_CTX_keylog_cb_func cb)
{
    struct watched_ctx *c = watched_ctx_of(o, ctx);
    bool is_ours = c != NULL && o->calls.SSL_CTX_get_keylog_callback != NULL &&
                   o->calls.SSL_CTX_get_keylog_callback(ctx) == o->ours.keylog;
    if (is_ours) {
        c->keylog = cb;
    }
    return is_ours;
}

static struct watched_store *make_store(struct observer *o, X509_STORE *store)
{
    struct watched_store *t = watched_store_of(o, store);
    int index = atomic_load(&o->store_index);
    if (t != NULL || store == NULL || index < 0 || o->calls.X509_STORE_set_ex_data == NULL) {
        return t;
    }
    t = calloc(1, sizeof *t);
    if (t != NULL && o->calls.X509_STORE_set_ex_data(store, index, t) != 1) {
        free(t);
        t = NULL;
    }
    return t;
}

static bool is_noted(const struct watched_store *t, enum note_fact fact, const char *path)
{
    for (size_t i = 0; i < t->n_places; i++) {
        const char *noted = t->places[i].path;
        bool is_same = noted == NULL || path == NULL ? noted == path : strcmp(noted, path) == 0;
        if (is_same && t->places[i].fact == fact) {
            return true;
        }
    }
    return false;
}

void observer_note_trust(struct observer *o, X509_STORE *store, enum note_fact fact,
                         const char *path)
{
    int saved = errno;
    struct watched_store *t = make_store(o, store);
    if (t != NULL && t->n_places < TRUST_PLACES_MAX && !is_noted(t, fact, path)) {
        t->places[t->n_places].fact = fact;
        t->places[t->n_places].path = path == NULL ? NULL : strndup(path, PATH_BYTES_MAX);
        t->n_places++;
    }
    errno = saved;
}

void observer_note_ctx_trust(struct observer *o, SSL_CTX *ctx, enum note_fact fact,
                             const char *path)
{
    if (ctx != NULL && o->calls.SSL_CTX_get_cert_store != NULL) {
        observer_note_trust(o, o->calls.SSL_CTX_get_cert_store(ctx), fact, path);
    }
}
