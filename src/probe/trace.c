#include "probe/trace.h"

#include "tls/names.h"
#include "tls/prelude.h"
#include "tls/record.h"
#include "transcript/unseal.h"

enum { PLAINTEXT_KEPT = 640, LINE_KEPT = 160 };

void trace_put(struct probe_trace *t, enum side side, struct bytes data, int64_t at_ns)
{
    struct bytes kept = bytes_head(data, (size_t)TRACE_LIMIT_BYTES - t->bytes.len);
    struct trace_piece *last = t->n_pieces == 0 ? NULL : &t->pieces[t->n_pieces - 1];
    t->n_dropped += data.len - kept.len;
    if (kept.len == 0) {
        return;
    }
    if (t->n_pieces == TRACE_PIECES_MAX && last->side != side) {
        t->n_dropped += kept.len;
        return;
    }
    if (t->n_pieces == TRACE_PIECES_MAX) {
        last->len += (uint32_t)kept.len;
    } else {
        t->pieces[t->n_pieces++] = (struct trace_piece){ at_ns, (uint32_t)kept.len, (uint8_t)side };
    }
    text_put(&t->bytes, (const char *)kept.p, kept.len);
}

void trace_deinit(struct probe_trace *t)
{
    text_deinit(&t->bytes);
}

/* A trace being read. */
struct telling {
    const struct probe_trace *trace;
    struct builder builder;
    struct unseal unseal;
    struct arena *arena;
    struct tls_record_stream stream[2];
    struct prelude *prelude;
    int64_t epoch_ns, at_ns;
    enum side side;
    uint16_t version; /* chosen; 0 before */
    uint8_t plain_sides;
};

static struct event event_at(const struct telling *t, enum event_kind kind, enum side side,
                             int64_t at_ns)
{
    struct when when = { .at_ns = at_ns + t->epoch_ns };
    return (struct event){
        .kind = (uint8_t)kind, .side = (uint8_t)side, .count = 1, .when = when, .last = when
    };
}

/* What goes into a transcript lives in its arena. */
static void tell(struct telling *t, struct event e, struct bytes body)
{
    e.body = body.len == 0 ? body : arena_copy(t->arena, body);
    unseal_event(&t->unseal, &e);
}

static struct event now(const struct telling *t, enum event_kind kind)
{
    return event_at(t, kind, t->side, t->at_ns);
}

static const struct bytes no_bytes = { NULL, 0 };

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct telling *t = arg;
    bool sealed = t->stream[t->side].encrypted;
    enum event_kind kind = EVENT_APPLICATION_DATA;
    if (!is_whole) {
        kind = EVENT_PARTIAL_RECORD;
    } else if (type == TLS_CHANGE_CIPHER_SPEC) {
        kind = EVENT_CHANGE_CIPHER_SPEC;
        t->stream[t->side].encrypted |= t->version < 0x0304;
    } else if (type == TLS_HEARTBEAT) {
        kind = EVENT_HEARTBEAT;
    } else if (type == TLS_ALERT && (sealed || len != 2)) {
        kind = EVENT_SEALED_ALERT;
    } else if (type == TLS_HANDSHAKE && sealed) {
        kind = EVENT_SEALED_HANDSHAKE;
    } else if (type != TLS_APPLICATION_DATA) {
        return;
    }
    struct event e = now(t, kind);
    e.type = is_whole ? 0 : type;
    e.version = version;
    e.len = len;
    tell(t, e, kind == EVENT_PARTIAL_RECORD || body.p == NULL ? no_bytes : body);
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct telling *t = arg;
    struct event e = now(t, EVENT_HANDSHAKE);
    e.type = type;
    e.flags = is_sslv2 ? EVENT_SSLV2 : 0;
    e.len = (uint32_t)body.len;
    if (type == TLS_HANDSHAKE_SERVER_HELLO && t->side == SIDE_SERVER) {
        struct tls_server_hello hello;
        struct fault fault = { 0 };
        (void)tls_server_hello_parse(body, &hello, &fault);
        t->version = tls_is_tls13(hello.version) || hello.is_retry ? 0x0304 : hello.version;
        if (t->version == 0x0304 && !hello.is_retry) {
            t->stream[SIDE_SERVER].encrypted = true;
            t->stream[SIDE_CLIENT].encrypted = true;
        }
    }
    tell(t, e, body);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    struct telling *t = arg;
    struct event e = now(t, EVENT_ALERT);
    e.level = level;
    e.type = description;
    e.len = 2;
    tell(t, e, no_bytes);
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    struct telling *t = arg;
    struct event e = now(t, EVENT_RECORD_FAULT);
    e.type = (uint8_t)fault;
    tell(t, e, bytes_head(seen, PLAINTEXT_KEPT));
}

static bool on_want_body(void *arg, uint8_t type, uint32_t len)
{
    const struct telling *t = arg;
    (void)type;
    (void)len;
    return t->trace->keylog != NULL;
}

static struct tls_record_sink record_sink(struct telling *t)
{
    return (struct tls_record_sink){ t, on_record, on_message, on_alert, on_fault, on_want_body };
}

static void on_prelude_event(void *arg, const struct prelude_event *p)
{
    struct telling *t = arg;
    struct event e = event_at(t, EVENT_PRELUDE, p->side, t->at_ns);
    e.type = (uint8_t)p->step;
    e.level = (uint8_t)p->kind;
    e.len = p->is_proxy_refusal ? 1 : 0;
    e.version = p->port;
    tell(t, e, bytes_head(p->host.len > 0 ? p->host : p->seen, LINE_KEPT));
}

static void on_prelude_tls(void *arg, enum side side, struct bytes bytes)
{
    struct telling *t = arg;
    struct tls_record_sink sink = record_sink(t);
    enum side was = t->side;
    t->side = side;
    (void)tls_record_push(&t->stream[side], bytes, &sink);
    t->side = was;
}

static void on_prelude_other(void *arg, enum side side, struct bytes bytes)
{
    struct telling *t = arg;
    if ((t->plain_sides & (1 << side)) == 0) {
        struct event e = event_at(t, EVENT_PLAINTEXT, side, t->at_ns);
        t->plain_sides |= (uint8_t)(1 << side);
        e.len = (uint32_t)bytes.len;
        tell(t, e, bytes_head(bytes, PLAINTEXT_KEPT));
    }
}

static void tell_ends(struct telling *t, struct tls_record_sink *sink)
{
    const struct probe_trace *trace = t->trace;
    struct prelude_sink before = { t, on_prelude_event, on_prelude_tls, on_prelude_other };
    prelude_finish(t->prelude, &before);
    t->side = SIDE_SERVER;
    t->at_ns = trace->end_ns;
    tls_record_finish(&t->stream[SIDE_SERVER], sink);
    if (trace->fin_ns != 0) {
        tell(t, event_at(t, EVENT_FIN, SIDE_SERVER, trace->fin_ns), no_bytes);
    }
    if (trace->rst_ns != 0) {
        tell(t, event_at(t, EVENT_RST, SIDE_SERVER, trace->rst_ns), no_bytes);
    }
    bool is_left = trace->connected_ns != 0 && trace->fin_ns == 0 && trace->rst_ns == 0 &&
                   t->builder.t->server_hello == NULL;
    if (is_left) { /* the probe waits no longer for a server that does not begin to speak TLS */
        tell(t, event_at(t, EVENT_FIN, SIDE_CLIENT, trace->end_ns), no_bytes);
    }
}

static void tell_all(struct telling *t)
{
    const struct probe_trace *trace = t->trace;
    struct prelude_sink before = { t, on_prelude_event, on_prelude_tls, on_prelude_other };
    struct tls_record_sink sink = record_sink(t);
    struct bytes left = bytes_of(trace->bytes.p, trace->bytes.len);
    tell(t, event_at(t, EVENT_SYN, SIDE_CLIENT, trace->syn_ns), no_bytes);
    if (trace->connected_ns != 0) {
        tell(t, event_at(t, EVENT_SYN_ACK, SIDE_SERVER, trace->connected_ns), no_bytes);
    }
    for (size_t i = 0; i < trace->n_pieces; i++) {
        const struct trace_piece *piece = &trace->pieces[i];
        struct bytes data = bytes_head(left, piece->len);
        left = bytes_skip(left, piece->len);
        t->side = (enum side)piece->side;
        t->at_ns = piece->at_ns;
        (void)prelude_push(t->prelude, t->side, data, &before);
    }
    tell_ends(t, &sink);
}

static void describe(struct transcript *t, const struct probe_trace *trace, int64_t epoch_ns)
{
    t->client = trace->local;
    t->server = trace->remote;
    t->first.at_ns = trace->syn_ns + epoch_ns;
    t->last.at_ns = trace->end_ns + epoch_ns;
    t->side[SIDE_SERVER].is_silent = trace->connected_ns == 0 && !trace->is_refused;
    t->end_reason = trace->rst_ns != 0 || trace->fin_ns != 0 ? TCP_END_CLOSED : TCP_END_IDLE;
}

const struct transcript *trace_transcript(const struct probe_trace *trace, int64_t epoch_ns,
                                          struct arena *arena, struct x509_store *store,
                                          const struct x509_chain *taken[2])
{
    struct telling t = { .trace = trace, .arena = arena, .epoch_ns = epoch_ns };
    taken[0] = taken[1] = NULL;
    t.prelude = prelude_new(trace->remote.port);
    if (t.prelude == NULL ||
        !builder_start(&t.builder, arena, store, SOURCE_PROBE, 2 * (size_t)TRACE_PIECES_MAX)) {
        prelude_free(t.prelude);
        return NULL;
    }
    describe(t.builder.t, trace, epoch_ns);
    unseal_init(&t.unseal, &t.builder, trace->keylog);
    tell_all(&t);
    unseal_deinit(&t.unseal);
    tls_record_deinit(&t.stream[0]);
    tls_record_deinit(&t.stream[1]);
    prelude_free(t.prelude);
    taken[0] = t.builder.taken[0];
    taken[1] = t.builder.taken[1];
    return builder_finish(&t.builder);
}
