#include "api/revision_part_json.h"

#include <string.h>

#include "api/documents.h"

static json_t *resources(const struct bundle *b)
{
    static const char folder[] = "apiproxy/resources/";
    json_t *list = json_array();
    bool is_whole = list != NULL;
    for (size_t i = 0; i < b->files.n && is_whole; i++) {
        const char *path = b->files.list[i].path;
        bool is_inside = strncmp(path, folder, sizeof folder - 1) == 0;
        const char *type = is_inside ? path + sizeof folder - 1 : "";
        const char *name = strchr(type, '/');
        if (name != NULL) {
            is_whole = json_array_append_new(list, json_pack("{s:s,s:s%}", "name", name + 1, "type",
                                                             type, (size_t)(name - type))) == 0;
        }
    }
    if (!is_whole) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:o}", "resourceFile", list);
}

static size_t count(const struct bundle *b, enum bundle_part part)
{
    switch (part) {
    case BUNDLE_PROXY:
        return b->n_proxies;
    case BUNDLE_TARGET:
        return b->n_targets;
    case BUNDLE_POLICY:
        return b->n_policies;
    case BUNDLE_ROOT:
    case BUNDLE_RESOURCE:
        break;
    }
    return 0;
}

static const char *name_at(const struct bundle *b, enum bundle_part part, size_t i)
{
    return part == BUNDLE_PROXY    ? b->proxies[i].name
           : part == BUNDLE_TARGET ? b->targets[i].name
                                   : b->policies[i].name;
}

json_t *api_part_names(const struct bundle *b, enum bundle_part part)
{
    if (part == BUNDLE_RESOURCE) {
        return resources(b);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count(b, part); i++) {
        if (json_array_append_new(list, json_string(name_at(b, part, i))) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *route_json(const struct route_rule *route)
{
    json_t *o = json_pack("{s:s}", "name", route->name);
    int wrong = 0;
    if (route->kind == ROUTE_TARGET) {
        wrong = json_object_set_new(o, "targetEndpoint", json_string(route->target));
    } else if (route->kind == ROUTE_URL) {
        wrong = json_object_set_new(o, "uRL", json_string(route->url.text));
    }
    wrong |= json_object_set_new(o, "isConditional", json_boolean(route->condition.n > 0));
    if (wrong != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static json_t *proxy_json(const struct proxy_endpoint *p)
{
    json_t *rules = json_array();
    json_t *names = json_array();
    int wrong = 0;
    for (size_t i = 0; i < p->n_routes; i++) {
        wrong |= json_array_append_new(rules, route_json(&p->routes[i]));
        wrong |= json_array_append_new(names, json_string(p->routes[i].name));
    }
    if (wrong != 0) {
        json_decref(rules);
        json_decref(names);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:o},s:o,s:o}", "name", p->name, "type", "Proxy",
                     "connection", "connectionType", "httpConnection", "basePath", p->base_path,
                     "virtualHost", fields_texts_json(&p->virtual_hosts), "routeRule", rules,
                     "routeRuleNames", names);
}

static json_t *balancer_json(const struct load_balancer *l)
{
    static const char *const algorithms[] = { "RoundRobin", "Weighted", "LeastConnections" };
    json_t *servers = json_array();
    for (size_t i = 0; i < l->n_servers; i++) {
        const struct balanced_server *s = &l->servers[i];
        if (json_array_append_new(servers,
                                  json_pack("{s:s,s:i,s:b,s:b}", "name", s->name, "weight",
                                            (int)s->weight, "isFallback", (int)s->is_fallback,
                                            "isEnabled", (int)s->is_enabled)) != 0) {
            json_decref(servers);
            return NULL;
        }
    }
    return json_pack("{s:s,s:o,s:i,s:b}", "algorithm", algorithms[l->algorithm], "server", servers,
                     "maxFailures", (int)l->max_failures, "retryEnabled", (int)l->retry_enabled);
}

static json_t *target_json(const struct target_endpoint *t)
{
    json_t *connection = json_pack("{s:s}", "connectionType", "httpConnection");
    int wrong = connection == NULL;
    if (t->has_load_balancer) {
        wrong |= json_object_set_new(connection, "loadBalancer", balancer_json(&t->load_balancer));
    } else if (t->url.text != NULL) {
        wrong |= json_object_set_new(connection, "uRL", json_string(t->url.text));
    }
    if (t->path != NULL) {
        wrong |= json_object_set_new(connection, "path", json_string(t->path));
    }
    if (t->has_ssl_info) {
        struct ssl_info ssl = t->ssl; /* what is in force, where nothing was said */
        ssl.enabled = ssl_info_is_on(&ssl, t->url.is_tls) ? CHOICE_YES : CHOICE_NO;
        wrong |= json_object_set_new(connection, "sSLInfo", ssl_info_json(&ssl));
    }
    if (wrong != 0) {
        json_decref(connection);
        return NULL;
    }
    return json_pack("{s:s,s:s,s:o}", "name", t->name, "type", "Target", "connection", connection);
}

json_t *api_part_json(const struct bundle *b, enum bundle_part part, const char *name)
{
    size_t n = count(b, part);
    size_t i = 0;
    while (i < n && strcmp(name_at(b, part, i), name) != 0) {
        i++;
    }
    if (i == n) { /* a file of that name whose document is called otherwise */
        return json_pack("{s:s}", "name", name);
    }
    if (part == BUNDLE_POLICY) {
        return json_pack("{s:s,s:s,s:b}", "name", b->policies[i].name, "policyType",
                         b->policies[i].type, "enabled", (int)b->policies[i].is_enabled);
    }
    return part == BUNDLE_PROXY ? proxy_json(&b->proxies[i]) : target_json(&b->targets[i]);
}

json_t *api_part_answer(const struct bundle *b, const char *path, const char *name)
{
    struct remarks own = { .arena = b->remarks.arena, .cap = b->remarks.n };
    own.list = arena_alloc_array(own.arena, b->remarks.n + 1, sizeof *own.list);
    if (own.list == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < b->remarks.n; i++) {
        const char *file = b->remarks.list[i].file;
        if (file != NULL && strcmp(file, path) == 0) {
            own.list[own.n++] = b->remarks.list[i];
        }
    }
    return json_pack("{s:s,s:o}", "name", name, "warnings", api_remarks_json(&own, REMARK_WARNING));
}
