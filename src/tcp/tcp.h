/*
 * tcp: packets as connections: bytes in order, gaps, SYN, FIN, RST, who and when.
 *
 * A table of connections keyed by both ends. The client is who sent the SYN, or faces who sent the
 * SYN/ACK; where the capture starts in the middle it is who has no port of a known server, then
 * who has the higher port, and `client_is_guess` says so (the layer above may call
 * tcp_conn_swap() before any data were delivered, or judge by content).
 * Streams are numbered by their first packet, as tshark's tcp.stream: a SYN with another sequence
 * number than the one its direction began with starts a new stream on the same ends (port reuse),
 * nothing else does. A connection that ended by time and goes on is delivered as a further
 * connection with the same number; stragglers (acknowledgments, retransmissions, FIN, RST) of one
 * that ended are left out.
 *
 * Bytes are delivered in order and once: retransmissions and overlaps are trimmed (the first
 * copy wins), segments out of order wait (bounded), and what the capture lacks is a named gap,
 * never papered over. A gap is declared when
 *  - the other side acknowledged bytes that were not captured, or the connection was reset, and 8
 *    further packets of the connection or 500 ms went by (captures are slightly out of order);
 *  - no acknowledgment of the other side was captured at all, and 32 packets or 2 s went by;
 *  - the waiting bytes reach their limit, or the connection ends;
 *  - the snap length cut a segment: at once, behind the bytes that are there.
 * FIN and RST are delivered after the data before them; data after them are delivered too.
 *
 * Left out altogether: segments of an older connection on the same ends that come before the
 * SYN/ACK, and the RST that answers them (RFC 9293 section 3.5.1); a payload of a RST.
 *
 * Memory: no more than `limits` says; a connection that is only being counted costs its entry.
 * Sources: RFC 9293, RFC 7323 (windows, timestamps), RFC 6298 (retransmission).
 */
#ifndef HANDFAST_TCP_TCP_H
#define HANDFAST_TCP_TCP_H

#include "base/net.h"
#include "base/status.h"
#include "capture/packet.h"

struct when {
    uint64_t frame;
    int64_t at_ns;
};

enum tcp_end_reason {
    TCP_END_CLOSED,  /* FIN both ways, or RST, however long ago */
    TCP_END_IDLE,    /* nothing for `idle_ns` of capture time */
    TCP_END_REUSED,  /* a new SYN on the same ends */
    TCP_END_CAPTURE, /* the capture ended */
    TCP_END_EVICTED, /* the limit on open connections was reached */
};

struct tcp_side_stats {
    uint64_t bytes; /* of payload delivered or skipped, in order */
    uint32_t packets;
    /* All saturating. */
    uint16_t retransmissions; /* segments whose payload was wholly seen before; not keep-alives */
    uint16_t out_of_order;    /* segments that had to wait for bytes before them */
    uint16_t gaps;
    uint16_t unacked_retransmissions; /* of the newest data, never acknowledged since */
    bool syn_seen, syn_ack_seen;      /* sent by this side */
    bool fin_seen, rst_seen;
    bool snap_truncated; /* some payload was cut by the snap length */
};

struct tcp_conn; /* opaque; accessors below */

const struct endpoint *tcp_conn_end(const struct tcp_conn *c, enum side side,
                                    struct endpoint *storage);
uint64_t tcp_conn_stream(const struct tcp_conn *c);
bool tcp_conn_client_is_guess(const struct tcp_conn *c);
struct tcp_side_stats tcp_conn_stats(const struct tcp_conn *c, enum side side);
struct when tcp_conn_first(const struct tcp_conn *c);
struct when tcp_conn_last(const struct tcp_conn *c);
/* Has `side` acknowledged everything the other side was seen to send? */
bool tcp_conn_all_acked(const struct tcp_conn *c, enum side side);
/* The layer above keeps one pointer here, NULL at first. */
void **tcp_conn_user(struct tcp_conn *c);
/* Data of this connection are of no further interest: in-order bytes are counted, segments out of
 * order are no longer kept; SYN, FIN, RST and the end are still delivered, data, gaps and
 * retransmissions neither delivered nor counted as such. */
void tcp_conn_ignore_data(struct tcp_conn *c);
/* Exchange client and server: the content showed who is who. */
void tcp_conn_swap(struct tcp_conn *c);

struct tcp_syn {
    bool is_ack;      /* SYN/ACK */
    bool is_repeat;   /* one like it was seen before */
    bool seq_differs; /* a further SYN/ACK with another sequence number (a SYN is another stream) */
};

/* Called in the order of the capture. None may call tcp_push(), tcp_advance() or tcp_finish().
 * `when` is the frame that carried the thing. */
struct tcp_sink {
    void *arg;
    /* Soon there will be calls for the connection that has this pointer: a chance to fetch its
     * memory into the cache. Step 0 comes some time before step 1, so that what `user` points to
     * can be looked at in step 1. May be NULL. */
    void (*expect)(void *arg, const void *user, unsigned step);
    /* First ones and repeats alike. */
    void (*syn)(void *arg, struct tcp_conn *c, enum side side, struct tcp_syn syn,
                struct when when);
    /* In order, once. Borrowed until return. */
    void (*data)(void *arg, struct tcp_conn *c, enum side side, struct bytes data,
                 struct when when);
    /* `len` bytes that the capture lacks, before the next data. */
    void (*gap)(void *arg, struct tcp_conn *c, enum side side, uint32_t len, struct when when);
    void (*fin)(void *arg, struct tcp_conn *c, enum side side, struct when when);
    /* Any number of times; also with a number that closes nothing (it was guessed). */
    void (*rst)(void *arg, struct tcp_conn *c, enum side side, struct when when, uint8_t hop_limit);
    /* A segment whose bytes were all seen before; not keep-alives. */
    void (*retransmission)(void *arg, struct tcp_conn *c, enum side side, struct when when);
    /* About a packet that `side` sent. May be the only thing known of c. */
    void (*icmp_error)(void *arg, struct tcp_conn *c, enum side side, bool is_too_big,
                       struct when when);
    /* The last call for c; c is gone after it. */
    void (*end)(void *arg, struct tcp_conn *c, enum tcp_end_reason reason);
};

struct tcp_limits {
    /* 0: 4,000,000; at most 8,000,000. A closed one goes first, then the one idle longest. */
    uint32_t max_connections;
    uint32_t waiting_bytes;       /* per direction, out of order; 0: 256 KiB */
    uint64_t waiting_bytes_total; /* all connections; 0: 256 MiB */
    int64_t idle_ns;              /* 0: 1 hour of capture time; up to a thousandth less */
    int64_t linger_ns; /* after FIN both ways or RST: wait for stragglers; 0: 2 s of capture time */
};

struct tcp_table;

enum status tcp_table_new(const struct tcp_sink *sink, const struct tcp_limits *limits,
                          struct tcp_table **out, struct err *err) NODISCARD;
/* One PACKET_TCP, or PACKET_ICMP_ERROR that quotes TCP. */
enum status tcp_push(struct tcp_table *t, const struct packet *p, struct when when,
                     struct err *err) NODISCARD;

/* Both ends of a packet, in one order whoever sent it. The table's own. */
struct tcp_key {
    uint8_t bytes[36];
    uint8_t len; /* 0: not two ends of one family */
    uint8_t dir; /* which end sent the packet */
    uint32_t hash;
};

/* A packet on its way in. In a large table nearly all time goes into waiting for memory, so where
 * several packets are there, what each of them needs is fetched together:
 * tcp_expect() for the list, then tcp_push_expected() for each of it in order, and nothing else
 * in between. The result is that of tcp_push(). */
struct tcp_incoming {
    const struct packet *packet; /* as for tcp_push() */
    struct when when;
    struct tcp_key key;    /* filled by tcp_expect() */
    struct tcp_conn *conn; /* a guess of tcp_expect(), by the hash alone; NULL: new */
};

void tcp_expect(struct tcp_table *t, struct tcp_incoming *list, size_t n);
enum status tcp_push_expected(struct tcp_table *t, const struct tcp_incoming *in,
                              struct err *err) NODISCARD;
/* Capture time goes on without packets (live): ends what is idle or lingers. */
void tcp_advance(struct tcp_table *t, int64_t now_ns);
/* The capture is over: every open connection is flushed (gaps declared) and ended, in stream order.
 */
void tcp_finish(struct tcp_table *t);
uint64_t tcp_n_open(const struct tcp_table *t);
uint64_t tcp_n_streams(const struct tcp_table *t);
void tcp_table_free(struct tcp_table *t); /* NULL is fine; no calls to the sink */

#endif
