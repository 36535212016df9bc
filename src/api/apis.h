/*
 * apis: API proxies and their revisions: what their handlers share.
 *
 * A proxy is a document of kind API in an organization, {createdAt, createdBy, lastModifiedAt,
 * lastModifiedBy, lastRevision}; a revision one of kind REVISION with the proxy as its parent, its
 * number as its name and the bundle as its blob, {createdAt, createdBy, lastModifiedAt,
 * lastModifiedBy, allowSkippedPolicies}. Numbers are never used again. Times are milliseconds since
 * 1970.
 */
#ifndef HANDFAST_API_APIS_H
#define HANDFAST_API_APIS_H

#include "api/deployed.h"

enum { API_BUNDLE_LIMIT = 16 * 1024 * 1024 }; /* bytes of an archive, or of a part */

struct store_key api_proxy_key(const struct api_request *r, const char *proxy);
struct store_key api_revision_key(const struct api_request *r, const char *proxy,
                                  const char *revision);
/* NULL in *out: refused, because {o}, {p} or the revision is unknown. */
enum status api_load_proxy(struct api_request *r, struct api_answer *a, const char *proxy,
                           json_t **out, struct err *err) NODISCARD;
enum status api_load_revision(struct api_request *r, struct api_answer *a, const char *proxy,
                              const char *revision, json_t **out, struct err *err) NODISCARD;
/* "1", "2" ... "10", in the order of their numbers; NULL: no memory or a failure, as *st says. */
enum status api_revision_names(struct api_request *r, const char *proxy, json_t **out,
                               struct err *err) NODISCARD;
/* {createdAt, createdBy, lastModifiedAt, lastModifiedBy}, now and by whom asks. */
json_t *api_made_now(const struct api_request *r);
/* In place: lastModifiedAt and lastModifiedBy. */
bool api_changed_now(const struct api_request *r, json_t *document);
/* As GET prints it: what the bundle has, by names. NULL: no memory. */
json_t *api_revision_json(const char *proxy, const char *revision, const json_t *document,
                          const struct bundle *b);
/* Where it is deployed: sets *env (in the arena) or NULL. */
enum status api_where_deployed(struct api_request *r, const char *proxy, const char *revision,
                               const char **env, struct err *err) NODISCARD;

#endif
