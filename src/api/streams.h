/*
 * streams: answers that go on, for clients of server-sent events.
 *
 * One thread asks every stream four times a second what there is to say, without the lock that the
 * connections' threads take, and puts it where the connection reads; a connection that has nothing
 * to read is suspended and costs nothing. Every STREAM_BEAT_S a comment is sent, so that a client
 * that is gone is noticed. A client that does not read loses the stream at STREAM_BACKLOG_MAX
 * bytes.
 * Source: the HTML Standard, section 9.2 (server-sent events).
 */
#ifndef HANDFAST_API_STREAMS_H
#define HANDFAST_API_STREAMS_H

#include <microhttpd.h>

#include "api/route.h"

enum { STREAMS_MAX = 64, STREAM_BEAT_S = 15, STREAM_BACKLOG_MAX = 1024 * 1024 };

struct streams;

/* `tick` is called on each turn of the thread: the server's own housekeeping. */
enum status streams_start(void (*tick)(void *arg), void *arg, struct streams **out,
                          struct err *err) NODISCARD;
/* A response that sends the stream, which it takes (and clears in `stream`). NULL: no memory, too
 * many, or being stopped; the stream is left. */
struct MHD_Response *streams_add(struct streams *all, struct MHD_Connection *connection,
                                 struct api_stream *stream);
/* Ends every stream; those that come later as well. */
void streams_end(struct streams *all);
/* After the last connection has gone. NULL is fine. */
void streams_stop(struct streams *all);

#endif
