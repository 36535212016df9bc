/*
 * organizations: organizations and their environments.
 *
 * A new environment has the two virtual hosts that the guide's system has by default: `default`
 * without TLS, and `secure` with it and a self-signed certificate in the keystore `default`. Their
 * ports are those of virtual hosts of the same name that are there, so that the Router needs no
 * further ones; their host alias is ORGANIZATION-ENVIRONMENT.localhost.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/change.h"
#include "api/login.h"
#include "base/clock.h"
#include "store/alias.h"

enum { NAME_MAX_LEN = 63, PORT_PLAIN = 9001, PORT_TLS = 9443 };

/* It becomes part of paths, of host names and of labels in the configuration of nginx. */
static bool is_name(const char *name)
{
    if (name == NULL || strlen(name) > NAME_MAX_LEN || !isalnum((unsigned char)name[0])) {
        return false;
    }
    return name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                             "0123456789-_")] == '\0';
}

static enum status names_json(struct store *s, const struct store_key *within, json_t **out,
                              struct err *err)
{
    struct store_names names = { 0 };
    TRY(store_list(s, within, &names, err));
    json_t *list = json_array();
    bool ok = list != NULL;
    for (size_t i = 0; i < names.n && ok; i++) {
        ok = json_array_append_new(list, json_string(names.list[i].name)) == 0;
    }
    store_names_deinit(&names);
    if (!ok) {
        json_decref(list);
        return ST_NOMEM;
    }
    *out = list;
    return ST_OK;
}

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_names names = { 0 };
    enum status st =
        store_list(r->store, &(struct store_key){ .kind = STORE_ORGANIZATION }, &names, err);
    json_t *mine = json_array(); /* those that the user may look into */
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        bool may = false;
        st = api_may(r->store, r->user, API_RIGHT_READ, names.list[i].name, &may, err);
        if (st == ST_OK && may &&
            json_array_append_new(mine, json_string(names.list[i].name)) != 0) {
            st = ST_NOMEM;
        }
    }
    store_names_deinit(&names);
    if (st != ST_OK) {
        json_decref(mine);
        return st;
    }
    return api_say(a, 0, mine);
}

/* The document with what the store knows of it; NULL in *out: it is not there. */
static enum status load(struct store *s, const struct store_key *key, json_t **out, struct err *err)
{
    struct store_document document = { 0 };
    *out = NULL;
    TRY(store_get(s, key, &document, err));
    if (document.json == NULL) {
        return ST_OK;
    }
    json_t *json = json_loads(document.json, 0, NULL);
    bool ok =
        json_is_object(json) &&
        (json_object_get(json, "properties") != NULL || /* clients read it without asking */
         json_object_set_new(json, "properties", json_pack("{s:[]}", "property")) == 0) &&
        json_object_set_new(json, "createdAt", json_integer(document.created_at_ms)) == 0 &&
        json_object_set_new(json, "lastModifiedAt", json_integer(document.modified_at_ms)) == 0;
    store_document_deinit(&document);
    if (!ok) {
        json_decref(json);
        return err_set(err, ST_FORMAT, "the store holds a broken document");
    }
    *out = json;
    return ST_OK;
}

static struct store_key organization_key(const struct api_request *r)
{
    return (struct store_key){ .kind = STORE_ORGANIZATION, .name = api_param(r, "o") };
}

static struct store_key environment_key(const struct api_request *r)
{
    return (struct store_key){ .kind = STORE_ENVIRONMENT,
                               .org = api_param(r, "o"),
                               .name = api_param(r, "e") };
}

static enum status no_organization(struct api_answer *a, const char *org)
{
    return api_refuse(a, 404, "messaging.config.beans.OrganizationDoesNotExist",
                      "Organization %s does not exist", org);
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key key = organization_key(r);
    json_t *json = NULL;
    json_t *environments = NULL;
    TRY(load(r->store, &key, &json, err));
    if (json == NULL) {
        return no_organization(a, key.name);
    }
    enum status st =
        names_json(r->store, &(struct store_key){ .kind = STORE_ENVIRONMENT, .org = key.name },
                   &environments, err);
    if (st == ST_OK && json_object_set_new(json, "environments", environments) != 0) {
        st = ST_NOMEM;
    }
    if (st != ST_OK) {
        json_decref(json);
        return st;
    }
    return api_say(a, 0, json);
}

/* What of a body is kept: names and properties, and nothing that nobody reads. */
static json_t *kept_of(const struct api_request *r, const char *name)
{
    static const char *const fields[] = { "displayName", "description", "properties" };
    json_t *json = json_pack("{s:s}", "name", name);
    for (size_t i = 0; i < ARRAY_LEN(fields) && json != NULL; i++) {
        json_t *value = json_object_get(r->json, fields[i]);
        if (value != NULL && json_object_set(json, fields[i], value) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static enum status put(struct store *s, const struct store_key *key, json_t *json, struct err *err)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = store_put(s, key, text, bytes_of(NULL, 0), bytes_of(NULL, 0), err);
    free(text);
    return st;
}

static enum status is_there(struct store *s, const struct store_key *key, bool *out,
                            struct err *err)
{
    json_t *json = NULL;
    TRY(load(s, key, &json, err));
    *out = json != NULL;
    json_decref(json);
    return ST_OK;
}

static enum status make(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    const char *name = arg;
    struct store_key key = { .kind = STORE_ORGANIZATION, .name = name };
    bool exists = false;
    TRY(is_there(r->store, &key, &exists, err));
    if (exists) {
        return api_refuse(a, 409, "messaging.config.beans.OrganizationAlreadyExists",
                          "Organization %s exists already", name);
    }
    TRY(put(r->store, &key, kept_of(r, name), err));
    json_t *json = NULL;
    TRY(load(r->store, &key, &json, err));
    return api_say(a, 0, json);
}

static const char *name_said(const struct api_request *r)
{
    const char *name = r->json == NULL ? api_query(r, "name") : api_json_str(r, "name");
    return is_name(name) ? arena_strndup(r->arena, name, strlen(name)) : NULL;
}

static enum status bad_name(struct api_answer *a)
{
    return api_refuse(a, 400, "messaging.config.beans.InvalidName",
                      "a name of 1 to %d letters, figures, - and _ is needed, a letter or figure "
                      "first",
                      NAME_MAX_LEN);
}

static enum status create(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *name = name_said(r);
    return name == NULL ? bad_name(a) : api_change(r, a, make, (void *)(uintptr_t)name, err);
}

static enum status count(struct store *s, const struct store_key *within, size_t *out,
                         struct err *err)
{
    struct store_names names = { 0 };
    TRY(store_list(s, within, &names, err));
    *out = names.n;
    store_names_deinit(&names);
    return ST_OK;
}

static enum status remove_organization(struct api_request *r, struct api_answer *a, void *arg,
                                       struct err *err)
{
    struct store_key key = organization_key(r);
    size_t n_environments = 0;
    size_t n_apis = 0;
    (void)arg;
    TRY(show(r, a, err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(count(r->store, &(struct store_key){ .kind = STORE_ENVIRONMENT, .org = key.name },
              &n_environments, err));
    TRY(count(r->store, &(struct store_key){ .kind = STORE_API, .org = key.name }, &n_apis, err));
    if (n_environments > 0 || n_apis > 0) {
        return api_refuse(a, 409, "messaging.config.beans.OrganizationInUse",
                          "Organization %s still has %zu environments and %zu API proxies",
                          key.name, n_environments, n_apis);
    }
    return store_delete(r->store, &key, NULL, err);
}

static enum status delete (struct api_request *r, struct api_answer *a, struct err *err) {
    return api_change(r, a, remove_organization, NULL, err);
}

static enum status list_environments(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key key = organization_key(r);
    bool exists = false;
    json_t *names = NULL;
    TRY(is_there(r->store, &key, &exists, err));
    if (!exists) {
        return no_organization(a, key.name);
    }
    TRY(names_json(r->store, &(struct store_key){ .kind = STORE_ENVIRONMENT, .org = key.name },
                   &names, err));
    return api_say(a, 0, names);
}

static enum status show_environment(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key key = environment_key(r);
    json_t *json = NULL;
    TRY(load(r->store, &key, &json, err));
    if (json == NULL) {
        return api_refuse(a, 404, "messaging.config.beans.EnvironmentDoesNotExist",
                          "Environment %s does not exist in organization %s", key.name, key.org);
    }
    return api_say(a, 0, json);
}

/* The port of a virtual host of this name, whichever it is. */
static enum status port_of(struct store *s, const char *host, long otherwise, long *out,
                           struct err *err)
{
    struct store_names names = { 0 };
    *out = otherwise;
    TRY(store_list(s, &(struct store_key){ .kind = STORE_VIRTUAL_HOST }, &names, err));
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        const struct store_name *n = &names.list[i];
        json_t *json = NULL;
        if (strcmp(n->name, host) != 0) {
            continue;
        }
        st = load(s,
                  &(struct store_key){
                      .kind = STORE_VIRTUAL_HOST, .org = n->org, .env = n->env, .name = n->name },
                  &json, err);
        const json_t *port = json_object_get(json, "port");
        long found = json_is_integer(port)
                         ? (long)json_integer_value(port)
                         : strtol(json_is_string(port) ? json_string_value(port) : "0", NULL, 10);
        *out = found > 0 && found < 65536 ? found : *out;
        json_decref(json);
    }
    store_names_deinit(&names);
    return st;
}

static enum status put_host(struct store *s, const struct store_key *env, const char *name,
                            const char *alias, json_t *ssl, struct err *err)
{
    struct store_key key = {
        .kind = STORE_VIRTUAL_HOST, .org = env->org, .env = env->name, .name = name
    };
    char port[16];
    long number = 0;
    enum status st = port_of(s, name, ssl == NULL ? PORT_PLAIN : PORT_TLS, &number, err);
    if (st != ST_OK) {
        json_decref(ssl);
        return st;
    }
    (void)snprintf(port, sizeof port, "%ld", number);
    json_t *host = ssl == NULL ? json_pack("{s:s, s:[s], s:s}", "name", name, "hostAliases", alias,
                                           "port", port)
                               : json_pack("{s:s, s:[s], s:s, s:o}", "name", name, "hostAliases",
                                           alias, "port", port, "sSLInfo", ssl);
    return put(s, &key, host, err);
}

static enum status put_certificate(struct store *s, const struct store_key *env, const char *host,
                                   struct api_answer *a, struct err *err)
{
    struct store_problem problem = { 0 };
    struct keystore_name keystore = { env->org, env->name, "default" };
    struct alias_name alias = { env->org, env->name, "default", "default" };
    char made[ALIAS_NAME_MAX + 1];
    json_t *body =
        json_pack("{s:s, s:i, s:s, s:{s:s}, s:i, s:{s:[s]}}", "alias", "default", "keySize", 2048,
                  "sigAlg", "SHA256withRSA", "subject", "commonName", host, "certValidityInDays",
                  825, "subjectAlternativeDNSNames", "subjectAlternativeName", host);
    if (body == NULL) {
        return ST_NOMEM;
    }
    struct alias_upload upload = { .format = ALIAS_SELF_SIGNED, .body = body };
    enum status st = keystores_create(s, &keystore, &problem);
    if (st == ST_OK) {
        st = alias_create(s, &alias, &upload, made, &problem);
    }
    json_decref(body);
    return api_problem(a, st, &problem, err);
}

/* "my_org-Test.localhost" is no host name; "my-org-test.localhost" is. */
static const char *host_of(struct arena *arena, const struct store_key *env)
{
    char *host = arena_printf(arena, "%s-%s.localhost", env->org, env->name);
    for (char *p = host; p != NULL && *p != '\0'; p++) {
        *p = (char)(*p == '_' ? '-' : tolower((unsigned char)*p));
    }
    return host;
}

static enum status make_environment(struct api_request *r, struct api_answer *a, void *arg,
                                    struct err *err)
{
    struct store_key org = organization_key(r);
    struct store_key key = { .kind = STORE_ENVIRONMENT, .org = org.name, .name = arg };
    bool exists = false;
    json_t *json = NULL;
    TRY(is_there(r->store, &org, &exists, err));
    if (!exists) {
        return no_organization(a, org.name);
    }
    TRY(is_there(r->store, &key, &exists, err));
    if (exists) {
        return api_refuse(a, 409, "messaging.config.beans.EnvironmentAlreadyExists",
                          "Environment %s exists already in organization %s", key.name, key.org);
    }
    const char *host = host_of(r->arena, &key);
    if (host == NULL) {
        return ST_NOMEM;
    }
    TRY(put(r->store, &key, kept_of(r, key.name), err));
    TRY(put_certificate(r->store, &key, host, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(put_host(r->store, &key, "default", host, NULL, err));
    TRY(put_host(r->store, &key, "secure", host,
                 json_pack("{s:s, s:s, s:s, s:s}", "enabled", "true", "clientAuthEnabled", "false",
                           "keyStore", "default", "keyAlias", "default"),
                 err));
    TRY(load(r->store, &key, &json, err));
    return api_say(a, 0, json);
}

static enum status create_environment(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *name = name_said(r);
    return name == NULL ? bad_name(a)
                        : api_change(r, a, make_environment, (void *)(uintptr_t)name, err);
}

static enum status remove_environment(struct api_request *r, struct api_answer *a, void *arg,
                                      struct err *err)
{
    struct store_key key = environment_key(r);
    size_t n = 0;
    (void)arg;
    TRY(show_environment(r, a, err)); /* the answer is what was deleted */
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(count(r->store,
              &(struct store_key){ .kind = STORE_DEPLOYMENT, .org = key.org, .env = key.name }, &n,
              err));
    if (n > 0) {
        return api_refuse(a, 409, "messaging.config.beans.EnvironmentInUse",
                          "%zu API proxies are deployed in environment %s", n, key.name);
    }
    return store_delete(r->store, &key, NULL, err);
}

static enum status delete_environment(struct api_request *r, struct api_answer *a, struct err *err)
{
    return api_change(r, a, remove_environment, NULL, err);
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_GET, "/organizations", API_RIGHT_LOGIN, list, "listOrganizations",
      "Names of the organizations that the user may look into", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, "/organizations", API_RIGHT_SYSTEM, create, "createOrganization",
      "Make an organization", "name", API_BODY_JSON | API_BODY_XML | API_BODY_OPTIONAL,
      "Organization", "Organization", API_OUT_DOCUMENT, 201, "Organization", 0 },
    { API_GET, "/organizations/{o}", API_RIGHT_READ, show, "getOrganization",
      "An organization and its environments", NULL, API_BODY_NONE, NULL, "Organization",
      API_OUT_DOCUMENT, 200, "Organization", 0 },
    { API_DELETE, "/organizations/{o}", API_RIGHT_SYSTEM, delete, "deleteOrganization",
      "Delete an organization that is empty", NULL, API_BODY_NONE, NULL, "Organization",
      API_OUT_DOCUMENT, 200, "Organization", 0 },
    { API_GET, "/organizations/{o}/environments", API_RIGHT_READ, list_environments,
      "listEnvironments", "Names of the environments", NULL, API_BODY_NONE, NULL, "Names",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, "/organizations/{o}/environments", API_RIGHT_ADMINISTER, create_environment,
      "createEnvironment", "Make an environment with its two default virtual hosts", "name",
      API_BODY_JSON | API_BODY_XML | API_BODY_OPTIONAL, "Environment", "Environment",
      API_OUT_DOCUMENT, 201, "Environment", 0 },
    { API_GET, "/organizations/{o}/environments/{e}", API_RIGHT_READ, show_environment,
      "getEnvironment", "An environment", NULL, API_BODY_NONE, NULL, "Environment",
      API_OUT_DOCUMENT, 200, "Environment", 0 },
    { API_DELETE, "/organizations/{o}/environments/{e}", API_RIGHT_ADMINISTER, delete_environment,
      "deleteEnvironment", "Delete an environment that nothing is deployed in, with all it holds",
      NULL, API_BODY_NONE, NULL, "Environment", API_OUT_DOCUMENT, 200, "Environment", 0 },
};

#define STAMPS "\"createdAt\":{\"type\":\"integer\"},\"lastModifiedAt\":{\"type\":\"integer\"}"
static const struct api_schema schemas[] = {
    { "Organization",
      "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"displayName\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"
      "\"properties\":{\"type\":\"object\"},"
      "\"environments\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}," STAMPS "}}" },
    { "Environment",
      "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"displayName\":{\"type\":\"string\"},\"description\":{\"type\":\"string\"},"
      "\"properties\":{\"type\":\"object\"}," STAMPS "}}" },
};
/* clang-format on */

const struct api_table api_table_organizations = { "Organizations and environments", routes,
                                                   ARRAY_LEN(routes), schemas, ARRAY_LEN(schemas) };
