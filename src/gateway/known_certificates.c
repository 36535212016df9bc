#include "gateway/known_certificates.h"

#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "store/store.h"
#include "x509/pem.h"

enum {
    KNOWN_MAX = 20000,
    ARENA_BYTES = 64 << 20,
    LOOK_MS = 500,
    SHA256_BYTES = 32,
    DEPTH_MAX = 8, /* of a document: deeper is nothing of ours */
};

struct known_certificates {
    char *store_path;
    struct store *store;
    bool is_read;
    uint64_t generation;
    int64_t looked_ns;
    struct arena arena;
    size_t n;
    struct known_certificate *list;
};

enum status known_certificates_new(const char *store_path, struct known_certificates **out,
                                   struct err *err)
{
    struct known_certificates *k = calloc(1, sizeof *k);
    char *path = strdup(store_path);
    if (k == NULL || path == NULL) {
        free(k);
        free(path);
        return err_set(err, ST_NOMEM, "no memory");
    }
    k->store_path = path;
    k->arena.limit_bytes = ARENA_BYTES;
    *out = k;
    return ST_OK;
}

void known_certificates_free(struct known_certificates *k)
{
    if (k == NULL) {
        return;
    }
    store_close(k->store);
    arena_deinit(&k->arena);
    free(k->store_path);
    free(k->list);
    free(k);
}

/* --- reading --- */

struct reading {
    struct known_certificates *k;
    const struct store_name *at;
    size_t index; /* within the alias */
    bool failed;
};

static const char *hex_of(struct arena *a, const uint8_t digest[SHA256_BYTES])
{
    struct text hex = { 0 };
    text_put_hex(&hex, bytes_of(digest, SHA256_BYTES));
    const char *copy = hex.failed ? NULL : arena_strndup(a, text_str(&hex), hex.len);
    text_deinit(&hex);
    return copy;
}

static const char *copy_text(struct arena *a, const char *s)
{
    return s == NULL ? "" : arena_strndup(a, s, strlen(s));
}

/* False without memory. */
static bool keep_issuer(struct arena *a, struct bytes der, struct known_certificate *c)
{
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    bool is_kept = true;
    if (x != NULL && X509_check_ca(x) > 0) {
        c->subject_hash = X509_NAME_hash_ex(X509_get_subject_name(x), NULL, NULL, NULL);
        c->der = arena_copy(a, der);
        is_kept = c->der.len > 0;
    }
    X509_free(x);
    ERR_clear_error();
    return is_kept;
}

static void keep_certificate(void *arg, struct bytes der)
{
    struct reading *r = arg;
    struct known_certificates *k = r->k;
    uint8_t digest[SHA256_BYTES];
    if (k->n == KNOWN_MAX || EVP_Digest(der.p, der.len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return;
    }
    struct known_certificate c = { .sha256_hex = hex_of(&k->arena, digest),
                                   .org = copy_text(&k->arena, r->at->org),
                                   .env = copy_text(&k->arena, r->at->env),
                                   .keystore = copy_text(&k->arena, r->at->parent),
                                   .alias = copy_text(&k->arena, r->at->name),
                                   .index = r->index++ };
    if (c.sha256_hex == NULL || c.org == NULL || c.env == NULL || c.keystore == NULL ||
        c.alias == NULL || !keep_issuer(&k->arena, der, &c)) {
        r->failed = true;
        return;
    }
    k->list[k->n++] = c;
}

struct level {
    json_t *value;
    size_t next;
};

/* The i-th member of an object or array; NULL behind the last. */
static json_t *member(json_t *of, size_t i)
{
    if (json_is_array(of)) {
        return json_array_get(of, i);
    }
    void *at = json_is_object(of) ? json_object_iter(of) : NULL;
    for (size_t k = 0; at != NULL && k < i; k++) {
        at = json_object_iter_next(of, at);
    }
    return at == NULL ? NULL : json_object_iter_value(at);
}

/* Every text of a document that is PEM. */
static void keep_document(struct reading *r, json_t *document)
{
    struct level levels[DEPTH_MAX] = { { document, 0 } };
    size_t depth = 1;
    while (depth > 0) {
        struct level *top = &levels[depth - 1];
        json_t *value = member(top->value, top->next++);
        if (value == NULL) {
            depth--;
        } else if (json_is_string(value) &&
                   strstr(json_string_value(value), "-----BEGIN CERTIFICATE-----") != NULL) {
            x509_pem_each(json_string_value(value), keep_certificate, r);
        } else if ((json_is_object(value) || json_is_array(value)) && depth < DEPTH_MAX) {
            levels[depth++] = (struct level){ value, 0 };
        }
    }
}

static enum status read_alias(struct reading *r, struct err *err)
{
    struct store_document d = { 0 };
    struct store_key key = { .kind = STORE_ALIAS,
                             .org = r->at->org,
                             .env = r->at->env,
                             .parent = r->at->parent,
                             .name = r->at->name };
    TRY(store_get(r->k->store, &key, &d, err));
    json_t *document = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    r->index = 0;
    if (document != NULL) {
        keep_document(r, document);
    }
    json_decref(document);
    store_document_deinit(&d);
    return r->failed ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
}

static enum status read_aliases(struct known_certificates *k, const struct store_names *names,
                                struct err *err)
{
    struct reading r = { .k = k };
    k->n = 0;
    arena_reset(&k->arena);
    for (size_t i = 0; i < names->n; i++) {
        r.at = &names->list[i];
        TRY(read_alias(&r, err));
    }
    return ST_OK;
}

static enum status read_store(struct known_certificates *k, struct err *err)
{
    struct store_names names = { 0 };
    if (k->list == NULL) {
        k->list = calloc(KNOWN_MAX, sizeof *k->list);
    }
    if (k->list == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    TRY(store_list(k->store, &(struct store_key){ .kind = STORE_ALIAS }, &names, err));
    enum status st = read_aliases(k, &names, err);
    store_names_deinit(&names);
    return st;
}

static enum status refresh(struct known_certificates *k, struct err *err)
{
    uint64_t generation = 0;
    if (k->store == NULL) {
        TRY(store_open(k->store_path, &k->store, err));
    }
    TRY(store_generation(k->store, &generation, err));
    if (k->is_read && generation == k->generation) {
        return ST_OK;
    }
    TRY(read_store(k, err));
    k->generation = generation;
    k->is_read = true;
    return ST_OK;
}

void known_certificates_refresh(struct known_certificates *k)
{
    struct err err = { 0 };
    int64_t now = clock_monotonic_ns();
    bool was_looked = k->looked_ns != 0 && now - k->looked_ns < LOOK_MS * NS_PER_MS;
    if (was_looked || access(k->store_path, F_OK) != 0) {
        return;
    }
    k->looked_ns = now;
    if (refresh(k, &err) != ST_OK) {
        store_close(k->store); /* it may have been replaced: next time it is opened anew */
        k->store = NULL;
    }
}

const struct known_certificate *known_certificates_find(const struct known_certificates *k,
                                                        const char *org, const char *env,
                                                        const char *sha256_hex,
                                                        const struct known_certificate *after)
{
    size_t first = after == NULL ? 0 : (size_t)(after - k->list) + 1;
    for (size_t i = first; i < k->n; i++) {
        const struct known_certificate *c = &k->list[i];
        if (strcmp(c->sha256_hex, sha256_hex) == 0 && strcmp(c->org, org) == 0 &&
            strcmp(c->env, env) == 0) {
            return c;
        }
    }
    return NULL;
}

bool known_certificates_issuer(void *known_issuers, struct bytes child, size_t *at,
                               struct bytes *der)
{
    const struct known_issuers *i = known_issuers;
    const unsigned char *p = child.p;
    X509 *x = d2i_X509(NULL, &p, (long)child.len);
    bool is_root =
        x == NULL || X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
    unsigned long hash = is_root ? 0 : X509_issuer_name_hash(x);
    bool is_found = false;
    X509_free(x);
    ERR_clear_error();
    while (!is_root && !is_found && *at < i->known->n) {
        const struct known_certificate *c = &i->known->list[(*at)++];
        is_found = c->der.len > 0 && c->subject_hash == hash && strcmp(c->org, i->org) == 0 &&
                   strcmp(c->env, i->env) == 0;
        *der = c->der;
    }
    return is_found;
}
