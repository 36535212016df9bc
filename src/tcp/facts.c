/* What the layer above may ask of a connection. */
#include "tcp/table.h"

const struct endpoint *tcp_conn_end(const struct tcp_conn *c, enum side side,
                                    struct endpoint *storage)
{
    *storage = key_end(c, conn_dir(c, side));
    return storage;
}

uint64_t tcp_conn_stream(const struct tcp_conn *c)
{
    return c->stream;
}

bool tcp_conn_client_is_guess(const struct tcp_conn *c)
{
    return (c->flags & CONN_CLIENT_GUESSED) != 0;
}

struct tcp_side_stats tcp_conn_stats(const struct tcp_conn *c, enum side side)
{
    unsigned dir = conn_dir(c, side);
    const struct tcp_dir *d = &c->dir[dir];
    struct tcp_side_stats stats = {
        .bytes = dir_bytes(d),
        .packets = d->n_packets,
        .syn_seen = (d->flags & DIR_SYN) != 0,
        .syn_ack_seen = (d->flags & DIR_SYN_ACK) != 0,
        .fin_seen = (d->flags & DIR_FIN) != 0,
        .rst_seen = (d->flags & DIR_RST) != 0,
        .snap_truncated = (d->flags & DIR_SNAP) != 0,
    };
    if (c->extra != NULL) {
        const struct tcp_side_wait *w = &c->extra->wait[dir];
        stats.retransmissions = w->retransmissions;
        stats.out_of_order = w->out_of_order;
        stats.gaps = w->gaps;
        stats.unacked_retransmissions = w->unacked_retransmissions;
    }
    return stats;
}

struct when tcp_conn_first(const struct tcp_conn *c)
{
    return (struct when){ c->first_frame, c->first_at_ns };
}

struct when tcp_conn_last(const struct tcp_conn *c)
{
    return conn_last(c);
}

bool tcp_conn_all_acked(const struct tcp_conn *c, enum side side)
{
    unsigned dir = conn_dir(c, side);
    const struct tcp_dir *d = &c->dir[dir];
    const struct tcp_dir *other = &c->dir[!dir];
    if ((other->flags & DIR_HAS_NEXT) == 0) {
        return true; /* it sent nothing that can be acknowledged */
    }
    return (d->flags & DIR_HAS_ACK) != 0 && seq_diff(d->acked, stream_top(c, !dir)) >= 0;
}

void **tcp_conn_user(struct tcp_conn *c)
{
    return &c->user;
}

void tcp_conn_ignore_data(struct tcp_conn *c)
{
    c->flags |= CONN_DATA_IGNORED;
}

void tcp_conn_swap(struct tcp_conn *c)
{
    c->flags ^= CONN_CLIENT_IS_1;
    c->flags &= (uint16_t)~CONN_CLIENT_GUESSED;
}
