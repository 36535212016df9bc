/*
 * Promises: what unfinished messages hold stays below its limit and is all given back; a message is
 * as long as its fragments said; records lie within their datagram.
 * Input: a byte for the connection id (0: not known), then datagrams, each with a 16-bit length.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "tls/dtls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct watch {
    struct bytes datagram;
};

static void must(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_view(const struct watch *watch, struct bytes view)
{
    must(view.len == 0 || (view.p >= watch->datagram.p && view.len <= watch->datagram.len &&
                           (size_t)(view.p - watch->datagram.p) <= watch->datagram.len - view.len));
}

static void on_record(void *arg, const struct dtls_record *record, struct bytes body, bool is_whole)
{
    check_view(arg, body);
    check_view(arg, record->connection_id);
    must(is_whole == (body.len == record->len) && record->len <= TLS_RECORD_LIMIT_BYTES);
}

static void on_message(void *arg, const struct dtls_message *message)
{
    (void)arg;
    unsigned sum = 0;
    for (size_t i = 0; i < message->body.len; i++) {
        sum += message->body.p[i]; /* the sanitizer sees what is not there */
    }
    must(message->body.len <= TLS_MESSAGE_LIMIT_BYTES && sum <= 255 * message->body.len);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    (void)arg;
    (void)level;
    (void)description;
}

static void on_fault(void *arg, enum dtls_fault fault, struct bytes seen)
{
    check_view(arg, seen);
    must(fault != DTLS_OK && seen.len <= 256);
}

static void on_unfinished(void *arg, uint8_t type, uint16_t message_seq, uint32_t len,
                          struct bytes start)
{
    (void)arg;
    (void)type;
    (void)message_seq;
    must(start.len < len || len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct watch watch = { 0 };
    struct dtls_sink sink = {
        &watch, on_record, on_message, on_alert, on_fault, on_unfinished,
    };
    struct dtls_stream s = { 0 };
    struct fault fault = { 0 };
    struct reader r = rd_whole(bytes_of(data, size), &fault);
    s.connection_id_len = rd_u8(&r, "cid");
    s.connection_id_known = s.connection_id_len > 0;
    while (rd_left(&r) > 0) {
        watch.datagram = rd_vec16(&r, 0, 65535, "datagram");
        bool looks_like = dtls_looks_like(watch.datagram);
        must(dtls_push(&s, watch.datagram, &sink));
        must(!looks_like || s.started);
        must(s.buffered_bytes <= DTLS_BUFFER_LIMIT_BYTES);
    }
    dtls_finish(&s, &sink);
    must(s.buffered_bytes == 0);
    dtls_deinit(&s);
    return 0;
}
