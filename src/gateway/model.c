#include "gateway/model.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/hex.h"
#include "store/remark.h"

enum { MODEL_LIMIT_BYTES = 256 * 1024 * 1024 };

static enum status no_room(struct err *err)
{
    return err_set(err, ST_NOMEM, "the configuration is too large for the memory there is");
}

bool model_key(const char *const *parts, size_t n, char out[MODEL_KEY_LEN + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++) {
        ok = EVP_DigestUpdate(md, parts[i], strlen(parts[i]) + 1) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(md, sum, NULL) == 1;
    EVP_MD_CTX_free(md);
    if (ok) {
        hex_of(bytes_of(sum, MODEL_KEY_LEN / 2), out);
    }
    return ok;
}

/* NULL where there is none, or it is no JSON. */
static enum status read_json(struct store *s, const struct store_key *key, json_t **out,
                             struct err *err)
{
    struct store_document d = { 0 };
    *out = NULL;
    TRY(store_get(s, key, &d, err));
    *out = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    store_document_deinit(&d);
    return ST_OK;
}

static enum status refuse(const struct remarks *remarks, const char *kind, const char *name,
                          struct err *err)
{
    const struct remark *wrong = remarks_worst(remarks, REMARK_ERROR);
    return wrong == NULL ? ST_OK : err_set(err, ST_USAGE, "%s %.128s: %s", kind, name, wrong->text);
}

/* --- virtual hosts --- */

static enum status read_host(struct model *m, struct store *s, const struct store_name *name,
                             struct model_host *out, struct err *err)
{
    struct store_key key = { STORE_VIRTUAL_HOST, name->org, name->env, NULL, name->name };
    const char *where[] = { name->org, name->env, name->name };
    struct remarks remarks = { .arena = &m->arena };
    json_t *json = NULL;
    TRY(read_json(s, &key, &json, err));
    enum status st = virtual_host_from_json(json, &remarks, &out->v, err);
    json_decref(json);
    TRY(st);
    TRY(refuse(&remarks, "virtual host", name->name, err));
    out->v.name = arena_strndup(&m->arena, name->name, strlen(name->name));
    out->org = arena_strndup(&m->arena, name->org, strlen(name->org));
    out->env = arena_strndup(&m->arena, name->env, strlen(name->env));
    out->label = arena_printf(&m->arena, "%s/%s/%s", name->org, name->env, name->name);
    if (out->v.name == NULL || out->org == NULL || out->env == NULL || out->label == NULL ||
        !model_key(where, ARRAY_LEN(where), out->key)) {
        return no_room(err);
    }
    return ST_OK;
}

static enum status read_hosts(struct model *m, struct store *s, const struct store_names *names,
                              struct err *err)
{
    m->hosts = arena_alloc_array(&m->arena, names->n + 1, sizeof *m->hosts);
    if (m->hosts == NULL) {
        return no_room(err);
    }
    for (size_t i = 0; i < names->n; i++) {
        TRY(read_host(m, s, &names->list[i], &m->hosts[m->n_hosts], err));
        m->n_hosts++;
    }
    return ST_OK;
}

/* --- proxies --- */

static enum status read_bundle(struct store *s, struct model_proxy *p, struct err *err)
{
    struct store_key key = { STORE_REVISION, p->org, NULL, p->api, p->revision };
    struct bytes zip = { 0 };
    TRY(store_blob(s, &key, &zip, err));
    enum status st = bundle_read(zip, p->bundle, err);
    store_bytes_free(zip);
    TRY(st);
    /* Half a bundle would be another API than its author wrote: a route whose condition cannot be
     * read must not become one without. */
    return refuse(&p->bundle->remarks, "API", p->api, err);
}

static enum status read_proxy(struct model *m, struct store *s, const struct store_name *name,
                              struct model_proxy *out, struct err *err)
{
    struct store_key key = { STORE_DEPLOYMENT, name->org, name->env, name->parent, name->name };
    json_t *json = NULL;
    TRY(read_json(s, &key, &json, err));
    const char *prefix = json_string_value(json_object_get(json, "basePath"));
    prefix = prefix == NULL || strcmp(prefix, "/") == 0 ? "" : prefix;
    out->prefix = arena_strndup(&m->arena, prefix, strlen(prefix));
    json_decref(json);
    out->org = arena_strndup(&m->arena, name->org, strlen(name->org));
    out->env = arena_strndup(&m->arena, name->env, strlen(name->env));
    out->api = arena_strndup(&m->arena, name->parent, strlen(name->parent));
    out->revision = arena_strndup(&m->arena, name->name, strlen(name->name));
    if (out->prefix == NULL || out->org == NULL || out->env == NULL || out->api == NULL ||
        out->revision == NULL) {
        return no_room(err);
    }
    out->bundle = calloc(1, sizeof *out->bundle);
    return out->bundle == NULL ? no_room(err) : read_bundle(s, out, err);
}

static enum status read_proxies(struct model *m, struct store *s, const struct store_names *names,
                                struct err *err)
{
    m->proxies = arena_alloc_array(&m->arena, names->n + 1, sizeof *m->proxies);
    if (m->proxies == NULL) {
        return no_room(err);
    }
    for (size_t i = 0; i < names->n; i++) {
        m->n_proxies++; /* first: deinit has to find its bundle */
        TRY(read_proxy(m, s, &names->list[i], &m->proxies[i], err));
    }
    return ST_OK;
}

/* --- all --- */

typedef enum status read_all(struct model *m, struct store *s, const struct store_names *names,
                             struct err *err);

static enum status load_kind(struct model *m, struct store *s, enum store_kind kind, read_all *read,
                             struct err *err)
{
    struct store_key all = { .kind = kind };
    struct store_names names = { 0 };
    TRY(store_list(s, &all, &names, err));
    enum status st = read(m, s, &names, err);
    store_names_deinit(&names);
    return st;
}

enum status model_load(struct model *m, struct store *s, struct err *err)
{
    *m = (struct model){ .arena = { .limit_bytes = MODEL_LIMIT_BYTES } };
    TRY(load_kind(m, s, STORE_VIRTUAL_HOST, read_hosts, err));
    return load_kind(m, s, STORE_DEPLOYMENT, read_proxies, err);
}

void model_deinit(struct model *m)
{
    for (size_t i = 0; i < m->n_proxies; i++) {
        if (m->proxies[i].bundle != NULL) {
            bundle_deinit(m->proxies[i].bundle);
            free(m->proxies[i].bundle);
        }
    }
    arena_deinit(&m->arena);
    *m = (struct model){ 0 };
}

enum status model_target_server(struct model *m, struct store *s, const struct model_proxy *proxy,
                                const char *name, struct target_server *out, struct err *err)
{
    struct store_key key = { STORE_TARGET_SERVER, proxy->org, proxy->env, NULL, name };
    struct remarks remarks = { .arena = &m->arena };
    json_t *json = NULL;
    TRY(read_json(s, &key, &json, err));
    if (json == NULL) {
        return err_set(err, ST_USAGE, "Target server %.128s does not exist in environment %.128s",
                       name, proxy->env);
    }
    enum status st = target_server_from_json(json, &remarks, out, err);
    json_decref(json);
    TRY(st);
    return refuse(&remarks, "target server", name, err);
}
