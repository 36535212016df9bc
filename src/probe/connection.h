/*
 * connection: one question on its way: connect, dialogue, send, read, end. Part of probe.h's
 * implementation; the engine owns the loop, the window and the repetitions.
 */
#ifndef HANDFAST_PROBE_CONNECTION_H
#define HANDFAST_PROBE_CONNECTION_H

#include "probe/finish.h"
#include "probe/probe.h"
#include "probe/trace.h"

enum connection_state {
    CONNECTION_CONNECTING,
    CONNECTION_DIALOGUE,
    CONNECTION_DELAYED, /* delay_ms before the first byte */
    CONNECTION_SENDING,
    CONNECTION_GAP, /* gap_ms before the rest */
    CONNECTION_READING,
    CONNECTION_OVER
};

struct connection {
    struct probe_lane *lane;
    struct connection *next; /* of the lane's open ones, or of the engine's free ones */
    struct probe_question q;
    unsigned n_tries;
    unsigned n_dropped; /* times it was begun anew for a full backlog */
    bool is_dropped;    /* this time */
    bool half_closes;   /* FIN follows the hello */
    bool is_counted;    /* lane_connected() saw it */
    bool was_different;
    int fd; /* -1: closed */
    uint8_t state;
    uint32_t events; /* that epoll is asked for */
    unsigned timeout_ms;
    struct dial_steps steps;
    struct text out;
    size_t sent, first_len;
    struct dial_tds tds;
    struct text unwrapped;
    struct probe_flight flight;
    struct probe_trace trace;
    struct probe_outcome outcome;
    int64_t deadline_ns; /* of the state */
    int64_t limit_ns;    /* of the whole */
};

/* False where not even a socket could be made: the outcome says why. */
bool connection_start(struct connection *c, const struct endpoint *to, unsigned timeout_ms);
/* The socket is ready for `events` (epoll's), or a deadline has passed (0). Afterwards the state
 * may be CONNECTION_OVER, with the outcome filled in. */
void connection_work(struct connection *c, const struct dial_target *target, uint32_t events,
                     int64_t now_ns);
/* Wanted of epoll now. */
uint32_t connection_wants(const struct connection *c);
void connection_close(struct connection *c);
/* Forgets everything but the question. */
void connection_reset(struct connection *c);
void connection_deinit(struct connection *c);

#endif
