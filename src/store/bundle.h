/*
 * bundle: an API proxy as it is imported, as far as a gateway that passes requests through needs
 * it: base paths, virtual hosts, routes with conditions, targets with their TLS.
 *
 * A bundle is a zip archive: apiproxy/NAME.xml, apiproxy/proxies/NAME.xml,
 * apiproxy/targets/NAME.xml, apiproxy/policies/NAME.xml, apiproxy/resources/TYPE/NAME. Whatever is
 * in it and not done here is remarked on, each with file, line and column: WARNING  a policy that
 * only changes messages is not executed, a property has no effect UNSAFE   a policy that would
 * refuse requests is not executed: the API would stand more open than its bundle says; deployed
 * only where the caller says so ERROR    it cannot be deployed BROKEN   it cannot be imported: no
 * archive, not well-formed What is parsed lives in the bundle's arena until bundle_deinit().
 * Source: ../shared/gateway-facts.md section 2; the guide's XML schema.
 */
#ifndef HANDFAST_STORE_BUNDLE_H
#define HANDFAST_STORE_BUNDLE_H

#include "store/bundle_zip.h"
#include "store/condition.h"
#include "store/ssl_info.h"

enum {
    BUNDLE_ARENA_MAX = 128 * 1024 * 1024,
    BUNDLE_PARTS_MAX = 500,          /* documents of XML */
    BUNDLE_XML_MAX = 8 * 1024 * 1024 /* bytes of them together */
};

enum {
    TARGET_CONNECT_TIMEOUT_MS = 3000,
    TARGET_IO_TIMEOUT_MS = 55000,
    TARGET_KEEPALIVE_TIMEOUT_MS = 60000
};

struct target_url {
    const char *text; /* as given; NULL: none */
    bool is_tls;      /* https */
    const char *host; /* without brackets */
    uint16_t port;
    const char *path; /* with its query; "" or "/..." */
};

enum balance { BALANCE_ROUND_ROBIN, BALANCE_WEIGHTED, BALANCE_LEAST_CONNECTIONS };

struct balanced_server {
    const char *name; /* of a target server */
    unsigned weight;  /* 1 where not given */
    bool is_fallback;
    bool is_enabled; /* the target server's own isEnabled counts too */
    struct place at;
};

struct load_balancer {
    enum balance algorithm;
    struct balanced_server *servers;
    size_t n_servers;
    unsigned max_failures; /* 0: none is taken out of rotation */
    bool retry_enabled;    /* default: yes */
    unsigned disable_s;    /* how long one is out of rotation; 0: 5 minutes */
};

struct target_endpoint {
    const char *name;
    struct place at;
    struct target_url url;
    bool has_load_balancer; /* exactly one of it and url.text */
    struct load_balancer load_balancer;
    const char *path; /* after a load balancer's server; NULL: none */
    bool has_ssl_info;
    struct ssl_info ssl; /* counts with a URL; with a load balancer each target server's own does */
    uint32_t connect_timeout_ms, io_timeout_ms, keepalive_timeout_ms;
};

enum route_kind {
    ROUTE_TARGET, /* to a TargetEndpoint of the bundle */
    ROUTE_URL,    /* to a URL of its own */
    ROUTE_NULL    /* no backend: 200 with no body */
};

struct route_rule {
    const char *name;
    struct place at;
    struct condition condition;
    enum route_kind kind;
    const char *target; /* its name */
    size_t target_at;   /* index into bundle.targets */
    struct target_url url;
};

struct proxy_endpoint {
    const char *name;
    struct place at;
    const char *base_path; /* "/", "/v1/weather": no slash at the end of longer ones */
    struct texts virtual_hosts;
    struct route_rule *routes; /* the first whose condition is true is taken */
    size_t n_routes;
};

struct bundle_policy {
    const char *name, *type; /* "Verify-Key", "VerifyAPIKey" */
    const char *file;
    bool is_enabled;
};

struct bundle { /* not to be copied: it points into itself */
    struct arena arena;
    struct remarks remarks;
    struct bundle_files files;
    const char *name; /* of the root document; NULL: none */
    const char *display_name, *description;
    struct proxy_endpoint *proxies;
    size_t n_proxies;
    struct target_endpoint *targets;
    size_t n_targets;
    struct bundle_policy *policies;
    size_t n_policies;
};

/* `zip` is not needed afterwards. Fails with ST_NOMEM alone: remarks have everything else, and with
 * one of level BROKEN the rest may be missing. */
enum status bundle_read(struct bytes zip, struct bundle *out, struct err *err) NODISCARD;
void bundle_deinit(struct bundle *b);

/* Whether the XML of one part is well-formed and of the right kind; remarks as in a bundle. */
enum bundle_part { BUNDLE_ROOT, BUNDLE_PROXY, BUNDLE_TARGET, BUNDLE_POLICY, BUNDLE_RESOURCE };
enum bundle_part bundle_part_of(const char *path, bool *is_part);
/* "apiproxy/proxies/NAME.xml". `type` is a resource's. NULL: a name that no file can have. */
const char *bundle_part_path(struct arena *arena, enum bundle_part part, const char *type,
                             const char *name);

#endif
