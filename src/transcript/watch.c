#include "transcript/watch.h"

#include <stdlib.h>

#include "transcript/builder_internal.h"

enum {
    EVENTS_SOFT_MAX = 300, /* past it only ends and alerts are written */
    EVENTS_HARD_MAX = 480,
    SINGLE_RECORDS = 16, /* application data records of a side with an event of their own */
    SEALED_BYTES_MAX = 1 << 18,
    LOST_BYTES_MAX = 1 << 16,
    PLAINTEXT_KEPT = 640, /* what servers say in HTTP of TLS stands in the body */
    LINE_KEPT = 160,
};

static struct tls_record_sink sink_of(struct watch_context *c);

static bool is_essential(const struct event *e)
{
    return e->kind == EVENT_FIN || e->kind == EVENT_RST || e->kind == EVENT_ALERT ||
           e->kind == EVENT_SEALED_ALERT;
}

static void put(struct watch_context *c, const struct event *e)
{
    struct watched *w = c->w;
    unsigned limit = is_essential(e) ? EVENTS_HARD_MAX : EVENTS_SOFT_MAX;
    if (w->n_events >= limit) {
        return;
    }
    if (journal_put(&w->journal, e, c->templates)) {
        w->n_events++;
    } else if (w->journal.len + e->body.len < JOURNAL_LIMIT_BYTES / 2) {
        *c->out_of_memory = true; /* the limit is far away */
    }
}

void watch_flush(struct watch_context *c)
{
    if (c->w->series == NULL) {
        return;
    }
    for (int s = 0; s < 2; s++) {
        struct series *series = &c->w->series[s];
        if (series->count > 0) {
            put(c, &(struct event){ .kind = EVENT_APPLICATION_DATA,
                                    .side = (uint8_t)s,
                                    .len = series->last_len,
                                    .count = series->count,
                                    .when = series->first,
                                    .last = series->last });
            series->count = 0;
        }
    }
}

void watch_put(struct watch_context *c, struct event e)
{
    watch_flush(c);
    e.side = (uint8_t)c->side;
    e.when = c->when;
    put(c, &e);
}

void watch_event(struct watch_context *c, enum event_kind kind, uint8_t flags, uint8_t type,
                 uint8_t level)
{
    if (kind == EVENT_RETRANSMISSION && c->w->is_settled) {
        return;
    }
    watch_put(
        c, (struct event){ .kind = (uint8_t)kind, .flags = flags, .type = type, .level = level });
}

/* --- TLS --- */

static bool keeps_sealed(struct watch_context *c, uint32_t len)
{
    return c->w->keys_known && len <= SEALED_BYTES_MAX - c->w->sealed_bytes;
}

static bool on_want_body(void *arg, uint8_t type, uint32_t len)
{
    (void)type;
    return keeps_sealed(arg, len);
}

static void add_to_series(struct watch_context *c, uint32_t len)
{
    struct series *series = &c->w->series[c->side];
    if (series->count++ == 0) {
        series->first = c->when;
    }
    series->last = c->when;
    series->last_len = len;
    c->w->is_settled =
        c->w->series[0].n_single == SINGLE_RECORDS && c->w->series[1].n_single == SINGLE_RECORDS;
}

static void on_application_data(struct watch_context *c, uint32_t len, struct bytes body)
{
    struct watched *w = c->w;
    if (w->series == NULL) {
        w->series = calloc(2, sizeof *w->series);
        if (w->series == NULL) {
            *c->out_of_memory = true;
            return;
        }
    }
    bool keeps = body.p != NULL && keeps_sealed(c, len);
    if (w->series[c->side].n_single == SINGLE_RECORDS && !keeps) {
        add_to_series(c, len);
        return;
    }
    if (w->series[c->side].n_single < SINGLE_RECORDS) {
        w->series[c->side].n_single++;
    }
    w->sealed_bytes += keeps ? len : 0;
    watch_put(c, (struct event){ .kind = EVENT_APPLICATION_DATA,
                                 .len = len,
                                 .count = 1,
                                 .body = keeps ? body : (struct bytes){ NULL, 0 } });
}

static void on_sealed(struct watch_context *c, enum event_kind kind, uint16_t version, uint32_t len,
                      struct bytes body)
{
    bool keeps = body.p != NULL && keeps_sealed(c, len);
    c->w->sealed_bytes += keeps ? len : 0;
    watch_put(c, (struct event){ .kind = (uint8_t)kind,
                                 .version = version,
                                 .len = len,
                                 .body = keeps ? body : (struct bytes){ NULL, 0 } });
}

/* ChangeCipherSpec changes keys up to TLS 1.2; in 1.3 it is a dummy (RFC 8446 D.4). Where the
 * ServerHello was not captured, a key exchange before it tells the same. */
static void on_change_cipher_spec(struct watch_context *c, uint16_t version, uint32_t len)
{
    struct watched *w = c->w;
    bool is_old = w->version != 0 && w->version < 0x0304;
    bool is_unknown = !w->server_hello_seen && (w->client_key_exchange_seen ||
                                                w->started_in_middle || c->side == SIDE_SERVER);
    if (is_old || is_unknown) {
        w->record[c->side].encrypted = true;
    }
    watch_put(c,
              (struct event){ .kind = EVENT_CHANGE_CIPHER_SPEC, .version = version, .len = len });
}

void watch_sealed(struct watch_context *c, uint8_t type, uint16_t version, uint32_t len)
{
    struct bytes none = { NULL, 0 };
    if (type == TLS_ALERT) {
        on_sealed(c, EVENT_SEALED_ALERT, version, len, none);
    } else if (type == TLS_HANDSHAKE) {
        on_sealed(c, EVENT_SEALED_HANDSHAKE, version, len, none);
    } else {
        on_application_data(c, len, none);
    }
}

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct watch_context *c = arg;
    bool sealed = c->w->record[c->side].encrypted;
    if (!is_whole) {
        watch_put(c,
                  (struct event){
                      .kind = EVENT_PARTIAL_RECORD, .type = type, .version = version, .len = len });
        return;
    }
    if (type == TLS_APPLICATION_DATA) {
        on_application_data(c, len, body);
    } else if (type == TLS_CHANGE_CIPHER_SPEC) {
        on_change_cipher_spec(c, version, len);
    } else if (type == TLS_HEARTBEAT) {
        watch_put(c, (struct event){ .kind = EVENT_HEARTBEAT, .len = len });
    } else if (type == TLS_ALERT && (sealed || len != 2)) {
        on_sealed(c, EVENT_SEALED_ALERT, version, len, body);
    } else if (type == TLS_HANDSHAKE && sealed) {
        on_sealed(c, EVENT_SEALED_HANDSHAKE, version, len, body);
    }
}

static void on_hello_of_client(struct watch_context *c, struct bytes body)
{
    if (c->keylog != NULL && body.len >= 34) {
        c->w->keys_known = keylog_has(c->keylog, bytes_of(body.p + 2, 32));
    }
}

static void on_hello_of_server(struct watch_context *c, struct bytes body)
{
    struct tls_server_hello hello; /* filled by the parser whatever happens */
    struct fault fault = { 0 };
    tls_server_hello_parse(body, &hello, &fault);
    c->w->server_hello_seen = true;
    c->w->version = tls_is_tls13(hello.version) || hello.is_retry ? 0x0304 : hello.version;
}

/* The chain is kept in the store, once for all connections that show it. */
static const struct x509_chain *chain_of(struct watch_context *c, struct bytes body)
{
    struct tls_certificate message = { 0 };
    struct fault fault = { 0 };
    bool ok = tls_certificate_parse(body, 0x0303, &message, &fault);
    if (!ok || message.n == 0 || c->store == NULL || c->w->chain[c->side] != NULL) {
        return NULL;
    }
    c->w->chain[c->side] = x509_store_chain(c->store, message.list, message.n);
    *c->out_of_memory = *c->out_of_memory || c->w->chain[c->side] == NULL;
    return c->w->chain[c->side];
}

void watch_message(struct watch_context *c, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct event e = { .kind = EVENT_HANDSHAKE,
                       .type = type,
                       .len = (uint32_t)body.len,
                       .flags = is_sslv2 ? EVENT_SSLV2 : 0,
                       .body = body };
    if (type == HS_CLIENT_HELLO && c->side == SIDE_CLIENT) {
        on_hello_of_client(c, body);
    } else if (type == HS_SERVER_HELLO && c->side == SIDE_SERVER) {
        on_hello_of_server(c, body);
    } else if (type == HS_CLIENT_KEY_EXCHANGE) {
        c->w->client_key_exchange_seen = true;
    } else if (type == HS_CERTIFICATE) {
        e.chain = chain_of(c, body);
        e.body = e.chain != NULL ? (struct bytes){ NULL, 0 } : body;
    }
    watch_put(c, e);
}

void watch_alert(struct watch_context *c, uint8_t level, uint8_t description)
{
    watch_put(c,
              (struct event){ .kind = EVENT_ALERT, .level = level, .type = description, .len = 2 });
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    watch_message(arg, type, body, is_sslv2);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    watch_alert(arg, level, description);
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    watch_put(arg, (struct event){ .kind = EVENT_RECORD_FAULT,
                                   .type = (uint8_t)fault,
                                   .body = bytes_head(seen, PLAINTEXT_KEPT) });
}

static struct tls_record_sink sink_of(struct watch_context *c)
{
    return (struct tls_record_sink){ c, on_record, on_message, on_alert, on_fault, on_want_body };
}

/* A record header that may stand anywhere in a connection, of records that end with the bytes or
 * are followed by another such header. */
static bool is_record_boundary(struct bytes data)
{
    for (int i = 0; i < 3 && data.len >= 5; i++) {
        size_t len = load_be16(data.p + 3);
        bool ok = data.p[0] >= TLS_CHANGE_CIPHER_SPEC && data.p[0] <= TLS_APPLICATION_DATA &&
                  data.p[1] == 3 && data.p[2] <= 4 && len > 0 && len <= (1 << 14) + 2048;
        if (!ok) {
            return false;
        }
        data = bytes_skip(data, 5 + len);
    }
    return data.len == 0 || data.len >= 5 || data.p[0] <= TLS_APPLICATION_DATA;
}

static void push_tls(struct watch_context *c, struct bytes data)
{
    struct tls_record_stream *s = &c->w->record[c->side];
    struct tls_record_sink sink = sink_of(c);
    if (!tls_record_push(s, data, &sink)) {
        *c->out_of_memory = true;
    }
}

/* --- before TLS --- */

static void on_prelude_event(void *arg, const struct prelude_event *p)
{
    struct watch_context *c = arg;
    enum side side = c->side;
    c->side = p->side;
    c->w->is_wrapped = p->kind == PRELUDE_TDS;
    struct text proxied = { 0 };
    if (p->proxied_client.family != 0) {
        endpoint_put(&proxied, &p->proxied_client);
    }
    struct bytes seen = p->host.len > 0 ? p->host : p->seen;
    seen = proxied.len > 0 ? bytes_of(proxied.p, proxied.len) : seen;
    watch_put(c, (struct event){ .kind = EVENT_PRELUDE,
                                 .type = (uint8_t)p->step,
                                 .level = (uint8_t)p->kind,
                                 .len = p->is_proxy_refusal ? 1 : 0,
                                 .version = p->port,
                                 .body = bytes_head(seen, LINE_KEPT) });
    text_deinit(&proxied);
    c->side = side;
}

static void on_prelude_tls(void *arg, enum side side, struct bytes bytes)
{
    struct watch_context *c = arg;
    enum side was = c->side;
    c->side = side;
    c->w->prelude_tls |= (uint8_t)(1 << side);
    push_tls(c, bytes);
    c->side = was;
}

static void on_prelude_other(void *arg, enum side side, struct bytes bytes)
{
    struct watch_context *c = arg;
    if ((c->w->plain_sides & (1 << side)) != 0) {
        return;
    }
    c->w->plain_sides |= (uint8_t)(1 << side);
    enum side was = c->side;
    c->side = side;
    watch_put(c, (struct event){ .kind = EVENT_PLAINTEXT,
                                 .len = (uint32_t)bytes.len,
                                 .body = bytes_head(bytes, PLAINTEXT_KEPT) });
    c->side = was;
}

static void end_prelude(struct watched *w)
{
    prelude_free(w->prelude);
    w->prelude = NULL;
}

static void push_prelude(struct watch_context *c, struct bytes data)
{
    struct watched *w = c->w;
    struct prelude_sink sink = { c, on_prelude_event, on_prelude_tls, on_prelude_other };
    enum prelude_state state = prelude_push(w->prelude, c->side, data, &sink);
    switch (state) {
    case PRELUDE_WAITING:
        break;
    case PRELUDE_TLS:
        if (w->prelude_tls == 3 && !w->is_wrapped) {
            end_prelude(w);
            w->mode = WATCH_TLS;
        }
        break;
    case PRELUDE_NOT_TLS:
    case PRELUDE_OVER:
        if (w->started_in_middle) {
            end_prelude(w);
            w->mode = WATCH_LOST;
        } else if (w->plain_sides == 3 && w->prelude_tls == 0) {
            end_prelude(w);
            w->mode = WATCH_IGNORED;
            tcp_conn_ignore_data(c->conn);
        }
        break;
    }
}

/* The capture began in the middle of a record: one of the next segments may start with another. */
static void find_record(struct watch_context *c, struct bytes data)
{
    struct watched *w = c->w;
    if (data.len > 5 && is_record_boundary(data)) {
        w->mode = WATCH_TLS;
        w->plain_sides = 0;
        push_tls(c, data);
        return;
    }
    w->sealed_bytes += (uint32_t)data.len;
    if (w->sealed_bytes > LOST_BYTES_MAX) {
        w->mode = WATCH_IGNORED;
        tcp_conn_ignore_data(c->conn);
    }
}

static void start(struct watch_context *c, struct bytes data)
{
    struct watched *w = c->w;
    bool in_middle = w->started_in_middle;
    if (tls_looks_like(data) == 1 || (in_middle && data.len > 5 && is_record_boundary(data))) {
        w->mode = WATCH_TLS;
        return;
    }
    struct endpoint storage;
    w->prelude = prelude_new(tcp_conn_end(c->conn, SIDE_SERVER, &storage)->port);
    *c->out_of_memory = *c->out_of_memory || w->prelude == NULL;
    w->mode = w->prelude != NULL ? WATCH_PRELUDE : WATCH_IGNORED;
}

void watch_data(struct watch_context *c, struct bytes data)
{
    if (c->w->mode == WATCH_START) {
        start(c, data);
    }
    switch ((enum watch_mode)c->w->mode) {
    case WATCH_START:
    case WATCH_IGNORED:
        break;
    case WATCH_PRELUDE:
        push_prelude(c, data);
        break;
    case WATCH_LOST:
        find_record(c, data);
        break;
    case WATCH_TLS:
        push_tls(c, data);
        break;
    }
}

void watch_gap(struct watch_context *c, uint32_t len)
{
    struct watched *w = c->w;
    if (w->mode == WATCH_IGNORED) {
        return;
    }
    if (!w->is_settled) {
        watch_put(c, (struct event){ .kind = EVENT_GAP, .len = len });
    }
    if (w->mode == WATCH_TLS) {
        struct tls_record_stream *s = &w->record[c->side];
        struct tls_record_sink sink = sink_of(c);
        tls_record_gap(s, len, &sink);
    } else if (w->mode == WATCH_PRELUDE) {
        w->started_in_middle = true;
    }
}

void watch_end(struct watch_context *c)
{
    struct watched *w = c->w;
    if (w->prelude != NULL) {
        struct prelude_sink sink = { c, on_prelude_event, on_prelude_tls, on_prelude_other };
        prelude_finish(w->prelude, &sink);
    }
    for (int s = 0; s < 2; s++) {
        c->side = (enum side)s;
        struct tls_record_sink sink = sink_of(c);
        tls_record_finish(&w->record[s], &sink);
    }
    watch_flush(c);
}

void watch_deinit(struct watched *w)
{
    for (int s = 0; s < 2; s++) {
        tls_record_deinit(&w->record[s]);
    }
    prelude_free(w->prelude);
    x509_chain_unref(w->chain[0]);
    x509_chain_unref(w->chain[1]);
    free(w->series);
    journal_deinit(&w->journal);
}
