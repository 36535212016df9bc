/*
 * call: one request on its way through libmicrohttpd: headers, user, body, handler, answer.
 *
 * The daemon's threads only read and write; whatever may take time is a job for a worker, and the
 * connection is suspended until it is done.
 */
#ifndef HANDFAST_API_CALL_H
#define HANDFAST_API_CALL_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "api/connections.h"
#include "api/core.h"
#include "api/streams.h"
#include "api/workers.h"

enum {
    BODIES_MAX = 256 * 1024 * 1024, /* bytes of bodies in memory, of all requests together */
    DRAIN_MAX = 4 * 1024 * 1024 /* of a refused body, read so that the client reads the answer */
};

struct server {
    struct api_core core;
    struct workers *workers;
    struct streams *streams;
    struct connections *connections;
    atomic_size_t body_bytes; /* in memory now */
    atomic_uint n_calls;      /* begun and not ended */
    atomic_bool is_stopping;
};

/* The callbacks of the daemon; `cls` is the server. */
void *call_begin(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result call_handle(void *cls, struct MHD_Connection *connection, const char *url,
                            const char *method, const char *version, const char *data,
                            size_t *data_len, void **req_cls);
void call_end(void *cls, struct MHD_Connection *connection, void **req_cls,
              enum MHD_RequestTerminationCode why);

#endif
