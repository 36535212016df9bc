#include <string.h>
#include <strings.h>

#include "store/bundle_parts.h"
#include "store/host_name.h"

#define NOT_HERE(what, why)                                                                        \
    {                                                                                              \
        what, true, REMARK_ERROR, why                                                              \
    }
#define NO_EFFECT(what, why)                                                                       \
    {                                                                                              \
        what, true, REMARK_WARNING, why                                                            \
    }
#define FINE(what)                                                                                 \
    {                                                                                              \
        what, false, REMARK_WARNING, NULL                                                          \
    }

static const struct known_child endpoint_children[] = {
    FINE("Description"),
    FINE("PreFlow"),
    FINE("PostFlow"),
    FINE("PostClientFlow"),
    FINE("EventFlow"),
    FINE("Flows"),
    FINE("FaultRules"),
    FINE("DefaultFaultRule"),
    FINE("HTTPTargetConnection"),
    NOT_HERE("LocalTargetConnection", "a call from one proxy to another is not to be had here"),
    NOT_HERE("ScriptTarget", "scripts are not run here"),
    NOT_HERE("HostedTarget", "programs are not hosted here"),
};

static const struct known_child connection_children[] = {
    FINE("URL"),
    FINE("SSLInfo"),
    FINE("LoadBalancer"),
    FINE("Path"),
    FINE("Properties"),
    NO_EFFECT("HealthMonitor", "targets are not asked for their health; those that fail requests "
                               "are taken out of rotation by MaxFailures"),
    NOT_HERE("Authentication", "tokens of the platform are not to be had here"),
};

static const struct known_child balancer_children[] = {
    FINE("Algorithm"),
    FINE("Server"),
    FINE("MaxFailures"),
    FINE("RetryEnabled"),
    FINE("TargetDisableSecs"),
    NO_EFFECT("ServerUnhealthyResponse", "only connections and handshakes that fail count against "
                                         "MaxFailures, not codes of answers"),
};

static const struct known_child server_children[] = { FINE("Weight"), FINE("IsFallback"),
                                                      FINE("IsEnabled") };

struct timeout_row {
    const char *name;
    size_t at;
};

static const struct timeout_row timeouts[] = {
    { "connect.timeout.millis", offsetof(struct target_endpoint, connect_timeout_ms) },
    { "io.timeout.millis", offsetof(struct target_endpoint, io_timeout_ms) },
    { "keepalive.timeout.millis", offsetof(struct target_endpoint, keepalive_timeout_ms) },
};

static void read_property(struct bundle *b, const struct xml *xml, const xmlNode *property,
                          struct target_endpoint *out)
{
    const char *name = bundle_attribute(b, property, "name");
    for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
        if (strcmp(name, timeouts[i].name) == 0) {
            uint32_t ms;
            if (bundle_number(b, xml, property, 86400000, &ms) && ms > 0) {
                *(uint32_t *)((char *)out + timeouts[i].at) = ms;
            }
            return;
        }
    }
    bundle_remark(b, REMARK_WARNING, "bundle.NoEffect", xml_place(xml, property),
                  "property %.100s has no effect here", name[0] == '\0' ? "without a name" : name);
}

static void read_properties(struct bundle *b, const struct xml *xml, const xmlNode *connection,
                            struct target_endpoint *out)
{
    static const struct known_child known[] = { FINE("Property") };
    const xmlNode *properties = xml_child(connection, "Properties");
    if (properties == NULL) {
        return;
    }
    bundle_check_children(b, xml, properties, known, ARRAY_LEN(known));
    for (const xmlNode *p = xml_first(properties); p != NULL; p = xml_next(p)) {
        if (xml_is(p, "Property")) {
            read_property(b, xml, p, out);
        }
    }
}

static void read_server(struct bundle *b, const struct xml *xml, const xmlNode *element,
                        struct balanced_server *out)
{
    const xmlNode *weight = xml_child(element, "Weight");
    const xmlNode *fallback = xml_child(element, "IsFallback");
    const xmlNode *enabled = xml_child(element, "IsEnabled");
    *out = (struct balanced_server){ .name = bundle_attribute(b, element, "name"),
                                     .weight = 1,
                                     .is_enabled = true,
                                     .at = xml_place(xml, element) };
    bundle_check_children(b, xml, element, server_children, ARRAY_LEN(server_children));
    if (out->name[0] == '\0') {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<Server> needs the name of a target server");
    }
    if (weight != NULL && bundle_number(b, xml, weight, 10000, &out->weight) && out->weight == 0) {
        out->is_enabled = false;
    }
    out->is_fallback = fallback != NULL && bundle_is_true(b, xml, fallback);
    out->is_enabled = out->is_enabled && (enabled == NULL || bundle_is_true(b, xml, enabled));
}

static void read_servers(struct bundle *b, const struct xml *xml, const xmlNode *element,
                         struct load_balancer *out)
{
    size_t n = bundle_count(element, "Server");
    struct place at = xml_place(xml, element);
    if (n == 0 || n > BUNDLE_LIST_MAX) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", at,
                      n == 0 ? "<LoadBalancer> needs a <Server>"
                             : "<LoadBalancer> has more than 500 servers");
        return;
    }
    out->servers = arena_alloc_array(&b->arena, n, sizeof *out->servers);
    if (out->servers == NULL) {
        b->remarks.failed = true;
        return;
    }
    size_t n_fallback = 0;
    for (const xmlNode *c = xml_first(element); c != NULL; c = xml_next(c)) {
        if (xml_is(c, "Server")) {
            read_server(b, xml, c, &out->servers[out->n_servers]);
            n_fallback += out->servers[out->n_servers++].is_fallback;
        }
    }
    if (n_fallback > 1) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", at,
                      "only one <Server> can be the fallback");
    }
}

static void read_algorithm(struct bundle *b, const struct xml *xml, const xmlNode *element,
                           struct load_balancer *out)
{
    static const char *const names[] = { "RoundRobin", "Weighted", "LeastConnections" };
    const char *s = bundle_text(b, element);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(names[i], s) == 0) {
            out->algorithm = (enum balance)i;
            return;
        }
    }
    bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, element),
                  "<Algorithm>: RoundRobin, Weighted or LeastConnections is wanted, not \"%.80s\"",
                  s);
}

static void read_balancer(struct bundle *b, const struct xml *xml, const xmlNode *element,
                          struct load_balancer *out)
{
    const xmlNode *algorithm = xml_child(element, "Algorithm");
    const xmlNode *failures = xml_child(element, "MaxFailures");
    const xmlNode *retry = xml_child(element, "RetryEnabled");
    const xmlNode *disable = xml_child(element, "TargetDisableSecs");
    bundle_check_children(b, xml, element, balancer_children, ARRAY_LEN(balancer_children));
    if (algorithm != NULL) {
        read_algorithm(b, xml, algorithm, out);
    }
    read_servers(b, xml, element, out);
    if (failures != NULL) {
        (void)bundle_number(b, xml, failures, 1000000, &out->max_failures);
    }
    if (disable != NULL) {
        (void)bundle_number(b, xml, disable, 86400, &out->disable_s);
    }
    out->retry_enabled = retry == NULL || bundle_is_true(b, xml, retry);
}

static void read_path(struct bundle *b, const struct xml *xml, const xmlNode *element,
                      struct target_endpoint *out)
{
    struct target_url url;
    struct place at = xml_place(xml, element);
    const char *path = bundle_text(b, element);
    if (path[0] == '\0') {
        return;
    }
    if (!out->has_load_balancer) {
        bundle_remark(
            b, REMARK_WARNING, "bundle.NoEffect", at,
            "<Path> has an effect with a <LoadBalancer> only; with a <URL> write it there");
        return;
    }
    const char *whole = arena_printf(&b->arena, "http://h%s%s", path[0] == '/' ? "" : "/", path);
    if (whole == NULL) {
        b->remarks.failed = true;
        return;
    }
    bundle_read_url(b, at, whole, &url);
    out->path = url.path;
}

static enum status read_ssl(struct bundle *b, const struct xml *xml, const xmlNode *connection,
                            struct target_endpoint *out, struct err *err)
{
    const xmlNode *element = xml_child(connection, "SSLInfo");
    if (element == NULL) {
        return ST_OK;
    }
    struct place at = xml_place(xml, element);
    if (bundle_count(connection, "SSLInfo") > 1) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", at, "more than one <SSLInfo>");
    }
    out->has_ssl_info = true;
    TRY(fields_from_xml(&ssl_info_fields, xml, element, &out->ssl, &b->remarks, err));
    ssl_info_check(&out->ssl, SSL_INFO_TARGET, at, "SSLInfo: ", &b->remarks);
    if (out->has_load_balancer) {
        bundle_remark(b, REMARK_WARNING, "bundle.NoEffect", at,
                      "<SSLInfo> beside a <LoadBalancer> has no effect: the sSLInfo of each target "
                      "server counts");
    }
    return ST_OK;
}

static enum status read_connection(struct bundle *b, const struct xml *xml,
                                   const xmlNode *connection, struct target_endpoint *out,
                                   struct err *err)
{
    const xmlNode *url = xml_child(connection, "URL");
    const xmlNode *balancer = xml_child(connection, "LoadBalancer");
    const xmlNode *path = xml_child(connection, "Path");
    bundle_check_children(b, xml, connection, connection_children, ARRAY_LEN(connection_children));
    if ((url == NULL) == (balancer == NULL)) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", xml_place(xml, connection),
                      "<HTTPTargetConnection> needs a <URL> or a <LoadBalancer>, exactly one of "
                      "them");
        return ST_OK;
    }
    out->has_load_balancer = balancer != NULL;
    if (url != NULL) {
        bundle_read_url(b, xml_place(xml, url), bundle_text(b, url), &out->url);
    } else {
        read_balancer(b, xml, balancer, &out->load_balancer);
    }
    if (path != NULL) {
        read_path(b, xml, path, out);
    }
    read_properties(b, xml, connection, out);
    return read_ssl(b, xml, connection, out, err);
}

enum status bundle_read_target(struct bundle *b, const struct xml *xml, struct target_endpoint *out,
                               struct err *err)
{
    const xmlNode *root = xml_root(xml);
    *out = (struct target_endpoint){ .name = bundle_attribute(b, root, "name"),
                                     .at = xml_place(xml, root),
                                     .connect_timeout_ms = TARGET_CONNECT_TIMEOUT_MS,
                                     .io_timeout_ms = TARGET_IO_TIMEOUT_MS,
                                     .keepalive_timeout_ms = TARGET_KEEPALIVE_TIMEOUT_MS };
    if (!xml_is(root, "TargetEndpoint")) {
        bundle_remark(b, REMARK_ERROR, "bundle.UnknownElement", out->at,
                      "<TargetEndpoint> is wanted here, not <%s>", (const char *)root->name);
        return ST_OK;
    }
    if (!name_is_valid(out->name, "-_. $%", 255)) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<TargetEndpoint> needs a name of letters, digits and - _ . $ %%");
    }
    bundle_check_children(b, xml, root, endpoint_children, ARRAY_LEN(endpoint_children));
    bundle_read_flows(b, xml, root);
    const xmlNode *connection = xml_child(root, "HTTPTargetConnection");
    if (connection == NULL) {
        bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", out->at,
                      "<TargetEndpoint> has no <HTTPTargetConnection>");
        return ST_OK;
    }
    return read_connection(b, xml, connection, out, err);
}
