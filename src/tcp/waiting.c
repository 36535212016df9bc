#include "tcp/table.h"

#include <stdlib.h>

struct tcp_extra *extra_get(struct tcp_conn *c)
{
    if (c->extra == NULL) {
        c->extra = calloc(1, sizeof *c->extra);
        if (c->extra == NULL) {
            return NULL;
        }
        for (uint8_t dir = 0; dir < 2; dir++) {
            struct tcp_side_wait *w = &c->extra->wait[dir];
            w->dir = dir;
            w->conn = c;
            w->hole = HOLE_NONE;
        }
    }
    return c->extra;
}

static bool is_idle(const struct tcp_side_wait *w)
{
    return w->first == NULL && !w->fin_pending && !w->rst_pending && w->hole == HOLE_NONE &&
           (w->retransmissions | w->out_of_order | w->gaps | w->unacked_retransmissions) == 0;
}

void extra_trim(struct tcp_table *t, struct tcp_conn *c)
{
    if (c->extra != NULL && is_idle(&c->extra->wait[0]) && is_idle(&c->extra->wait[1])) {
        extra_free(t, c);
    }
}

void extra_free(struct tcp_table *t, struct tcp_conn *c)
{
    if (c->extra == NULL) {
        return;
    }
    for (size_t dir = 0; dir < 2; dir++) {
        waiting_clear(t, &c->extra->wait[dir]);
        hole_forget(t, &c->extra->wait[dir]);
    }
    free(c->extra);
    c->extra = NULL;
}

struct tcp_piece piece_head(struct tcp_piece piece, uint32_t n)
{
    if (n < piece.len) {
        piece.len = n;
        piece.bytes = bytes_head(piece.bytes, n);
    }
    return piece;
}

struct tcp_piece piece_skip(struct tcp_piece piece, uint32_t n)
{
    if (n > piece.len) {
        n = piece.len;
    }
    piece.seq += n;
    piece.len -= n;
    piece.bytes = bytes_skip(piece.bytes, n);
    return piece;
}

/* What a piece costs is more than its bytes: a flood of one-byte segments is bounded as well. */
static uint32_t cost_of(size_t n_bytes)
{
    return (uint32_t)(sizeof(struct tcp_waiting) + n_bytes);
}

bool waiting_has_room(const struct tcp_table *t, const struct tcp_side_wait *w, uint32_t len)
{
    uint32_t limit = t->limits.waiting_bytes;
    return w->n_waiting < MAX_WAITING_PIECES && len <= limit && w->cost_bytes <= limit - len &&
           t->waiting_bytes < t->limits.waiting_bytes_total &&
           len <= t->limits.waiting_bytes_total - t->waiting_bytes;
}

/* Puts a copy after `before` (NULL: first). */
static enum status put_copy(struct tcp_table *t, struct tcp_side_wait *w,
                            struct tcp_waiting *before, struct tcp_piece piece, struct err *err)
{
    struct tcp_waiting *new = malloc(sizeof *new + piece.bytes.len);
    if (new == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a TCP segment out of order");
    }
    bytes_copy(new->copy, piece.bytes.len, piece.bytes);
    new->piece = piece;
    new->piece.bytes.p = new->copy;
    struct tcp_waiting **link = before == NULL ? &w->first : &before->next;
    new->next = *link;
    *link = new;
    if (new->next == NULL) {
        w->last = new;
    }
    w->n_waiting++;
    w->cost_bytes += cost_of(piece.bytes.len);
    t->waiting_bytes += cost_of(piece.bytes.len);
    return ST_OK;
}

/* Distances are from `next`, where none is negative. */
static uint32_t end_of(const struct tcp_waiting *piece, uint32_t next)
{
    return piece->piece.seq - next + piece->piece.len;
}

/* The last piece that starts at or before `at`; NULL where there is none. */
static struct tcp_waiting *find_before(const struct tcp_side_wait *w, uint32_t next, uint32_t at)
{
    if (w->last != NULL && w->last->piece.seq - next <= at) {
        return w->last; /* the usual case: it goes to the end */
    }
    struct tcp_waiting *before = NULL;
    for (struct tcp_waiting *p = w->first; p != NULL && p->piece.seq - next <= at; p = p->next) {
        before = p;
    }
    return before;
}

/* What of `piece` fits behind `before`; none where the next piece starts right there. */
static uint32_t room_behind(const struct tcp_side_wait *w, const struct tcp_waiting *before,
                            const struct tcp_piece *piece)
{
    const struct tcp_waiting *after = before == NULL ? w->first : before->next;
    return after == NULL ? piece->len : after->piece.seq - piece->seq;
}

enum status waiting_add(struct tcp_table *t, struct tcp_side_wait *w, uint32_t next,
                        struct tcp_piece piece, bool *out_is_new, struct err *err)
{
    struct tcp_waiting *before = find_before(w, next, piece.seq - next);
    *out_is_new = false;
    while (piece.len > 0) {
        uint32_t at = piece.seq - next;
        uint32_t taken = before == NULL ? 0 : end_of(before, next);
        if (taken > at) { /* the first copy wins */
            piece = piece_skip(piece, taken - at);
            continue;
        }
        struct tcp_waiting *after = before == NULL ? w->first : before->next;
        struct tcp_piece head = piece_head(piece, room_behind(w, before, &piece));
        enum status st = head.len == 0 ? ST_OK : put_copy(t, w, before, head, err);
        if (st != ST_OK) {
            return st;
        }
        *out_is_new = *out_is_new || head.len > 0;
        piece = piece_skip(piece, head.len);
        before = after;
    }
    return ST_OK;
}

struct tcp_waiting *waiting_pop(struct tcp_table *t, struct tcp_side_wait *w)
{
    struct tcp_waiting *piece = w->first;
    w->first = piece->next;
    if (w->first == NULL) {
        w->last = NULL;
    }
    w->n_waiting--;
    w->cost_bytes -= cost_of(piece->piece.bytes.len);
    t->waiting_bytes -= cost_of(piece->piece.bytes.len);
    return piece;
}

void waiting_free(struct tcp_waiting *piece)
{
    free(piece);
}

void waiting_clear(struct tcp_table *t, struct tcp_side_wait *w)
{
    while (w->first != NULL) {
        waiting_free(waiting_pop(t, w));
    }
}
