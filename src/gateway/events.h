/*
 * events: the handshakes that the collector judged, kept in a file of SQLite.
 *
 * The collector writes, the API reads, from different processes. Kept are the last EVENTS_KEPT_MAX;
 * older ones go. Texts of a row are NUL-terminated and borrowed until the next call.
 */
#ifndef HANDFAST_GATEWAY_EVENTS_H
#define HANDFAST_GATEWAY_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { EVENTS_KEPT_MAX = 100000, EVENTS_PAGE_MAX = 1000 };

struct events;

struct event {
    int64_t number;        /* 1, 2, 3 ...: the order in which they were written */
    const char *id;        /* $handfast_id: the connection's or the request's */
    int64_t at_ms;         /* since 1970: the first message */
    const char *direction; /* "northbound", "southbound" */
    const char *org, *env, *virtual_host, *target, *api, *revision; /* "" where not known */
    const char *client, *server;                                    /* "192.0.2.1:443" */
    const char *server_name;
    const char *outcome, *cause, *detail, *rejected_by, *party,
        *confidence; /* ids; "" where none */
    const char *ja4;
    const char *json; /* as handfast explain --json prints it */
    const char *text; /* as handfast explain prints it, with the ladder */
};

struct event_filter { /* NULL or 0: any */
    const char *org, *env, *direction, *virtual_host, *target, *api, *cause, *outcome, *id;
    int64_t from_ms, until_ms; /* until is exclusive */
    int64_t after;             /* number: only later ones */
    int64_t before;            /* number: only earlier ones */
    bool oldest_first;
    unsigned limit; /* at most EVENTS_PAGE_MAX */
};

enum status events_open(const char *path, bool to_write, struct events **out,
                        struct err *err) NODISCARD;
void events_close(struct events *e); /* NULL is fine */
/* `number` is set by it. */
enum status events_add(struct events *e, const struct event *event, struct err *err) NODISCARD;
/* Calls `each` for every row that fits, the newest first. */
enum status events_read(struct events *e, const struct event_filter *filter,
                        void (*each)(void *arg, const struct event *event), void *arg,
                        struct err *err) NODISCARD;

#endif
