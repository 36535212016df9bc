/* deployments: what is deployed where, in the shapes that clients read; deploy and undeploy.
 * Source: gateway-facts 1.8. */
#include <string.h>

#include "api/change.h"
#include "api/deploy.h"
#include "api/deployment_json.h"
#include "api/environment.h"
#include "api/preflight.h"

/* --- lists --- */

/* Deployments grouped under one name: {name, key: [entries]} in `groups`. */
struct grouping {
    json_t *groups;
    const char *key;                                    /* "revision" */
    const char *(*group_of)(const struct deployment *); /* NULL: no groups, entries alone */
    const char *(*name_of)(const struct deployment *);
    const char *revision; /* only this one; NULL: all */
    unsigned n;
};

static const char *env_of(const struct deployment *d)
{
    return d->env;
}

static const char *api_of(const struct deployment *d)
{
    return d->api;
}

static const char *revision_of(const struct deployment *d)
{
    return d->revision;
}

/* The list of the last group where it has that name: deployments come in the order of their keys.
 * Borrowed; NULL: no memory. */
static json_t *group_list(struct grouping *g, const char *name)
{
    size_t i;
    json_t *group;
    json_array_foreach(g->groups, i, group)
    {
        if (strcmp(json_string_value(json_object_get(group, "name")), name) == 0) {
            return json_object_get(group, g->key);
        }
    }
    json_t *list = json_array();
    json_t *made = json_pack("{s:s,s:O}", "name", name, g->key, list);
    json_decref(list);
    return json_array_append_new(g->groups, made) == 0 ? list : NULL;
}

static enum status add(struct api_request *r, const struct deployment *d, void *arg, bool *is_done,
                       struct err *err)
{
    struct grouping *g = arg;
    *is_done = false;
    if (g->revision != NULL && strcmp(g->revision, d->revision) != 0) {
        return ST_OK;
    }
    json_t *list = g->group_of == NULL ? g->groups : group_list(g, g->group_of(d));
    g->n++;
    return list != NULL && json_array_append_new(list, deployment_entry(r, d, g->name_of(d))) == 0
               ? ST_OK
               : err_set(err, ST_NOMEM, "no memory for deployments");
}

/* {"organization": o, name_key: name, list_key: groups}; takes the groups. */
static enum status gather(struct api_request *r, struct grouping *g, const char *env,
                          const char *api, struct err *err)
{
    g->groups = json_array();
    enum status st = g->groups == NULL ? err_set(err, ST_NOMEM, "no memory for deployments")
                                       : deployed_walk(r, env, api, add, g, err);
    if (st != ST_OK) {
        json_decref(g->groups);
        g->groups = NULL;
    }
    return st;
}

static enum status want_proxy(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = NULL;
    TRY(api_load_proxy(r, a, api_param(r, "p"), &document, err));
    json_decref(document);
    return ST_OK;
}

static enum status want_revision(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = NULL;
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    json_decref(document);
    return ST_OK;
}

/* GET /apis/{p}/deployments */
static enum status of_proxy(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct grouping g = { .key = "revision", .group_of = env_of, .name_of = revision_of };
    TRY(want_proxy(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(gather(r, &g, NULL, api_param(r, "p"), err));
    return api_say(a, 0,
                   json_pack("{s:s,s:s,s:o}", "name", api_param(r, "p"), "organization",
                             api_param(r, "o"), "environment", g.groups));
}

/* GET /apis/{p}/revisions/{n}/deployments */
static enum status of_revision(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct grouping g = { .name_of = env_of, .revision = api_param(r, "n") };
    TRY(want_revision(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(gather(r, &g, NULL, api_param(r, "p"), err));
    return api_say(a, 0,
                   json_pack("{s:s,s:s,s:s,s:o}", "aPIProxy", api_param(r, "p"), "name",
                             api_param(r, "n"), "organization", api_param(r, "o"), "environment",
                             g.groups));
}

/* GET /e/{e}/deployments */
static enum status of_environment(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct grouping g = { .key = "revision", .group_of = api_of, .name_of = revision_of };
    bool is_there = false;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(gather(r, &g, api_param(r, "e"), NULL, err));
    return api_say(a, 0,
                   json_pack("{s:s,s:s,s:o}", "name", api_param(r, "e"), "organization",
                             api_param(r, "o"), "aPIProxy", g.groups));
}

/* GET /e/{e}/apis/{p}/deployments */
static enum status of_proxy_here(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct grouping g = { .name_of = revision_of };
    bool is_there = false;
    TRY(api_want_environment(r, a, &is_there, err));
    if (is_there) {
        TRY(want_proxy(r, a, err));
    }
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(gather(r, &g, api_param(r, "e"), api_param(r, "p"), err));
    if (g.n == 0) {
        json_decref(g.groups);
        return api_refuse(a, 400, "distribution.ApplicationNotDeployed",
                          "APIProxy %s is not deployed in environment %s", api_param(r, "p"),
                          api_param(r, "e"));
    }
    return api_say(a, 0,
                   json_pack("{s:s,s:s,s:s,s:o}", "aPIProxy", api_param(r, "p"), "environment",
                             api_param(r, "e"), "organization", api_param(r, "o"), "revision",
                             g.groups));
}

/* GET /e/{e}/apis/{p}/revisions/{n}/deployments, and the same below /v1/runtime */
static enum status of_revision_here(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_key key = { STORE_DEPLOYMENT, api_param(r, "o"), api_param(r, "e"),
                             api_param(r, "p"), api_param(r, "n") };
    bool is_there = false;
    json_t *document = NULL;
    TRY(api_want_environment(r, a, &is_there, err));
    if (is_there) {
        TRY(want_revision(r, a, err));
    }
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(api_document(r, &key, &document, err));
    const char *state = document == NULL ? "undeployed" : "deployed";
    const char *prefix = json_string_value(json_object_get(document, "basePath"));
    struct deployment d = { key.org, key.env, key.parent, key.name, prefix == NULL ? "/" : prefix };
    enum status st = api_say(a, 0, deployment_change(r, &d, state));
    json_decref(document);
    return st;
}

/* GET /deployments */
static enum status of_organization(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct store_names envs = { 0 };
    struct store_key within = { .kind = STORE_ENVIRONMENT, .org = api_param(r, "o") };
    TRY(api_want_organization(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(store_list(r->store, &within, &envs, err));
    json_t *list = json_array();
    enum status st = list == NULL ? ST_NOMEM : ST_OK;
    for (size_t i = 0; i < envs.n && st == ST_OK; i++) {
        struct grouping g = { .key = "revision", .group_of = api_of, .name_of = revision_of };
        st = gather(r, &g, envs.list[i].name, NULL, err);
        if (st == ST_OK &&
            json_array_append_new(list, json_pack("{s:s,s:o}", "name", envs.list[i].name,
                                                  "aPIProxy", g.groups)) != 0) {
            st = ST_NOMEM;
        }
    }
    store_names_deinit(&envs);
    if (st != ST_OK) {
        json_decref(list);
        return st;
    }
    return api_say(a, 0, json_pack("{s:s,s:o}", "name", api_param(r, "o"), "environment", list));
}

/* --- changes --- */

static bool field_is_true(const struct api_request *r, const char *name)
{
    const char *value = api_field(r, name);
    return value != NULL && strcasecmp(value, "true") == 0;
}

static bool allows_skipping(const struct api_request *r, const json_t *revision)
{
    return field_is_true(r, "allowSkippedPolicies") ||
           json_is_true(json_object_get(revision, "allowSkippedPolicies"));
}

/* `delay` asks for a pause between old and new revision; a reload of nginx needs none: requests
 * that run end where they began. `force` asks that what cannot be undeployed is: nothing is so. */
static bool parameters_are_sane(const struct api_request *r)
{
    const char *delay = api_field(r, "delay");
    return delay == NULL ||
           (delay[0] != '\0' && strlen(delay) < 6 && strspn(delay, "0123456789") == strlen(delay));
}

struct asked {
    const char *env, *revision;
    bool undeploy;
};

static enum status want_env(struct api_request *r, struct api_answer *a, const char *env,
                            struct err *err)
{
    struct store_key key = { .kind = STORE_ENVIRONMENT, .org = api_param(r, "o"), .name = env };
    bool is_there = false;
    TRY(api_want_organization(r, a, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    TRY(api_document_is_there(r, &key, &is_there, err));
    return is_there ? ST_OK
                    : api_refuse(a, 404, "messaging.config.beans.EnvironmentDoesNotExist",
                                 "Environment %s does not exist in organization %s", env, key.org);
}

static enum status work(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    const struct asked *asked = arg;
    json_t *revision = NULL;
    TRY(want_env(r, a, asked->env, err));
    if (!api_refused(a)) {
        TRY(api_load_revision(r, a, api_param(r, "p"), asked->revision, &revision, err));
    }
    if (revision == NULL) {
        return ST_OK;
    }
    struct deploy d = { .env = asked->env,
                        .api = api_param(r, "p"),
                        .revision = asked->revision,
                        .base_path = api_field(r, "basepath"),
                        .override = field_is_true(r, "override"),
                        .skips_policies = allows_skipping(r, revision) };
    json_decref(revision);
    return asked->undeploy ? deploy_remove(r, a, &d, err) : deploy_put(r, a, &d, err);
}

/* Only where the path names environment and revision. */
static enum status change_ahead(struct api_request *r, struct api_answer *a, struct asked *asked,
                                struct err *err)
{
    struct preflight_change ahead = { .api = api_param(r, "p"), .revision = asked->revision };
    TRY(want_env(r, a, asked->env, err));
    if (!api_refused(a)) {
        TRY(want_revision(r, a, err));
    }
    return api_refused(a) ? ST_OK : api_change_ahead(r, a, &ahead, work, asked, err);
}

static enum status change(struct api_request *r, struct api_answer *a, struct asked *asked,
                          struct err *err)
{
    const char *action = api_field(r, "action");
    bool is_deploy = action == NULL || strcmp(action, "deploy") == 0;
    bool is_undeploy = action != NULL && strcmp(action, "undeploy") == 0;
    if (!is_deploy && !is_undeploy) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "action: deploy or undeploy is wanted, not %s", action);
    }
    if (!parameters_are_sane(r)) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "delay: a number of seconds is wanted");
    }
    asked->undeploy = asked->undeploy || is_undeploy;
    return asked->undeploy || !api_query_is(r, "preflight", false)
               ? api_change(r, a, work, asked, err)
               : change_ahead(r, a, asked, err);
}

/* POST /e/{e}/apis/{p}/revisions/{n}/deployments */
static enum status deploy_here(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct asked asked = { .env = api_param(r, "e"), .revision = api_param(r, "n") };
    return change(r, a, &asked, err);
}

static enum status undeploy_here(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct asked asked = { .env = api_param(r, "e"),
                           .revision = api_param(r, "n"),
                           .undeploy = true };
    return change(r, a, &asked, err);
}

/* POST /apis/{p}/deployments, and /apis/{p}/revisions/{n}/deployments */
static enum status deploy_named(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool has_revision = strstr(r->route->path, "/{n}") != NULL;
    struct asked asked = { .env = api_field(r, "env"),
                           .revision =
                               has_revision ? api_param(r, "n") : api_field(r, "revision") };
    if (asked.env == NULL || asked.revision == NULL) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "env and revision are wanted, as form fields or in the query");
    }
    return change(r, a, &asked, err);
}

/* clang-format off: a table reads by columns */
#define ORG  "/organizations/{o}"
#define ENV  ORG "/environments/{e}"
#define ASKS "action override delay basepath force allowSkippedPolicies"
#define FORM (API_BODY_FORM | API_BODY_OPTIONAL)
static const struct api_route routes[] = {
    { API_GET, ORG "/deployments", API_RIGHT_READ, of_organization, "listDeployments",
      "What is deployed in each environment", NULL, API_BODY_NONE, NULL, "Deployments",
      API_OUT_DOCUMENT, 200, "OrganizationDeployment", 0 },
    { API_GET, ORG "/apis/{p}/deployments", API_RIGHT_READ, of_proxy, "listApiProxyDeployments",
      "Where an API proxy is deployed", NULL, API_BODY_NONE, NULL, "Deployments", API_OUT_DOCUMENT,
      200, "APIProxyDeployment", 0 },
    { API_GET, ORG "/apis/{p}/revisions/{n}/deployments", API_RIGHT_READ, of_revision,
      "listRevisionDeployments", "Where a revision is deployed", NULL, API_BODY_NONE, NULL,
      "Deployments", API_OUT_DOCUMENT, 200, "RevisionDeployment", 0 },
    { API_GET, ENV "/deployments", API_RIGHT_READ, of_environment, "listEnvironmentDeployments",
      "What is deployed in an environment", NULL, API_BODY_NONE, NULL, "Deployments",
      API_OUT_DOCUMENT, 200, "EnvironmentDeployment", 0 },
    { API_GET, ENV "/apis/{p}/deployments", API_RIGHT_READ, of_proxy_here,
      "listApiProxyDeploymentsHere",
      "Revisions of an API proxy that are deployed in an environment", NULL, API_BODY_NONE, NULL,
      "Deployments", API_OUT_DOCUMENT, 200, "APIProxyDeployment", 0 },
    { API_GET, ENV "/apis/{p}/revisions/{n}/deployments", API_RIGHT_READ, of_revision_here,
      "getDeployment", "Whether a revision is deployed in an environment", NULL, API_BODY_NONE,
      NULL, "Deployment", API_OUT_DOCUMENT, 200, "Deployment", 0 },
    { API_GET, "/runtime" ENV "/apis/{p}/revisions/{n}/deployments", API_RIGHT_READ,
      of_revision_here, "getRuntimeDeployment",
      "Whether a revision is deployed in an environment, by what runs", NULL, API_BODY_NONE, NULL,
      "Deployment", API_OUT_DOCUMENT, 200, "Deployment", 0 },
    { API_POST, ENV "/apis/{p}/revisions/{n}/deployments", API_RIGHT_DEPLOY, deploy_here,
      "deployRevision", "Deploy a revision; override=true replaces the one that is deployed",
      ASKS " preflight", FORM, NULL, "Deployment", API_OUT_DOCUMENT, 200, "Deployment", 0 },
    { API_DELETE, ENV "/apis/{p}/revisions/{n}/deployments", API_RIGHT_DEPLOY, undeploy_here,
      "undeployRevision", "Undeploy a revision", NULL, API_BODY_NONE, NULL, "Deployment",
      API_OUT_DOCUMENT, 200, "Deployment", 0 },
    { API_POST, ORG "/apis/{p}/deployments", API_RIGHT_DEPLOY, deploy_named, "changeDeployment",
      "Deploy or undeploy a revision", ASKS " env revision", FORM, NULL, "Deployment",
      API_OUT_DOCUMENT, 200, "Deployment", 0 },
    { API_POST, ORG "/apis/{p}/revisions/{n}/deployments", API_RIGHT_DEPLOY, deploy_named,
      "changeRevisionDeployment", "Deploy or undeploy this revision", ASKS " env", FORM, NULL,
      "Deployment", API_OUT_DOCUMENT, 200, "Deployment", 0 },
};

static const struct api_schema schemas[] = {
    { "Deployment",
      "{\"type\":\"object\",\"properties\":{\"aPIProxy\":{\"type\":\"string\"},"
      "\"environment\":{\"type\":\"string\"},\"organization\":{\"type\":\"string\"},"
      "\"revision\":{\"type\":\"string\"},"
      "\"state\":{\"type\":\"string\",\"enum\":[\"deployed\",\"undeployed\",\"error\"]},"
      "\"configuration\":{\"type\":\"object\"},"
      "\"server\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}" },
    { "Deployments",
      "{\"type\":\"object\",\"properties\":{\"organization\":{\"type\":\"string\"}}}" },
};
/* clang-format on */

const struct api_table api_table_deployments = { "Deployments", routes, ARRAY_LEN(routes), schemas,
                                                 ARRAY_LEN(schemas) };
