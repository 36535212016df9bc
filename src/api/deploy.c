#include "api/deploy.h"

#include <string.h>

#include "api/deployment_json.h"
#include "base/clock.h"
#include "store/target_server.h"

/* One deployment while it is looked at. */
struct checking {
    struct api_answer *a;
    const struct deploy *d;
    const struct bundle *bundle;
};

static struct store_key deployment_key(const struct api_request *r, const struct deploy *d)
{
    return (struct store_key){ STORE_DEPLOYMENT, api_param(r, "o"), d->env, d->api, d->revision };
}

static const char *prefix_of(const struct deploy *d)
{
    return d->base_path == NULL || d->base_path[0] == '\0' ? "/" : d->base_path;
}

/* --- what it names --- */

static enum status want_virtual_host(struct api_request *r, const struct checking *c,
                                     const struct proxy_endpoint *p, const char *name,
                                     struct err *err)
{
    struct store_key key = { STORE_VIRTUAL_HOST, api_param(r, "o"), c->d->env, NULL, name };
    bool is_there = false;
    TRY(api_document_is_there(r, &key, &is_there, err));
    return is_there ? ST_OK
                    : api_refuse(c->a, 400, "messaging.config.beans.VirtualHostDoesNotExist",
                                 "Virtual host %s does not exist in environment %s (proxy endpoint "
                                 "%s of revision %s of API proxy %s names it)",
                                 name, c->d->env, p->name, c->d->revision, c->d->api);
}

static enum status want_virtual_hosts(struct api_request *r, const struct checking *c,
                                      struct err *err)
{
    for (size_t i = 0; i < c->bundle->n_proxies; i++) {
        const struct proxy_endpoint *p = &c->bundle->proxies[i];
        for (size_t v = 0; v < p->virtual_hosts.n && !api_refused(c->a); v++) {
            TRY(want_virtual_host(r, c, p, p->virtual_hosts.list[v], err));
        }
    }
    return ST_OK;
}

static enum status want_server(struct api_request *r, const struct checking *c, const char *name,
                               struct err *err)
{
    struct store_key key = { STORE_TARGET_SERVER, api_param(r, "o"), c->d->env, NULL, name };
    bool is_there = false;
    TRY(api_document_is_there(r, &key, &is_there, err));
    return is_there
               ? ST_OK
               : api_refuse(c->a, 400, "messaging.config.beans.TargetServerDoesNotExist",
                            "Target server %s does not exist in environment %s", name, c->d->env);
}

static enum status want_target(struct api_request *r, const struct checking *c,
                               const struct target_endpoint *t, struct err *err)
{
    for (size_t i = 0; i < t->load_balancer.n_servers && !api_refused(c->a); i++) {
        TRY(want_server(r, c, t->load_balancer.servers[i].name, err));
    }
    if (api_refused(c->a) || !t->has_ssl_info || t->has_load_balancer ||
        !ssl_info_is_on(&t->ssl, t->url.is_tls)) {
        return ST_OK;
    }
    const char *what = arena_printf(r->arena, "target endpoint %s", t->name);
    return what == NULL ? ST_NOMEM : api_want_stores(r, c->a, c->d->env, &t->ssl, what, err);
}

static enum status want_targets(struct api_request *r, const struct checking *c, struct err *err)
{
    for (size_t i = 0; i < c->bundle->n_targets && !api_refused(c->a); i++) {
        TRY(want_target(r, c, &c->bundle->targets[i], err));
    }
    return ST_OK;
}

/* --- one path of a virtual host, one deployment --- */

static bool share_virtual_host(const struct proxy_endpoint *a, const struct proxy_endpoint *b)
{
    for (size_t i = 0; i < a->virtual_hosts.n; i++) {
        for (size_t k = 0; k < b->virtual_hosts.n; k++) {
            if (strcmp(a->virtual_hosts.list[i], b->virtual_hosts.list[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The path that both have; NULL: none, or no memory, as *failed says. */
static const char *common_path(struct api_request *r, const struct checking *c,
                               const struct bundle *other, const char *prefix, bool *failed)
{
    for (size_t i = 0; i < c->bundle->n_proxies * other->n_proxies; i++) {
        const struct proxy_endpoint *ours = &c->bundle->proxies[i / other->n_proxies];
        const struct proxy_endpoint *theirs = &other->proxies[i % other->n_proxies];
        const char *path = deployed_path(r->arena, prefix_of(c->d), ours->base_path);
        const char *their_path = deployed_path(r->arena, prefix, theirs->base_path);
        *failed = path == NULL || their_path == NULL;
        if (*failed) {
            return NULL;
        }
        if (strcmp(path, their_path) == 0 && share_virtual_host(ours, theirs)) {
            return path;
        }
    }
    return NULL;
}

static enum status refuse_conflict(struct api_request *r, const struct deployment *d, void *arg,
                                   bool *is_done, struct err *err)
{
    const struct checking *c = arg;
    bool is_same_proxy = strcmp(d->api, c->d->api) == 0;
    bool is_same = is_same_proxy && strcmp(d->revision, c->d->revision) == 0;
    struct bundle other;
    bool failed = false;
    if (is_same || (is_same_proxy && c->d->override)) {
        return ST_OK;
    }
    TRY(deployed_bundle(r, d->api, d->revision, &other, err));
    const char *path = common_path(r, c, &other, d->base_path, &failed);
    bundle_deinit(&other);
    if (failed) {
        return err_set(err, ST_NOMEM, "no memory for paths");
    }
    *is_done = path != NULL;
    return path == NULL ? ST_OK
                        : api_refuse(c->a, 400, "messaging.config.beans.PathConflict",
                                     "Path %s conflicts with existing deployment path for revision "
                                     "%s of the APIProxy %s in organization %s, environment %s",
                                     path, d->revision, d->api, d->org, d->env);
}

/* Two endpoints of the bundle itself. */
static enum status want_own_paths(const struct checking *c)
{
    const struct bundle *b = c->bundle;
    for (size_t i = 1; i < b->n_proxies; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(b->proxies[i].base_path, b->proxies[k].base_path) == 0 &&
                share_virtual_host(&b->proxies[i], &b->proxies[k])) {
                return api_refuse(c->a, 400, "messaging.config.beans.PathConflict",
                                  "Proxy endpoints %s and %s have the same path %s on the same "
                                  "virtual host",
                                  b->proxies[k].name, b->proxies[i].name, b->proxies[i].base_path);
            }
        }
    }
    return ST_OK;
}

static enum status check(struct api_request *r, struct checking *c, struct err *err)
{
    enum remark_level least = c->d->skips_policies ? REMARK_ERROR : REMARK_UNSAFE;
    TRY(api_refuse_remarks(r, c->a, &c->bundle->remarks, least));
    if (!api_refused(c->a)) {
        TRY(want_virtual_hosts(r, c, err));
    }
    if (!api_refused(c->a)) {
        TRY(want_targets(r, c, err));
    }
    if (!api_refused(c->a)) {
        TRY(want_own_paths(c));
    }
    return api_refused(c->a) ? ST_OK : deployed_walk(r, c->d->env, NULL, refuse_conflict, c, err);
}

/* --- doing it --- */

static enum status remove_other(struct api_request *r, const struct deployment *d, void *arg,
                                bool *is_done, struct err *err)
{
    const struct deploy *ours = arg;
    struct store_key key = { STORE_DEPLOYMENT, d->org, d->env, d->api, d->revision };
    *is_done = false;
    return strcmp(d->revision, ours->revision) == 0 ? ST_OK
                                                    : store_delete(r->store, &key, NULL, err);
}

static enum status keep(struct api_request *r, struct api_answer *a, const struct deploy *d,
                        struct err *err)
{
    struct store_key key = deployment_key(r, d);
    struct deployment made = { key.org, d->env, d->api, d->revision, prefix_of(d) };
    if (d->override) {
        TRY(deployed_walk(r, d->env, d->api, remove_other, (void *)(uintptr_t)d, err));
    }
    json_t *document = json_pack("{s:s,s:I,s:s}", "basePath", prefix_of(d), "deployedAt",
                                 (json_int_t)(clock_now_ns() / NS_PER_MS), "deployedBy", r->user);
    TRY(api_document_put(r, &key, document, (struct bytes){ 0 }, err));
    return api_say(a, 200, deployment_change(r, &made, "deployed"));
}

/* A bundle's base paths have been looked at; this one comes in the request. */
static bool prefix_is_plain(const char *s)
{
    size_t len = strlen(s);
    return s[0] == '/' && (len == 1 || s[len - 1] != '/') && strstr(s, "//") == NULL &&
           strstr(s, "/.") == NULL && len < 256 &&
           strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/") == len;
}

enum status deploy_put(struct api_request *r, struct api_answer *a, const struct deploy *d,
                       struct err *err)
{
    struct store_key key = deployment_key(r, d);
    bool is_there = false;
    struct bundle b;
    if (!prefix_is_plain(prefix_of(d))) {
        return api_refuse(
            a, 400, "configuration.InvalidParameter",
            "basepath: letters, digits and - . _ ~ between single / are wanted, as in "
            "/v1, not %s",
            d->base_path);
    }
    TRY(api_document_is_there(r, &key, &is_there, err));
    if (is_there && !d->override) {
        return api_refuse(a, 400, "distribution.RevisionAlreadyDeployed",
                          "Revision %s of APIProxy %s is already deployed in environment %s",
                          d->revision, d->api, d->env);
    }
    TRY(deployed_bundle(r, d->api, d->revision, &b, err));
    struct checking c = { .a = a, .d = d, .bundle = &b };
    enum status st = check(r, &c, err);
    bundle_deinit(&b);
    TRY(st);
    return api_refused(a) ? ST_OK : keep(r, a, d, err);
}

enum status deploy_remove(struct api_request *r, struct api_answer *a, const struct deploy *d,
                          struct err *err)
{
    struct store_key key = deployment_key(r, d);
    json_t *document = NULL;
    TRY(api_document(r, &key, &document, err));
    if (document == NULL) {
        return api_refuse(a, 400, "distribution.RevisionNotDeployed",
                          "Revision %s of APIProxy %s is not deployed in environment %s",
                          d->revision, d->api, d->env);
    }
    const char *prefix = json_string_value(json_object_get(document, "basePath"));
    struct deployment gone = { key.org, d->env, d->api, d->revision,
                               prefix == NULL ? "/" : prefix };
    enum status st = api_say(a, 200, deployment_change(r, &gone, "undeployed"));
    json_decref(document);
    TRY(st);
    return store_delete(r->store, &key, NULL, err);
}
