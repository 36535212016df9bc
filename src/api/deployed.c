#include "api/deployed.h"

#include <string.h>

const char *deployed_path(struct arena *arena, const char *prefix, const char *base_path)
{
    bool has_prefix = prefix != NULL && strcmp(prefix, "/") != 0 && prefix[0] != '\0';
    if (!has_prefix) {
        return base_path;
    }
    return strcmp(base_path, "/") == 0 ? prefix : arena_printf(arena, "%s%s", prefix, base_path);
}

enum status deployed_bundle(struct api_request *r, const char *api, const char *revision,
                            struct bundle *out, struct err *err)
{
    struct store_key key = {
        .kind = STORE_REVISION, .org = api_param(r, "o"), .parent = api, .name = revision
    };
    struct bytes zip = { 0 };
    TRY(store_blob(r->store, &key, &zip, err));
    enum status st = bundle_read(zip, out, err);
    store_bytes_free(zip);
    return st;
}

static enum status visit(struct api_request *r, const struct store_name *name, deployed_each *each,
                         void *arg, bool *is_done, struct err *err)
{
    struct store_key key = { STORE_DEPLOYMENT, name->org, name->env, name->parent, name->name };
    json_t *json = NULL;
    TRY(api_document(r, &key, &json, err));
    const char *prefix = json_string_value(json_object_get(json, "basePath"));
    struct deployment d = { name->org, name->env, name->parent, name->name,
                            prefix == NULL ? "/" : prefix };
    enum status st = each(r, &d, arg, is_done, err);
    json_decref(json);
    return st;
}

enum status deployed_walk(struct api_request *r, const char *env, const char *api,
                          deployed_each *each, void *arg, struct err *err)
{
    struct store_names names = { 0 };
    struct store_key within = {
        .kind = STORE_DEPLOYMENT, .org = api_param(r, "o"), .env = env, .parent = api
    };
    bool is_done = false;
    TRY(store_list(r->store, &within, &names, err));
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK && !is_done; i++) {
        st = visit(r, &names.list[i], each, arg, &is_done, err);
    }
    store_names_deinit(&names);
    return st;
}
