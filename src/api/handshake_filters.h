/*
 * handshake_filters: what a list or a stream of handshakes is asked for.
 */
#ifndef HANDFAST_API_HANDSHAKE_FILTERS_H
#define HANDFAST_API_HANDSHAKE_FILTERS_H

#include "api/route.h"

/* Refuses (400) a direction, cause or outcome that there is not, and says which there are. An empty
 * one asks for all. */
enum status api_handshake_filters(struct api_request *r, struct api_answer *a) NODISCARD;

#endif
