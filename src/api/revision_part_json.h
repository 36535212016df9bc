/* revision_part_json: the documents of a bundle as JSON. New references; NULL: no memory. */
#ifndef HANDFAST_API_REVISION_PART_JSON_H
#define HANDFAST_API_REVISION_PART_JSON_H

#include <jansson.h>

#include "store/bundle.h"

/* An array of names; of resources {"resourceFile":[{"name":"a.js","type":"jsc"}]}. */
json_t *api_part_names(const struct bundle *b, enum bundle_part part);
/* {"name", "connection": {"basePath", "virtualHost": [...]}, "routeRule": [...]} and the like. The
 * part is there. */
json_t *api_part_json(const struct bundle *b, enum bundle_part part, const char *name);
/* {"name", "warnings"}: what is remarked on in this file. */
json_t *api_part_answer(const struct bundle *b, const char *path, const char *name);

#endif
