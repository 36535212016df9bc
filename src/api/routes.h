/* routes: which row of the tables a request means. */
#ifndef HANDFAST_API_ROUTES_H
#define HANDFAST_API_ROUTES_H

#include "api/route.h"
#include "api/target.h"

struct api_found {
    const struct api_route *route; /* NULL: none for this method */
    unsigned allowed;              /* bits 1 << enum api_method; 0: no such path */
};

/* A word in a pattern goes before a parameter. */
void api_route_find(enum api_method method, const struct api_target *target,
                    struct api_found *found);
/* Fills r->params. False: no room. */
bool api_route_params(const struct api_route *route, const struct api_target *target,
                      struct arena *arena, struct api_request *r);
bool api_pattern_fits(const char *pattern, size_t n_segments, char *const *segments);
/* Is that the name of a query parameter that the route knows? */
bool api_route_takes(const struct api_route *route, const char *name);
const char *api_method_name(enum api_method method);
/* Names are case-sensitive, RFC 9110 section 9.1. */
bool api_method_parse(const char *s, enum api_method *out);

#endif
