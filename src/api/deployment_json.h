/* deployment_json: deployments as clients of the guide's system read them. Source: gateway-facts
 * 1.8. New references; NULL: no memory. */
#ifndef HANDFAST_API_DEPLOYMENT_JSON_H
#define HANDFAST_API_DEPLOYMENT_JSON_H

#include "api/deployed.h"

/* [{status, type[], uUID, error?}]: Router and Message Processor, by what runs now. `state` is
 * "deployed" or "undeployed". */
json_t *deployment_servers(const struct api_request *r, const char *state);
/* {name, state, configuration: {basePath}, server[]}: of a list. */
json_t *deployment_entry(const struct api_request *r, const struct deployment *d, const char *name);
/* {aPIProxy, environment, organization, revision, state, configuration, server[]}: of a change. */
json_t *deployment_change(const struct api_request *r, const struct deployment *d,
                          const char *state);

#endif
