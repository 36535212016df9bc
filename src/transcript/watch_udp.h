/*
 * watch_udp: DTLS between two UDP ends, from its first record to its journal.
 *
 * A flow is opened by a datagram that looks like DTLS with a handshake message in clear; the client
 * is who sent the first ClientHello. UDP has no end: a flow is over when nothing came for a while,
 * or with the capture. Bounded: the flow idle longest makes room. Source: RFC 9147, RFC 6347.
 */
#ifndef HANDFAST_TRANSCRIPT_WATCH_UDP_H
#define HANDFAST_TRANSCRIPT_WATCH_UDP_H

#include "transcript/watch.h"

enum { UDP_FLOWS_MAX = 16384 };

struct udp_table;

struct udp_sink {
    /* The connection is the callee's from here on (kept_connection's journal and chains). */
    void (*ended)(void *arg, struct kept_connection *k);
    void *arg;
};

struct udp_tools {
    struct hello_templates *templates;
    struct x509_store *store;
    const struct keylog *keylog;
    bool *out_of_memory; /* set where something could not be kept */
};

struct udp_table *udp_table_new(const struct udp_sink *sink,
                                const struct udp_tools *tools); /* NULL without memory */
void udp_table_free(struct udp_table *t); /* NULL is fine; no calls to the sink */
void udp_push(struct udp_table *t, const struct packet *p, struct when when);
/* Ends what was idle. */
void udp_advance(struct udp_table *t, int64_t now_ns);
/* Ends all flows, oldest first. */
void udp_finish(struct udp_table *t);

#endif
