/* DTLS records, fragments, repetitions and connection ids. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"
#include "base/text.h"
#include "tls/dtls.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* A record of epoch 0; `len` and `sequence` are one character each. */
#define REC(type, sequence, len) type "\xfe\xfd\0\0\0\0\0\0\0" sequence "\0" len
/* The 12 bytes before a fragment: of a message of `total` bytes, number `seq`. */
#define FRAG(type, total, seq, offset, len) type "\0\0" total "\0" seq "\0\0" offset "\0\0" len
#define WHOLE(sequence, type, seq)                                                                 \
    REC("\x16", sequence, "\x10") FRAG(type, "\x04", seq, "\0", "\x04") "body"
#define PART_1(sequence)                                                                           \
    REC("\x16", sequence, "\x0e") FRAG("\x0b", "\x04", "\x02", "\0", "\x02") "bo"
#define PART_2(sequence)                                                                           \
    REC("\x16", sequence, "\x0e") FRAG("\x0b", "\x04", "\x02", "\x02", "\x02") "dy"

enum { DATAGRAMS_MAX = 6 };

struct row {
    const char *name;
    struct bytes datagrams[DATAGRAMS_MAX];
    const char *want;
    int connection_id_len; /* -1: not known */
};

/* clang-format off */
static const struct row rows[] = {
    { "a message", { LIT(WHOLE("\1", "\x01", "\0")) }, "m1.0:body r22.0.1.16 ", -1 },
    { "two records in a datagram", { LIT(WHOLE("\1", "\x01", "\0") REC("\x15", "\2", "\2") "\2\x28") }, "m1.0:body r22.0.1.16 a2.40 r21.0.2.2 ", -1 },
    { "two messages in a record", { LIT(REC("\x16", "\1", "\x1c") FRAG("\x0b", "\x04", "\1", "\0", "\x04") "body" FRAG("\x0e", "\0", "\2", "\0", "\0")) }, "m11.1:body m14.2: r22.0.1.28 ", -1 },
    { "fragments in order", { LIT(PART_1("\1")), LIT(PART_2("\2")) }, "r22.0.1.14 m11.2:body r22.0.2.14 ", -1 },
    { "fragments turned round", { LIT(PART_2("\2")), LIT(PART_1("\1")) }, "r22.0.2.14 m11.2:body r22.0.1.14 ", -1 },
    { "fragments doubled", { LIT(PART_1("\1")), LIT(PART_1("\2")), LIT(PART_2("\3")) }, "r22.0.1.14 r22.0.2.14 m11.2:body r22.0.3.14 ", -1 },
    { "sent again whole", { LIT(WHOLE("\1", "\x01", "\0")), LIT(WHOLE("\2", "\x01", "\0")) }, "m1.0:body r22.0.1.16 m1.0:body= r22.0.2.16 ", -1 },
    { "sent again in fragments", { LIT(PART_1("\1") PART_2("\2")), LIT(PART_1("\3") PART_2("\4")) }, "r22.0.1.14 m11.2:body r22.0.2.14 m11.2:= r22.0.3.14 r22.0.4.14 ", -1 },
    { "whole after a fragment", { LIT(PART_1("\1")), LIT(WHOLE("\2", "\x0b", "\2")) }, "r22.0.1.14 m11.2:body r22.0.2.16 ", -1 },
    { "another hello starts anew", { LIT(WHOLE("\1", "\x01", "\0")), LIT(REC("\x16", "\2", "\x10") FRAG("\x01", "\x04", "\0", "\0", "\x04") "BODY"), LIT(WHOLE("\3", "\x0b", "\1")) }, "m1.0:body r22.0.1.16 m1.0:BODY r22.0.2.16 m11.1:body r22.0.3.16 ", -1 },
    { "a server that counts from 0 twice", { LIT(WHOLE("\1", "\x03", "\0")), LIT(WHOLE("\2", "\x02", "\0")) }, "m3.0:body r22.0.1.16 m2.0:body r22.0.2.16 ", -1 },
    { "unfinished", { LIT(PART_1("\1")) }, "r22.0.1.14 u11.2.4:bo ", -1 },
    { "unfinished without its start", { LIT(PART_2("\1")) }, "r22.0.1.14 u11.2.4: ", -1 },
    { "fragment beyond its message", { LIT(REC("\x16", "\1", "\x0e") FRAG("\x0b", "\x04", "\2", "\x03", "\2") "xx") }, "f4 r22.0.1.14 ", -1 },
    { "fragment beyond its record", { LIT(REC("\x16", "\1", "\x0e") FRAG("\x0b", "\x09", "\2", "\0", "\x09") "xx") }, "f4 r22.0.1.14 ", -1 },
    { "fragments at odds", { LIT(PART_1("\1")), LIT(REC("\x16", "\2", "\x0e") FRAG("\x0b", "\x05", "\2", "\2", "\2") "dy") }, "r22.0.1.14 f4 r22.0.2.14 u11.2.5: ", -1 },
    { "message of 16 MiB", { LIT(REC("\x16", "\1", "\x0e") "\x0b\xff\xff\xff\0\2\0\0\0\0\0\2" "xx") }, "f5 r22.0.1.14 ", -1 },
    { "next epoch is sealed", { LIT("\x16\xfe\xfd\0\1\0\0\0\0\0\0\0\4" "seal") }, "r22.1.0.4 ", -1 },
    { "record cut", { LIT(REC("\x17", "\1", "\4") "ab") }, "r23.0.1.4?:2 ", -1 },
    { "record too long", { LIT("\x17\xfe\xfd\0\1\0\0\0\0\0\0\x48\1" "ab") }, "f2 ", -1 },
    { "empty handshake", { LIT(REC("\x16", "\1", "\0")) }, "f3 r22.0.1.0 ", -1 },
    { "STUN, twice, then DTLS", { LIT("\0\1\0\0\x21\x12\xa4\x42" "012345678901"), LIT("\0\1\0\0\x21\x12\xa4\x42" "012345678901"), LIT(WHOLE("\1", "\x01", "\0")) }, "f1 m1.0:body r22.0.1.16 ", -1 },
    { "TLS is not DTLS", { LIT("\x16\x03\x01\0\4\x0e\0\0\0" "0123") }, "f1 ", -1 },
    { "unified, with length", { LIT(WHOLE("\1", "\x01", "\0")), LIT("\x2e" "sq" "\0\4" "seal" "\x2e" "sq" "\0\2" "ed") }, "m1.0:body r22.0.1.16 u2.4 u2.2 ", -1 },
    { "unified, to the end", { LIT(WHOLE("\1", "\x01", "\0")), LIT("\x23" "s" "seal") }, "m1.0:body r22.0.1.16 u3.4 ", -1 },
    { "unified, connection id known", { LIT(WHOLE("\1", "\x01", "\0")), LIT("\x3e" "cid" "sq" "\0\4" "seal" "\x3e" "cid" "sq" "\0\2" "ed") }, "m1.0:body r22.0.1.16 u2.4/cid u2.2/cid ", 3 },
    { "unified, connection id guessed", { LIT(WHOLE("\1", "\x01", "\0")), LIT("\x3e" "cid" "sq" "\0\4" "seal") }, "m1.0:body r22.0.1.16 u2.4/cid ", -1 },
    { "unified at the start", { LIT("\x2e" "sq" "\0\4" "seal") }, "f1 ", -1 },
    { "1.2 connection id known", { LIT("\x19\xfe\xfd\0\1\0\0\0\0\0\7" "cid" "\0\4" "seal") }, "r25.1.7.4/cid ", 3 },
    { "1.2 connection id guessed", { LIT("\x19\xfe\xfd\0\1\0\0\0\0\0\7" "cid" "\0\4" "seal") }, "r25.1.7.4/cid ", -1 },
};
/* clang-format on */

static void on_record(void *arg, const struct dtls_record *record, struct bytes body, bool is_whole)
{
    struct text *log = arg;
    if (record->is_unified) {
        text_printf(log, "u%u.%u", record->epoch, record->len);
    } else {
        text_printf(log, "r%u.%u.%llu.%u", record->type, record->epoch,
                    (unsigned long long)record->sequence, record->len);
    }
    if (!is_whole) {
        text_printf(log, "?:%zu", body.len);
    }
    if (record->connection_id.len > 0) {
        text_puts(log, "/");
        text_put_safe(log, record->connection_id);
    }
    text_puts(log, " ");
}

static void on_message(void *arg, const struct dtls_message *message)
{
    struct text *log = arg;
    text_printf(log, "m%u.%u:", message->type, message->message_seq);
    text_put_safe(log, message->body);
    text_puts(log, message->is_repeat ? "= " : " ");
}

static void on_alert(void *arg, uint8_t level, uint8_t description)
{
    text_printf(arg, "a%u.%u ", level, description);
}

static void on_fault(void *arg, enum dtls_fault fault, struct bytes seen)
{
    (void)seen;
    text_printf(arg, "f%d ", fault);
}

static void on_unfinished(void *arg, uint8_t type, uint16_t message_seq, uint32_t len,
                          struct bytes start)
{
    text_printf(arg, "u%u.%u.%u:", type, message_seq, len);
    text_put_safe(arg, start);
    text_puts(arg, " ");
}

static struct dtls_sink sink_of(struct text *log)
{
    return (struct dtls_sink){ log, on_record, on_message, on_alert, on_fault, on_unfinished };
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct text log = { 0 };
    struct dtls_sink sink = sink_of(&log);
    struct dtls_stream s = { 0 };
    s.connection_id_known = row->connection_id_len >= 0;
    s.connection_id_len = (uint8_t)(s.connection_id_known ? row->connection_id_len : 0);
    for (size_t i = 0; i < DATAGRAMS_MAX; i++) {
        assert_true(dtls_push(&s, row->datagrams[i], &sink));
    }
    dtls_finish(&s, &sink);
    assert_int_equal(s.buffered_bytes, 0);
    dtls_deinit(&s);
    assert_string_equal(text_str(&log), row->want);
    text_deinit(&log);
}

struct start_row {
    const char *name;
    struct bytes in;
    bool want;
};

/* clang-format off */
static const struct start_row start_rows[] = {
    { "starts: hello",         LIT(WHOLE("\1", "\x01", "\0")), true },
    { "starts: alert",         LIT(REC("\x15", "\1", "\2") "\2\x28"), true },
    { "starts: sealed",        LIT("\x17\xfe\xfd\0\1\0\0\0\0\0\0\0\x10" "0123456789abcdef"), true },
    { "starts: too short",     LIT("\x17\xfe\xfd\0\1\0\0\0\0\0\0\0\4" "seal"), false },
    { "starts: no message",    LIT(WHOLE("\1", "\x63", "\0")), false },
    { "starts: data in clear", LIT(REC("\x17", "\1", "\4") "data"), false },
    { "starts: cut",           LIT(REC("\x16", "\1", "\x10") "\1"), false },
    { "starts: TLS",           LIT("\x16\x03\x01\0\4\x0e\0\0\0" "0123"), false },
    { "starts: STUN",          LIT("\0\1\0\0\x21\x12\xa4\x42" "012345678901"), false },
    { "starts: nothing",       { NULL, 0 }, false },
};
/* clang-format on */

static void check_start(void **state)
{
    const struct start_row *row = *state;
    assert_int_equal(dtls_looks_like(row->in), row->want);
}

/* Fragments of many messages: no more than the limits are kept. */
static void limits(void **state)
{
    (void)state;
    static uint8_t datagram[13 + 12 + 8192];
    struct text log = { 0 };
    struct dtls_sink sink = sink_of(&log);
    struct dtls_stream s = { 0 };
    assert_true(bytes_copy(datagram, sizeof datagram,
                           BYTES("\x16\xfe\xfd\0\0\0\0\0\0\0\0\x20\x0c"
                                 "\x0b\x01\x00\x00\0\0\x00\0\0\0\x20\0")));
    for (unsigned i = 0; i < 64; i++) {
        datagram[13 + 5] = (uint8_t)(i % 16);            /* message_seq */
        datagram[13 + 6] = (uint8_t)(i < 32 ? 0 : 0x01); /* fragment_offset: beyond, later */
        datagram[13 + 7] = (uint8_t)(i * 0x40);
        assert_true(dtls_push(&s, bytes_of(datagram, sizeof datagram), &sink));
        assert_true(s.buffered_bytes <= DTLS_BUFFER_LIMIT_BYTES);
    }
    assert_non_null(strstr(text_str(&log), "f5 "));
    dtls_finish(&s, &sink);
    dtls_deinit(&s);
    text_deinit(&log);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(start_rows) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(start_rows); i++) {
        tests[n++] = (struct CMUnitTest){ start_rows[i].name, check_start, NULL, NULL,
                                          (void *)&start_rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(limits);
    return cmocka_run_group_tests_name("dtls", tests, NULL, NULL);
}
