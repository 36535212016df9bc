#include "tcp/conn.h"

#include "tcp/table.h"

/* Ports above 1023 where servers listen: who has one of them and faces a port that is not here is
 * the server, whatever the other's number. IANA service names, and what TLS is found on. */
static const uint16_t server_ports[] = {
    1194, 1433, 1521, 1883, 2083, 2087, 2096, 2376,  2379,  2525,  2638,  3128, 3269,
    3306, 3389, 4433, 4443, 5001, 5061, 5222, 5223,  5269,  5349,  5432,  5671, 5672,
    5986, 6380, 6443, 6514, 6697, 7443, 8000, 8080,  8081,  8443,  8531,  8883, 8888,
    9000, 9090, 9092, 9093, 9200, 9443, 9993, 10443, 11211, 27017, 50000,
};

static bool is_server_port(uint16_t port)
{
    if (port < 1024) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(server_ports); i++) {
        if (server_ports[i] == port) {
            return true;
        }
    }
    return false;
}

/* Of a packet without SYN: did the client send it? */
static bool guess_sent_by_client(const struct packet *p)
{
    bool src_listens = is_server_port(p->src.port);
    bool dst_listens = is_server_port(p->dst.port);
    if (src_listens != dst_listens) {
        return dst_listens;
    }
    return p->src.port >= p->dst.port;
}

static void set_client(struct tcp_conn *c, unsigned dir)
{
    c->flags = (uint16_t)((c->flags & ~(unsigned)CONN_CLIENT_IS_1) | dir);
}

void conn_start(struct tcp_conn *c, unsigned dir, const struct packet *p, struct when when)
{
    c->first_frame = when.frame & FRAME_MASK;
    c->first_at_ns = when.at_ns;
    c->last_frame = when.frame & FRAME_MASK;
    c->last_at_ns = when.at_ns;
    bool by_client;
    if ((p->flags & TCP_SYN) != 0) {
        by_client = (p->flags & TCP_ACK) == 0;
    } else {
        by_client = guess_sent_by_client(p);
        c->flags |= CONN_CLIENT_GUESSED;
    }
    set_client(c, by_client ? dir : !dir);
}

/* tshark's rule: a SYN whose number is not the initial one of its direction, as far as that is
 * known, starts a new stream, whatever the state of the old one. */
bool conn_is_reuse(const struct tcp_conn *c, unsigned dir, const struct packet *p)
{
    const struct tcp_dir *d = &c->dir[dir];
    return (p->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && (d->flags & DIR_HAS_BASE) != 0 &&
           p->seq != d->base;
}

bool conn_is_straggler(const struct tcp_conn *c, unsigned dir, const struct packet *p)
{
    if ((p->flags & TCP_RST) != 0) {
        return true;
    }
    if ((p->flags & TCP_SYN) != 0) {
        return false;
    }
    const struct tcp_dir *d = &c->dir[dir];
    if (p->payload_len == 0) {
        return true;
    }
    uint32_t behind = d->next - p->seq;
    return (d->flags & DIR_HAS_NEXT) != 0 && behind >= p->payload_len && behind <= dir_bytes(d) + 2;
}

/* The initial sequence numbers as tshark knows them, see conn_is_reuse(). */
static void note_bases(struct tcp_conn *c, unsigned dir, const struct packet *p)
{
    struct tcp_dir *d = &c->dir[dir];
    struct tcp_dir *other = &c->dir[!dir];
    if ((d->flags & DIR_HAS_BASE) == 0) {
        d->base = (p->flags & TCP_SYN) != 0 ? p->seq : p->seq - 1;
        d->flags |= DIR_HAS_BASE;
    }
    if ((other->flags & DIR_HAS_BASE) == 0 && (p->flags & TCP_ACK) != 0) {
        other->base = p->ack - 1;
        other->flags |= DIR_HAS_BASE;
    }
}

/* The stream starts behind this SYN, unless it is under way. */
static void take_start(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                       bool differs)
{
    struct tcp_dir *d = &c->dir[dir];
    bool is_open = (d->flags & DIR_HAS_NEXT) == 0 || (d->flags & DIR_NEXT_GUESSED) != 0 || differs;
    if (!is_open || dir_bytes(d) > 0) {
        return;
    }
    d->flags &= (uint16_t)~DIR_NEXT_GUESSED;
    if (differs) {
        d->flags |= DIR_MANY_SYN_ACKS;
    }
    stream_start_at(t, c, dir, seq + 1);
}

static void on_syn(struct tcp_table *t, struct tcp_conn *c, unsigned dir, const struct packet *p,
                   struct when when)
{
    struct tcp_dir *d = &c->dir[dir];
    bool is_ack = (p->flags & TCP_ACK) != 0;
    uint16_t bit = is_ack ? DIR_SYN_ACK : DIR_SYN;
    bool is_repeat = (d->flags & bit) != 0;
    bool differs = is_ack && (d->flags & (DIR_SYN | DIR_SYN_ACK)) != 0 && d->base != p->seq;
    d->base = p->seq; /* only a SYN/ACK gets here with another number, see conn_is_reuse() */
    take_start(t, c, dir, p->seq, differs);
    d->flags |= bit;
    if ((c->flags & CONN_CLIENT_GUESSED) != 0 && dir_bytes(&c->dir[0]) == 0 &&
        dir_bytes(&c->dir[1]) == 0) {
        c->flags &= (uint16_t)~CONN_CLIENT_GUESSED;
        set_client(c, is_ack ? !dir : dir);
    }
    struct tcp_syn syn = { .is_ack = is_ack, .is_repeat = is_repeat, .seq_differs = differs };
    t->sink.syn(t->sink.arg, c, conn_side(c, dir), syn, when);
}

/* What an acknowledgment of `dir` says of the numbers of the other direction. */
static void correct_other(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                          const struct packet *p)
{
    const struct tcp_dir *d = &c->dir[dir];
    struct tcp_dir *other = &c->dir[!dir];
    bool is_syn = (p->flags & TCP_SYN) != 0;
    if ((other->flags & DIR_MANY_SYN_ACKS) != 0 && !is_syn) {
        other->flags &= (uint16_t)~DIR_MANY_SYN_ACKS;
        if (dir_bytes(other) == 0) {
            stream_start_at(t, c, !dir, p->ack);
        }
    }
    /* The SYN of the other side was not captured; where the start of this one was, its first
     * acknowledgment names the start of the other. */
    if ((other->flags & DIR_HAS_NEXT) == 0 && (d->flags & (DIR_SYN | DIR_SYN_ACK)) != 0) {
        other->next = p->ack;
        other->flags |= DIR_HAS_NEXT | DIR_NEXT_GUESSED;
    }
}

static void on_ack(struct tcp_table *t, struct tcp_conn *c, unsigned dir, const struct packet *p)
{
    struct tcp_dir *d = &c->dir[dir];
    if ((d->flags & DIR_HAS_ACK) == 0 || seq_diff(p->ack, d->acked) > 0) {
        d->acked = p->ack;
        d->flags |= DIR_HAS_ACK;
    }
    correct_other(t, c, dir, p);
    if (c->extra != NULL && seq_diff(d->acked, stream_top(c, !dir)) >= 0) {
        c->extra->wait[!dir].unacked_retransmissions = 0;
    }
}

/* Where a direction starts whose SYN was not captured. */
static void find_start(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                       const struct tcp_piece *piece)
{
    struct tcp_dir *d = &c->dir[dir];
    if ((d->flags & DIR_HAS_NEXT) == 0) {
        d->next = piece->seq;
        d->flags |= DIR_HAS_NEXT | (piece->len == 0 ? DIR_NEXT_GUESSED : 0);
        return;
    }
    if (piece->len == 0) {
        return;
    }
    d->flags &= (uint16_t)~DIR_NEXT_GUESSED;
    /* One further: the empty segment that was the base of the guess was a keep-alive. */
    int32_t ahead = seq_diff(piece->seq, d->next);
    if (dir_bytes(d) == 0 && (ahead < 0 || ahead == 1)) {
        stream_start_at(t, c, dir, piece->seq);
    }
}

static enum status on_data(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                           const struct tcp_piece *piece, struct err *err)
{
    struct tcp_dir *d = &c->dir[dir];
    if ((d->flags & (DIR_HAS_NEXT | DIR_NEXT_GUESSED)) != DIR_HAS_NEXT) {
        find_start(t, c, dir, piece);
    }
    if (piece->len == 0) {
        return ST_OK;
    }
    if (piece->bytes.len < piece->len) {
        d->flags |= DIR_SNAP;
    }
    return stream_segment(t, c, dir, piece, err);
}

static enum status on_fin(struct tcp_table *t, struct tcp_conn *c, unsigned dir, uint32_t seq,
                          struct when when, struct err *err)
{
    TRY(stream_fin(t, c, dir, seq, when, err));
    if ((c->dir[!dir].flags & DIR_FIN) != 0) {
        c->flags |= CONN_CLOSED;
    }
    return ST_OK;
}

/* Anything but a RST. */
static enum status on_segment(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                              const struct packet *p, struct when when, struct err *err)
{
    struct tcp_piece piece = {
        .seq = p->seq + ((p->flags & TCP_SYN) != 0 ? 1 : 0),
        .len = p->payload_len,
        .bytes = bytes_head(p->payload, p->payload_len),
        .when = when,
    };
    if ((p->flags & TCP_SYN) != 0) {
        on_syn(t, c, dir, p, when);
    }
    if ((p->flags & TCP_ACK) != 0) {
        on_ack(t, c, dir, p);
    }
    TRY(on_data(t, c, dir, &piece, err));
    bool is_fin = (p->flags & TCP_FIN) != 0;
    return is_fin ? on_fin(t, c, dir, piece.seq + piece.len, when, err) : ST_OK;
}

/* The SYN of the other side was captured and this side has not answered it: is this segment of an
 * older connection on the same ends, which this side still believes in? It acknowledges what
 * was never sent; the other side answers with a RST of that number and sends its SYN again:
 * RFC 9293 section 3.5.1, figure 9. Neither says anything of this connection. */
static bool is_of_older(const struct tcp_conn *c, unsigned dir, const struct packet *p)
{
    const struct tcp_dir *d = &c->dir[dir];
    const struct tcp_dir *other = &c->dir[!dir];
    if ((p->flags & TCP_RST) != 0) {
        bool is_waiting = (d->flags & DIR_SYN) != 0 && dir_bytes(d) == 0 &&
                          (other->flags & (DIR_SYN | DIR_SYN_ACK)) == 0 && other->n_packets > 0;
        int32_t ahead = seq_diff(p->seq, d->next);
        return is_waiting && (ahead < -REACH || ahead > REACH);
    }
    bool is_unanswered = (other->flags & DIR_SYN) != 0 && dir_bytes(other) == 0 &&
                         (d->flags & (DIR_SYN | DIR_SYN_ACK)) == 0 && (p->flags & TCP_SYN) == 0;
    return is_unanswered && (p->flags & TCP_ACK) != 0 && p->ack - (other->base + 1) > REACH;
}

enum status conn_packet(struct tcp_table *t, struct tcp_conn *c, unsigned dir,
                        const struct packet *p, struct when when, struct err *err)
{
    c->dir[dir].n_packets++;
    c->last_frame = when.frame & FRAME_MASK;
    c->last_at_ns = when.at_ns;
    note_bases(c, dir, p);
    if (is_of_older(c, dir, p)) {
        return ST_OK;
    }
    bool is_rst = (p->flags & TCP_RST) != 0; /* its payload, if any, is a message to people */
    TRY(is_rst ? stream_rst(t, c, dir, p, when, err) : on_segment(t, c, dir, p, when, err));
    hole_watch(t, c);
    return ST_OK;
}
