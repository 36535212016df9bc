/* virtual_hosts: where the Router listens, for whom. Source: gateway-facts 1.6. */
#include "store/virtual_host.h"

#include <string.h>

#include "api/change.h"
#include "api/deployed.h"
#include "api/diagnosis.h"
#include "api/environment.h"

static struct store_key key_of(const struct api_request *r, const char *name)
{
    return (struct store_key){
        .kind = STORE_VIRTUAL_HOST, .org = api_param(r, "o"), .env = api_param(r, "e"), .name = name
    };
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
    struct store_key key = key_of(r, api_param(r, "v"));
    *out = NULL;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(api_document(r, &key, out, err));
    return *out != NULL
               ? ST_OK
               : api_refuse(a, 404, "messaging.config.beans.VirtualHostDoesNotExist",
                            "Virtual host %s does not exist in environment %s", key.name, key.env);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *json = NULL;
    TRY(load(r, a, &json, err));
    return json == NULL ? ST_OK : api_say(a, 0, json);
}

static enum status parse(struct api_request *r, struct api_answer *a, struct virtual_host *out,
                         struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    if (api_form_of(r->type, API_JSON) == API_XML) {
        TRY(virtual_host_from_xml(r->body, &remarks, out, err));
    } else {
        TRY(virtual_host_from_json(r->json, &remarks, out, err));
    }
    return api_refuse_remarks(r, a, &remarks, REMARK_ERROR);
}

/* --- one host alias and port, one virtual host, in the whole installation --- */

static enum status compare(struct api_request *r, struct api_answer *a,
                           const struct virtual_host *ours, const struct store_name *name,
                           struct err *err)
{
    struct store_key key = { STORE_VIRTUAL_HOST, name->org, name->env, NULL, name->name };
    struct remarks remarks = { .arena = r->arena };
    struct virtual_host theirs;
    const char *alias = NULL;
    json_t *json = NULL;
    TRY(api_document(r, &key, &json, err));
    enum status st = virtual_host_from_json(json, &remarks, &theirs, err);
    json_decref(json);
    TRY(st);
    if (virtual_host_clash(ours, &theirs, &alias)) {
        return api_refuse(a, 400, "messaging.config.beans.HostAliasInUse",
                          "hostAliases: %s with port %u is that of virtual host %s in environment "
                          "%s of organization %s already; a host alias and port lead to one "
                          "virtual host",
                          alias, ours->port.value, name->name, name->env, name->org);
    }
    return ST_OK;
}

static enum status want_unique(struct api_request *r, struct api_answer *a,
                               const struct virtual_host *v, struct err *err)
{
    struct store_key self = key_of(r, v->name);
    struct store_names names = { 0 };
    TRY(store_list(r->store, &(struct store_key){ .kind = STORE_VIRTUAL_HOST }, &names, err));
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK && !api_refused(a); i++) {
        const struct store_name *n = &names.list[i];
        bool is_self = strcmp(n->org, self.org) == 0 && strcmp(n->env, self.env) == 0 &&
                       strcmp(n->name, self.name) == 0;
        st = is_self ? ST_OK : compare(r, a, v, n, err);
    }
    store_names_deinit(&names);
    return st;
}

static enum status keep(struct api_request *r, struct api_answer *a, const struct virtual_host *v,
                        struct err *err)
{
    struct store_key key = key_of(r, v->name);
    TRY(want_unique(r, a, v, err));
    if (!api_refused(a) && virtual_host_is_tls(v)) {
        TRY(api_want_stores(r, a, key.env, &v->ssl, "sSLInfo", err));
    }
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(api_document_put(r, &key, virtual_host_json(v), (struct bytes){ 0 }, err));
    return api_say(a, 0, virtual_host_json(v));
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct virtual_host v;
    bool is_there = false;
    (void)arg;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(parse(r, a, &v, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    struct store_key key = key_of(r, v.name);
    TRY(api_document_is_there(r, &key, &is_there, err));
    if (is_there) {
        return api_refuse(a, 400, "messaging.config.beans.VirtualHostAlreadyExists",
                          "Virtual host %s already exists in environment %s", v.name, key.env);
    }
    return keep(r, a, &v, err);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    TRY(api_preflight_virtual_host(r, a, err));
    return api_refused(a) ? ST_OK : api_change(r, a, make, NULL, err);
}

static enum status change(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct virtual_host v;
    json_t *before = NULL;
    (void)arg;
    TRY(load(r, a, &before, err));
    json_decref(before);
    if (before == NULL) {
        return ST_OK;
    }
    TRY(parse(r, a, &v, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    if (strcmp(v.name, api_param(r, "v")) != 0) {
        return api_refuse(a, 400, "configuration.InvalidField",
                          "name: the body says %s, the path %s; a virtual host keeps its name",
                          v.name, api_param(r, "v"));
    }
    return keep(r, a, &v, err);
}

static enum status update(struct api_request *r, struct api_answer *a, struct err *err)
{
    api_name_of_path(r, "v");
    TRY(api_preflight_virtual_host(r, a, err));
    return api_refused(a) ? ST_OK : api_change(r, a, change, NULL, err);
}

/* The deprecated way to set sSLInfo alone; the body is it, or an object that has it. */
static enum status read_with_ssl(struct api_request *r, struct api_answer *a,
                                 struct virtual_host *out, struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    json_t *whole = NULL;
    *out = (struct virtual_host){ 0 };
    TRY(load(r, a, &whole, err));
    if (whole == NULL) {
        return ST_OK;
    }
    json_t *inner = json_object_get(r->json, "sSLInfo");
    bool is_set = json_object_set(whole, "sSLInfo", inner == NULL ? r->json : inner) == 0;
    enum status st = is_set ? virtual_host_from_json(whole, &remarks, out, err)
                            : err_set(err, ST_NOMEM, "memory");
    json_decref(whole);
    TRY(st);
    return api_refuse_remarks(r, a, &remarks, REMARK_ERROR);
}

static enum status change_ssl(struct api_request *r, struct api_answer *a, void *arg,
                              struct err *err)
{
    struct virtual_host v;
    (void)arg;
    TRY(read_with_ssl(r, a, &v, err));
    return api_refused(a) || v.name == NULL ? ST_OK : keep(r, a, &v, err);
}

static enum status preflight_ssl(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct virtual_host v;
    TRY(read_with_ssl(r, a, &v, err));
    return api_refused(a) ? ST_OK : api_preflight_host(r, a, &v, err);
}

static enum status set_ssl(struct api_request *r, struct api_answer *a, struct err *err)
{
    if (api_query_is(r, "preflight", false)) {
        TRY(preflight_ssl(r, a, err));
    }
    return api_refused(a) ? ST_OK : api_change(r, a, change_ssl, NULL, err);
}

/* --- deleting --- */

struct use {
    struct api_answer *a;
    const char *virtual_host;
};

static bool names_it(const struct bundle *b, const char *virtual_host)
{
    for (size_t i = 0; i < b->n_proxies; i++) {
        for (size_t v = 0; v < b->proxies[i].virtual_hosts.n; v++) {
            if (strcmp(b->proxies[i].virtual_hosts.list[v], virtual_host) == 0) {
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
    *is_done = names_it(&b, use->virtual_host);
    bundle_deinit(&b);
    return !*is_done ? ST_OK
                     : api_refuse(use->a, 400, "messaging.config.beans.VirtualHostInUse",
                                  "Virtual host %s is named by revision %s of API proxy %s, which "
                                  "is deployed in environment %s: undeploy it first",
                                  use->virtual_host, d->revision, d->api, d->env);
}

static enum status unmake(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct store_key key = key_of(r, api_param(r, "v"));
    struct use use = { .a = a, .virtual_host = key.name };
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
    { API_GET, ENV "/virtualhosts", API_RIGHT_READ, list, "listVirtualHosts",
      "Names of the virtual hosts", NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL,
      0 },
    { API_POST, ENV "/virtualhosts", API_RIGHT_CONFIGURE, create, "createVirtualHost",
      "Make a virtual host", "preflight", API_BODY_JSON | API_BODY_XML, "VirtualHost",
      "VirtualHost", API_OUT_DOCUMENT, 200, "VirtualHost", 0 },
    { API_GET, ENV "/virtualhosts/{v}", API_RIGHT_READ, show, "getVirtualHost", "A virtual host",
      NULL, API_BODY_NONE, NULL, "VirtualHost", API_OUT_DOCUMENT, 200, "VirtualHost", 0 },
    { API_PUT, ENV "/virtualhosts/{v}", API_RIGHT_CONFIGURE, update, "updateVirtualHost",
      "Replace a virtual host; the whole of it is wanted", "preflight",
      API_BODY_JSON | API_BODY_XML, "VirtualHost", "VirtualHost", API_OUT_DOCUMENT, 200,
      "VirtualHost", 0 },
    { API_POST, ENV "/virtualhosts/{v}/sslinfo", API_RIGHT_CONFIGURE, set_ssl,
      "setVirtualHostSSLInfo",
      "Replace the sSLInfo of a virtual host (deprecated: replace the whole)", "preflight",
      API_BODY_JSON | API_BODY_XML, "SSLInfo", "VirtualHost", API_OUT_DOCUMENT, 200, "VirtualHost",
      0 },
    { API_DELETE, ENV "/virtualhosts/{v}", API_RIGHT_CONFIGURE, delete_one, "deleteVirtualHost",
      "Delete a virtual host that no deployed proxy names", NULL, API_BODY_NONE, NULL,
      "VirtualHost", API_OUT_DOCUMENT, 200, "VirtualHost", 0 },
};

static const struct api_schema schemas[] = {
    { "VirtualHost",
      "{\"type\":\"object\",\"required\":[\"name\",\"hostAliases\",\"port\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},"
      "\"hostAliases\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"port\":{\"type\":[\"string\",\"integer\"]},"
      "\"interfaces\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"listenOptions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"retryOptions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"baseUrl\":{\"type\":\"string\"},\"oCSPStapling\":{\"type\":\"string\",\"enum\":[\"on\","
      "\"off\"]},"
      "\"sSLInfo\":{\"$ref\":\"#/components/schemas/SSLInfo\"},"
      "\"propagateTLSInformation\":{\"type\":\"object\",\"properties\":{"
      "\"connectionProperties\":{\"type\":\"boolean\"},\"clientProperties\":{\"type\":\"boolean\"}}"
      "},"
      "\"properties\":{\"type\":\"object\",\"properties\":{\"property\":{\"type\":\"array\","
      "\"items\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"value\":{\"type\":\"string\"}}}}}}}}" },
};
/* clang-format on */

const struct api_table api_table_virtual_hosts = { "Virtual hosts", routes, ARRAY_LEN(routes),
                                                   schemas, ARRAY_LEN(schemas) };
