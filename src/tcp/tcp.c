#include "tcp/tcp.h"

#include "base/clock.h"
#include "tcp/table.h"

#include <stdlib.h>

enum {
    DEFAULT_CONNECTIONS = 4000000,
    DEFAULT_WAITING_BYTES = 256 * 1024,
    DEFAULT_WAITING_TOTAL = 256 * 1024 * 1024,
    MAX_TIMEOUT_MS = 20 * 24 * 3600 * 1000, /* half of what a 32-bit clock of ms can tell apart */
};

static uint32_t timeout_ms(int64_t ns, int64_t default_ns)
{
    int64_t ms = (ns > 0 ? ns : default_ns) / NS_PER_MS;
    return (uint32_t)(ms < MAX_TIMEOUT_MS ? ms : MAX_TIMEOUT_MS);
}

static struct tcp_limits resolve_limits(const struct tcp_limits *given)
{
    struct tcp_limits l = given != NULL ? *given : (struct tcp_limits){ 0 };
    if (l.max_connections == 0) {
        l.max_connections = DEFAULT_CONNECTIONS;
    }
    if (l.max_connections > MAX_OPEN) {
        l.max_connections = MAX_OPEN;
    }
    if (l.waiting_bytes == 0) {
        l.waiting_bytes = DEFAULT_WAITING_BYTES;
    }
    if (l.waiting_bytes_total == 0) {
        l.waiting_bytes_total = DEFAULT_WAITING_TOTAL;
    }
    return l;
}

enum status tcp_table_new(const struct tcp_sink *sink, const struct tcp_limits *limits,
                          struct tcp_table **out, struct err *err)
{
    struct tcp_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(err, ST_NOMEM, "no memory for the table of connections");
    }
    t->sink = *sink;
    t->limits = resolve_limits(limits);
    t->idle_ms = timeout_ms(t->limits.idle_ns, 3600 * NS_PER_S);
    t->linger_ms = timeout_ms(t->limits.linger_ns, 2 * NS_PER_S);
    table_init_hash(t);
    *out = t;
    return ST_OK;
}

/* The last call for c; its entry stays behind to know stragglers by. */
static void end_conn(struct tcp_table *t, struct tcp_conn *c, enum tcp_end_reason reason)
{
    hole_flush(t, c);
    t->sink.end(t->sink.arg, c, reason);
    extra_free(t, c);
    c->user = NULL;
    list_unlink(t, c);
    list_append(t, c, LIST_ENDED);
}

static void forget(struct tcp_table *t, struct tcp_conn *c)
{
    list_unlink(t, c);
    table_remove(t, c);
}

static void expect_user(const struct tcp_table *t, const struct tcp_conn *c, unsigned step)
{
    if (c->user != NULL && t->sink.expect != NULL) {
        t->sink.expect(t->sink.arg, c->user, step);
    }
}

/* The next to end by time, and the one after it. */
static void expect_oldest(const struct tcp_table *t, const struct conn_list *l)
{
    if (l->oldest == 0) {
        return;
    }
    const struct tcp_conn *c = table_at(t, l->oldest);
    expect_user(t, c, 0);
    if (c->newer != 0) {
        entry_prefetch(table_at(t, (uint32_t)c->newer));
    }
}

static void expire_list(struct tcp_table *t, enum list_id id, uint32_t patience_ms,
                        enum tcp_end_reason reason)
{
    const struct conn_list *l = &t->lists[id];
    while (l->oldest != 0 && t->now_ms - table_at(t, l->oldest)->touched_ms > patience_ms) {
        end_conn(t, table_at(t, l->oldest), reason);
        expect_oldest(t, l);
    }
}

/* Ends by time are judged before a packet is: the same with and without other traffic. */
static void expire(struct tcp_table *t)
{
    if (t->now_ms != t->expired_ms) {
        t->expired_ms = t->now_ms;
        hole_expire(t);
        expire_list(t, LIST_OPEN, t->idle_ms, TCP_END_IDLE);
        expire_list(t, LIST_LINGERING, t->linger_ms, TCP_END_CLOSED);
    }
    while (t->lists[LIST_ENDED].n > MAX_ENDED) {
        forget(t, table_at(t, t->lists[LIST_ENDED].oldest));
    }
}

/* Room for one more: the closed ones go first, then the one idle longest. */
static void evict(struct tcp_table *t)
{
    while (tcp_n_open(t) >= t->limits.max_connections) {
        enum list_id id = t->lists[LIST_LINGERING].n > 0 ? LIST_LINGERING : LIST_OPEN;
        struct tcp_conn *c = table_at(t, t->lists[id].oldest);
        end_conn(t, c, id == LIST_LINGERING ? TCP_END_CLOSED : TCP_END_EVICTED);
    }
}

/* A new stream on an entry that is in no list, or is zeroed but for its key. */
static void start_stream(struct tcp_table *t, struct tcp_conn *c, const struct tcp_key *key,
                         const struct packet *p, struct when when)
{
    c->stream = t->n_streams++ & STREAM_MASK;
    conn_start(c, key->dir, p, when);
    list_append(t, c, LIST_OPEN);
}

static enum status open_new(struct tcp_table *t, const struct tcp_key *key, const struct packet *p,
                            struct when when, struct tcp_conn **out, struct err *err)
{
    evict(t);
    *out = table_add(t, key);
    if (*out == NULL) {
        return err_set(err, ST_NOMEM, "no memory for another TCP connection");
    }
    start_stream(t, *out, key, p, when);
    return ST_OK;
}

/* Empties the ended entry c for another connection on the same ends. */
static void clear(struct tcp_table *t, struct tcp_conn *c)
{
    list_unlink(t, c);
    c->flags = 0;
    c->dir[0] = (struct tcp_dir){ 0 };
    c->dir[1] = (struct tcp_dir){ 0 };
}

/* c ended by time, but goes on, or a connection whose SYN was not captured follows it. To
 * tshark it is the same stream, so it keeps the number, and who is client. */
static void resume(struct tcp_table *t, struct tcp_conn *c, unsigned dir, const struct packet *p,
                   struct when when)
{
    unsigned flags = c->flags & (CONN_CLIENT_IS_1 | CONN_CLIENT_GUESSED);
    struct tcp_dir old[2] = { c->dir[0], c->dir[1] };
    evict(t);
    clear(t, c);
    conn_start(c, dir, p, when);
    if ((p->flags & TCP_SYN) == 0) {
        c->flags = (uint16_t)flags;
    }
    for (size_t i = 0; i < 2; i++) {
        c->dir[i].base = old[i].base;
        c->dir[i].flags = old[i].flags & DIR_HAS_BASE;
    }
    list_append(t, c, LIST_OPEN);
}

/* The connection a packet belongs to, opened or reopened where that is due; NULL for a
 * straggler. */
static enum status find_stream(struct tcp_table *t, const struct tcp_key *key,
                               const struct packet *p, struct when when, struct tcp_conn **out,
                               struct err *err)
{
    struct tcp_conn *c = table_find(t, key);
    *out = c;
    if (c == NULL) {
        return open_new(t, key, p, when, out, err);
    }
    if (conn_is_reuse(c, key->dir, p)) {
        if (list_of(c) != LIST_ENDED) {
            end_conn(t, c, (c->flags & CONN_CLOSED) != 0 ? TCP_END_CLOSED : TCP_END_REUSED);
        }
        evict(t);
        clear(t, c);
        start_stream(t, c, key, p, when);
    } else if (list_of(c) == LIST_ENDED) {
        if (conn_is_straggler(c, key->dir, p)) {
            *out = NULL;
            return ST_OK;
        }
        resume(t, c, key->dir, p, when);
    }
    return ST_OK;
}

static enum status push_tcp(struct tcp_table *t, const struct tcp_key *key, const struct packet *p,
                            struct when when, struct err *err)
{
    struct tcp_conn *c;
    TRY(find_stream(t, key, p, when, &c, err));
    if (c == NULL) {
        return ST_OK;
    }
    TRY(conn_packet(t, c, key->dir, p, when, err));
    list_touch(t, c);
    return ST_OK;
}

/* An error about a packet that was not captured belongs to a stream all the same, and tshark
 * counts it where the whole TCP header is quoted (RFC 1812 section 4.3.2.3: as much as fits). */
static enum status push_icmp(struct tcp_table *t, const struct tcp_key *key, const struct packet *p,
                             struct when when, struct err *err)
{
    struct tcp_conn *c = table_find(t, key);
    if (c == NULL && p->flags == 0) {
        return ST_OK;
    }
    TRY(c != NULL ? ST_OK : open_new(t, key, p, when, &c, err));
    if (list_of(c) != LIST_ENDED) {
        c->last_frame = when.frame & FRAME_MASK;
        c->last_at_ns = when.at_ns;
        t->sink.icmp_error(t->sink.arg, c, conn_side(c, key->dir), p->is_too_big, when);
        list_touch(t, c);
    }
    return ST_OK;
}

static bool is_about_tcp(const struct packet *p)
{
    return p->kind == PACKET_TCP || (p->kind == PACKET_ICMP_ERROR && p->quotes_tcp);
}

enum status tcp_push(struct tcp_table *t, const struct packet *p, struct when when, struct err *err)
{
    struct tcp_incoming in = { .packet = p, .when = when };
    if (is_about_tcp(p)) {
        table_key(t, &p->src, &p->dst, &in.key);
    }
    return tcp_push_expected(t, &in, err);
}

/* Each step touches what the one before it fetched. */
void tcp_expect(struct tcp_table *t, struct tcp_incoming *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct packet *p = list[i].packet;
        list[i].key.len = 0;
        if (is_about_tcp(p)) {
            table_key(t, &p->src, &p->dst, &list[i].key);
            table_expect_slot(t, &list[i].key);
        }
    }
    for (size_t i = 0; i < n; i++) {
        list[i].conn = list[i].key.len > 0 ? table_expect(t, &list[i].key) : NULL;
    }
    for (unsigned step = 0; step < 2; step++) {
        for (size_t i = 0; i < n; i++) {
            if (list[i].conn != NULL) {
                expect_user(t, list[i].conn, step);
            }
        }
    }
}

enum status tcp_push_expected(struct tcp_table *t, const struct tcp_incoming *in, struct err *err)
{
    clock_step(t, in->when.at_ns);
    expire(t);
    if (in->key.len == 0) {
        return ST_OK;
    }
    return in->packet->kind == PACKET_TCP ? push_tcp(t, &in->key, in->packet, in->when, err)
                                          : push_icmp(t, &in->key, in->packet, in->when, err);
}

void tcp_advance(struct tcp_table *t, int64_t now_ns)
{
    clock_step(t, now_ns);
    expire(t);
}

/* A stream's number and its entry's reference in one, to sort by number. */
static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool is_open(const struct tcp_conn *c)
{
    return c->ref != 0 && list_of(c) != LIST_ENDED;
}

/* The open ones in stream order; NULL where none is open, or without memory. */
static uint64_t *sort_open(const struct tcp_table *t, size_t *out_n)
{
    size_t n_open = (size_t)tcp_n_open(t);
    uint64_t *order = n_open == 0 ? NULL : malloc(n_open * sizeof *order);
    if (order == NULL) {
        return NULL;
    }
    size_t n = 0;
    bool is_sorted = true; /* as they are in the slabs while no entry was used twice */
    uint32_t cursor = 0;
    for (const struct tcp_conn *c; n < n_open && (c = table_each(t, &cursor)) != NULL;) {
        if (is_open(c)) {
            order[n] = (uint64_t)c->stream << REF_BITS | c->ref;
            is_sorted = is_sorted && (n == 0 || order[n - 1] < order[n]);
            n++;
        }
    }
    if (!is_sorted) {
        qsort(order, n, sizeof *order, compare_u64);
    }
    *out_n = n;
    return order;
}

static enum tcp_end_reason final_reason(const struct tcp_conn *c)
{
    return (c->flags & CONN_CLOSED) != 0 ? TCP_END_CLOSED : TCP_END_CAPTURE;
}

static struct tcp_conn *ordered(const struct tcp_table *t, uint64_t place)
{
    return table_at(t, (uint32_t)(place & REF_MASK));
}

/* What the next few connections need, a step each. */
static void expect_ordered(const struct tcp_table *t, const uint64_t *order, size_t n)
{
    enum { AHEAD_LINKS = 2, AHEAD_USER = 4, AHEAD_ENTRY = 6 };
    if (n > AHEAD_ENTRY) {
        entry_prefetch(ordered(t, order[AHEAD_ENTRY]));
        expect_user(t, ordered(t, order[AHEAD_USER]), 0);
        expect_user(t, ordered(t, order[AHEAD_LINKS]), 1);
    }
}

void tcp_finish(struct tcp_table *t)
{
    size_t n = 0;
    uint64_t *order = sort_open(t, &n);
    for (size_t i = 0; i < n; i++) {
        expect_ordered(t, order + i, n - i);
        struct tcp_conn *c = ordered(t, order[i]);
        end_conn(t, c, final_reason(c));
    }
    free(order);
    for (unsigned id = LIST_OPEN; id <= LIST_LINGERING; id++) { /* all, without memory to sort */
        while (t->lists[id].oldest != 0) {
            struct tcp_conn *c = table_at(t, t->lists[id].oldest);
            end_conn(t, c, final_reason(c));
        }
    }
}

uint64_t tcp_n_open(const struct tcp_table *t)
{
    return (uint64_t)t->lists[LIST_OPEN].n + t->lists[LIST_LINGERING].n;
}

uint64_t tcp_n_streams(const struct tcp_table *t)
{
    return t->n_streams;
}

void tcp_table_free(struct tcp_table *t)
{
    if (t == NULL) {
        return;
    }
    uint32_t cursor = 0;
    for (struct tcp_conn *c; (c = table_each(t, &cursor)) != NULL;) {
        if (c->ref != 0) {
            extra_free(t, c);
        }
    }
    table_deinit(t);
    free(t);
}
