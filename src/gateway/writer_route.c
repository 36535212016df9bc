/* Where a route leads: to a URL, to one of several target servers, nowhere. */
#include "gateway/writer_route.h"

#include <stdio.h>

#include "gateway/writer_target.h"

enum { BALANCED_MAX = 64, FLOWING_S = 3600, DISABLE_S = 300 };

/* --- backends --- */

static void name_upstream(struct backend *b, size_t id, size_t route, size_t server)
{
    snprintf(b->upstream, sizeof b->upstream, "t_%zu_%zu_%zu", id, route, server);
}

static struct backend backend_of_url(const struct writer_base *base, const struct target_url *url)
{
    return (struct backend){ .proxy = base->proxy,
                             .host = url->host,
                             .port = url->port,
                             .is_tls = url->is_tls,
                             .connect_timeout_ms = TARGET_CONNECT_TIMEOUT_MS,
                             .io_timeout_ms = TARGET_IO_TIMEOUT_MS,
                             .keepalive_timeout_ms = TARGET_KEEPALIVE_TIMEOUT_MS };
}

/* What was not said is as the properties have it. */
static uint32_t or_property(const struct writer *w, uint32_t said, uint32_t usual,
                            enum property which)
{
    return said != usual ? said : property_number(w->in->properties, which);
}

static void take_timeouts(const struct writer *w, struct backend *b,
                          const struct target_endpoint *t)
{
    b->connect_timeout_ms = or_property(w, t->connect_timeout_ms, TARGET_CONNECT_TIMEOUT_MS,
                                        PROPERTY_PROCESSOR_CONNECT_TIMEOUT);
    b->io_timeout_ms =
        or_property(w, t->io_timeout_ms, TARGET_IO_TIMEOUT_MS, PROPERTY_PROCESSOR_IO_TIMEOUT);
    b->keepalive_timeout_ms = or_property(w, t->keepalive_timeout_ms, TARGET_KEEPALIVE_TIMEOUT_MS,
                                          PROPERTY_PROCESSOR_KEEPALIVE);
}

/* TLS as the endpoint says it; where it says nothing, as the URL does. */
static void take_endpoint_tls(struct backend *b, const struct target_endpoint *t)
{
    if (t->has_ssl_info) {
        b->is_tls = ssl_info_is_on(&t->ssl, b->is_tls);
        b->ssl = &t->ssl;
    }
}

/* --- the way to a URL --- */

/* The path of a URL or <Path>, and its query: "/v1?key=1" */
static void put_pass(struct writer *w, const struct writer_base *base, const struct backend *b,
                     const char *path)
{
    struct conf *c = &w->c;
    size_t len = strcspn(path, "?");
    const char *query = path[len] == '?' ? path + len + 1 : "";
    char *before = arena_strndup(w->arena, path, len);
    char ours[64];
    char after[96];
    bool root = before == NULL || before[0] == '\0';
    snprintf(ours, sizeof ours, "%s://%s", b->is_tls ? "https" : "http", b->upstream);
    snprintf(after, sizeof after, root ? "$handfast_rest_%zu" : "$handfast_suffix_%zu", base->id);
    conf_begin(c, "set $handfast_to");
    conf_mixed(c, ours, root ? "" : before, after);
    conf_end(c);
    conf_begin(c, "proxy_pass");
    if (query[0] == '\0') {
        conf_word(c, "$handfast_to$is_args$args");
    } else {
        conf_mixed(c, "${handfast_to}?", query, "$handfast_and$args");
    }
    conf_end(c);
}

static enum status put_direct(struct writer *w, const struct writer_base *base, size_t route,
                              const struct backend *b, const char *path, struct err *err)
{
    struct conf *c = &w->c;
    conf_begin(c, "location");
    text_printf(c->out, " @route_%zu_%zu", base->id, route);
    conf_end_open(c);
    TRY(writer_backend_location(w, b, err));
    put_pass(w, base, b, path);
    conf_close(c);
    return ST_OK;
}

/* --- the way to one of several target servers --- */

struct balanced { /* the servers of a load balancer that are there to be used */
    size_t n;
    struct {
        const struct balanced_server *how;
        struct target_server *server;
        struct backend b;
        char socket[MODEL_KEY_LEN + 16];
    } at[BALANCED_MAX];
};

static enum status find_servers(struct writer *w, const struct writer_base *base, size_t route,
                                const struct target_endpoint *t, struct balanced *out,
                                struct err *err)
{
    out->n = 0;
    for (size_t i = 0; i < t->load_balancer.n_servers; i++) {
        const struct balanced_server *how = &t->load_balancer.servers[i];
        struct target_server *server = arena_alloc(w->arena, sizeof *server);
        const char *where[] = { base->proxy->org,      base->proxy->env, base->proxy->api,
                                base->proxy->revision, t->name,          how->name };
        if (server == NULL || out->n == BALANCED_MAX) {
            return err_set(err, ST_USAGE, "API %s: more than %d servers", base->proxy->api,
                           BALANCED_MAX);
        }
        TRY(model_target_server(w->model, w->in->store, base->proxy, how->name, server, err));
        if (!how->is_enabled || server->is_enabled == CHOICE_NO) {
            continue;
        }
        struct backend *b = &out->at[out->n].b;
        *b = (struct backend){ .proxy = base->proxy,
                               .label = how->name,
                               .whose = arena_printf(w->arena, "target server %s", how->name),
                               .host = server->host,
                               .port = server->port.value,
                               .is_tls = target_server_is_tls(server),
                               .ssl = server->has_ssl_info ? &server->ssl : NULL };
        take_timeouts(w, b, t);
        name_upstream(b, base->id, route, i);
        out->at[out->n].how = how;
        out->at[out->n].server = server;
        snprintf(out->at[out->n].socket, sizeof out->at[0].socket, "ts-");
        if (!model_key(where, ARRAY_LEN(where), out->at[out->n].socket + 3) || b->whose == NULL) {
            return err_set(err, ST_NOMEM, "no memory");
        }
        out->n++;
    }
    return ST_OK;
}

/* Each server has a Host, a server name and a TLS of its own, which nginx can only say for a whole
 * location: so each has one, in a server on a socket of its own, and these are balanced. */
static enum status put_each(struct writer *w, const struct balanced *servers, struct err *err)
{
    struct conf *c = &w->c;
    for (size_t i = 0; i < servers->n; i++) {
        const struct backend *b = &servers->at[i].b;
        writer_backend_upstream(w, b);
        conf_open(c, "server");
        conf_begin(c, "listen");
        text_printf(c->out, " unix:%s.sock", servers->at[i].socket);
        conf_end(c);
        conf_line(c, "access_log off");
        conf_open(c, "location /");
        TRY(writer_backend_location(w, b, err));
        conf_begin(c, "proxy_pass");
        text_printf(c->out, " %s://%s", b->is_tls ? "https" : "http", b->upstream);
        conf_end(c);
        conf_close(c);
        conf_close(c);
    }
    return ST_OK;
}

static bool all_fall_back(const struct balanced *servers)
{
    for (size_t i = 0; i < servers->n; i++) {
        if (!servers->at[i].how->is_fallback) {
            return false;
        }
    }
    return true;
}

static void put_balance(struct writer *w, const struct writer_base *base, size_t route,
                        const struct load_balancer *lb, const struct balanced *servers)
{
    struct conf *c = &w->c;
    bool weighted = lb->algorithm == BALANCE_WEIGHTED;
    bool no_first = all_fall_back(servers);
    conf_begin(c, "upstream");
    text_printf(c->out, " lb_%zu_%zu", base->id, route);
    conf_end_open(c);
    conf_begin(c, "zone");
    text_printf(c->out, " lb_%zu_%zu 128k", base->id, route); /* counted by all workers together */
    conf_end(c);
    if (lb->algorithm == BALANCE_LEAST_CONNECTIONS) {
        conf_line(c, "least_conn");
    }
    for (size_t i = 0; i < servers->n; i++) {
        const struct balanced_server *how = servers->at[i].how;
        conf_begin(c, "server");
        text_printf(c->out, " unix:%s.sock", servers->at[i].socket);
        conf_number(c, "weight=", weighted && how->weight > 0 ? how->weight : 1, "");
        conf_number(c, "max_fails=", lb->max_failures, "");
        conf_number(c, "fail_timeout=", lb->disable_s > 0 ? lb->disable_s : DISABLE_S, "s");
        conf_word(c, how->is_fallback && !no_first ? "backup" : "");
        conf_end(c);
    }
    if (servers->n <= 1) { /* one that has no other nginx never takes out of rotation */
        conf_line(c, "server unix:nobody.sock down");
    }
    conf_close(c);
}

static enum status put_balanced_location(struct writer *w, const struct writer_base *base,
                                         size_t route, const struct target_endpoint *t)
{
    struct conf *c = &w->c;
    struct backend lb = { .is_tls = false };
    snprintf(lb.upstream, sizeof lb.upstream, "lb_%zu_%zu", base->id, route);
    conf_begin(c, "location");
    text_printf(c->out, " @route_%zu_%zu", base->id, route);
    conf_end_open(c);
    conf_begin(c, "proxy_read_timeout");
    conf_number(c, "", FLOWING_S, "s"); /* the server's own way knows how long it may take */
    conf_end(c);
    conf_line(c, "proxy_set_header Connection \"\"");
    conf_line(c, "proxy_set_header Host $host");
    /* A server that cannot be reached answers with a fault of ours, 502 or 503, and the next one is
     * tried; a request that is not idempotent goes to one server only. */
    conf_line(c, t->load_balancer.retry_enabled ? "proxy_next_upstream error http_502 http_503"
                                                : "proxy_next_upstream off");
    writer_module_balance(w, base->proxy, t->name);
    put_pass(w, base, &lb, t->path == NULL ? "" : t->path);
    conf_close(c);
    return ST_OK;
}

/* --- routes --- */

static enum status put_null(struct writer *w, const struct writer_base *base, size_t route)
{
    struct conf *c = &w->c;
    conf_begin(c, "location");
    text_printf(c->out, " @route_%zu_%zu", base->id, route);
    conf_end_open(c);
    conf_line(c, "return 200 \"\"");
    conf_close(c);
    return ST_OK;
}

static enum status put_balanced(struct writer *w, const struct writer_base *base, size_t route,
                                const struct target_endpoint *t, bool upstreams, struct err *err)
{
    struct balanced *servers = arena_alloc(w->arena, sizeof *servers);
    if (servers == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    TRY(find_servers(w, base, route, t, servers, err));
    bool alone = servers->n == 1 && t->load_balancer.max_failures == 0;
    if (alone) {
        const char *path = t->path == NULL ? "" : t->path;
        if (upstreams) {
            writer_backend_upstream(w, &servers->at[0].b);
            return ST_OK;
        }
        return put_direct(w, base, route, &servers->at[0].b, path, err);
    }
    if (!upstreams) {
        return put_balanced_location(w, base, route, t);
    }
    TRY(put_each(w, servers, err));
    put_balance(w, base, route, &t->load_balancer, servers);
    return ST_OK;
}

/* NULL: the route leads to a URL of its own. */
static enum status find_target(const struct writer_base *base, const struct route_rule *rule,
                               const struct target_endpoint **out, struct err *err)
{
    const struct bundle *bundle = base->proxy->bundle;
    *out = NULL;
    if (rule->kind != ROUTE_TARGET) {
        return ST_OK;
    }
    if (rule->target_at >= bundle->n_targets) {
        return err_set(err, ST_USAGE, "API %s: route %s: no target %.80s", base->proxy->api,
                       rule->name, rule->target);
    }
    *out = &bundle->targets[rule->target_at];
    return ST_OK;
}

/* `t` may be NULL. */
static enum status backend_of_route(struct writer *w, const struct writer_base *base, size_t route,
                                    const struct target_endpoint *t, struct backend *out,
                                    struct err *err)
{
    const struct route_rule *rule = &base->endpoint->routes[route];
    const struct target_url *url = t != NULL ? &t->url : &rule->url;
    if (url->text == NULL || url->host == NULL) {
        return err_set(err, ST_USAGE, "API %s: route %s: it leads to no URL", base->proxy->api,
                       rule->name);
    }
    *out = backend_of_url(base, url);
    out->label = t != NULL ? t->name : rule->name;
    out->kind = t != NULL ? "endpoint" : "route";
    out->whose = arena_printf(w->arena, "API %s, target %s", base->proxy->api, out->label);
    if (out->whose == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (t != NULL) {
        take_timeouts(w, out, t);
        take_endpoint_tls(out, t);
    }
    name_upstream(out, base->id, route, 0);
    return ST_OK;
}

/* `upstreams`: the blocks in http{}; else the location in the server. */
static enum status put_route(struct writer *w, const struct writer_base *base, size_t route,
                             bool upstreams, struct err *err)
{
    const struct route_rule *rule = &base->endpoint->routes[route];
    const struct target_endpoint *t = NULL;
    struct backend b = { 0 };
    if (rule->kind == ROUTE_NULL) {
        return upstreams ? ST_OK : put_null(w, base, route);
    }
    TRY(find_target(base, rule, &t, err));
    if (t != NULL && t->has_load_balancer) {
        return put_balanced(w, base, route, t, upstreams, err);
    }
    TRY(backend_of_route(w, base, route, t, &b, err));
    if (upstreams) {
        writer_backend_upstream(w, &b);
        return ST_OK;
    }
    const struct target_url *url = t != NULL ? &t->url : &rule->url;
    return put_direct(w, base, route, &b, url->path == NULL ? "" : url->path, err);
}

enum status writer_route_upstreams(struct writer *w, const struct writer_base *base, size_t route,
                                   struct err *err)
{
    return put_route(w, base, route, true, err);
}

enum status writer_route_location(struct writer *w, const struct writer_base *base, size_t route,
                                  struct err *err)
{
    return put_route(w, base, route, false, err);
}
