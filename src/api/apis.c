/* apis: API proxies: import, list, show, delete. Source: gateway-facts 1.8. */
#include "api/apis.h"

#include <stdlib.h>
#include <string.h>

#include "api/change.h"
#include "base/clock.h"
#include "store/host_name.h"

struct store_key api_proxy_key(const struct api_request *r, const char *proxy)
{
    return (struct store_key){ .kind = STORE_API, .org = api_param(r, "o"), .name = proxy };
}

enum status api_load_proxy(struct api_request *r, struct api_answer *a, const char *proxy,
                           json_t **out, struct err *err)
{
    struct store_key key = api_proxy_key(r, proxy);
    *out = NULL;
    TRY(api_want_organization(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(api_document(r, &key, out, err));
    return *out != NULL
               ? ST_OK
               : api_refuse(a, 404, "messaging.config.beans.ApplicationDoesNotExist",
                            "APIProxy named %s does not exist in organization %s", proxy, key.org);
}

json_t *api_made_now(const struct api_request *r)
{
    json_int_t now = clock_now_ns() / NS_PER_MS;
    return json_pack("{s:I,s:s,s:I,s:s}", "createdAt", now, "createdBy", r->user, "lastModifiedAt",
                     now, "lastModifiedBy", r->user);
}

bool api_changed_now(const struct api_request *r, json_t *document)
{
    json_int_t now = clock_now_ns() / NS_PER_MS;
    return json_object_set_new(document, "lastModifiedAt", json_integer(now)) == 0 &&
           json_object_set_new(document, "lastModifiedBy", json_string(r->user)) == 0;
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key within = api_proxy_key(r, NULL);
    TRY(api_want_organization(r, a, err));
    return api_refused(a) ? ST_OK : api_say_names(r, a, &within, err);
}

/* {metaData, name, revision}; takes both. */
static json_t *proxy_json(const char *name, json_t *document, json_t *revisions)
{
    (void)json_object_del(document, "lastRevision");
    return json_pack("{s:o,s:s,s:o}", "metaData", document, "name", name, "revision", revisions);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *proxy = api_param(r, "p");
    json_t *document = NULL;
    json_t *revisions = NULL;
    TRY(api_load_proxy(r, a, proxy, &document, err));
    if (document == NULL) {
        return ST_OK;
    }
    enum status st = api_revision_names(r, proxy, &revisions, err);
    if (st != ST_OK) {
        json_decref(document);
        return st;
    }
    return api_say(a, 0, proxy_json(proxy, document, revisions));
}

/* --- import --- */

struct import {
    const char *proxy;
    struct bytes zip;
    const struct bundle *bundle;
    const char *revision; /* set by it */
};

static struct bytes archive_of(const struct api_request *r)
{
    const struct api_part *part = api_part(r, "file");
    if (part == NULL && r->parts.n == 1) {
        part = &r->parts.list[0];
    }
    return r->parts.n > 0 ? (part == NULL ? (struct bytes){ 0 } : part->body) : r->body;
}

/* The number of the new revision, kept in the proxy's document; makes the proxy where there is
 * none. */
static enum status next_revision(struct api_request *r, struct import *in, struct err *err)
{
    struct store_key key = api_proxy_key(r, in->proxy);
    json_t *document = NULL;
    TRY(api_document(r, &key, &document, err));
    if (document == NULL) {
        document = api_made_now(r);
    }
    json_int_t number = json_integer_value(json_object_get(document, "lastRevision")) + 1;
    bool is_set = document != NULL &&
                  json_object_set_new(document, "lastRevision", json_integer(number)) == 0 &&
                  api_changed_now(r, document);
    in->revision = arena_printf(r->arena, "%" JSON_INTEGER_FORMAT, number);
    if (!is_set || in->revision == NULL) {
        json_decref(document);
        return err_set(err, ST_NOMEM, "no memory for a proxy");
    }
    return api_document_put(r, &key, document, (struct bytes){ 0 }, err);
}

static enum status keep_revision(struct api_request *r, struct api_answer *a, void *arg,
                                 struct err *err)
{
    struct import *in = arg;
    TRY(api_want_organization(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(next_revision(r, in, err));
    struct store_key key = api_revision_key(r, in->proxy, in->revision);
    json_t *document = api_made_now(r);
    if (document == NULL ||
        json_object_set_new(document, "allowSkippedPolicies",
                            json_boolean(api_query_is(r, "allowSkippedPolicies", false))) != 0) {
        json_decref(document);
        return err_set(err, ST_NOMEM, "no memory for a revision");
    }
    json_t *shown = api_revision_json(in->proxy, in->revision, document, in->bundle);
    enum status st = api_document_put(r, &key, document, in->zip, err);
    if (st != ST_OK) {
        json_decref(shown);
        return st;
    }
    return api_say(a, 0, shown);
}

/* With validate=false clients import an archive that is not whole yet and post its parts. */
static enum status check_and_keep(struct api_request *r, struct api_answer *a, struct import *in,
                                  struct err *err)
{
    enum remark_level least = api_query_is(r, "validate", true) ? REMARK_ERROR : REMARK_BROKEN;
    TRY(api_refuse_remarks(r, a, &in->bundle->remarks, least));
    return api_refused(a) ? ST_OK : api_change(r, a, keep_revision, in, err);
}

static enum status import(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *action = api_query(r, "action");
    struct import in = { .proxy = api_query(r, "name"), .zip = archive_of(r) };
    struct bundle b;
    if (action == NULL || strcmp(action, "import") != 0) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "action=import is all that is done here: a proxy is made by its bundle");
    }
    TRY(bundle_read(in.zip, &b, err));
    in.bundle = &b;
    in.proxy = in.proxy == NULL ? b.name : in.proxy;
    enum status st;
    if (in.proxy != NULL && name_is_valid(in.proxy, "-_.$%", 255)) {
        st = check_and_keep(r, a, &in, err);
    } else {
        st = api_refuse(a, 400, "configuration.InvalidParameter",
                        "name: an API proxy needs a name of letters, digits and - _ . $ %%");
    }
    bundle_deinit(&b);
    return st;
}

/* --- delete --- */

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    const char *proxy = api_param(r, "p");
    struct store_key key = api_proxy_key(r, proxy);
    json_t *document = NULL;
    json_t *revisions = NULL;
    const char *env = NULL;
    (void)arg;
    TRY(api_load_proxy(r, a, proxy, &document, err));
    if (document == NULL) {
        return ST_OK;
    }
    enum status st = api_where_deployed(r, proxy, NULL, &env, err);
    st = st == ST_OK ? api_revision_names(r, proxy, &revisions, err) : st;
    if (st != ST_OK) {
        json_decref(document);
        return st;
    }
    TRY(api_say(a, 0, proxy_json(proxy, document, revisions)));
    if (env != NULL) {
        return api_refuse(a, 400, "messaging.config.beans.ApplicationDeployed",
                          "API proxy %s is deployed in environment %s: undeploy it first", proxy,
                          env);
    }
    return store_delete(r->store, &key, NULL, err);
}

static enum status delete_one(struct api_request *r, struct api_answer *a, struct err *err)
{
    return api_change(r, a, unmake, NULL, err);
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_GET, "/organizations/{o}/apis", API_RIGHT_READ, list, "listApiProxies",
      "Names of the API proxies", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL,
      0 },
    { API_POST, "/organizations/{o}/apis", API_RIGHT_DEVELOP, import, "importApiProxy",
      "Import a bundle as a new revision", "action name validate allowSkippedPolicies",
      API_BODY_OCTETS | API_BODY_MULTIPART, NULL, "Revision", API_OUT_DOCUMENT, 201, "APIProxy",
      API_BUNDLE_LIMIT },
    { API_GET, "/organizations/{o}/apis/{p}", API_RIGHT_READ, show, "getApiProxy",
      "An API proxy and the numbers of its revisions", NULL, API_BODY_NONE, NULL, "ApiProxy",
      API_OUT_DOCUMENT, 200, "APIProxy", 0 },
    { API_DELETE, "/organizations/{o}/apis/{p}", API_RIGHT_DEVELOP, delete_one, "deleteApiProxy",
      "Delete an API proxy that is not deployed, with all revisions", NULL, API_BODY_NONE, NULL,
      "ApiProxy", API_OUT_DOCUMENT, 200, "APIProxy", 0 },
};

static const struct api_schema schemas[] = {
    { "ApiProxy", "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
                  "\"metaData\":{\"type\":\"object\"},"
                  "\"revision\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}" },
    { "Revision",
      "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"revision\":{\"type\":\"string\"},"
      "\"basepaths\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"proxyEndpoints\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"targetEndpoints\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"policies\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"warnings\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},"
      "\"description\":\"what of the bundle is not done here, by file, line and column\"}}}" },
};
/* clang-format on */

const struct api_table api_table_apis = { "API proxies", routes, ARRAY_LEN(routes), schemas,
                                          ARRAY_LEN(schemas) };
