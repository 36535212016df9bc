#include "gateway/model.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "store/remark.h"

enum { MODEL_LIMIT_BYTES = 256 * 1024 * 1024 };

static enum status no_room(struct err *err)
{
    return err_set(err, ST_NOMEM, "the configuration is too large for the memory there is");
}

/* The first bytes of the digest of where it is: stable, and safe wherever a name is. */
static bool make_key(const char *org, const char *env, const char *name,
                     char out[MODEL_KEY_LEN + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    const char *parts[] = { org, env, name };
    bool ok = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < ARRAY_LEN(parts); i++) {
        ok = EVP_DigestUpdate(md, parts[i], strlen(parts[i]) + 1) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(md, sum, NULL) == 1;
    EVP_MD_CTX_free(md);
    for (size_t i = 0; ok && i < MODEL_KEY_LEN / 2; i++) {
        snprintf(out + 2 * i, 3, "%02x", (unsigned)sum[i]);
    }
    return ok;
}

enum status model_json(struct store *s, const struct store_key *key, json_t **out, struct err *err)
{
    struct store_document d = { 0 };
    TRY(store_get(s, key, &d, err));
    *out = d.json == NULL ? NULL : json_loads(d.json, 0, NULL);
    store_document_deinit(&d);
    return ST_OK;
}

static enum status read_host(struct model *m, struct store *s, const struct store_name *name,
                             struct model_host *out, struct err *err)
{
    struct store_key key = { STORE_VIRTUAL_HOST, name->org, name->env, NULL, name->name };
    struct remarks remarks = { .arena = &m->arena };
    json_t *json = NULL;
    TRY(model_json(s, &key, &json, err));
    enum status st = virtual_host_from_json(json, &remarks, &out->v, err);
    json_decref(json);
    TRY(st);
    const struct remark *wrong = remarks_worst(&remarks, REMARK_ERROR);
    if (wrong != NULL) {
        return err_set(err, ST_USAGE, "virtual host %s: %s", name->name, wrong->text);
    }
    out->org = arena_strndup(&m->arena, name->org, strlen(name->org));
    out->env = arena_strndup(&m->arena, name->env, strlen(name->env));
    out->label = arena_printf(&m->arena, "%s/%s/%s", name->org, name->env, name->name);
    if (out->org == NULL || out->env == NULL || out->label == NULL ||
        !make_key(name->org, name->env, name->name, out->key)) {
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

enum status model_load(struct model *m, struct store *s, struct err *err)
{
    struct store_key all = { .kind = STORE_VIRTUAL_HOST };
    struct store_names names = { 0 };
    *m = (struct model){ .arena = { .limit_bytes = MODEL_LIMIT_BYTES } };
    TRY(store_list(s, &all, &names, err));
    enum status st = read_hosts(m, s, &names, err);
    store_names_deinit(&names);
    return st;
}

void model_deinit(struct model *m)
{
    arena_deinit(&m->arena);
    *m = (struct model){ 0 };
}
