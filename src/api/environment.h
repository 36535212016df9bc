/* environment: the organization and environment that a path names, and whether they are there. */
#ifndef HANDFAST_API_ENVIRONMENT_H
#define HANDFAST_API_ENVIRONMENT_H

#include "api/route.h"

/* Refuses, and sets *is_there to false, where {o} or {e} is unknown. */
enum status api_want_environment(struct api_request *r, struct api_answer *a, bool *is_there,
                                 struct err *err) NODISCARD;

#endif
