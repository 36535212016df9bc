#include "api/documents.h"

#include <stdlib.h>
#include <string.h>

#include "store/references.h"

enum status api_document(struct api_request *r, const struct store_key *key, json_t **out,
                         struct err *err)
{
    struct store_document d = { 0 };
    *out = NULL;
    TRY(store_get(r->store, key, &d, err));
    bool is_there = d.json != NULL;
    if (is_there) {
        *out = json_loads(d.json, 0, NULL);
    }
    store_document_deinit(&d);
    return is_there && *out == NULL ? err_set(err, ST_FORMAT, "the store holds a broken document")
                                    : ST_OK;
}

enum status api_document_is_there(struct api_request *r, const struct store_key *key, bool *out,
                                  struct err *err)
{
    struct store_document d = { 0 };
    TRY(store_get(r->store, key, &d, err));
    *out = d.json != NULL;
    store_document_deinit(&d);
    return ST_OK;
}

void api_name_of_path(struct api_request *r, const char *param)
{
    if (json_is_object(r->json) && json_object_get(r->json, "name") == NULL) {
        json_object_set_new(r->json, "name", json_string(api_param(r, param)));
    }
}

enum status api_document_put(struct api_request *r, const struct store_key *key, json_t *json,
                             struct bytes blob, struct err *err)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a document");
    }
    enum status st = store_put(r->store, key, text, (struct bytes){ 0 }, blob, err);
    free(text);
    return st;
}

enum status api_say_names(struct api_request *r, struct api_answer *a,
                          const struct store_key *within, struct err *err)
{
    struct store_names names = { 0 };
    TRY(store_list(r->store, within, &names, err));
    json_t *list = json_array();
    bool is_whole = list != NULL;
    for (size_t i = 0; i < names.n && is_whole; i++) {
        is_whole = json_array_append_new(list, json_string(names.list[i].name)) == 0;
    }
    store_names_deinit(&names);
    if (!is_whole) {
        json_decref(list);
        return ST_NOMEM;
    }
    return api_say(a, 0, list);
}

enum status api_want_organization(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key key = { .kind = STORE_ORGANIZATION, .name = api_param(r, "o") };
    bool is_there = false;
    TRY(api_document_is_there(r, &key, &is_there, err));
    return is_there ? ST_OK
                    : api_refuse(a, 404, "messaging.config.beans.OrganizationDoesNotExist",
                                 "Organization %s does not exist", key.name);
}

static json_t *remark_json(const struct remark *remark)
{
    json_t *o = json_pack("{s:s,s:s,s:s}", "level", remark_level_id(remark->level), "code",
                          remark->code, "message", remark->text);
    bool is_whole = o != NULL;
    if (is_whole && remark->file != NULL) {
        is_whole = json_object_set_new(o, "file", json_string(remark->file)) == 0;
    }
    if (is_whole && remark->line > 0) {
        is_whole = json_object_set_new(o, "line", json_integer(remark->line)) == 0 &&
                   json_object_set_new(o, "column", json_integer(remark->column)) == 0;
    }
    if (!is_whole) {
        json_decref(o);
        return NULL;
    }
    return o;
}

json_t *api_remarks_json(const struct remarks *remarks, enum remark_level least)
{
    json_t *list = json_array();
    for (size_t i = 0; i < remarks->n; i++) {
        if (remarks->list[i].level >= least &&
            json_array_append_new(list, remark_json(&remarks->list[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

enum status api_refuse_remarks(struct api_request *r, struct api_answer *a,
                               const struct remarks *remarks, enum remark_level least)
{
    const struct remark *worst = remarks_worst(remarks, least);
    if (worst == NULL) {
        return ST_OK;
    }
    const char *sentence = remark_sentence(r->arena, worst);
    json_t *contexts = api_remarks_json(remarks, REMARK_WARNING);
    if (sentence == NULL || contexts == NULL) {
        json_decref(contexts);
        return ST_NOMEM;
    }
    return api_refuse_with(a, 400, worst->code, sentence, contexts);
}

/* --- what an SSLInfo names --- */

struct wanted {
    const char *org, *env, *what;
    char keystore[KEYSTORE_NAME_MAX + 1];
};

/* The keystore that is meant, into `w`. */
static enum status want_keystore(struct api_request *r, struct api_answer *a, struct wanted *w,
                                 const struct store_name_or_reference *name, struct err *err)
{
    struct store_problem problem = { 0 };
    const char *word =
        arena_printf(r->arena, "%s%s", name->is_reference ? "ref://" : "", name->name);
    if (word == NULL) {
        return ST_NOMEM;
    }
    enum status st = references_resolve(r->store, w->org, w->env, word, w->keystore, &problem);
    if (st != ST_USAGE) {
        return api_problem(a, st, &problem, err);
    }
    return api_refuse(a, 400, problem.code, "%s: %s", w->what, problem.message);
}

static enum status want_alias(struct api_request *r, struct api_answer *a, const struct wanted *w,
                              const char *alias, struct err *err)
{
    struct store_key key = {
        .kind = STORE_ALIAS, .org = w->org, .env = w->env, .parent = w->keystore, .name = alias
    };
    struct store_document d = { 0 };
    TRY(store_get(r->store, &key, &d, err));
    bool is_there = d.json != NULL;
    bool has_key = d.has_secret;
    store_document_deinit(&d);
    if (!is_there) {
        return api_refuse(a, 400, "messaging.config.beans.KeyAliasDoesNotExist",
                          "%s: keystore %s has no alias %s", w->what, w->keystore, alias);
    }
    return has_key ? ST_OK
                   : api_refuse(a, 400, "messaging.config.beans.KeyDoesNotExist",
                                "%s: alias %s of keystore %s has a certificate and no private key",
                                w->what, alias, w->keystore);
}

enum status api_want_stores(struct api_request *r, struct api_answer *a, const char *env,
                            const struct ssl_info *info, const char *what, struct err *err)
{
    struct wanted w = { .org = api_param(r, "o"), .env = env, .what = what };
    if (info->trust_store.name != NULL) {
        TRY(want_keystore(r, a, &w, &info->trust_store, err));
    }
    if (api_refused(a) || info->key_store.name == NULL) {
        return ST_OK;
    }
    TRY(want_keystore(r, a, &w, &info->key_store, err));
    if (api_refused(a) || info->key_alias == NULL || info->key_alias[0] == '\0') {
        return ST_OK;
    }
    return want_alias(r, a, &w, info->key_alias, err);
}
