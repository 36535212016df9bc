/*
 * places: where everything of a gateway lies, below its directory.
 *
 * The texts are NUL-terminated and absolute. Directories are made with mode 0700, except where the
 * workers of nginx have to reach something.
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
    char collector_socket[PLACE_PATH_MAX]; /* run/collector.sock */
    char processor_socket[PLACE_PATH_MAX]; /* run/mp.sock: the Message Processor listens there */
};

/* ST_USAGE where `dir` is too long for the sockets in it (sun_path). Makes nothing. */
enum status places_init(struct places *p, const char *dir, struct err *err) NODISCARD;

#endif
