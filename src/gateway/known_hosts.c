#include "gateway/known_hosts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/text.h"
#include "store/references.h"
#include "store/virtual_host.h"

enum { HOSTS_MAX = 10000, ARENA_BYTES = 32 << 20, LOOK_MS = 500 };

struct host {
    const char *org, *env, *name;
    unsigned port;
    struct texts aliases; /* without ports */
};

struct known_hosts {
    char *store_path;
    struct store *store;
    bool is_read;
    uint64_t generation;
    int64_t looked_ns;
    struct arena arena;
    size_t n;
    struct host *list; /* by org, env, name */
    struct text truststore;
};

enum status known_hosts_new(const char *store_path, struct known_hosts **out, struct err *err)
{
    struct known_hosts *k = calloc(1, sizeof *k);
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

void known_hosts_free(struct known_hosts *k)
{
    if (k == NULL) {
        return;
    }
    store_close(k->store);
    arena_deinit(&k->arena);
    text_deinit(&k->truststore);
    free(k->store_path);
    free(k);
}

/* --- reading --- */

static const char *copy_of(struct known_hosts *k, const char *s)
{
    return arena_strndup(&k->arena, s, strlen(s));
}

static bool keep_host(struct known_hosts *k, const struct store_name *at, const json_t *json)
{
    struct host *h = &k->list[k->n];
    json_t *aliases = json_object_get(json, "hostAliases");
    json_t *port = json_object_get(json, "port");
    size_t n = json_array_size(aliases);
    *h = (struct host){ .org = copy_of(k, at->org),
                        .env = copy_of(k, at->env),
                        .name = copy_of(k, at->name) };
    h->aliases.list = arena_alloc_array(&k->arena, n > 0 ? n : 1, sizeof *h->aliases.list);
    if (h->org == NULL || h->env == NULL || h->name == NULL || h->aliases.list == NULL) {
        return false;
    }
    h->port = json_is_string(port) ? (unsigned)strtoul(json_string_value(port), NULL, 10)
                                   : (unsigned)json_integer_value(port);
    for (size_t i = 0; i < n; i++) {
        const char *alias = json_string_value(json_array_get(aliases, i));
        char name[256];
        if (alias != NULL && virtual_host_alias_name(alias, name)) {
            const char *copy = copy_of(k, name);
            h->aliases.list[h->aliases.n] = copy;
            h->aliases.n += copy != NULL;
        }
    }
    k->n++;
    return true;
}

static enum status read_hosts(struct known_hosts *k, const struct store_names *names,
                              struct err *err)
{
    k->n = 0;
    arena_reset(&k->arena);
    size_t room = names->n < HOSTS_MAX ? names->n : HOSTS_MAX;
    k->list = arena_alloc_array(&k->arena, room > 0 ? room : 1, sizeof *k->list);
    for (size_t i = 0; k->list != NULL && i < room; i++) {
        const struct store_name *at = &names->list[i];
        struct store_key key = { STORE_VIRTUAL_HOST, at->org, at->env, NULL, at->name };
        struct store_document d = { 0 };
        TRY(store_get(k->store, &key, &d, err));
        json_t *json = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
        bool is_kept = json == NULL || keep_host(k, at, json);
        json_decref(json);
        store_document_deinit(&d);
        if (!is_kept) {
            return err_set(err, ST_NOMEM, "no memory");
        }
    }
    return k->list == NULL ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
}

static enum status refresh(struct known_hosts *k, struct err *err)
{
    uint64_t generation = 0;
    struct store_names names = { 0 };
    if (k->store == NULL) {
        TRY(store_open(k->store_path, &k->store, err));
    }
    TRY(store_generation(k->store, &generation, err));
    if (k->is_read && generation == k->generation) {
        return ST_OK;
    }
    TRY(store_list(k->store, &(struct store_key){ .kind = STORE_VIRTUAL_HOST }, &names, err));
    enum status st = read_hosts(k, &names, err);
    store_names_deinit(&names);
    k->generation = generation;
    k->is_read = st == ST_OK;
    return st;
}

void known_hosts_refresh(struct known_hosts *k)
{
    int64_t now = clock_monotonic_ns();
    bool was_looked = k->looked_ns != 0 && now - k->looked_ns < LOOK_MS * NS_PER_MS;
    if (was_looked || access(k->store_path, F_OK) != 0) {
        return;
    }
    k->looked_ns = now;
    if (refresh(k, NULL) != ST_OK) {
        k->n = 0;
        store_close(k->store); /* it may have been replaced: next time it is opened anew */
        k->store = NULL;
    }
}

/* --- finding --- */

/* "*" stands for one label. */
static bool fits(const char *alias, const char *name)
{
    const char *dot = strchr(name, '.');
    if (alias[0] == '*' && alias[1] == '.') {
        return dot != NULL && strcasecmp(alias + 1, dot) == 0;
    }
    return strcasecmp(alias, name) == 0;
}

static bool has_name(const struct host *h, const char *name)
{
    for (size_t i = 0; name[0] != '\0' && i < h->aliases.n; i++) {
        if (fits(h->aliases.list[i], name)) {
            return true;
        }
    }
    return false;
}

bool known_hosts_find(const struct known_hosts *k, unsigned port, const char *name,
                      struct known_host *out)
{
    const struct host *first = NULL;
    for (size_t i = 0; i < k->n; i++) {
        const struct host *h = &k->list[i];
        if (port != 0 && h->port != port) {
            continue;
        }
        if (has_name(h, name)) {
            *out = (struct known_host){ h->org, h->env, h->name, true };
            return true;
        }
        first = first == NULL && port != 0 ? h : first;
    }
    if (first != NULL) {
        *out = (struct known_host){ first->org, first->env, first->name, false };
    }
    return first != NULL;
}

/* --- what it verifies by --- */

struct store *known_hosts_store(const struct known_hosts *k)
{
    return k->store;
}

const char *known_hosts_truststore_called(struct known_hosts *k, const char *org, const char *env,
                                          const char *word)
{
    struct store_problem problem = { 0 };
    char keystore[KEYSTORE_NAME_MAX + 1];
    bool is_known = k->store != NULL && word[0] != '\0' &&
                    references_resolve(k->store, org, env, word, keystore, &problem) == ST_OK;
    text_clear(&k->truststore);
    if (is_known) {
        text_printf(&k->truststore, "the truststore %s of environment %s", keystore, env);
    }
    return is_known && !k->truststore.failed ? text_str(&k->truststore) : NULL;
}

const char *known_hosts_truststore(struct known_hosts *k, bool is_target, const char *org,
                                   const char *env, const char *name)
{
    struct store_document d = { 0 };
    struct store_key key = { .kind = is_target ? STORE_TARGET_SERVER : STORE_VIRTUAL_HOST,
                             .org = org,
                             .env = env,
                             .name = name };
    if (k->store == NULL || store_get(k->store, &key, &d, NULL) != ST_OK) {
        return NULL;
    }
    json_t *json = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    const char *word =
        json_string_value(json_object_get(json_object_get(json, "sSLInfo"), "trustStore"));
    const char *called = word == NULL ? NULL : known_hosts_truststore_called(k, org, env, word);
    json_decref(json);
    store_document_deinit(&d);
    return called;
}
