/*
 * routes: conditions and routes of proxy endpoints as maps of nginx.
 *
 * nginx evaluates a map when its variable is asked for, so a route costs what its conditions cost.
 * Variables are named by numbers of ours; `id` is the endpoint's.
 */
#ifndef HANDFAST_GATEWAY_ROUTES_H
#define HANDFAST_GATEWAY_ROUTES_H

#include "gateway/writer.h"

struct route_place {
    struct writer *w;
    const struct model_proxy *proxy;
    const struct proxy_endpoint *endpoint;
    size_t id;
    const char *base_path; /* prefix and the endpoint's own; "/" or "/..." */
};

/* $handfast_suffix_ID: what follows the base path, as it was sent, without the query; and
 * $handfast_rest_ID: the same, but never empty. */
void routes_put_paths(const struct route_place *p);
/* $handfast_route_ID: "@route_ID_N" of the first route whose condition is true, or "@no_route".
 * ST_USAGE: a name that nginx cannot ask for. */
enum status routes_put(const struct route_place *p, struct err *err) NODISCARD;

#endif
