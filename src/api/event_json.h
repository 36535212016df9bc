/*
 * event_json: events of the collector as JSON of the API.
 */
#ifndef HANDFAST_API_EVENT_JSON_H
#define HANDFAST_API_EVENT_JSON_H

#include <jansson.h>

#include "gateway/events.h"

/* What a list and a stream say of it. A new reference; NULL without memory. */
json_t *event_json(const struct kept_event *event);
/* "2026-11-23T12:22:57.123Z". A new reference. */
json_t *event_time_json(int64_t at_ms);
/* JSON text as a value; null where it is none. A new reference. */
json_t *event_parse(const char *text);

#endif
