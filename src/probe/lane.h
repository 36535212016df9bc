/*
 * lane: how many questions one server is asked at once, and which are asked again.
 *
 * The window begins at PROBE_PARALLEL. While answers come about as quickly as the quickest it
 * grows; a server that queues, refuses, resets or drops makes it shrink, and what failed is asked
 * again: at once where that may be the server's way to answer, alone where it may be overload. Part
 * of probe.h's implementation.
 */
#ifndef HANDFAST_PROBE_LANE_H
#define HANDFAST_PROBE_LANE_H

#include "probe/connection.h"

struct probe_lane {
    struct probe_lane *next;
    const struct dial_target *target;
    struct endpoint address;
    struct probe_asker asker;
    struct connection *open, *again;
    unsigned n_open;
    unsigned window, window_max;
    bool is_fixed;   /* --parallel: it does not grow */
    bool is_careful; /* what failed is being asked again, alone */
    unsigned rate, timeout_ms, tries;
    int64_t next_start_ns;                     /* --rate */
    int64_t connect_ns, answer_ns, slowest_ns; /* quickest connect, quickest and slowest answer */
    int64_t last_answered_sent_ns; /* when the latest question that was answered went out */
    unsigned n_answered, n_connected;
    /* It serves one connection after the other and waits for the end of each: our end is sent with
     * the hello, so that it need not wait for a round trip. */
    bool is_serial, dislikes_half_close;
    bool ends_are_answers; /* it closes or resets instead of sending alerts: twice the same */
    unsigned n_silent;     /* in a row */
    struct probe_lane_facts facts;
};

enum lane_verdict { LANE_REPORT, LANE_AGAIN };

void lane_init(struct probe_lane *lane, const struct probe_options *options);
bool lane_has_room(const struct probe_lane *lane, int64_t now_ns);
bool lane_may_repeat(const struct probe_lane *lane);
void lane_started(struct probe_lane *lane, int64_t now_ns);
unsigned lane_timeout_ms(const struct probe_lane *lane);
/* The connection is there; counts once. */
void lane_connected(struct probe_lane *lane, struct connection *c);
/* A question came to its end. */
enum lane_verdict lane_judge(struct probe_lane *lane, struct connection *c);
/* A SYN, or the end of the handshake of TCP, that a full backlog swallowed: the system would repeat
 * it after a second. */
bool lane_seems_dropped(const struct probe_lane *lane, const struct connection *c, int64_t now_ns);
void lane_dropped(struct probe_lane *lane, struct connection *c);

#endif
