/* revisions: one revision of an API proxy, its bundle and the names in it. Source: gateway-facts
 * 1.8. */
#include <stdlib.h>
#include <string.h>

#include "api/apis.h"
#include "api/change.h"
#include "api/revision_part_json.h"

struct store_key api_revision_key(const struct api_request *r, const char *proxy,
                                  const char *revision)
{
    return (struct store_key){
        .kind = STORE_REVISION, .org = api_param(r, "o"), .parent = proxy, .name = revision
    };
}

enum status api_load_revision(struct api_request *r, struct api_answer *a, const char *proxy,
                              const char *revision, json_t **out, struct err *err)
{
    struct store_key key = api_revision_key(r, proxy, revision);
    json_t *document = NULL;
    *out = NULL;
    TRY(api_load_proxy(r, a, proxy, &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(api_document(r, &key, out, err));
    return *out != NULL
               ? ST_OK
               : api_refuse(
                     a, 404, "messaging.config.beans.ApplicationRevisionDoesNotExist",
                     "APIProxy revision %s does not exist for APIProxy %s in organization %s",
                     revision, proxy, key.org);
}

static int by_number(const void *a, const void *b)
{
    const struct store_name *left = a;
    const struct store_name *right = b;
    unsigned long x = strtoul(left->name, NULL, 10);
    unsigned long y = strtoul(right->name, NULL, 10);
    return (x > y) - (x < y);
}

enum status api_revision_names(struct api_request *r, const char *proxy, json_t **out,
                               struct err *err)
{
    struct store_names names = { 0 };
    struct store_key within = api_revision_key(r, proxy, NULL);
    *out = NULL;
    TRY(store_list(r->store, &within, &names, err));
    if (names.n > 1) {
        qsort(names.list, names.n, sizeof names.list[0], by_number);
    }
    json_t *list = json_array();
    bool is_whole = list != NULL;
    for (size_t i = 0; i < names.n && is_whole; i++) {
        is_whole = json_array_append_new(list, json_string(names.list[i].name)) == 0;
    }
    store_names_deinit(&names);
    if (!is_whole) {
        json_decref(list);
        return err_set(err, ST_NOMEM, "no memory for names");
    }
    *out = list;
    return ST_OK;
}

struct search {
    const char *revision, *env;
};

static enum status found(struct api_request *r, const struct deployment *d, void *arg,
                         bool *is_done, struct err *err)
{
    struct search *search = arg;
    if (search->revision != NULL && strcmp(search->revision, d->revision) != 0) {
        return ST_OK;
    }
    *is_done = true;
    search->env = arena_strndup(r->arena, d->env, strlen(d->env));
    return search->env == NULL ? err_set(err, ST_NOMEM, "no memory for a name") : ST_OK;
}

enum status api_where_deployed(struct api_request *r, const char *proxy, const char *revision,
                               const char **env, struct err *err)
{
    struct search search = { .revision = revision };
    enum status st = deployed_walk(r, NULL, proxy, found, &search, err);
    *env = search.env;
    return st;
}

/* --- as JSON --- */

static json_t *base_paths(const struct bundle *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->n_proxies; i++) {
        if (json_array_append_new(list, json_string(b->proxies[i].base_path)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool put_all(json_t *o, const char *proxy, const char *revision, const struct bundle *b)
{
    int wrong = json_object_set_new(o, "name", json_string(proxy));
    wrong |= json_object_set_new(o, "revision", json_string(revision));
    wrong |= json_object_set_new(o, "displayName",
                                 json_string(b->display_name == NULL ? proxy : b->display_name));
    wrong |= json_object_set_new(o, "description",
                                 json_string(b->description == NULL ? "" : b->description));
    wrong |= json_object_set_new(o, "type", json_string("Application"));
    wrong |= json_object_set_new(o, "configurationVersion",
                                 json_pack("{s:i,s:i}", "majorVersion", 4, "minorVersion", 0));
    wrong |= json_object_set_new(o, "contextInfo",
                                 json_sprintf("Revision %s of application %s", revision, proxy));
    wrong |= json_object_set_new(o, "basepaths", base_paths(b));
    wrong |= json_object_set_new(o, "proxyEndpoints", api_part_names(b, BUNDLE_PROXY));
    wrong |= json_object_set_new(o, "proxies", api_part_names(b, BUNDLE_PROXY));
    wrong |= json_object_set_new(o, "targetEndpoints", api_part_names(b, BUNDLE_TARGET));
    wrong |= json_object_set_new(o, "targets", api_part_names(b, BUNDLE_TARGET));
    wrong |= json_object_set_new(o, "policies", api_part_names(b, BUNDLE_POLICY));
    wrong |= json_object_set_new(o, "resourceFiles", api_part_names(b, BUNDLE_RESOURCE));
    wrong |= json_object_set_new(o, "warnings", api_remarks_json(&b->remarks, REMARK_WARNING));
    return wrong == 0;
}

json_t *api_revision_json(const char *proxy, const char *revision, const json_t *document,
                          const struct bundle *b)
{
    json_t *o = json_copy((json_t *)(uintptr_t)document); /* shallow: members are only added */
    if (o != NULL && !put_all(o, proxy, revision, b)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* --- handlers --- */

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = NULL;
    json_t *names = NULL;
    TRY(api_load_proxy(r, a, api_param(r, "p"), &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(api_revision_names(r, api_param(r, "p"), &names, err));
    return api_say(a, 0, names);
}

static enum status say_bundle(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *proxy = api_param(r, "p");
    const char *revision = api_param(r, "n");
    struct store_key key = api_revision_key(r, proxy, revision);
    struct bytes zip = { 0 };
    a->disposition =
        arena_printf(r->arena, "attachment; filename=\"%s-rev%s.zip\"", proxy, revision);
    TRY(store_blob(r->store, &key, &zip, err));
    enum status st = api_say_text(a, "application/zip", zip);
    store_bytes_free(zip);
    return st;
}

/* Takes `document`. */
static enum status say_revision(struct api_request *r, struct api_answer *a, json_t *document,
                                struct err *err)
{
    const char *proxy = api_param(r, "p");
    const char *revision = api_param(r, "n");
    struct bundle b;
    enum status st = deployed_bundle(r, proxy, revision, &b, err);
    json_t *shown = st == ST_OK ? api_revision_json(proxy, revision, document, &b) : NULL;
    json_decref(document);
    TRY(st);
    bundle_deinit(&b);
    return api_say(a, 0, shown);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *format = api_query(r, "format");
    json_t *document = NULL;
    if (format != NULL && strcmp(format, "bundle") != 0) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "format: bundle is all there is, not %s", format);
    }
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    if (document == NULL) {
        return ST_OK;
    }
    if (format == NULL) {
        return say_revision(r, a, document, err);
    }
    json_decref(document);
    return say_bundle(r, a, err);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    const char *proxy = api_param(r, "p");
    const char *revision = api_param(r, "n");
    struct store_key key = api_revision_key(r, proxy, revision);
    json_t *document = NULL;
    const char *env = NULL;
    (void)arg;
    TRY(api_load_revision(r, a, proxy, revision, &document, err));
    if (document == NULL) {
        return ST_OK;
    }
    TRY(say_revision(r, a, document, err)); /* the answer is what was deleted */
    TRY(api_where_deployed(r, proxy, revision, &env, err));
    if (env != NULL) {
        return api_refuse(a, 400, "messaging.config.beans.ApplicationDeployed",
                          "Revision %s of API proxy %s is deployed in environment %s: undeploy it "
                          "first",
                          revision, proxy, env);
    }
    return store_delete(r->store, &key, NULL, err);
}

static enum status delete_one(struct api_request *r, struct api_answer *a, struct err *err)
{
    return api_change(r, a, unmake, NULL, err);
}

/* clang-format off: a table reads by columns */
#define REVISIONS "/organizations/{o}/apis/{p}/revisions"
static const struct api_route routes[] = {
    { API_GET, REVISIONS, API_RIGHT_READ, list, "listRevisions", "Numbers of the revisions", NULL,
      API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_GET, REVISIONS "/{n}", API_RIGHT_READ, show, "getRevision",
      "A revision; with format=bundle its archive, as it was imported", "format", API_BODY_NONE,
      NULL, "Revision", API_OUT_ZIP, 200, "APIProxy", 0 },
    { API_DELETE, REVISIONS "/{n}", API_RIGHT_DEVELOP, delete_one, "deleteRevision",
      "Delete a revision that is not deployed", NULL, API_BODY_NONE, NULL, "Revision",
      API_OUT_DOCUMENT, 200, "APIProxy", 0 },
};
/* clang-format on */

const struct api_table api_table_revisions = { "API proxies", routes, ARRAY_LEN(routes), NULL, 0 };
