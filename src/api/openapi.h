/*
 * openapi: the management API as an OpenAPI 3.1 document, made from the tables of routes.
 *
 * Source: the OpenAPI Specification 3.1.0.
 */
#ifndef HANDFAST_API_OPENAPI_H
#define HANDFAST_API_OPENAPI_H

#include "api/route.h"

/* A new reference; NULL without memory, or where a row names what is not there. */
json_t *api_openapi(void);

#endif
