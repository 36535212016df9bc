/*
 * conn: what the files of this area share: a connection's entry, its two directions, and the
 * part that only troubled connections have.
 *
 * An entry is small because a busy capture holds millions: 128 bytes for IPv4, 152 for IPv6,
 * key included. Ends are kept in canonical order (the lower port, then the lower address, is
 * end 0), so that both directions find the same entry with one hash; direction d is what end d
 * sends. Who is the client is a flag. What waits out of order, and the counters that are zero on
 * a clean connection, live in `struct tcp_extra`, allocated when first needed.
 */
#ifndef HANDFAST_TCP_CONN_H
#define HANDFAST_TCP_CONN_H

#include "tcp/tcp.h"

enum {
    KEY_LEN_IPV4 = 12,
    KEY_LEN_IPV6 = 36,
    REACH =
        1 << 20, /* how far from what is known a sequence number is believed, where it matters */
};

enum dir_flag {
    DIR_HAS_BASE = 1 << 0,
    DIR_HAS_NEXT = 1 << 1,
    DIR_NEXT_GUESSED = 1 << 2, /* from an acknowledgment or an empty segment: data may correct it */
    DIR_HAS_ACK = 1 << 3,
    DIR_SYN = 1 << 4,
    DIR_SYN_ACK = 1 << 5,
    DIR_MANY_SYN_ACKS = 1 << 6, /* with different numbers: the other side's ACK says which holds */
    DIR_FIN = 1 << 7,           /* seen, perhaps still waiting for data before it */
    DIR_FIN_DONE = 1 << 8,      /* delivered */
    DIR_RST = 1 << 9,
    DIR_SNAP = 1 << 10,
};

/* What one end sends. */
struct tcp_dir {
    uint32_t base;  /* initial sequence number; where no SYN was seen, as tshark guesses it */
    uint32_t next;  /* the sequence number that is delivered next */
    uint32_t acked; /* the highest acknowledgment number this end sent */
    uint32_t n_packets;
    uint32_t bytes_low; /* payload delivered or skipped, 48 bits */
    uint16_t bytes_high;
    uint16_t flags;
};

enum conn_flag {
    CONN_CLIENT_IS_1 = 1 << 0,
    CONN_CLIENT_GUESSED = 1 << 1,
    CONN_DATA_IGNORED = 1 << 2,
    CONN_CLOSED = 1 << 3, /* FIN both ways, or a RST that its receiver must believe */
    CONN_LIST_SHIFT = 4,  /* two bits: enum list_id */
    CONN_LIST_MASK = 3 << CONN_LIST_SHIFT,
};

#define FRAME_MASK  ((UINT64_C(1) << 48) - 1)
#define STREAM_MASK ((UINT64_C(1) << 40) - 1)

struct tcp_conn {
    void *user;
    struct tcp_extra *extra; /* NULL on most */
    int64_t first_at_ns, last_at_ns;
    uint64_t first_frame : 48;
    uint64_t flags : 16;
    uint64_t last_frame : 48;
    uint64_t : 16;
    uint64_t stream : 40;
    uint64_t newer : 24; /* neighbours in the list the entry is on; free entries: the next free */
    uint32_t older;
    uint32_t touched_ms; /* table clock when it took its place in the list */
    struct tcp_dir dir[2];
    uint32_t ref; /* its own number, see table.h */
    uint8_t key[];
};

/* A piece of a direction: `len` sequence numbers of which bytes.len were captured. */
struct tcp_piece {
    uint32_t seq;
    uint32_t len;
    struct bytes bytes;
    struct when when;
};

/* A copy of a piece that came early. Pieces of one direction are sorted and do not overlap. */
struct tcp_waiting {
    struct tcp_waiting *next;
    struct tcp_piece piece; /* bytes point to `copy` */
    uint8_t copy[];
};

/* Why the next byte of a direction is overdue; the kinds with a clock first. */
enum hole_kind {
    HOLE_ACKED,     /* the other side has it */
    HOLE_ONE_SIDED, /* no acknowledgment can tell */
    N_TIMED_HOLES,
    HOLE_UNACKED = N_TIMED_HOLES, /* lost on the network: a retransmission is due */
    HOLE_NONE,
};

struct tcp_side_wait {
    struct tcp_waiting *first, *last;
    uint32_t n_waiting;
    uint32_t cost_bytes;
    uint32_t fin_seq, rst_seq;
    bool fin_pending, rst_pending;
    uint8_t rst_hop_limit;
    uint8_t dir;
    struct when fin_when, rst_when;
    /* The hole being watched, and the neighbours among the holes of its kind. */
    enum hole_kind hole;
    uint32_t hole_next;
    uint32_t hole_acked; /* HOLE_ACKED: how far, when the watch began */
    uint32_t hole_packets;
    uint32_t hole_ms;
    struct tcp_side_wait *older, *newer;
    struct tcp_conn *conn;
    /* Saturating. */
    uint16_t retransmissions, out_of_order, gaps, unacked_retransmissions;
};

struct tcp_extra {
    struct tcp_side_wait wait[2];
};

_Static_assert(sizeof((struct tcp_key *)0)->bytes == KEY_LEN_IPV6, "the longest key fits");

/* Where a lies after b: RFC 9293 section 3.4, modulo 2^32. */
static inline int32_t seq_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static inline enum side conn_side(const struct tcp_conn *c, unsigned dir)
{
    return dir == (c->flags & CONN_CLIENT_IS_1) ? SIDE_CLIENT : SIDE_SERVER;
}

static inline unsigned conn_dir(const struct tcp_conn *c, enum side side)
{
    return side == SIDE_CLIENT ? (c->flags & CONN_CLIENT_IS_1) : !(c->flags & CONN_CLIENT_IS_1);
}

static inline uint64_t dir_bytes(const struct tcp_dir *dir)
{
    return (uint64_t)dir->bytes_high << 32 | dir->bytes_low;
}

static inline struct when conn_last(const struct tcp_conn *c)
{
    return (struct when){ c->last_frame, c->last_at_ns };
}

static inline void count(uint16_t *counter)
{
    if (*counter < UINT16_MAX) {
        (*counter)++;
    }
}

/* conn.c */
/* Where nobody said so: is end `dir` the client? By the ports of the first packet. */
void conn_start(struct tcp_conn *c, unsigned dir, const struct packet *p, struct when when);
/* Does this packet start a new stream on the ends of c? */
bool conn_is_reuse(const struct tcp_conn *c, unsigned dir, const struct packet *p);
/* Is this packet a straggler of the ended connection c, and not the start of something? */
bool conn_is_straggler(const struct tcp_conn *c, unsigned dir, const struct packet *p);

#endif
