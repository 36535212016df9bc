/*
 * handshake_stream: events of the collector as server-sent events, as they come.
 *
 * The stream opens events.db for itself, and again where the file was set aside. Source: the HTML
 * Standard, section 9.2 (id, Last-Event-ID).
 */
#ifndef HANDFAST_API_HANDSHAKE_STREAM_H
#define HANDFAST_API_HANDSHAKE_STREAM_H

#include "api/route.h"

api_handler api_stream_handshakes;
/* A whole number from 1 to `most`. */
bool api_handshake_number(const char *text, int64_t most, int64_t *out);

#endif
