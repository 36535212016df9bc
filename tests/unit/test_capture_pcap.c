/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>

#include "capture/source.h"

/* clang-format off */
#define VERSION_LE "\x02\x00\x04\x00"
#define REST_LE "\0\0\0\0" "\0\0\0\0" "\0\0\x04\0" "\x01\0\0\0"
#define HEAD_LE "\xd4\xc3\xb2\xa1" VERSION_LE REST_LE
#define HEAD_BE "\xa1\xb2\xc3\xd4" "\0\x02\0\x04" "\0\0\0\0" "\0\0\0\0" "\0\x04\0\0" \
    "\0\0\0\x71"
#define HEAD_NS  "\x4d\x3c\xb2\xa1" VERSION_LE REST_LE
#define HEAD_MOD "\x34\xcd\xb2\xa1" VERSION_LE REST_LE
#define HEAD_OLD "\xd4\xc3\xb2\xa1" "\x02\x00\x03\x00" REST_LE
#define HEAD_V9 "\xd4\xc3\xb2\xa1" "\x09\x00\x04\x00" REST_LE
#define TIME_LE "\x02\0\0\0" "\x03\0\0\0"
#define REC_LE TIME_LE "\x04\0\0\0" "\x09\0\0\0" "abcd"
#define REC_BE "\0\0\0\x02" "\0\0\0\x03" "\0\0\0\x04" "\0\0\0\x09" "abcd"
/* clang-format on */

#define IN(literal)                                                                                \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

struct row {
    const char *name;
    struct bytes in;
    enum status open;
    uint32_t n_frames;
    enum capture_end_kind end;
    uint32_t end_offset;
    const char *reason; /* its start */
    int64_t at_ns;      /* of the first frame */
    uint16_t link_type;
};

/* A table reads by columns. */
/* clang-format off */
static const struct row rows[] = {
    { "little-endian", IN(HEAD_LE REC_LE REC_LE), ST_OK, 2, CAPTURE_END_CLEAN, 64, "", 2000003000, 1 },
    { "big-endian", IN(HEAD_BE REC_BE), ST_OK, 1, CAPTURE_END_CLEAN, 44, "", 2000003000, 113 },
    { "nanoseconds", IN(HEAD_NS REC_LE), ST_OK, 1, CAPTURE_END_CLEAN, 44, "", 2000000003, 1 },
    { "modified", IN(HEAD_MOD TIME_LE "\x04\0\0\0" "\x09\0\0\0" "\x01\0\0\0" "\x08\0" "\0\0" "abcd"), ST_OK, 1, CAPTURE_END_CLEAN, 52, "", 2000003000, 1 },
    { "lengths swapped in 2.3", IN(HEAD_OLD TIME_LE "\x09\0\0\0" "\x04\0\0\0" "abcd"), ST_OK, 1, CAPTURE_END_CLEAN, 44, "", 2000003000, 1 },
    { "no frames", IN(HEAD_LE), ST_OK, 0, CAPTURE_END_CLEAN, 24, "", 0, 0 },
    { "cut in a frame", IN(HEAD_LE REC_LE TIME_LE "\x04\0\0\0" "\x09\0\0\0" "ab"), ST_OK, 1, CAPTURE_END_TRUNCATED, 44, "packet record has 18 of 20 bytes", 2000003000, 1 },
    { "cut in a record header", IN(HEAD_LE REC_LE TIME_LE), ST_OK, 1, CAPTURE_END_TRUNCATED, 44, "packet record has 8 of 16 bytes", 2000003000, 1 },
    { "cut in the file header", IN("\xd4\xc3\xb2\xa1" VERSION_LE), ST_OK, 0, CAPTURE_END_TRUNCATED, 0, "file header has 8 of 24 bytes", 0, 0 },
    { "length beyond any frame", IN(HEAD_LE REC_LE TIME_LE "\xff\xff\xff\xff" "\xff\xff\xff\xff" "abcd"), ST_OK, 1, CAPTURE_END_CORRUPT, 44, "packet record says 4294967295 bytes", 2000003000, 1 },
    { "a hole of zeros", IN(HEAD_LE REC_LE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), ST_OK, 1, CAPTURE_END_CORRUPT, 44, "packet record is all zeros", 2000003000, 1 },
    { "time and lengths make no sense", IN(HEAD_LE REC_LE "\x02\0\0\0" "\xff\xff\xff\0" "\x04\0\0\0" "\x02\0\0\0" "abcd"), ST_OK, 1, CAPTURE_END_CORRUPT, 44, "packet record contradicts itself", 2000003000, 1 },
    { "one odd field is taken", IN(HEAD_LE TIME_LE "\x04\0\0\0" "\x02\0\0\0" "abcd"), ST_OK, 1, CAPTURE_END_CLEAN, 44, "", 2000003000, 1 },
    { "unknown version", IN(HEAD_V9 REC_LE), ST_FORMAT, 0, CAPTURE_END_CLEAN, 0, "memory: pcap version 9.4", 0, 0 },
    { "empty", IN(""), ST_FORMAT, 0, CAPTURE_END_CLEAN, 0, "memory: empty", 0, 0 },
    { "three bytes", IN("\xd4\xc3\xb2"), ST_FORMAT, 0, CAPTURE_END_CLEAN, 0, "memory: not a pcap", 0, 0 },
    { "text", IN("root:x:0:0:root:/root:/bin/bash\n"), ST_FORMAT, 0, CAPTURE_END_CLEAN, 0, "memory: not a pcap", 0, 0 },
    { "xz", IN("\xfd" "7zXZ\0\0\0"), ST_FORMAT, 0, CAPTURE_END_CLEAN, 0, "memory: compressed with xz", 0, 0 },
};
/* clang-format on */

static void assert_starts(const char *text, const char *start)
{
    if (!bytes_start_with(bytes_of_str(text), bytes_of_str(start))) {
        fail_msg("\"%s\" does not start with \"%s\"", text, start);
    }
}

static void read_all(const struct row *row, struct capture *c)
{
    struct frame f;
    struct err err;
    uint64_t n = 0;
    enum capture_next got = capture_next(c, &f, &err);
    for (; got == CAPTURE_FRAME; got = capture_next(c, &f, &err)) {
        n++;
        assert_int_equal(f.number, n);
        assert_int_equal(f.at_ns, row->at_ns);
        assert_int_equal(f.link_type, row->link_type);
        assert_true(bytes_equal(f.bytes, BYTES("abcd")));
        assert_true(f.len_on_wire == 9 || f.len_on_wire == 4);
    }
    assert_int_equal(got, CAPTURE_DONE);
    assert_int_equal(capture_next(c, &f, &err), CAPTURE_DONE);
    assert_int_equal(n, row->n_frames);
    assert_int_equal(capture_end(c)->kind, row->end);
    assert_int_equal(capture_end(c)->offset, row->end_offset);
    assert_starts(capture_end(c)->reason, row->reason);
    assert_int_equal(capture_stats(c).frames, n);
    assert_int_equal(capture_stats(c).size_bytes, row->in.len);
    assert_true(capture_stats(c).bytes_read == row->in.len || row->end == CAPTURE_END_CORRUPT);
}

/* In one piece and byte by byte: the outcome is the same. */
static void check_row(void **state)
{
    const struct row *row = *state;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct capture_options options = { 0 };
        struct capture *c = NULL;
        struct err err = { 0 };
        assert_int_equal(capture_open_memory(row->in, chunk, &options, &c, &err), row->open);
        if (row->open == ST_OK) {
            read_all(row, c);
        } else {
            assert_null(c);
            assert_int_equal(err.status, row->open);
            assert_starts(err.text, row->reason);
        }
        capture_free(c);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("capture_pcap", tests, NULL, NULL);
}
