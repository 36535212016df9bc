#include <string.h>

#include "store/bundle_parts.h"
#include "store/host_name.h"

#define NO_EFFECT(what, why)                                                                       \
    {                                                                                              \
        what, true, REMARK_WARNING, why                                                            \
    }
#define FINE(what)                                                                                 \
    {                                                                                              \
        what, false, REMARK_WARNING, NULL                                                          \
    }

static const struct known_child endpoint_children[] = {
    FINE("Description"),         FINE("PreFlow"),   FINE("PostFlow"),   FINE("PostClientFlow"),
    FINE("EventFlow"),           FINE("Flows"),     FINE("FaultRules"), FINE("DefaultFaultRule"),
    FINE("HTTPProxyConnection"), FINE("RouteRule"),
};

static const struct known_child connection_children[] = { FINE("BasePath"), FINE("VirtualHost"),
                                                          FINE("Properties") };

static const struct known_child route_children[] = {
    FINE("Condition"),
    FINE("TargetEndpoint"),
    FINE("URL"),
    { "IntegrationEndpoint", true, REMARK_ERROR, "integrations are not to be had here" },
};

/* A path that can be a location of nginx: one "/" at a time, no wildcards, nothing to decode. */
static const char *base_path_fault(const char *path)
{
    if (path[0] != '/') {
        return "it begins with /";
    }
    if (strchr(path, '*') != NULL) {
        return "wildcards in base paths are not to be had here";
    }
    if (strstr(path, "//") != NULL || strstr(path, "/../") != NULL || strstr(path, "/./") != NULL ||
        strspn(path,
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!&+,=:@/") !=
            strlen(path)) {
        return "it consists of letters, digits and - . _ ~ ! & + , = : @ between single /";
    }
    return NULL;
}

static const char *read_base_path(struct bundle *b, const struct xml *xml,
                                  const xmlNode *connection)
{
    const xmlNode *element = xml_child(connection, "BasePath");
    const char *path = element == NULL ? "" : bundle_text(b, element);
    if (path[0] == '\0') {
        return "/";
    }
    const char *fault = base_path_fault(path);
    if (fault != NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, element),
                      "<BasePath> \"%.200s\": %s", path, fault);
    }
    size_t len = strlen(path);
    if (len > 1 && path[len - 1] == '/') {
        const char *cut = arena_strndup(&b->arena, path, len - 1);
        b->remarks.failed |= cut == NULL;
        return cut == NULL ? path : cut;
    }
    return path;
}

static void read_virtual_hosts(struct bundle *b, const struct xml *xml, const xmlNode *connection,
                               struct proxy_endpoint *out)
{
    size_t n = bundle_count(connection, "VirtualHost");
    if (n == 0 || n > BUNDLE_LIST_MAX) {
        bundle_remark(b, n == 0 ? REMARK_WARNING : REMARK_ERROR, "bundle.InvalidValue",
                      xml_place(xml, connection),
                      n == 0 ? "<HTTPProxyConnection> names no <VirtualHost>: nobody can reach it"
                             : "more than 500 virtual hosts");
        return;
    }
    out->virtual_hosts.list = arena_alloc_array(&b->arena, n, sizeof *out->virtual_hosts.list);
    if (out->virtual_hosts.list == NULL) {
        b->remarks.failed = true;
        return;
    }
    for (const xmlNode *c = xml_first(connection); c != NULL; c = xml_next(c)) {
        if (xml_is(c, "VirtualHost")) {
            out->virtual_hosts.list[out->virtual_hosts.n++] = bundle_text(b, c);
        }
    }
}

static void read_properties(struct bundle *b, const struct xml *xml, const xmlNode *connection)
{
    const xmlNode *properties = xml_child(connection, "Properties");
    const xmlNode *p = properties == NULL ? NULL : xml_first(properties);
    for (; p != NULL; p = xml_next(p)) {
        bundle_remark(b, REMARK_WARNING, "bundle.NoEffect", xml_place(xml, p),
                      "property %.100s has no effect here", bundle_attribute(b, p, "name"));
    }
}

static void read_condition(struct bundle *b, const struct xml *xml, const xmlNode *element,
                           struct condition *out)
{
    struct condition_fault fault;
    const char *text = bundle_text(b, element);
    if (!condition_parse(text, &b->arena, out, &fault)) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidCondition", xml_place(xml, element),
                      "<Condition> at character %zu: %s", fault.at + 1, fault.text);
    }
}

static void read_route(struct bundle *b, const struct xml *xml, const xmlNode *element,
                       struct route_rule *out)
{
    const xmlNode *condition = xml_child(element, "Condition");
    const xmlNode *target = xml_child(element, "TargetEndpoint");
    const xmlNode *url = xml_child(element, "URL");
    *out = (struct route_rule){ .name = bundle_attribute(b, element, "name"),
                                .at = xml_place(xml, element),
                                .kind = ROUTE_NULL };
    bundle_check_children(b, xml, element, route_children, ARRAY_LEN(route_children));
    if (condition != NULL) {
        read_condition(b, xml, condition, &out->condition);
    }
    if (target != NULL && url != NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<RouteRule> has a <TargetEndpoint> and a <URL>; one of them is wanted");
    }
    if (target != NULL && bundle_text(b, target)[0] != '\0') {
        out->kind = ROUTE_TARGET;
        out->target = bundle_text(b, target);
    } else if (url != NULL) {
        out->kind = ROUTE_URL;
        bundle_read_url(b, xml_place(xml, url), bundle_text(b, url), &out->url);
    }
}

/* A rule after one without condition is never asked. */
static void check_order(struct bundle *b, const struct proxy_endpoint *p)
{
    bool is_settled = false;
    for (size_t i = 0; i < p->n_routes; i++) {
        if (is_settled) {
            bundle_remark(b, REMARK_WARNING, "bundle.NoEffect", p->routes[i].at,
                          "route rule %.100s is never reached: the one before has no condition",
                          p->routes[i].name);
        }
        is_settled |= p->routes[i].condition.n == 0;
    }
    if (p->n_routes > 0 && !is_settled) {
        bundle_remark(b, REMARK_WARNING, "bundle.NoDefaultRoute", p->routes[p->n_routes - 1].at,
                      "no route rule is without condition: requests that fit none fail");
    }
}

static void read_routes(struct bundle *b, const struct xml *xml, const xmlNode *root,
                        struct proxy_endpoint *out)
{
    size_t n = bundle_count(root, "RouteRule");
    if (n == 0 || n > BUNDLE_LIST_MAX) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      n == 0 ? "<ProxyEndpoint> needs a <RouteRule>" : "more than 500 route rules");
        return;
    }
    out->routes = arena_alloc_array(&b->arena, n, sizeof *out->routes);
    if (out->routes == NULL) {
        b->remarks.failed = true;
        return;
    }
    for (const xmlNode *c = xml_first(root); c != NULL; c = xml_next(c)) {
        if (xml_is(c, "RouteRule")) {
            read_route(b, xml, c, &out->routes[out->n_routes++]);
        }
    }
    check_order(b, out);
}

enum status bundle_read_proxy(struct bundle *b, const struct xml *xml, struct proxy_endpoint *out,
                              struct err *err)
{
    const xmlNode *root = xml_root(xml);
    (void)err;
    *out = (struct proxy_endpoint){ .name = bundle_attribute(b, root, "name"),
                                    .at = xml_place(xml, root),
                                    .base_path = "/" };
    if (!xml_is(root, "ProxyEndpoint")) {
        bundle_remark(b, REMARK_ERROR, "bundle.UnknownElement", out->at,
                      "<ProxyEndpoint> is wanted here, not <%s>", (const char *)root->name);
        return ST_OK;
    }
    if (!name_is_valid(out->name, "-_. $%", 255)) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<ProxyEndpoint> needs a name of letters, digits and - _ . $ %%");
    }
    bundle_check_children(b, xml, root, endpoint_children, ARRAY_LEN(endpoint_children));
    bundle_read_flows(b, xml, root);
    const xmlNode *connection = xml_child(root, "HTTPProxyConnection");
    if (connection == NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<ProxyEndpoint> has no <HTTPProxyConnection>");
    } else {
        bundle_check_children(b, xml, connection, connection_children,
                              ARRAY_LEN(connection_children));
        out->base_path = read_base_path(b, xml, connection);
        read_virtual_hosts(b, xml, connection, out);
        read_properties(b, xml, connection);
    }
    read_routes(b, xml, root, out);
    return ST_OK;
}
