#include "transcript/from_capture.h"

#include <stdlib.h>

#include "transcript/watch_udp.h"

enum { UNFOLD_LIMIT_BYTES = 16 << 20, BATCH_PACKETS = 32 };

/* Packets that were decoded and wait for their turn. */
struct batch {
    struct packet packets[BATCH_PACKETS];
    struct tcp_incoming incoming[BATCH_PACKETS];
    size_t n;
};

struct watcher {
    struct watcher_options options;
    struct packet_decoder *decoder;
    struct tcp_table *tcp;
    struct udp_table *udp;
    struct hello_templates *templates;
    struct arena arena;
    const char *capture;
    struct watcher_stats stats;
    bool capture_dropped;
    bool is_discarding; /* at the end: connections are forgotten, not handed over */
    struct unfolded_chains unfolded;
    bool out_of_memory;
    struct batch batch;
};

/* --- the sink of the TCP layer --- */

static struct watched *watched_of(struct tcp_conn *conn)
{
    void **user = tcp_conn_user(conn);
    if (*user == NULL) {
        struct watched *w = calloc(1, sizeof *w);
        if (w != NULL) {
            w->started_in_middle = !tcp_conn_stats(conn, SIDE_CLIENT).syn_seen &&
                                   !tcp_conn_stats(conn, SIDE_SERVER).syn_ack_seen;
        }
        *user = w;
    }
    return *user;
}

static bool enter(struct watcher *w, struct tcp_conn *conn, enum side side, struct when when,
                  struct watch_context *out)
{
    *out = (struct watch_context){ .w = watched_of(conn),
                                   .conn = conn,
                                   .templates = w->templates,
                                   .store = w->options.store,
                                   .keylog = w->options.keylog,
                                   .side = side,
                                   .when = when,
                                   .out_of_memory = &w->out_of_memory };
    w->out_of_memory = w->out_of_memory || out->w == NULL;
    return out->w != NULL;
}

/* First what every packet of a connection touches, then the end of its journal. */
static void on_expect(void *arg, const void *user, unsigned step)
{
    (void)arg;
    const struct watched *w = user;
    if (step == 0) {
        watch_prefetch(w);
    } else {
        journal_prefetch(&w->journal);
    }
}

static void on_syn(void *arg, struct tcp_conn *conn, enum side side, struct tcp_syn syn,
                   struct when when)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        c.w->started_in_middle = false;
        uint8_t flags = (uint8_t)((syn.is_repeat ? EVENT_REPEAT : 0) |
                                  (syn.seq_differs ? EVENT_SEQ_DIFFERS : 0));
        watch_event(&c, syn.is_ack ? EVENT_SYN_ACK : EVENT_SYN, flags, 0, 0);
    }
}

/* A ClientHello tells who is the client where no SYN did. */
static bool is_client_hello(struct bytes data)
{
    return data.len > 5 && data.p[0] == TLS_HANDSHAKE && data.p[1] == 3 && data.p[5] == 1;
}

static bool is_server_hello(struct bytes data)
{
    return data.len > 5 && data.p[0] == TLS_HANDSHAKE && data.p[1] == 3 && data.p[5] == 2;
}

static void on_data(void *arg, struct tcp_conn *conn, enum side side, struct bytes data,
                    struct when when)
{
    struct watch_context c;
    if (!enter(arg, conn, side, when, &c)) {
        return;
    }
    bool is_first = c.w->mode == WATCH_START && c.w->n_events == 0;
    bool is_swapped = side == SIDE_SERVER ? is_client_hello(data) : is_server_hello(data);
    if (is_first && is_swapped && tcp_conn_client_is_guess(conn)) {
        tcp_conn_swap(conn);
        c.side = side_other(side);
    }
    watch_data(&c, data);
}

static void on_gap(void *arg, struct tcp_conn *conn, enum side side, uint32_t len, struct when when)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        watch_gap(&c, len);
    }
}

static void on_fin(void *arg, struct tcp_conn *conn, enum side side, struct when when)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        watch_event(&c, EVENT_FIN, 0, 0, 0);
    }
}

static void on_rst(void *arg, struct tcp_conn *conn, enum side side, struct when when,
                   uint8_t hop_limit)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        watch_event(&c, EVENT_RST, 0, 0, hop_limit);
    }
}

static void on_retransmission(void *arg, struct tcp_conn *conn, enum side side, struct when when)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        watch_event(&c, EVENT_RETRANSMISSION, 0, 0, 0);
    }
}

static void on_icmp_error(void *arg, struct tcp_conn *conn, enum side side, bool is_too_big,
                          struct when when)
{
    struct watch_context c;
    if (enter(arg, conn, side, when, &c)) {
        watch_event(&c, EVENT_ICMP, 0, is_too_big ? 1 : 0, 0);
    }
}

static void describe(const struct watcher *w, struct tcp_conn *conn, enum tcp_end_reason reason,
                     struct kept_connection *out)
{
    struct watched *watched = *tcp_conn_user(conn);
    struct endpoint storage;
    *out = (struct kept_connection){
        .journal = watched->journal,
        .n_events = watched->n_events,
        .keys_known = watched->keys_known,
        .client = *tcp_conn_end(conn, SIDE_CLIENT, &storage),
        .stats = { tcp_conn_stats(conn, SIDE_CLIENT), tcp_conn_stats(conn, SIDE_SERVER) },
        .first = tcp_conn_first(conn),
        .last = tcp_conn_last(conn),
        .stream = tcp_conn_stream(conn),
        .capture = w->capture,
        .end_reason = reason,
        .client_is_guess = tcp_conn_client_is_guess(conn),
        .capture_dropped = w->capture_dropped,
        .started_in_middle = watched->started_in_middle,
        .chain = { watched->chain[0], watched->chain[1] },
    };
    out->server = *tcp_conn_end(conn, SIDE_SERVER, &storage);
    watched->journal = (struct journal){ 0 };
    watched->chain[0] = watched->chain[1] = NULL;
}

static void release_unfolded(struct watcher *w)
{
    x509_chain_unref(w->unfolded.of[0]);
    x509_chain_unref(w->unfolded.of[1]);
    w->unfolded = (struct unfolded_chains){ 0 };
}

static void release_kept(struct kept_connection *k)
{
    x509_chain_unref(k->chain[0]);
    x509_chain_unref(k->chain[1]);
    journal_deinit(&k->journal);
}

static const struct transcript *unfold_now(struct watcher *w, const struct kept_connection *k)
{
    struct unfold_tools tools = { &w->arena, w->templates, w->options.store, w->options.keylog };
    arena_reset(&w->arena);
    release_unfolded(w);
    return unfold(k, &tools, &w->unfolded);
}

/* Hands the connection to the owner, who may keep it. */
static void hand_over(struct watcher *w, struct kept_connection *k)
{
    const struct watcher_sink *sink = &w->options.sink;
    const struct transcript *t = w->is_discarding ? NULL : unfold_now(w, k);
    w->out_of_memory = w->out_of_memory || w->arena.failed;
    if (t != NULL && sink->ended(sink->arg, t)) {
        struct kept_connection *copy = malloc(sizeof *copy);
        if (copy != NULL) {
            *copy = *k;
            sink->kept(sink->arg, copy);
            return;
        }
        w->out_of_memory = true;
    }
    release_kept(k);
}

static void on_end(void *arg, struct tcp_conn *conn, enum tcp_end_reason reason)
{
    struct watcher *w = arg;
    void **user = tcp_conn_user(conn);
    struct watch_context c;
    if (*user == NULL || !enter(w, conn, SIDE_CLIENT, tcp_conn_last(conn), &c)) {
        return;
    }
    watch_end(&c);
    struct kept_connection k;
    describe(w, conn, reason, &k);
    watch_deinit(*user);
    free(*user);
    *user = NULL;
    hand_over(w, &k);
}

static void on_udp_end(void *arg, struct kept_connection *k)
{
    struct watcher *w = arg;
    k->capture = w->capture;
    k->capture_dropped = w->capture_dropped;
    hand_over(w, k);
}

/* --- the watcher --- */

static enum status start_tcp(struct watcher *w, struct err *err)
{
    struct tcp_sink sink = {
        .arg = w,
        .expect = on_expect,
        .syn = on_syn,
        .data = on_data,
        .gap = on_gap,
        .fin = on_fin,
        .rst = on_rst,
        .retransmission = on_retransmission,
        .icmp_error = on_icmp_error,
        .end = on_end,
    };
    return tcp_table_new(&sink, &w->options.limits, &w->tcp, err);
}

static enum status start_udp(struct watcher *w, struct err *err)
{
    struct udp_sink sink = { on_udp_end, w };
    struct udp_tools tools = { w->templates, w->options.store, w->options.keylog,
                               &w->out_of_memory };
    w->udp = udp_table_new(&sink, &tools);
    return w->udp == NULL ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
}

static enum status start(struct watcher *w, struct err *err)
{
    w->templates = hello_templates_new();
    w->arena.limit_bytes = UNFOLD_LIMIT_BYTES;
    if (w->templates == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    TRY(packet_decoder_new(&w->decoder, err));
    TRY(start_udp(w, err));
    return start_tcp(w, err);
}

enum status watcher_new(const struct watcher_options *options, struct watcher **out,
                        struct err *err)
{
    struct watcher *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    w->options = *options;
    enum status st = start(w, err);
    if (st != ST_OK) {
        watcher_free(w);
        return st;
    }
    *out = w;
    return ST_OK;
}

void watcher_free(struct watcher *w)
{
    if (w == NULL) {
        return;
    }
    if (w->tcp != NULL) {
        w->is_discarding = true;
        tcp_finish(w->tcp);
    }
    release_unfolded(w);
    udp_table_free(w->udp);
    tcp_table_free(w->tcp);
    packet_decoder_free(w->decoder);
    hello_templates_free(w->templates);
    arena_deinit(&w->arena);
    free(w);
}

enum status watcher_start_capture(struct watcher *w, const char *name, struct err *err)
{
    w->capture = name;
    w->capture_dropped = false;
    w->stats = (struct watcher_stats){ 0 };
    packet_decoder_free(w->decoder);
    w->decoder = NULL;
    tcp_table_free(w->tcp);
    w->tcp = NULL;
    udp_table_free(w->udp);
    w->udp = NULL;
    TRY(start_udp(w, err));
    TRY(packet_decoder_new(&w->decoder, err));
    return start_tcp(w, err);
}

void watcher_note_drops(struct watcher *w)
{
    w->capture_dropped = true;
}

static enum status push_packet(struct watcher *w, const struct tcp_incoming *in, struct err *err)
{
    switch (in->packet->kind) {
    case PACKET_TCP:
        w->stats.tcp_packets++;
        return tcp_push_expected(w->tcp, in, err);
    case PACKET_ICMP_ERROR:
        return in->packet->quotes_tcp ? tcp_push_expected(w->tcp, in, err) : ST_OK;
    case PACKET_UDP:
        w->stats.udp_packets++;
        udp_push(w->udp, in->packet, in->when);
        return ST_OK;
    case PACKET_BROKEN:
    case PACKET_OTHER:
    case PACKET_FRAGMENT:
    case PACKET_UNKNOWN_LINK:
        return ST_OK;
    }
    return ST_OK;
}

static enum status push_batch(struct watcher *w, struct err *err)
{
    struct batch *batch = &w->batch;
    size_t n = batch->n;
    batch->n = 0;
    tcp_expect(w->tcp, batch->incoming, n);
    for (size_t i = 0; i < n; i++) {
        TRY(push_packet(w, &batch->incoming[i], err));
    }
    return ST_OK;
}

enum status watcher_frames(struct watcher *w, const struct frame *frames, size_t n, struct err *err)
{
    struct batch *batch = &w->batch;
    for (size_t i = 0; i < n; i++) {
        struct packet *packet = &batch->packets[batch->n];
        packet_decode(w->decoder, &frames[i], packet);
        batch->incoming[batch->n] = (struct tcp_incoming){
            .packet = packet,
            .when = { frames[i].number, frames[i].at_ns },
        };
        batch->n++;
        w->stats.frames++;
        if (batch->n == BATCH_PACKETS || packet->is_reassembled) { /* gone with the next decode */
            TRY(push_batch(w, err));
        }
    }
    return push_batch(w, err);
}

enum status watcher_frame(struct watcher *w, const struct frame *frame, struct err *err)
{
    return watcher_frames(w, frame, 1, err);
}

enum status watcher_read(struct watcher *w, struct capture *capture, struct err *err)
{
    struct frame frames[BATCH_PACKETS];
    for (;;) {
        size_t n = 0;
        enum capture_next got = capture_next_batch(capture, frames, ARRAY_LEN(frames), &n, err);
        TRY(watcher_frames(w, frames, n, err));
        switch (got) {
        case CAPTURE_FRAME:
        case CAPTURE_IDLE:
            break;
        case CAPTURE_DONE:
            return ST_OK;
        case CAPTURE_FAILED:
            return err->status;
        }
    }
}

void watcher_advance(struct watcher *w, int64_t now_ns)
{
    tcp_advance(w->tcp, now_ns);
    udp_advance(w->udp, now_ns);
}

void watcher_finish(struct watcher *w)
{
    tcp_finish(w->tcp);
    udp_finish(w->udp);
}

struct watcher_stats watcher_stats(const struct watcher *w)
{
    struct watcher_stats stats = w->stats;
    stats.out_of_memory = w->out_of_memory;
    if (w->decoder == NULL || w->tcp == NULL) { /* a capture that could not be started */
        return stats;
    }
    struct packet_stats packets = packet_stats(w->decoder);
    stats.broken_packets = packets.broken;
    stats.unknown_link_frames = packets.unknown_link;
    stats.unknown_link_type = packets.last_unknown_link;
    stats.connections = tcp_n_streams(w->tcp);
    stats.open = tcp_n_open(w->tcp);
    return stats;
}

const struct transcript *watcher_unfold(struct watcher *w, const struct kept_connection *kept)
{
    return unfold_now(w, kept);
}

size_t kept_connection_bytes(const struct kept_connection *kept)
{
    return sizeof *kept + kept->journal.cap;
}

void kept_connection_free(struct kept_connection *kept)
{
    if (kept != NULL) {
        release_kept(kept);
        free(kept);
    }
}
