#include "tcp/table.h"

static struct tcp_side_wait *wait_of(const struct tcp_conn *c, unsigned dir)
{
    return c->extra == NULL ? NULL : &c->extra->wait[dir];
}

static void advance(struct tcp_dir *d, uint32_t len)
{
    uint64_t bytes = dir_bytes(d) + len;
    d->next += len;
    d->bytes_low = (uint32_t)bytes;
    d->bytes_high = (uint16_t)(bytes >> 32);
}

static void deliver_gap(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t len,
                        struct when when)
{
    if ((c->flags & CONN_DATA_IGNORED) != 0) {
        return;
    }
    struct tcp_extra *extra = extra_get(c); /* without memory only the count is lost */
    if (extra != NULL) {
        count(&extra->wait[dir].gaps);
    }
    t->sink.gap(t->sink.arg, c, conn_side(c, dir), len, when);
}

/* `piece` starts at `next`. */
static void deliver(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                    const struct tcp_piece *piece)
{
    advance(&c->dir[dir], piece->len);
    if ((c->flags & CONN_DATA_IGNORED) != 0) {
        return;
    }
    if (piece->bytes.len > 0) {
        t->sink.data(t->sink.arg, c, conn_side(c, dir), piece->bytes, piece->when);
    }
    if (piece->len > piece->bytes.len) { /* cut by the snap length */
        deliver_gap(t, c, dir, piece->len - (uint32_t)piece->bytes.len, piece->when);
    }
}

static void deliver_fin(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                        struct when when)
{
    struct tcp_dir *d = &c->dir[dir];
    d->flags |= DIR_FIN_DONE;
    if (d->next == seq) {
        d->next++; /* a FIN has a number of its own, RFC 9293 section 3.4 */
    }
    t->sink.fin(t->sink.arg, c, conn_side(c, dir), when);
}

static bool release_fin(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    struct tcp_side_wait *w = wait_of(c, dir);
    if (w == NULL || !w->fin_pending || seq_diff(c->dir[dir].next, w->fin_seq) < 0) {
        return false;
    }
    w->fin_pending = false;
    deliver_fin(t, c, dir, w->fin_seq, w->fin_when);
    return true;
}

void stream_release_rst(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    struct tcp_side_wait *w = wait_of(c, dir);
    if (w != NULL && w->rst_pending) {
        w->rst_pending = false;
        t->sink.rst(t->sink.arg, c, conn_side(c, dir), w->rst_when, w->rst_hop_limit);
    }
}

static void release_pieces(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    struct tcp_dir *d = &c->dir[dir];
    struct tcp_side_wait *w = wait_of(c, dir);
    while (w != NULL && w->first != NULL && seq_diff(w->first->piece.seq, d->next) <= 0) {
        struct tcp_waiting *waiting = waiting_pop(t, w);
        struct tcp_piece rest = piece_skip(waiting->piece, d->next - waiting->piece.seq);
        if (rest.len > 0) {
            deliver(t, c, dir, &rest);
        }
        waiting_free(waiting);
    }
}

/* `next` moved: whatever is now in order. */
static void release(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    if (c->extra == NULL) {
        return;
    }
    do {
        release_pieces(t, c, dir);
    } while (release_fin(t, c, dir));
    struct tcp_side_wait *w = wait_of(c, dir);
    if (w->rst_pending && seq_diff(c->dir[dir].next, w->rst_seq) >= 0) {
        stream_release_rst(t, c, dir);
    }
}

void stream_start_at(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq)
{
    struct tcp_dir *d = &c->dir[dir];
    struct tcp_side_wait *w = wait_of(c, dir);
    d->next = seq;
    d->flags |= DIR_HAS_NEXT;
    if (w == NULL) {
        return;
    }
    if (w->first != NULL &&
        (seq_diff(w->first->piece.seq, seq) < 0 || seq_diff(w->last->piece.seq, seq) < 0)) {
        waiting_clear(t, w); /* of numbers that do not hold */
    }
    release(t, c, dir);
}

void stream_skip_to(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                    struct when when)
{
    uint32_t len = seq - c->dir[dir].next;
    advance(&c->dir[dir], len);
    deliver_gap(t, c, dir, len, when);
    release(t, c, dir);
}

void stream_drop_waiting(struct tcp_table *t, struct tcp_conn *c, unsigned dir)
{
    struct tcp_dir *d = &c->dir[dir];
    struct tcp_side_wait *w = wait_of(c, dir);
    if (w == NULL) {
        return;
    }
    if (w->last != NULL) {
        advance(d, w->last->piece.seq + w->last->piece.len - d->next);
        waiting_clear(t, w);
    }
    if (w->fin_pending && seq_diff(w->fin_seq, d->next) > 0) {
        advance(d, w->fin_seq - d->next);
    }
    release_fin(t, c, dir);
    stream_release_rst(t, c, dir);
}

/* `piece` starts at `next`; what already waits was there first. */
static void accept_in_order(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                            struct tcp_piece piece)
{
    while (piece.len > 0) {
        const struct tcp_side_wait *w = wait_of(c, dir);
        uint32_t n = piece.len;
        if (w != NULL && w->first != NULL && w->first->piece.seq - piece.seq < n) {
            n = w->first->piece.seq - piece.seq;
        }
        struct tcp_piece head = piece_head(piece, n);
        deliver(t, c, dir, &head);
        release(t, c, dir);
        piece = piece_skip(piece, c->dir[dir].next - piece.seq);
    }
}

uint32_t stream_top(const struct tcp_conn *c, unsigned dir)
{
    uint32_t top = c->dir[dir].next;
    const struct tcp_side_wait *w = wait_of(c, dir);
    if (w == NULL) {
        return top;
    }
    if (w->last != NULL) {
        top = w->last->piece.seq + w->last->piece.len;
    }
    if (w->fin_pending && seq_diff(w->fin_seq, top) >= 0) {
        top = w->fin_seq + 1;
    }
    return top;
}

static void note_retransmission(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                                const struct tcp_piece *piece)
{
    if ((c->flags & CONN_DATA_IGNORED) != 0) {
        return; /* it may be bytes that were skipped */
    }
    struct tcp_extra *extra = extra_get(c); /* without memory only the count is lost */
    if (extra != NULL) {
        const struct tcp_dir *other = &c->dir[!dir];
        uint32_t end = piece->seq + piece->len;
        struct tcp_side_wait *w = &extra->wait[dir];
        bool is_acked = (other->flags & DIR_HAS_ACK) != 0 && seq_diff(other->acked, end) >= 0;
        count(&w->retransmissions);
        if (!is_acked && end == stream_top(c, dir)) {
            count(&w->unacked_retransmissions);
        }
    }
    t->sink.retransmission(t->sink.arg, c, conn_side(c, dir), piece->when);
}

/* All or some of it was delivered before. */
static void accept_again(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                         struct tcp_piece piece)
{
    const struct tcp_dir *d = &c->dir[dir];
    uint32_t behind = d->next - piece.seq;
    if (behind < piece.len) {
        accept_in_order(t, c, dir, piece_skip(piece, behind));
        return;
    }
    if (behind == 1 && piece.len == 1) {
        return; /* a keep-alive, RFC 9293 section 3.8.4, or a probe of a zero window */
    }
    if (behind <= dir_bytes(d) + 1) { /* else from before the capture */
        note_retransmission(t, c, dir, &piece);
    }
}

static enum status accept_early(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                                struct tcp_piece piece, struct err *err)
{
    const struct tcp_dir *d = &c->dir[dir];
    if (extra_get(c) == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a TCP connection");
    }
    struct tcp_side_wait *w = wait_of(c, dir);
    while (!waiting_has_room(t, w, (uint32_t)piece.bytes.len)) {
        bool is_before = w->first == NULL || seq_diff(piece.seq, w->first->piece.seq) < 0;
        stream_skip_to(t, c, dir, is_before ? piece.seq : w->first->piece.seq, piece.when);
        if (seq_diff(d->next, piece.seq) >= 0) {
            accept_again(t, c, dir, piece);
            return ST_OK;
        }
    }
    bool is_new;
    TRY(waiting_add(t, w, d->next, piece, &is_new, err));
    if (is_new) {
        count(&w->out_of_order);
    } else {
        note_retransmission(t, c, dir, &piece);
    }
    return ST_OK;
}

enum status stream_segment(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                           const struct tcp_piece *piece, struct err *err)
{
    struct tcp_dir *d = &c->dir[dir];
    int32_t ahead = seq_diff(piece->seq, d->next);
    if (ahead == 0 && c->extra == NULL) { /* nearly every segment */
        deliver(t, c, dir, piece);
        return ST_OK;
    }
    if (ahead == 0) {
        accept_in_order(t, c, dir, *piece);
        return ST_OK;
    }
    if (ahead < 0) {
        accept_again(t, c, dir, *piece);
        return ST_OK;
    }
    if ((c->flags & CONN_DATA_IGNORED) != 0) { /* counted as if all had come */
        advance(d, (uint32_t)ahead + piece->len);
        return ST_OK;
    }
    return accept_early(t, c, dir, *piece, err);
}

enum status stream_fin(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                       struct when when, struct err *err)
{
    struct tcp_dir *d = &c->dir[dir];
    if ((d->flags & DIR_FIN) != 0) {
        return ST_OK; /* sent again */
    }
    d->flags |= DIR_FIN;
    int32_t ahead = seq_diff(seq, d->next);
    if (ahead > 0 && (c->flags & CONN_DATA_IGNORED) != 0) {
        advance(d, (uint32_t)ahead);
        ahead = 0;
    }
    if (ahead <= 0) {
        deliver_fin(t, c, dir, seq, when);
        release(t, c, dir); /* data after a FIN may have overtaken it */
        return ST_OK;
    }
    if (extra_get(c) == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a TCP connection");
    }
    struct tcp_side_wait *w = wait_of(c, dir);
    w->fin_pending = true;
    w->fin_seq = seq;
    w->fin_when = when;
    return ST_OK;
}

enum status stream_rst(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                       const struct packet *p, struct when when, struct err *err)
{
    struct tcp_dir *d = &c->dir[dir];
    int32_t ahead = (d->flags & DIR_HAS_NEXT) != 0 ? seq_diff(p->seq, d->next) : 0;
    d->flags |= DIR_RST;
    /* Only an exact number resets (RFC 5961 section 3), but data in flight move it. Who is further
     * off guesses: that is reported, and closes nothing. */
    if (ahead >= -REACH && ahead <= REACH) {
        c->flags |= CONN_CLOSED;
    }
    if (ahead <= 0 || ahead > REACH || (c->flags & CONN_DATA_IGNORED) != 0) {
        t->sink.rst(t->sink.arg, c, conn_side(c, dir), when, p->hop_limit);
        return ST_OK;
    }
    if (extra_get(c) == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a TCP connection");
    }
    struct tcp_side_wait *w = wait_of(c, dir);
    if (!w->rst_pending) { /* of several that wait, the first counts */
        w->rst_pending = true;
        w->rst_seq = p->seq;
        w->rst_when = when;
        w->rst_hop_limit = p->hop_limit;
    }
    return ST_OK;
}
