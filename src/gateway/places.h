/*
 * places: where everything of a gateway lies, below its directory.
 *
 * The texts are NUL-terminated and absolute. The directory has mode 0700. Workers of nginx that run
 * as another user reach nothing through it: they stay in the directory they were started in, one
 * below run/, and name sockets and temporary files from there.
 */
#ifndef HANDFAST_GATEWAY_PLACES_H
#define HANDFAST_GATEWAY_PLACES_H

#include "base/status.h"

enum { PLACE_PATH_MAX = 512 };

struct places {
    char dir[PLACE_PATH_MAX];
    char store[PLACE_PATH_MAX];       /* store.db */
    char events[PLACE_PATH_MAX];      /* events.db: verdicts, written by the collector */
    char generations[PLACE_PATH_MAX]; /* of configurations of nginx */
    char current[PLACE_PATH_MAX];     /* a link to the one in force */
    char run[PLACE_PATH_MAX];         /* pid files and sockets */
    char logs[PLACE_PATH_MAX];
    char tickets[PLACE_PATH_MAX];          /* keys of session tickets */
    char collector_socket[PLACE_PATH_MAX]; /* run/collector.sock */
    char processor_socket[PLACE_PATH_MAX]; /* run/mp.sock: the Message Processor listens there */
    char control_socket[PLACE_PATH_MAX];   /* run/control.sock: restart, status, stop */
    char lock[PLACE_PATH_MAX];             /* run/manager.lock: held by the one manager */
};

/* ST_USAGE where `dir` is too long for the sockets in it (sun_path). Makes nothing. */
enum status places_init(struct places *p, const char *dir, struct err *err) NODISCARD;
/* The same for a directory that there is, with its links followed. */
enum status places_find(struct places *p, const char *dir, struct err *err) NODISCARD;
/* dir/name; ST_USAGE where that is too long. */
enum status places_join(char out[PLACE_PATH_MAX], const char *dir, const char *name,
                        struct err *err) NODISCARD;

#endif
