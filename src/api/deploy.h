/*
 * deploy: whether a revision can stand in an environment, and putting it there.
 *
 * Refused is what the bundle's remarks say cannot be deployed; what would skip a policy that
 * refuses requests, unless that is said to be meant; virtual hosts, target servers, keystores,
 * references and aliases that are not there; a path on a virtual host that another deployment has.
 */
#ifndef HANDFAST_API_DEPLOY_H
#define HANDFAST_API_DEPLOY_H

#include "api/apis.h"

struct deploy {
    const char *env, *api, *revision;
    const char *base_path; /* before the bundle's own; NULL or "/": none */
    bool override;         /* other revisions of the proxy are undeployed in the same change */
    bool skips_policies;   /* allowSkippedPolicies, of the request or of the revision */
};

/* Within a change. Answers, or refuses. */
enum status deploy_put(struct api_request *r, struct api_answer *a, const struct deploy *d,
                       struct err *err) NODISCARD;
enum status deploy_remove(struct api_request *r, struct api_answer *a, const struct deploy *d,
                          struct err *err) NODISCARD;

#endif
