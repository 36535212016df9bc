/*
 * deployed: which revisions of API proxies are deployed where, and their bundles.
 *
 * A deployment is a document of kind DEPLOYMENT in an environment: the proxy is its parent, the
 * revision its name; {"basePath", "deployedAt", "deployedBy"}.
 */
#ifndef HANDFAST_API_DEPLOYED_H
#define HANDFAST_API_DEPLOYED_H

#include "api/documents.h"
#include "store/bundle.h"

struct deployment { /* borrowed from the list it is in */
    const char *org, *env, *api, *revision;
    const char *base_path; /* before the bundle's base paths; "/": none */
};

/* Calls `each` for every deployment in an environment; `api` may be NULL. Ends early where `each`
 * sets *is_done. */
typedef enum status deployed_each(struct api_request *r, const struct deployment *d, void *arg,
                                  bool *is_done, struct err *err);
enum status deployed_walk(struct api_request *r, const char *env, const char *api,
                          deployed_each *each, void *arg, struct err *err) NODISCARD;
/* The bundle of a revision. */
enum status deployed_bundle(struct api_request *r, const char *api, const char *revision,
                            struct bundle *out, struct err *err) NODISCARD;
/* "/pre" and "/v1" give "/pre/v1". In the arena; NULL without memory. */
const char *deployed_path(struct arena *arena, const char *prefix, const char *base_path);

#endif
