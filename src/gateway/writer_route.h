/*
 * writer_route: where a route leads, as upstream blocks and a location. The location's name is
 * "@route_BASE_ROUTE", by which routes.h chooses it.
 *
 * ST_USAGE: it leads to what is not there.
 */
#ifndef HANDFAST_GATEWAY_WRITER_ROUTE_H
#define HANDFAST_GATEWAY_WRITER_ROUTE_H

#include "gateway/writer.h"

struct writer_base { /* a proxy endpoint below a virtual host */
    const struct model_proxy *proxy;
    const struct proxy_endpoint *endpoint;
    size_t id;
    const char *path;
};

/* For http{}: the backends of the route, by number. */
enum status writer_route_upstreams(struct writer *w, const struct writer_base *base, size_t route,
                                   struct err *err) NODISCARD;
/* For a server{}: the way there. */
enum status writer_route_location(struct writer *w, const struct writer_base *base, size_t route,
                                  struct err *err) NODISCARD;

#endif
