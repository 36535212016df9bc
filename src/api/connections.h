/*
 * connections: how long each connection may take for what it is doing.
 *
 * libmicrohttpd's own time-out begins anew with every byte, so a client that sends one byte now and
 * then would keep a connection for ever. Here a phase has an end: headers within
 * CONNECTION_HEAD_S of the connection or of the answer before, a body within CONNECTION_BODY_S, an
 * answer is read within CONNECTION_ANSWER_S. What is late is shut down.
 */
#ifndef HANDFAST_API_CONNECTIONS_H
#define HANDFAST_API_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    CONNECTION_HEAD_S = 30,
    CONNECTION_BODY_S = 120,
    CONNECTION_ANSWER_S = 300,
    CONNECTION_MAX = 512
};

struct connections;
struct connection;

struct connections *connections_new(void);      /* NULL: no memory */
void connections_free(struct connections *all); /* all have ended; NULL is fine */
/* NULL: no memory; then the connection has no limit but libmicrohttpd's. */
struct connection *connection_begin(struct connections *all, int fd);
/* 0: for ever. NULL is fine. */
void connection_allow(struct connection *c, unsigned seconds);
/* Before the socket is closed. NULL is fine. */
void connection_end(struct connection *c);
/* Shuts down what is late. */
void connections_sweep(struct connections *all);

#endif
