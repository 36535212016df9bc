/* Records and messages of one direction. Each row is pushed whole, and again byte by byte: how the
 * bytes were cut does not change what comes out. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>

#include "base/status.h"
#include "base/text.h"
#include "tls/record.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

#define HELLO_DONE "\x16\x03\x03\x00\x04\x0e\x00\x00\x00"
#define CCS        "\x14\x03\x03\x00\x01\x01"
#define DATA_16                                                                                    \
    "\x17\x03\x03\x00\x10"                                                                         \
    "0123456789abcdef"
#define SEALED_24                                                                                  \
    "\x16\x03\x03\x00\x18"                                                                         \
    "0123456789abcdef01234567"
#define V2                                                                                         \
    "\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10"                                                 \
    "\x01\x00\x80\x00\x00\x35"                                                                     \
    "0123456789abcdef"

/* What came, as a line of words. */
struct log {
    struct text text;
    struct tls_record_stream stream;
    bool wants_sealed;
};

static void on_record(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                      bool is_whole)
{
    struct log *log = arg;
    text_printf(&log->text, "r%u.%03x.%u%s", type, version, len, is_whole ? "" : "?");
    if (body.p != NULL) {
        text_printf(&log->text, ":%zu", body.len);
    }
    text_puts(&log->text, " ");
    if (type == TLS_CHANGE_CIPHER_SPEC && is_whole) {
        log->stream.encrypted = true;
    }
}

static void on_message(void *arg, uint8_t type, struct bytes body, bool is_sslv2)
{
    struct log *log = arg;
    text_printf(&log->text, "m%u%s.%zu ", type, is_sslv2 ? "v2" : "", body.len);
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    struct log *log = arg;
    text_printf(&log->text, "a%u.%u ", level, description);
}

static void on_fault(void *arg, enum tls_record_fault fault, struct bytes seen)
{
    struct log *log = arg;
    (void)seen;
    text_printf(&log->text, "f%d ", fault);
}

static bool on_want_body(void *arg, uint8_t type, uint32_t len)
{
    struct log *log = arg;
    (void)len;
    return log->wants_sealed && type != TLS_APPLICATION_DATA;
}

static struct tls_record_sink sink_of(struct log *log)
{
    return (struct tls_record_sink){ log, on_record, on_message, on_alert, on_fault, on_want_body };
}

struct row {
    const char *name;
    struct bytes in;
    const char *want;
    bool wants_sealed;
};

/* clang-format off */
static const struct row rows[] = {
    { "a message",              LIT(HELLO_DONE), "m14.0 r22.303.4 ", false },
    { "two in a record",        LIT("\x16\x03\x01\x00\x0a\x02\x00\x00\x02" "ab" "\x0e\x00\x00\x00"), "m2.2 m14.0 r22.301.10 ", false },
    { "one in two records",     LIT("\x16\x03\x01\x00\x05\x02\x00\x00\x02" "a" "\x16\x03\x01\x00\x01" "b"), "r22.301.5 m2.2 r22.301.1 ", false },
    { "its header in four",     LIT("\x16\x03\x01\x00\x01\x02" "\x16\x03\x01\x00\x02\x00\x00" "\x16\x03\x01\x00\x03\x02" "ab"), "r22.301.1 r22.301.2 m2.2 r22.301.3 ", false },
    { "alert",                  LIT("\x15\x03\x03\x00\x02\x02\x28"), "a2.40 r21.303.2:2 ", false },
    { "alert between fragments", LIT("\x16\x03\x01\x00\x05\x02\x00\x00\x02" "a" "\x15\x03\x03\x00\x02\x01\x5a" "\x16\x03\x01\x00\x01" "b"), "r22.301.5 a1.90 r21.303.2:2 m2.2 r22.301.1 ", false },
    { "data is skipped",        LIT(DATA_16 DATA_16), "r23.303.16 r23.303.16 ", false },
    { "sealed after the change", LIT(CCS SEALED_24 DATA_16), "r20.303.1 r22.303.24 r23.303.16 ", false },
    { "sealed and wanted",      LIT(CCS SEALED_24 DATA_16), "r20.303.1:1 r22.303.24:24 r23.303.16 ", true },
    { "sealed seen in the middle", LIT(SEALED_24), "r22.303.24 ", false },
    { "explicit nonce of zeros", LIT("\x16\x03\x03\x00\x18\x00\x00\x00\x00\x00\x00\x00\x00" "0123456789abcdef"), "r22.303.24 ", false },
    { "explicit nonce like a hello", LIT("\x16\x03\x03\x00\x18\x02\x00\x00\x00\x00\x00\x00\x00" "0123456789abcdef"), "r22.303.24 ", false },
    { "HelloRequest",           LIT("\x16\x03\x03\x00\x04\x00\x00\x00\x00"), "m0.0 r22.303.4 ", false },
    { "an empty hello",         LIT("\x16\x03\x03\x00\x04\x01\x00\x00\x00"), "m1.0 r22.303.4 ", false },
    { "SSL 2.0, then a record", LIT(V2 HELLO_DONE), "m1v2.31 m14.0 r22.303.4 ", false },
    { "empty data",             LIT(DATA_16 "\x17\x03\x03\x00\x00" DATA_16), "r23.303.16 r23.303.0 r23.303.16 ", false },
    { "empty handshake",        LIT(HELLO_DONE "\x16\x03\x03\x00\x00" HELLO_DONE), "m14.0 r22.303.4 f3 r22.303.0 m14.0 r22.303.4 ", false },
    { "empty at the start",     LIT("\x16\x03\x00\x00\x00\x06\x01"), "f1 ", false },
    { "something else",         LIT("GET / HTTP/1.1\r\n\r\n"), "f1 ", false },
    { "something else later",   LIT(HELLO_DONE "GET / HTTP/1.1\r\n\r\n" HELLO_DONE), "m14.0 r22.303.4 f1 ", false },
    { "ends in a header",       LIT(HELLO_DONE "\x16\x03"), "m14.0 r22.303.4 r22.303.0? ", false },
    { "ends in the first header", LIT("\x16\x03"), "r22.000.0?:2 ", false },
    { "ends in a message",      LIT("\x16\x03\x03\x00\x0a\x02\x00\x00\x06" "ab"), "r22.303.10?:6 ", false },
    { "ends between fragments", LIT("\x16\x03\x03\x00\x06\x02\x00\x00\x06" "ab"), "r22.303.6 r22.303.6?:6 ", false },
    { "ends in data",           LIT("\x17\x03\x03\x00\x10" "0123"), "r23.303.16? ", false },
    { "ends in SSL 2.0",        LIT("\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x01"), "r22.000.31?:10 ", false },
    { "nothing",                { NULL, 0 }, "", false },
};
/* clang-format on */

static void run(const struct row *row, size_t step)
{
    struct log log = { .wants_sealed = row->wants_sealed };
    struct tls_record_sink sink = sink_of(&log);
    for (size_t at = 0; at < row->in.len; at += step) {
        struct bytes piece = bytes_head(bytes_skip(row->in, at), step);
        uint8_t *exact = malloc(piece.len); /* so that the sanitizer sees one byte too far */
        assert_non_null(exact);
        assert_true(bytes_copy(exact, piece.len, piece));
        assert_true(tls_record_push(&log.stream, bytes_of(exact, piece.len), &sink));
        free(exact);
    }
    tls_record_finish(&log.stream, &sink);
    tls_record_deinit(&log.stream);
    assert_string_equal(text_str(&log.text), row->want);
    text_deinit(&log.text);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    for (size_t step = 1; step <= 7; step += 2) {
        run(row, step);
    }
    run(row, row->in.len + 1);
}

/* A gap of `len` after `before`, then `after`. */
struct gap_row {
    const char *name;
    struct bytes before;
    uint32_t len;
    struct bytes after;
    const char *want;
};

/* clang-format off */
static const struct gap_row gap_rows[] = {
    { "gap in data",              LIT("\x17\x03\x03\x00\x10" "01"), 10, LIT("2345" HELLO_DONE), "r23.303.16 m14.0 r22.303.4 " },
    { "gap to the end of data",   LIT("\x17\x03\x03\x00\x10" "01"), 14, LIT(HELLO_DONE), "r23.303.16 m14.0 r22.303.4 " },
    { "gap over a header",        LIT("\x17\x03\x03\x00\x10" "01"), 15, LIT("xyz"), "f4 " },
    { "gap, then a record",       LIT("\x17\x03\x03\x00\x10" "01"), 99, LIT(HELLO_DONE), "m14.0 r22.303.4 " },
    { "gap, another version",     LIT("\x17\x03\x03\x00\x10" "01"), 99, LIT("\x16\x03\x01\x00\x04\x0e\x00\x00\x00"), "f4 " },
    { "gap in a message",         LIT("\x16\x03\x03\x00\x0e\x02\x00\x00\x06" "ab"), 3, LIT("f" "\x0e\x00\x00\x00"), "m14.0 r22.303.14 " },
    { "gap over two messages",    LIT("\x16\x03\x03\x00\x0e\x02\x00\x00\x06" "ab"), 5, LIT("\x00\x00\x00" HELLO_DONE), "r22.303.14 m14.0 r22.303.4 " },
    { "gap into the next record's", LIT("\x16\x03\x03\x00\x08\x02\x00\x00\x06" "ab"), 2, LIT("\x16\x03\x03\x00\x06" "ef" "\x0e\x00\x00\x00"), "r22.303.8 m14.0 r22.303.6 " },
    { "gap in a message's header", LIT("\x16\x03\x03\x00\x08\x02"), 3, LIT("abcd" HELLO_DONE), "r22.303.8 m14.0 r22.303.4 " },
    { "gap at the start",         { NULL, 0 }, 9, LIT(HELLO_DONE), "m14.0 r22.303.4 " },
    { "gap at a boundary",        LIT(HELLO_DONE), 9, LIT(HELLO_DONE), "m14.0 r22.303.4 m14.0 r22.303.4 " },
    { "gap after a ClientHello",  LIT("\x16\x03\x01\x00\x04\x0e\x00\x00\x00"), 6, LIT(HELLO_DONE), "m14.0 r22.301.4 m14.0 r22.303.4 " },
    { "gap, and an older version", LIT(HELLO_DONE), 6, LIT("\x16\x03\x01\x00\x04\x0e\x00\x00\x00"), "m14.0 r22.303.4 f4 " },
    { "gap, nothing behind it",   LIT(HELLO_DONE), 6, { NULL, 0 }, "m14.0 r22.303.4 " },
};
/* clang-format on */

static void check_gap(void **state)
{
    const struct gap_row *row = *state;
    struct log log = { 0 };
    struct tls_record_sink sink = sink_of(&log);
    assert_true(tls_record_push(&log.stream, row->before, &sink));
    tls_record_gap(&log.stream, row->len, &sink);
    assert_true(tls_record_push(&log.stream, row->after, &sink));
    tls_record_finish(&log.stream, &sink);
    assert_string_equal(text_str(&log.text), row->want);
    tls_record_deinit(&log.stream);
    text_deinit(&log.text);
}

struct start_row {
    const char *name;
    struct bytes in;
    int want;
};

/* clang-format off */
static const struct start_row start_rows[] = {
    { "nothing yet",        { NULL, 0 }, 0 },
    { "four bytes",         LIT("\x16\x03\x01\x02"), 0 },
    { "ClientHello",        LIT("\x16\x03\x01\x02\x00\x01"), 1 },
    { "short handshake",    LIT("\x16\x03\x01\x00\x01"), 0 },
    { "one-byte fragment",  LIT("\x16\x03\x01\x00\x01\x01"), 1 },
    { "one byte of nothing", LIT("\x16\x03\x01\x00\x01\x63"), -1 },
    { "fatal alert",        LIT("\x15\x03\x01\x00\x02\x02"), 1 },
    { "no alert",           LIT("\x15\x03\x01\x00\x02\x07"), -1 },
    { "alert of 3 bytes",   LIT("\x15\x03\x01\x00\x03\x02"), -1 },
    { "sealed alert",       LIT("\x15\x03\x03\x00\x20\x99"), 1 },
    { "data",               LIT("\x17\x03\x03\x01\x00"), 1 },
    { "change",             LIT("\x14\x03\x03\x00\x01\x01"), 1 },
    { "heartbeat",          LIT("\x18\x03\x03\x00\x20"), -1 },
    { "TLS 1.5",            LIT("\x16\x03\x05"), -1 },
    { "too long",           LIT("\x16\x03\x03\x48\x01"), -1 },
    { "longest",            LIT("\x16\x03\x03\x48\x00"), 1 },
    { "Modbus, handshake",  LIT("\x16\x03\x00\x00\x00\x06\x01\x03"), -1 },
    { "Modbus, alert",      LIT("\x15\x03\x00\x00\x00\x03\x01\x83\x02"), -1 },
    { "Modbus, data",       LIT("\x17\x03\x00\x00\x00\x06\x01\x03"), -1 },
    { "SSL 2.0",            LIT(V2), 1 },
    { "SSL 2.0, undecided", LIT("\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00"), 0 },
    { "SSL 2.0, wrong sum", LIT("\x80\x20\x01\x03\x01\x00\x06\x00\x00\x00\x10"), -1 },
    { "SSL 2.0, no suites", LIT("\x80\x19\x01\x03\x01\x00\x00\x00\x00\x00\x10"), -1 },
    { "not SSL 2.0",        LIT("\x80\x1f\x04"), -1 },
    { "HTTP",               LIT("GET /"), -1 },
};
/* clang-format on */

static void check_start(void **state)
{
    const struct start_row *row = *state;
    assert_int_equal(tls_looks_like(row->in), row->want);
    for (size_t len = 0; row->want == 1 && len < row->in.len; len++) {
        assert_true(tls_looks_like(bytes_head(row->in, len)) >= 0);
    }
}

/* A message announced as longer than the limit is named once and skipped over; the next is read. */
static void too_long_a_message(void **state)
{
    (void)state;
    enum { LEN = TLS_MESSAGE_LIMIT_BYTES + 1, CHUNK = 1 << 14 };
    static const uint8_t zeros[CHUNK];
    struct log log = { 0 };
    struct tls_record_sink sink = sink_of(&log);
    assert_true(tls_record_push(&log.stream, BYTES(HELLO_DONE), &sink));
    assert_true(tls_record_push(&log.stream, BYTES("\x16\x03\x03\x00\x04\x0b\x02\x00\x01"), &sink));
    for (size_t left = LEN; left > 0;) {
        size_t n = left < CHUNK ? left : CHUNK;
        uint8_t header[] = { 22, 3, 3, (uint8_t)(n >> 8), (uint8_t)n };
        assert_true(tls_record_push(&log.stream, bytes_of(header, sizeof header), &sink));
        assert_true(tls_record_push(&log.stream, bytes_of(zeros, n), &sink));
        left -= n;
    }
    assert_null(log.stream.buffer);
    text_clear(&log.text);
    assert_true(tls_record_push(&log.stream, BYTES(HELLO_DONE), &sink));
    assert_string_equal(text_str(&log.text), "m14.0 r22.303.4 ");
    tls_record_deinit(&log.stream);
    text_deinit(&log.text);
}

static void too_long_a_record(void **state)
{
    (void)state;
    static const uint8_t zeros[0x4801];
    struct log log = { 0 };
    struct tls_record_sink sink = sink_of(&log);
    assert_true(tls_record_push(&log.stream, BYTES(HELLO_DONE "\x16\x03\x03\x48\x01"), &sink));
    assert_true(tls_record_push(&log.stream, bytes_of(zeros, sizeof zeros), &sink));
    assert_true(tls_record_push(&log.stream, BYTES(HELLO_DONE), &sink));
    assert_string_equal(text_str(&log.text), "m14.0 r22.303.4 f2 r22.303.18433 m14.0 r22.303.4 ");
    tls_record_deinit(&log.stream);
    text_deinit(&log.text);
}

/* Whole messages are handed over from where they lie. */
static void no_copies(void **state)
{
    (void)state;
    struct log log = { .wants_sealed = true };
    struct tls_record_sink sink = sink_of(&log);
    assert_true(tls_record_push(&log.stream, BYTES(HELLO_DONE HELLO_DONE CCS SEALED_24), &sink));
    assert_null(log.stream.buffer);
    assert_true(tls_record_push(&log.stream,
                                BYTES("\x17\x03\x03\x40\x00"
                                      "0123"),
                                &sink));
    assert_null(log.stream.buffer);
    tls_record_deinit(&log.stream);
    text_deinit(&log.text);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(gap_rows) + ARRAY_LEN(start_rows) + 3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(gap_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ gap_rows[i].name, check_gap, NULL, NULL, (void *)&gap_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(start_rows); i++) {
        tests[n++] = (struct CMUnitTest){ start_rows[i].name, check_start, NULL, NULL,
                                          (void *)&start_rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_long_a_message);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(too_long_a_record);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_copies);
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
