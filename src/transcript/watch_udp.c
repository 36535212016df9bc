#include "transcript/watch_udp.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "tls/dtls.h"
#include "transcript/builder_internal.h"

enum { SLOTS = 2 * UDP_FLOWS_MAX };

#define IDLE_NS (120 * NS_PER_S)

struct udp_flow {
    struct udp_flow *older, *newer; /* by last datagram */
    struct endpoint ends[2];        /* by enum side */
    struct watched watched;
    struct dtls_stream dtls[2];
    struct tcp_side_stats stats[2];
    struct when first, last;
    uint64_t number;
    bool client_is_known;
    size_t slot;
};

struct udp_table {
    struct udp_sink sink;
    struct udp_tools tools;
    struct hash_key key;
    struct udp_flow *oldest, *newest;
    size_t n;
    uint64_t n_ever;
    struct udp_flow *slots[SLOTS];
};

struct udp_context {
    struct watch_context watch;
    struct udp_flow *flow;
};

struct udp_table *udp_table_new(const struct udp_sink *sink, const struct udp_tools *tools)
{
    struct udp_table *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->sink = *sink;
        t->tools = *tools;
        t->key = hash_key_random();
    }
    return t;
}

/* The same for both directions. */
static size_t home_slot(const struct udp_table *t, const struct endpoint *a,
                        const struct endpoint *b)
{
    struct {
        uint8_t ip[2][16];
        uint16_t port[2];
    } key = { 0 };
    bool swap = memcmp(a, b, sizeof a->ip + sizeof a->port) > 0;
    const struct endpoint *ends[2] = { swap ? b : a, swap ? a : b };
    for (int i = 0; i < 2; i++) {
        bytes_copy(key.ip[i], 16, bytes_of(ends[i]->ip, 16));
        key.port[i] = ends[i]->port;
    }
    return hash_bytes(&t->key, bytes_of(&key, sizeof key)) % SLOTS;
}

static bool is_between(const struct udp_flow *f, const struct endpoint *a, const struct endpoint *b)
{
    return (endpoint_equal(&f->ends[0], a) && endpoint_equal(&f->ends[1], b)) ||
           (endpoint_equal(&f->ends[0], b) && endpoint_equal(&f->ends[1], a));
}

/* The slot of the flow, or the free one where it would go. */
static size_t find_slot(const struct udp_table *t, const struct endpoint *a,
                        const struct endpoint *b)
{
    size_t slot = home_slot(t, a, b);
    while (t->slots[slot] != NULL && !is_between(t->slots[slot], a, b)) {
        slot = (slot + 1) % SLOTS;
    }
    return slot;
}

static void unlink_flow(struct udp_table *t, struct udp_flow *f)
{
    assert((f->older == NULL) == (t->oldest == f));
    *(f->older != NULL ? &f->older->newer : &t->oldest) = f->newer;
    *(f->newer != NULL ? &f->newer->older : &t->newest) = f->older;
    f->older = f->newer = NULL;
}

static void link_newest(struct udp_table *t, struct udp_flow *f)
{
    f->older = t->newest;
    *(t->newest != NULL ? &t->newest->newer : &t->oldest) = f;
    t->newest = f;
}

/* Open addressing without tombstones: what follows moves up where it may. */
static void clear_slot(struct udp_table *t, size_t hole)
{
    t->slots[hole] = NULL;
    for (size_t i = (hole + 1) % SLOTS; t->slots[i] != NULL; i = (i + 1) % SLOTS) {
        struct udp_flow *f = t->slots[i];
        size_t home = home_slot(t, &f->ends[0], &f->ends[1]);
        bool may_move = (i + SLOTS - home) % SLOTS >= (i + SLOTS - hole) % SLOTS;
        if (may_move) {
            t->slots[hole] = f;
            f->slot = hole;
            t->slots[i] = NULL;
            hole = i;
        }
    }
}

static void free_flow(struct udp_flow *f)
{
    dtls_deinit(&f->dtls[0]);
    dtls_deinit(&f->dtls[1]);
    watch_deinit(&f->watched);
    free(f);
}

static void on_unfinished(void *arg, uint8_t type, uint16_t message_seq, uint32_t len,
                          struct bytes start)
{
    (void)message_seq;
    (void)start;
    struct udp_context *c = arg;
    watch_put(&c->watch, (struct event){ .kind = EVENT_PARTIAL_RECORD, .type = type, .len = len });
}

static void on_message(void *arg, const struct dtls_message *m)
{
    struct udp_context *c = arg;
    if (m->is_repeat) {
        c->flow->stats[c->watch.side].retransmissions++;
        c->flow->stats[c->watch.side].unacked_retransmissions++;
        watch_put(&c->watch, (struct event){ .kind = EVENT_RETRANSMISSION });
        return;
    }
    c->flow->stats[side_other(c->watch.side)].unacked_retransmissions = 0;
    watch_message(&c->watch, m->type, m->body, false);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    struct udp_context *c = arg;
    watch_alert(&c->watch, level, description);
}

static void on_record(void *arg, const struct dtls_record *r, struct bytes body, bool is_whole)
{
    struct udp_context *c = arg;
    (void)body;
    if (!is_whole) {
        watch_put(&c->watch,
                  (struct event){ .kind = EVENT_PARTIAL_RECORD, .type = r->type, .len = r->len });
    } else if (r->epoch == 0 && !r->is_unified && r->type == TLS_CHANGE_CIPHER_SPEC) {
        watch_put(&c->watch, (struct event){ .kind = EVENT_CHANGE_CIPHER_SPEC,
                                             .version = r->version,
                                             .len = r->len });
    } else if (r->epoch != 0 || r->is_unified) {
        watch_sealed(&c->watch, r->type, r->version, r->len);
    }
}

static void on_fault(void *arg, enum dtls_fault fault, struct bytes seen)
{
    struct udp_context *c = arg;
    static const uint8_t kinds[] = {
        [DTLS_OK] = TLS_RECORD_OK,
        [DTLS_NOT_DTLS] =
            TLS_RECORD_LOST, /* other protocols share the ports (RFC 7983): no violation */
        [DTLS_TOO_LONG] = TLS_RECORD_TOO_LONG,
        [DTLS_EMPTY] = TLS_RECORD_EMPTY,
        [DTLS_BAD_FRAGMENT] = TLS_RECORD_LOST,
        [DTLS_LIMIT] = TLS_RECORD_LOST,
    };
    watch_put(&c->watch, (struct event){ .kind = EVENT_RECORD_FAULT,
                                         .type = kinds[fault],
                                         .body = bytes_head(seen, 64) });
}

static struct dtls_sink sink_of(struct udp_context *c)
{
    return (struct dtls_sink){ c, on_record, on_message, on_alert, on_fault, on_unfinished };
}

static struct udp_context context_of(struct udp_table *t, struct udp_flow *f, enum side side,
                                     struct when when)
{
    return (struct udp_context){
        .watch = { .w = &f->watched,
                   .templates = t->tools.templates,
                   .store = t->tools.store,
                   .keylog = t->tools.keylog,
                   .side = side,
                   .when = when,
                   .out_of_memory = t->tools.out_of_memory },
        .flow = f,
    };
}

static void end_flow(struct udp_table *t, struct udp_flow *f, enum tcp_end_reason reason)
{
    for (int s = 0; s < 2; s++) {
        struct udp_context c = context_of(t, f, (enum side)s, f->last);
        struct dtls_sink sink = sink_of(&c);
        dtls_finish(&f->dtls[s], &sink);
    }
    struct udp_context c = context_of(t, f, SIDE_CLIENT, f->last);
    watch_flush(&c.watch);
    unlink_flow(t, f);
    clear_slot(t, f->slot);
    t->n--;
    struct kept_connection k = {
        .journal = f->watched.journal,
        .n_events = f->watched.n_events,
        .client = f->ends[SIDE_CLIENT],
        .server = f->ends[SIDE_SERVER],
        .stats = { f->stats[0], f->stats[1] },
        .first = f->first,
        .last = f->last,
        .stream = f->number,
        .end_reason = reason,
        .client_is_guess = !f->client_is_known,
        .is_dtls = true,
        .started_in_middle = !f->client_is_known,
        .chain = { f->watched.chain[0], f->watched.chain[1] },
    };
    f->watched.journal = (struct journal){ 0 };
    f->watched.chain[0] = f->watched.chain[1] = NULL;
    free_flow(f);
    t->sink.ended(t->sink.arg, &k);
}

static bool starts_with(struct bytes datagram, uint8_t handshake_type)
{
    enum { RECORD_HEADER = 13 };
    return datagram.len > RECORD_HEADER && datagram.p[0] == TLS_HANDSHAKE &&
           datagram.p[RECORD_HEADER] == handshake_type;
}

/* Only a datagram that starts a handshake message in clear opens a flow. */
static struct udp_flow *open_flow(struct udp_table *t, const struct packet *p, struct when when,
                                  size_t slot)
{
    bool is_handshake =
        p->payload.len > 0 && p->payload.p[0] == TLS_HANDSHAKE && dtls_looks_like(p->payload);
    struct udp_flow *f = is_handshake ? calloc(1, sizeof *f) : NULL;
    if (f == NULL) {
        *t->tools.out_of_memory = *t->tools.out_of_memory || is_handshake;
        return NULL;
    }
    bool from_server = starts_with(p->payload, HS_SERVER_HELLO) ||
                       starts_with(p->payload, HS_HELLO_VERIFY_REQUEST);
    f->client_is_known = from_server || starts_with(p->payload, HS_CLIENT_HELLO);
    f->ends[SIDE_CLIENT] = from_server ? p->dst : p->src;
    f->ends[SIDE_SERVER] = from_server ? p->src : p->dst;
    f->first = when;
    f->number = t->n_ever++;
    f->slot = slot;
    t->slots[slot] = f;
    t->n++;
    link_newest(t, f);
    return f;
}

void udp_push(struct udp_table *t, const struct packet *p, struct when when)
{
    udp_advance(t, when.at_ns);
    size_t slot = find_slot(t, &p->src, &p->dst);
    struct udp_flow *f = t->slots[slot];
    if (f == NULL) {
        if (t->n == UDP_FLOWS_MAX) {
            end_flow(t, t->oldest, TCP_END_EVICTED);
            slot = find_slot(t, &p->src, &p->dst);
        }
        f = open_flow(t, p, when, slot);
    } else {
        unlink_flow(t, f);
        link_newest(t, f);
    }
    if (f == NULL) {
        return;
    }
    enum side side = endpoint_equal(&p->src, &f->ends[SIDE_CLIENT]) ? SIDE_CLIENT : SIDE_SERVER;
    f->last = when;
    f->stats[side].packets++;
    f->stats[side].bytes += p->payload_len;
    f->stats[side].snap_truncated =
        f->stats[side].snap_truncated || p->payload.len < p->payload_len;
    struct udp_context c = context_of(t, f, side, when);
    struct dtls_sink sink = sink_of(&c);
    if (!dtls_push(&f->dtls[side], p->payload, &sink)) {
        *t->tools.out_of_memory = true;
    }
}

void udp_advance(struct udp_table *t, int64_t now_ns)
{
    while (t->oldest != NULL && now_ns - t->oldest->last.at_ns > IDLE_NS) {
        end_flow(t, t->oldest, TCP_END_IDLE);
    }
}

void udp_finish(struct udp_table *t)
{
    while (t->oldest != NULL) {
        end_flow(t, t->oldest, TCP_END_CAPTURE);
    }
}

void udp_table_free(struct udp_table *t)
{
    if (t == NULL) {
        return;
    }
    while (t->oldest != NULL) {
        struct udp_flow *f = t->oldest;
        unlink_flow(t, f);
        free_flow(f);
    }
    free(t);
}
