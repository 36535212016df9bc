/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>

#include "capture/source.h"

/* Bytes read by fields. */
/* clang-format off */
#define SHB "\x0a\x0d\x0d\x0a" "\x1c\0\0\0" "\x4d\x3c\x2b\x1a" "\x01\0\0\0" \
    "\xff\xff\xff\xff\xff\xff\xff\xff" "\x1c\0\0\0"
#define SHB_BE "\x0a\x0d\x0d\x0a" "\0\0\0\x1c" "\x1a\x2b\x3c\x4d" "\0\x01\0\0" \
    "\xff\xff\xff\xff\xff\xff\xff\xff" "\0\0\0\x1c"
#define IDB "\x01\0\0\0" "\x14\0\0\0" "\x01\0\0\0" "\0\0\x04\0" "\x14\0\0\0"
#define IDB_SLL "\x01\0\0\0" "\x14\0\0\0" "\x71\0\0\0" "\0\0\x04\0" "\x14\0\0\0"
#define IDB_BE "\0\0\0\x01" "\0\0\0\x14" "\0\x01\0\0" "\0\x04\0\0" "\0\0\0\x14"
#define IDB_SNAP4 "\x01\0\0\0" "\x14\0\0\0" "\x01\0\0\0" "\x04\0\0\0" "\x14\0\0\0"
/* With if_tsresol r. */
#define IDB_RES(r) "\x01\0\0\0" "\x20\0\0\0" "\x01\0\0\0" "\0\0\x04\0" \
    "\x09\0\x01\0" r "\0\0\0" "\0\0\0\0" "\x20\0\0\0"
/* With if_tsoffset of 5 s. */
#define IDB_OFF "\x01\0\0\0" "\x24\0\0\0" "\x01\0\0\0" "\0\0\x04\0" "\x0e\0\x08\0" \
    "\x05\0\0\0\0\0\0\0" "\0\0\0\0" "\x24\0\0\0"
#define EPB_ON(i, hi, lo) "\x06\0\0\0" "\x24\0\0\0" i hi lo "\x04\0\0\0" "\x09\0\0\0" "abcd" \
    "\x24\0\0\0"
#define T0   "\0\0\0\0"
#define EPB  EPB_ON(T0, T0, "\x40\x42\x0f\0") /* 1,000,000 ticks */
#define EPB1 EPB_ON("\x01\0\0\0", T0, "\x40\x42\x0f\0")
#define EPB_BE "\0\0\0\x06" "\0\0\0\x24" T0 T0 "\0\x0f\x42\x40" "\0\0\0\x04" "\0\0\0\x09" \
    "abcd" "\0\0\0\x24"
#define SPB "\x03\0\0\0" "\x14\0\0\0" "\x04\0\0\0" "abcd" "\x14\0\0\0"
#define SPB_CUT "\x03\0\0\0" "\x14\0\0\0" "\x09\0\0\0" "abcd" "\x14\0\0\0"
#define OPB "\x02\0\0\0" "\x24\0\0\0" "\0\0\x03\0" T0 "\x40\x42\x0f\0" "\x04\0\0\0" \
    "\x09\0\0\0" "abcd" "\x24\0\0\0"
/* 7 dropped by the interface, 2 by the system. */
#define ISB "\x05\0\0\0" "\x34\0\0\0" T0 T0 T0 "\x05\0\x08\0" "\x07\0\0\0\0\0\0\0" \
    "\x07\0\x08\0" "\x02\0\0\0\0\0\0\0" "\0\0\0\0" "\x34\0\0\0"
#define DSB "\x0a\0\0\0" "\x1c\0\0\0" "KSLT" "\x05\0\0\0" "hello\0\0\0" "\x1c\0\0\0"
#define DSB_SSH "\x0a\0\0\0" "\x1c\0\0\0" "KHSS" "\x05\0\0\0" "hello\0\0\0" "\x1c\0\0\0"
#define DSB_BAD "\x0a\0\0\0" "\x1c\0\0\0" "KSLT" "\x09\0\0\0" "hello\0\0\0" "\x1c\0\0\0"
#define OTHER "\xaa\x0b\0\0" "\x10\0\0\0" "\1\2\3\4" "\x10\0\0\0"
/* clang-format on */

#define IN(literal)                                                                                \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

struct row {
    const char *name;
    struct bytes in;
    uint64_t n_frames;
    int64_t last_at_ns;
    enum capture_end_kind end;
    uint64_t end_offset;
    uint64_t dropped;
    size_t secrets;
};

#define S1 INT64_C(1000000000)
/* The last row's ticks: 2^32 of 2^-32 s. */
#define EPB_2_32 EPB_ON(T0, "\x01\0\0\0", "\0\0\0\x80")

/* A table reads by columns. */
/* clang-format off */
static const struct row rows[] = {
    { "enhanced packets", IN(SHB IDB EPB EPB), 2, S1, CAPTURE_END_CLEAN, 120, 0, 0 },
    { "simple packet", IN(SHB IDB SPB), 1, 0, CAPTURE_END_CLEAN, 68, 0, 0 },
    { "simple packet has the time before", IN(SHB IDB EPB SPB), 2, S1, CAPTURE_END_CLEAN, 104, 0, 0 },
    { "simple packet, snap length", IN(SHB IDB_SNAP4 SPB_CUT), 1, 0, CAPTURE_END_CLEAN, 68, 0, 0 },
    { "obsolete packet with drops", IN(SHB IDB OPB), 1, S1, CAPTURE_END_CLEAN, 84, 3, 0 },
    { "big-endian", IN(SHB_BE IDB_BE EPB_BE), 1, S1, CAPTURE_END_CLEAN, 84, 0, 0 },
    { "sections of both orders", IN(SHB IDB EPB SHB_BE IDB_BE EPB_BE), 2, S1, CAPTURE_END_CLEAN, 168, 0, 0 },
    { "interfaces end with their section", IN(SHB IDB EPB SHB EPB), 1, S1, CAPTURE_END_CORRUPT, 112, 0, 0 },
    { "two interfaces", IN(SHB IDB IDB_SLL EPB EPB1), 2, S1, CAPTURE_END_CLEAN, 140, 0, 0 },
    { "seconds", IN(SHB IDB_RES("\0") EPB), 1, 1000000 * S1, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "nanoseconds", IN(SHB IDB_RES("\x09") EPB), 1, 1000000, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "picoseconds", IN(SHB IDB_RES("\x0c") EPB), 1, 1000, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "10^-127", IN(SHB IDB_RES("\x7f") EPB), 1, 0, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "2^-32", IN(SHB IDB_RES("\xa0") EPB_2_32), 1, S1 + S1 / 2, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "2^-1", IN(SHB IDB_RES("\x81") EPB), 1, 500000 * S1, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "2^-127", IN(SHB IDB_RES("\xff") EPB), 1, 0, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "time beyond 64 bits", IN(SHB IDB_RES("\0") EPB_ON(T0, "\xff\xff\xff\xff", "\xff\xff\xff\xff")), 1, 9000000000 * S1, CAPTURE_END_CLEAN, 96, 0, 0 },
    { "time offset", IN(SHB IDB_OFF EPB), 1, 6 * S1, CAPTURE_END_CLEAN, 100, 0, 0 },
    { "statistics count once", IN(SHB IDB EPB ISB ISB), 1, S1, CAPTURE_END_CLEAN, 188, 9, 0 },
    { "statistics of sections add", IN(SHB IDB ISB SHB IDB ISB), 0, 0, CAPTURE_END_CLEAN, 200, 18, 0 },
    { "statistics of no interface", IN(SHB ISB), 0, 0, CAPTURE_END_CLEAN, 80, 0, 0 },
    { "secrets", IN(SHB IDB DSB EPB), 1, S1, CAPTURE_END_CLEAN, 112, 0, 5 },
    { "secrets of another kind", IN(SHB IDB DSB_SSH EPB), 1, S1, CAPTURE_END_CLEAN, 112, 0, 0 },
    { "secrets too long", IN(SHB IDB EPB DSB_BAD), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "unknown block", IN(SHB OTHER IDB OTHER EPB), 1, S1, CAPTURE_END_CLEAN, 116, 0, 0 },
    { "cut in a block", IN(SHB IDB EPB "\x06\0\0\0" "\x24\0\0\0" T0), 1, S1, CAPTURE_END_TRUNCATED, 84, 0, 0 },
    { "cut in a block header", IN(SHB IDB EPB "\x06\0\0\0"), 1, S1, CAPTURE_END_TRUNCATED, 84, 0, 0 },
    { "lengths differ", IN(SHB IDB EPB "\xaa\x0b\0\0" "\x10\0\0\0" "\1\2\3\4" "\x11\0\0\0"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "block of 0 bytes", IN(SHB IDB EPB "\0\0\0\0" "\0\0\0\0" "\0\0\0\0"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "block of 4 GiB", IN(SHB IDB EPB "\x06\0\0\0" "\xfc\xff\xff\xff" "abcd"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "packet longer than its block", IN(SHB IDB EPB "\x06\0\0\0" "\x24\0\0\0" T0 T0 T0 "\x05\0\0\0" "\x09\0\0\0" "abcd" "\x24\0\0\0"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "packet block too short", IN(SHB IDB EPB "\x06\0\0\0" "\x10\0\0\0" T0 "\x10\0\0\0"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
    { "no byte-order magic", IN(SHB IDB EPB "\x0a\x0d\x0d\x0a" "\x1c\0\0\0" "\4\3\2\1"), 1, S1, CAPTURE_END_CORRUPT, 84, 0, 0 },
};
/* clang-format on */

static void count_secrets(void *arg, struct bytes text)
{
    assert_true(bytes_equal(text, BYTES("hello")));
    *(size_t *)arg += text.len;
}

/* In one piece and in small ones: the outcome is the same. */
static void check_row(void **state)
{
    const struct row *row = *state;
    for (size_t chunk = 0; chunk < 4; chunk++) {
        size_t secrets = 0;
        struct capture_options options = { .secrets = { count_secrets, &secrets } };
        struct capture *c = NULL;
        struct err err = { 0 };
        assert_int_equal(capture_open_memory(row->in, chunk, &options, &c, &err), ST_OK);
        struct frame f = { 0 };
        enum capture_next got = capture_next(c, &f, &err);
        for (; got == CAPTURE_FRAME; got = capture_next(c, &f, &err)) {
            assert_true(bytes_equal(f.bytes, BYTES("abcd")));
        }
        assert_int_equal(got, CAPTURE_DONE);
        assert_int_equal(capture_stats(c).frames, row->n_frames);
        assert_int_equal(f.at_ns, row->last_at_ns);
        assert_int_equal(capture_end(c)->kind, row->end);
        assert_int_equal(capture_end(c)->offset, row->end_offset);
        assert_int_equal(capture_stats(c).dropped, row->dropped);
        assert_int_equal(secrets, row->secrets);
        capture_free(c);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("capture_pcapng", tests, NULL, NULL);
}
