/*
 * events: the handshakes that the collector judged, kept in a file of SQLite.
 *
 * The collector writes, the API reads, from different processes; a handle belongs to one thread.
 * Kept are the last EVENTS_KEPT_MAX events, as long as the file stays below EVENTS_BYTES_MAX; older
 * ones go. What is added is one transaction until events_flush(): a crash loses at most that. A
 * file that SQLite finds damaged is set aside, under a name with the time, and begun anew. Where
 * the disk is full events are lost and counted, and later ones are tried again.
 *
 * Identical failures of a flood are kept once: events_repeat() counts them and remembers their ids,
 * so that each id finds its verdict.
 *
 * Texts of a row are NUL-terminated and borrowed until the next call.
 * Sources: SQLite's documentation of WAL, synchronous=NORMAL and its result codes.
 */
#ifndef HANDFAST_GATEWAY_EVENTS_H
#define HANDFAST_GATEWAY_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum {
    EVENTS_KEPT_MAX = 100000,
    EVENTS_IDS_MAX = 500000, /* ids of repeated events */
    EVENTS_PAGE_MAX = 1000,
    EVENTS_BYTES_MAX = 512 * 1024 * 1024,
    EVENT_REPORT_MAX = 2 * 1024 * 1024, /* json, text and the rest of one event */
};

struct events;

struct kept_event {
    int64_t number;        /* 1, 2, 3 ...: the order in which they were written */
    const char *id;        /* $handfast_id: the connection's or the request's */
    int64_t at_ms;         /* since 1970: the first message */
    const char *direction; /* "northbound", "southbound" */
    const char *org, *env, *virtual_host, *target, *api, *revision; /* "" where not known */
    const char *client, *server;                                    /* "192.0.2.1:443" */
    const char *server_name;
    const char *outcome, *cause, *detail, *rejected_by, *party,
        *confidence; /* ids; "" where none */
    const char *sentence;
    const char *ja4;
    int64_t n_times; /* how often: 1, and those that were the same soon after */
    int64_t last_ms; /* the last of these */
    /* Only where asked for; "" otherwise */
    const char *json;  /* as handfast explain --json prints it */
    const char *text;  /* as handfast explain prints it, with the ladder */
    const char *chain; /* the peer's certificates as sent, PEM */
    const char *hints; /* JSON: what the collector knows beside the verdict (collector_hints.h) */
};

struct event_filter { /* NULL or 0: any */
    const char *org, *env, *direction, *virtual_host, *target, *api, *cause, *outcome, *id;
    const char *or_id;         /* beside id: either */
    int64_t from_ms, until_ms; /* until is exclusive */
    int64_t after;             /* number: only later ones */
    int64_t before;            /* number: only earlier ones */
    bool oldest_first;
    bool wants_report; /* json, text, chain and hints too */
    unsigned limit;    /* at most EVENTS_PAGE_MAX; 0: that many */
};

/* Handshakes by what they were; they only grow, over restarts too. */
struct event_count {
    const char *org, *env, *direction, *virtual_host, *target;
    const char *outcome, *cause; /* cause: "" for completed ones */
    bool is_resumed;
    int64_t n;
};

/* A certificate that a backend was seen to serve: the leaf. */
struct event_served {
    const char *org, *env, *target, *server; /* "192.0.2.1:443" */
    const char *server_name, *sha256_hex, *subject;
    int64_t not_after_s, seen_ms;
};

/* Reads: a file that is not there yet is as an empty one. */
enum status events_open(const char *path, bool to_write, struct events **out,
                        struct err *err) NODISCARD;
void events_close(struct events *e); /* what was not flushed is lost; NULL is fine */
/* What had to be done to the file, a sentence: "events.db: damaged, set aside as ..."; NULL where
 * there is nothing to say. Given once. */
const char *events_said(struct events *e);
/* Events that could not be written, since open. */
uint64_t events_n_lost(const struct events *e);

/* `number` is set by it: 0 where the event is lost. */
enum status events_add(struct events *e, struct kept_event *event, struct err *err) NODISCARD;
/* One more of event `number`, under an id of its own. */
enum status events_repeat(struct events *e, int64_t number, const char *id, int64_t at_ms,
                          struct err *err) NODISCARD;
/* Adds `n` to what stands there. */
enum status events_count(struct events *e, const struct event_count *count,
                         struct err *err) NODISCARD;
enum status events_put_served(struct events *e, const struct event_served *served,
                              struct err *err) NODISCARD;
/* Makes it visible to readers and safe from the end of this process; drops what is too old. */
enum status events_flush(struct events *e, struct err *err) NODISCARD;
/* Nothing is waiting for events_flush(). */
bool events_is_flushed(const struct events *e);

/* Calls `each` for every row that fits, the newest first. */
enum status events_read(struct events *e, const struct event_filter *filter,
                        void (*each)(void *arg, const struct kept_event *event), void *arg,
                        struct err *err) NODISCARD;
/* Of one environment; NULL: of all. */
enum status events_read_counts(struct events *e, const char *org, const char *env,
                               void (*each)(void *arg, const struct event_count *count), void *arg,
                               struct err *err) NODISCARD;
enum status events_read_served(struct events *e, const char *org, const char *env,
                               void (*each)(void *arg, const struct event_served *served),
                               void *arg, struct err *err) NODISCARD;
/* The highest number so far, 0 where there is none. */
enum status events_last(struct events *e, int64_t *out, struct err *err) NODISCARD;

#endif
