/* target_servers: hosts that the Message Processor connects to, by name. Source: gateway-facts 1.7.
 */
#include "store/target_server.h"

#include <string.h>

#include "api/change.h"
#include "api/deployed.h"
#include "api/diagnosis.h"
#include "api/environment.h"

static struct store_key key_of(const struct api_request *r, const char *name)
{
    return (struct store_key){ .kind = STORE_TARGET_SERVER,
                               .org = api_param(r, "o"),
                               .env = api_param(r, "e"),
                               .name = name };
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    struct store_key within = key_of(r, NULL);
    TRY(api_want_environment(r, a, &is_there, err));
    return is_there ? api_say_names(r, a, &within, err) : ST_OK;
}

/* NULL in *out: refused. */
static enum status load(struct api_request *r, struct api_answer *a, json_t **out, struct err *err)
{
    bool is_there = false;
    struct store_key key = key_of(r, api_param(r, "t"));
    *out = NULL;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(api_document(r, &key, out, err));
    return *out != NULL
               ? ST_OK
               : api_refuse(a, 404, "messaging.config.beans.TargetServerDoesNotExist",
                            "Target server %s does not exist in environment %s", key.name, key.env);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *json = NULL;
    TRY(load(r, a, &json, err));
    return json == NULL ? ST_OK : api_say(a, 0, json);
}

static enum status parse(struct api_request *r, struct api_answer *a, struct target_server *out,
                         struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    if (api_form_of(r->type, API_JSON) == API_XML) {
        TRY(target_server_from_xml(r->body, &remarks, out, err));
    } else {
        TRY(target_server_from_json(r->json, &remarks, out, err));
    }
    return api_refuse_remarks(r, a, &remarks, REMARK_ERROR);
}

static enum status keep(struct api_request *r, struct api_answer *a, const struct target_server *t,
                        struct err *err)
{
    struct store_key key = key_of(r, t->name);
    if (t->has_ssl_info && ssl_info_is_on(&t->ssl, false)) {
        TRY(api_want_stores(r, a, key.env, &t->ssl, "sSLInfo", err));
    }
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(api_document_put(r, &key, target_server_json(t), (struct bytes){ 0 }, err));
    return api_say(a, 0, target_server_json(t));
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct target_server t;
    bool is_there = false;
    (void)arg;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(parse(r, a, &t, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    struct store_key key = key_of(r, t.name);
    TRY(api_document_is_there(r, &key, &is_there, err));
    if (is_there) {
        return api_refuse(a, 409, "messaging.config.beans.TargetServerAlreadyExists",
                          "Target server %s already exists in environment %s", t.name, key.env);
    }
    return keep(r, a, &t, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    TRY(api_preflight_target(r, a, err));
    return api_refused(a) ? ST_OK : api_change(r, a, make, NULL, err);
}

static enum status change(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct target_server t;
    json_t *before = NULL;
    (void)arg;
    TRY(load(r, a, &before, err));
    json_decref(before);
    if (before == NULL) {
        return ST_OK;
    }
    TRY(parse(r, a, &t, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    if (strcmp(t.name, api_param(r, "t")) != 0) {
        return api_refuse(a, 400, "configuration.InvalidField",
                          "name: the body says %s, the path %s; a target server keeps its name",
                          t.name, api_param(r, "t"));
    }
    return keep(r, a, &t, err);
}

static enum status update(struct api_request *r, struct api_answer *a, struct err *err)
{
    api_name_of_path(r, "t");
    TRY(api_preflight_target(r, a, err));
    return api_refused(a) ? ST_OK : api_change(r, a, change, NULL, err);
}

/* --- deleting --- */

struct use {
    struct api_answer *a;
    const char *name;
};

static bool names_it(const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        const struct load_balancer *l = &b->targets[i].load_balancer;
        for (size_t k = 0; k < l->n_servers; k++) {
            if (strcmp(l->servers[k].name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static enum status refuse_use(struct api_request *r, const struct deployment *d, void *arg,
                              bool *is_done, struct err *err)
{
    struct use *use = arg;
    struct bundle b;
    TRY(deployed_bundle(r, d->api, d->revision, &b, err));
    *is_done = names_it(&b, use->name);
    bundle_deinit(&b);
    return !*is_done ? ST_OK
                     : api_refuse(use->a, 400, "messaging.config.beans.TargetServerInUse",
                                  "Target server %s is named by revision %s of API proxy %s, which "
                                  "is deployed in environment %s: undeploy it first",
                                  use->name, d->revision, d->api, d->env);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_key key = key_of(r, api_param(r, "t"));
    struct use use = { .a = a, .name = key.name };
    json_t *json = NULL;
    (void)arg;
    TRY(load(r, a, &json, err));
    if (json == NULL) {
        return ST_OK;
    }
    TRY(api_say(a, 0, json)); /* the answer is what was deleted */
    TRY(deployed_walk(r, key.env, NULL, refuse_use, &use, err));
    return api_refused(a) ? ST_OK : store_delete(r->store, &key, NULL, err);
}

static enum status delete_one(struct api_request *r, struct api_answer *a, struct err *err)
{
    return api_change(r, a, unmake, NULL, err);
}

/* clang-format off: a table reads by columns */
#define ENV "/organizations/{o}/environments/{e}"
static const struct api_route routes[] = {
    { API_GET, ENV "/targetservers", API_RIGHT_READ, list, "listTargetServers",
      "Names of the target servers", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200,
      NULL, 0 },
    { API_POST, ENV "/targetservers", API_RIGHT_CONFIGURE, create, "createTargetServer",
      "Make a target server", "preflight", API_BODY_JSON | API_BODY_XML, "TargetServer",
      "TargetServer", API_OUT_DOCUMENT, 201, "TargetServer", 0 },
    { API_GET, ENV "/targetservers/{t}", API_RIGHT_READ, show, "getTargetServer", "A target server",
      NULL, API_BODY_NONE, NULL, "TargetServer", API_OUT_DOCUMENT, 200, "TargetServer", 0 },
    { API_PUT, ENV "/targetservers/{t}", API_RIGHT_CONFIGURE, update, "updateTargetServer",
      "Replace a target server; the whole of it is wanted", "preflight",
      API_BODY_JSON | API_BODY_XML, "TargetServer", "TargetServer", API_OUT_DOCUMENT, 200,
      "TargetServer", 0 },
    { API_DELETE, ENV "/targetservers/{t}", API_RIGHT_CONFIGURE, delete_one, "deleteTargetServer",
      "Delete a target server that no deployed proxy names", NULL, API_BODY_NONE, NULL,
      "TargetServer", API_OUT_DOCUMENT, 200, "TargetServer", 0 },
};

static const struct api_schema schemas[] = {
    { "SSLInfo",
      "{\"type\":\"object\",\"properties\":{"
      "\"enabled\":{\"type\":[\"string\",\"boolean\"]},"
      "\"clientAuthEnabled\":{\"type\":[\"string\",\"boolean\"]},"
      "\"ignoreValidationErrors\":{\"type\":[\"string\",\"boolean\"]},"
      "\"enforce\":{\"type\":[\"string\",\"boolean\"]},"
      "\"keyStore\":{\"type\":\"string\",\"description\":\"a keystore, or ref://REFERENCE\"},"
      "\"keyAlias\":{\"type\":\"string\"},"
      "\"trustStore\":{\"type\":\"string\",\"description\":\"a truststore, or ref://REFERENCE; "
      "\\\"\\\" is none\"},"
      "\"ciphers\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"protocols\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"commonName\":{\"type\":\"object\",\"properties\":{\"value\":{\"type\":\"string\"},"
      "\"wildcardMatch\":{\"type\":\"boolean\"}}}}}" },
    { "TargetServer",
      "{\"type\":\"object\",\"required\":[\"name\",\"host\",\"port\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"
      "\"host\":{\"type\":\"string\"},\"port\":{\"type\":[\"integer\",\"string\"]},"
      "\"isEnabled\":{\"type\":[\"boolean\",\"string\"]},\"protocol\":{\"type\":\"string\"},"
      "\"sSLInfo\":{\"$ref\":\"#/components/schemas/SSLInfo\"}}}" },
};
/* clang-format on */

const struct api_table api_table_target_servers = { "Target servers", routes, ARRAY_LEN(routes),
                                                    schemas, ARRAY_LEN(schemas) };
