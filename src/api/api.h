/*
 * api: the management API over HTTP.
 *
 * Runs on threads of its own between start and stop: a few that only read and write, and workers
 * that handlers run on, each with a store of its own, so a slow caller keeps nobody waiting. Every
 * path but that of tokens wants a user and a role that may. route.h says
 * how a path is added.
 */
#ifndef HANDFAST_API_API_H
#define HANDFAST_API_API_H

#include "gateway/gateway.h"

struct api_options {
    const char *listen;               /* "127.0.0.1:8080", "[::1]:8443"; port 0: any */
    const char *cert_path, *key_path; /* PEM: TLS; NULL: plain HTTP */
    struct gateway *gateway;          /* NULL: nothing runs, changes are only stored */
    const struct places *places;      /* without a gateway: where the store lies; else NULL */
};

struct api;

enum status api_start(const struct api_options *options, struct api **out,
                      struct err *err) NODISCARD;
/* The port that it listens on. */
unsigned api_port(const struct api *a);
/* Ends what is being answered, then stops. NULL is fine. */
void api_stop(struct api *a);

#endif
