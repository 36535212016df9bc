/*
 * hole: when bytes that lack are declared a gap.
 *
 * Captures are slightly out of order themselves (several queues, several taps), so that an
 * acknowledgment may be seen before the data it is for. The rule:
 *  - the other side acknowledged the bytes, or the connection was reset: they will not be sent
 *    again; a gap after 8 further packets of the connection or 500 ms of capture time;
 *  - no acknowledgment of the other side was captured at all: after 32 packets or 2 s, which
 *    leaves time for a retransmission (RFC 6298 section 2.4: a timeout is at least 1 s);
 *  - the other side acknowledged up to the hole: a retransmission is due; it is waited for until
 *    the limit on waiting bytes or the end of the connection.
 * Each byte that comes in order starts the waiting anew. One acknowledged byte at the end, with
 * nothing behind it, is no gap: that is a FIN that was not captured.
 */
#include "tcp/table.h"

static const struct {
    uint32_t packets;
    uint32_t ms;
} patience[N_TIMED_HOLES] = {
    [HOLE_ACKED] = { 8, 500 },
    [HOLE_ONE_SIDED] = { 32, 2000 },
};

/* More cannot be in flight: RFC 7323 section 2.3. */
#define MAX_WINDOW (UINT32_C(1) << 30)

static bool hole_is_acked(const struct tcp_conn *c, unsigned dir)
{
    const struct tcp_dir *d = &c->dir[dir];
    const struct tcp_dir *other = &c->dir[!dir];
    if ((other->flags & DIR_HAS_ACK) == 0 || (d->flags & DIR_HAS_NEXT) == 0) {
        return false;
    }
    uint32_t n = other->acked - d->next;
    if (n != 1) {
        return n != 0 && n <= MAX_WINDOW;
    }
    const struct tcp_side_wait *w = c->extra == NULL ? NULL : &c->extra->wait[dir];
    return w != NULL && (w->first != NULL || w->fin_pending);
}

static enum hole_kind kind_of(const struct tcp_conn *c, unsigned dir)
{
    if (hole_is_acked(c, dir)) {
        return HOLE_ACKED;
    }
    if (c->extra == NULL) {
        return HOLE_NONE;
    }
    const struct tcp_side_wait *w = &c->extra->wait[dir];
    const struct tcp_dir *other = &c->dir[!dir];
    if (w->first == NULL && !w->fin_pending) {
        return w->rst_pending ? HOLE_ACKED : HOLE_NONE;
    }
    if (((c->dir[dir].flags | other->flags) & DIR_RST) != 0) {
        return HOLE_ACKED;
    }
    return (other->flags & DIR_HAS_ACK) == 0 ? HOLE_ONE_SIDED : HOLE_UNACKED;
}

void hole_forget(struct tcp_table *t, struct tcp_side_wait *w)
{
    if (w->hole >= N_TIMED_HOLES) {
        w->hole = HOLE_NONE;
        return;
    }
    if (w->older != NULL) {
        w->older->newer = w->newer;
    } else {
        t->holes[w->hole].oldest = w->newer;
    }
    if (w->newer != NULL) {
        w->newer->older = w->older;
    } else {
        t->holes[w->hole].newest = w->older;
    }
    w->older = NULL;
    w->newer = NULL;
    w->hole = HOLE_NONE;
}

static void start_watch(struct tcp_table *t, struct tcp_side_wait *w, enum hole_kind kind)
{
    const struct tcp_dir *other = &w->conn->dir[!w->dir];
    w->hole = kind;
    w->hole_next = w->conn->dir[w->dir].next;
    w->hole_acked = (other->flags & DIR_HAS_ACK) != 0 ? other->acked : w->hole_next;
    w->hole_packets = 0;
    w->hole_ms = t->now_ms;
    w->older = t->holes[kind].newest;
    if (w->older != NULL) {
        w->older->newer = w;
    } else {
        t->holes[kind].oldest = w;
    }
    t->holes[kind].newest = w;
}

/* Where the next thing of this direction waits; false where nothing does. */
static bool next_waiting(const struct tcp_side_wait *w, uint32_t *out_seq, struct when *out_when)
{
    bool is_fin =
        w->fin_pending && (w->first == NULL || seq_diff(w->fin_seq, w->first->piece.seq) <= 0);
    if (is_fin) {
        *out_seq = w->fin_seq;
        *out_when = w->fin_when;
    } else if (w->first != NULL) {
        *out_seq = w->first->piece.seq;
        *out_when = w->first->piece.when;
    }
    return is_fin || w->first != NULL;
}

/* One gap. False where no bytes lack. */
static bool declare(struct tcp_table *t, struct tcp_side_wait *w, bool has_acked, uint32_t acked)
{
    struct tcp_conn *c = w->conn;
    uint32_t next = c->dir[w->dir].next;
    uint32_t seq = acked;
    struct when when = conn_last(c);
    bool has_acked_part = has_acked && hole_is_acked(c, w->dir) && seq_diff(acked, next) > 0;
    uint32_t waiting_seq;
    struct when waiting_when;
    if (next_waiting(w, &waiting_seq, &waiting_when) &&
        (!has_acked_part || seq_diff(waiting_seq, acked) <= 0)) {
        seq = waiting_seq;
        when = waiting_when;
    } else if (!has_acked_part) {
        return false;
    }
    stream_skip_to(t, c, w->dir, seq, when);
    return true;
}

static void resolve(struct tcp_table *t, struct tcp_side_wait *w)
{
    struct tcp_dir *d = &w->conn->dir[w->dir];
    bool is_acked = hole_is_acked(w->conn, w->dir);
    uint32_t acked = w->hole_acked;
    hole_forget(t, w);
    if (!declare(t, w, is_acked, acked)) {
        stream_release_rst(t, w->conn, w->dir);
    }
    /* What the same acknowledgment covers is due as well. */
    while (is_acked && seq_diff(acked, d->next) > 0 && declare(t, w, true, acked)) {
    }
    enum hole_kind kind = kind_of(w->conn, w->dir);
    if (kind < N_TIMED_HOLES) {
        start_watch(t, w, kind);
    }
}

static void watch_dir(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    enum hole_kind kind = kind_of(c, dir);
    if (kind >= N_TIMED_HOLES && c->extra == NULL) {
        return;
    }
    struct tcp_extra *extra = extra_get(c);
    if (extra == NULL) {
        return; /* no memory: the end of the connection will declare it */
    }
    struct tcp_side_wait *w = &extra->wait[dir];
    if (kind < N_TIMED_HOLES && w->hole == kind && w->hole_next == c->dir[dir].next) {
        w->hole_packets++;
        if (w->hole_packets >= patience[kind].packets) {
            resolve(t, w);
        }
        return;
    }
    hole_forget(t, w);
    if (kind < N_TIMED_HOLES) {
        start_watch(t, w, kind);
    }
}

/* After the layer above was called: it may have lost interest. */
static void settle(struct tcp_table *t, struct tcp_conn *c)
{
    if (c->extra == NULL) {
        return;
    }
    if ((c->flags & CONN_DATA_IGNORED) != 0) {
        for (unsigned dir = 0; dir < 2; dir++) {
            hole_forget(t, &c->extra->wait[dir]);
            stream_drop_waiting(t, c, dir);
        }
    }
    extra_trim(t, c);
}

void hole_watch(struct tcp_table *t, struct tcp_conn *c)
{
    bool is_acked = hole_is_acked(c, 0) || hole_is_acked(c, 1);
    if (c->extra == NULL && !is_acked) {
        return; /* nearly always */
    }
    if ((c->flags & CONN_DATA_IGNORED) == 0) {
        watch_dir(t, c, 0);
        watch_dir(t, c, 1);
    }
    settle(t, c);
}

void hole_expire(struct tcp_table *t)
{
    for (unsigned kind = 0; kind < N_TIMED_HOLES; kind++) {
        struct tcp_side_wait *w = t->holes[kind].oldest;
        while (w != NULL && t->now_ms - w->hole_ms >= patience[kind].ms) {
            struct tcp_conn *c = w->conn;
            resolve(t, w);
            settle(t, c);
            w = t->holes[kind].oldest;
        }
    }
}

/* The frame of what waits first in this direction. */
static uint64_t first_frame(const struct tcp_side_wait *w)
{
    uint32_t seq;
    struct when when = { UINT64_MAX, 0 };
    if (!next_waiting(w, &seq, &when) && w->rst_pending) {
        when = w->rst_when;
    }
    return when.frame;
}

static bool flush_one(struct tcp_table *t, struct tcp_side_wait *w)
{
    if (declare(t, w, false, 0)) {
        return true;
    }
    bool had_rst = w->rst_pending;
    stream_release_rst(t, w->conn, w->dir);
    return had_rst;
}

static void flush_waiting(struct tcp_table *t, struct tcp_extra *extra)
{
    struct tcp_side_wait *w = extra->wait;
    bool is_more = true;
    while (is_more) {
        struct tcp_side_wait *first = first_frame(&w[1]) < first_frame(&w[0]) ? &w[1] : &w[0];
        is_more = flush_one(t, first);
    }
}

void hole_flush(struct tcp_table *t, struct tcp_conn *c)
{
    if (c->extra != NULL) {
        flush_waiting(t, c->extra);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        if (hole_is_acked(c, dir)) {
            stream_skip_to(t, c, dir, c->dir[!dir].acked, conn_last(c));
        }
    }
}
