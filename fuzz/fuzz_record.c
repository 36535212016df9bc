/*
 * Promises: how a direction was cut into segments does not change what is read from it; with gaps
 * between them nothing is kept beyond the limits.
 * Input: 2 bytes that choose the cuts, then the direction.
 */
#include <stdlib.h>

#include "base/text.h"
#include "tls/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_HEADER_BYTES = 4 };

struct log {
    struct text text;
    struct tls_record_stream stream;
};

static uint32_t sum(struct bytes b)
{
    uint32_t s = 0;
    for (size_t i = 0; i < b.len; i++) {
        s = s * 31 + b.p[i];
    }
    return s;
}

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct log *log = arg;
    text_printf(&log->text, "r%u.%u.%u.%d.%zu.%u ", type, version, len, is_whole, body.len,
                sum(body));
    if (type == TLS_CHANGE_CIPHER_SPEC) {
        log->stream.encrypted = !log->stream.encrypted;
    }
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct log *log = arg;
    text_printf(&log->text, "m%u.%zu.%u.%d ", type, body.len, sum(body), is_sslv2);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    struct log *log = arg;
    text_printf(&log->text, "a%u.%u ", level, description);
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    struct log *log = arg;
    if (seen.len > 256) {
        abort();
    }
    text_printf(&log->text, "f%d ", fault);
}

static bool on_want_body(void *arg, uint8_t type, uint32_t len)
{
    (void)arg;
    return type != TLS_APPLICATION_DATA || len % 2 == 0;
}

static void push_exact(struct log *log, struct bytes piece, const struct tls_record_sink *sink)
{
    uint8_t *exact = malloc(piece.len);
    if (exact == NULL || !bytes_copy(exact, piece.len, piece) ||
        !tls_record_push(&log->stream, bytes_of(exact, piece.len), sink)) {
        abort();
    }
    free(exact);
}

/* Cuts of 1 to `most` bytes; none where it is 0. */
static void run(struct log *log, struct bytes in, unsigned most, unsigned seed)
{
    struct tls_record_sink sink = {
        log, on_record, on_message, on_alert, on_fault, on_want_body,
    };
    while (in.len > 0) {
        size_t n = in.len;
        if (most > 0) {
            seed = seed * 1103515245 + 12345;
            n = 1 + (seed >> 16) % most;
        }
        struct bytes piece = bytes_head(in, n);
        in = bytes_skip(in, n);
        push_exact(log, piece, &sink);
    }
    tls_record_finish(&log->stream, &sink);
    tls_record_deinit(&log->stream);
}

/* Every third piece is missing. */
static void run_with_gaps(struct bytes in, unsigned most)
{
    struct log log = { 0 };
    struct tls_record_sink sink = {
        &log, on_record, on_message, on_alert, on_fault, on_want_body,
    };
    for (unsigned i = 0; in.len > 0; i++) {
        struct bytes piece = bytes_head(in, 1 + i * 7 % most);
        in = bytes_skip(in, piece.len);
        if (i % 3 == 2) {
            tls_record_gap(&log.stream, (uint32_t)piece.len, &sink);
        } else {
            push_exact(&log, piece, &sink);
        }
        if (log.stream.buffer_len >
            TLS_MESSAGE_LIMIT_BYTES + MESSAGE_HEADER_BYTES + TLS_RECORD_LIMIT_BYTES) {
            abort();
        }
    }
    tls_record_finish(&log.stream, &sink);
    tls_record_deinit(&log.stream);
    text_deinit(&log.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct log whole = { 0 };
    struct log cut = { 0 };
    struct bytes in = bytes_of(data + 2, size - 2);
    run(&whole, in, 0, 0);
    run(&cut, in, 1U + data[0], data[1]);
    if (strcmp(text_str(&whole.text), text_str(&cut.text)) != 0) {
        abort();
    }
    run_with_gaps(in, 1U + data[0]);
    text_deinit(&whole.text);
    text_deinit(&cut.text);
    return 0;
}
