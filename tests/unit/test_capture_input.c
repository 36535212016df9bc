/* Compression, pipes and filters: what lies between the system and the formats. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "capture/source.h"

enum { N_RECORDS = 3000, HEAD = 24, RECORD = 16 + 60, WHOLE = HEAD + N_RECORDS * RECORD };

static uint8_t plain[WHOLE];
static uint8_t packed[WHOLE + 4096];

static void put(size_t at, struct bytes b)
{
    assert_true(bytes_copy(plain + at, WHOLE - at, b));
}

/* Ethernet, IPv4, TCP from port 1000 + i % 2; the last byte changes so that little compresses. */
static int make_plain(void **state)
{
    (void)state;
    put(0, BYTES("\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0"));
    uint32_t noise = 1;
    for (size_t i = 0; i < N_RECORDS; i++) {
        size_t at = HEAD + i * RECORD;
        put(at, BYTES("\x02\0\0\0\x03\0\0\0\x3c\0\0\0\x3c\0\0\0"));
        put(at + 16, BYTES("\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"
                           "\x45\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\0\0\1\x0a\0\0\2"
                           "\x03\xe8\x01\xbb\0\0\0\1\0\0\0\0\x50\x02\xff\xff\0\0\0\0"));
        plain[at + 16 + 35] = (uint8_t)(0xe8 + i % 2);
        for (size_t k = 0; k < 6; k++) {
            noise = noise * 1103515245 + 12345;
            plain[at + 16 + 54 + k] = (uint8_t)(noise >> 16);
        }
    }
    return 0;
}

static size_t pack_gzip(size_t at, struct bytes in)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (z_const Bytef *)in.p;
    z.avail_in = (uInt)in.len;
    z.next_out = packed + at;
    z.avail_out = (uInt)(sizeof packed - at);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return at + n;
}

static size_t pack_zstd(size_t at, struct bytes in)
{
    size_t n = ZSTD_compress(packed + at, sizeof packed - at, in.p, in.len, 3);
    assert_false(ZSTD_isError(n));
    return at + n;
}

struct shape {
    const char *name;
    size_t (*pack)(size_t at, struct bytes in);
    size_t first;   /* bytes in the first member; the rest is in a second */
    size_t zeros;   /* after the last member */
    size_t cut;     /* bytes cut off the end */
    size_t flip_at; /* a byte turned over, from the end; 0: none */
    enum capture_end_kind end;
};

/* A table reads by columns. */
/* clang-format off */
static const struct shape shapes[] = {
    { "gzip", pack_gzip, WHOLE, 0, 0, 0, CAPTURE_END_CLEAN },
    { "gzip, two members", pack_gzip, 50001, 0, 0, 0, CAPTURE_END_CLEAN },
    { "gzip, an empty member", pack_gzip, 0, 0, 0, 0, CAPTURE_END_CLEAN },
    { "gzip, padded", pack_gzip, WHOLE, 300, 0, 0, CAPTURE_END_CLEAN },
    { "gzip, cut", pack_gzip, WHOLE, 0, 5000, 0, CAPTURE_END_TRUNCATED },
    { "gzip, cut in its trailer", pack_gzip, WHOLE, 0, 4, 0, CAPTURE_END_TRUNCATED },
    { "gzip, wrong checksum", pack_gzip, WHOLE, 0, 0, 8, CAPTURE_END_CORRUPT },
    { "zstd", pack_zstd, WHOLE, 0, 0, 0, CAPTURE_END_CLEAN },
    { "zstd, two frames", pack_zstd, 50001, 0, 0, 0, CAPTURE_END_CLEAN },
    { "zstd, an empty frame", pack_zstd, 0, 0, 0, 0, CAPTURE_END_CLEAN },
    { "zstd, cut", pack_zstd, WHOLE, 0, 1000, 0, CAPTURE_END_TRUNCATED },
    { "zstd, not a frame after", pack_zstd, WHOLE, 300, 0, 0, CAPTURE_END_CORRUPT },
};
/* clang-format on */

static uint64_t count_frames(struct capture *c)
{
    struct frame f;
    struct err err;
    uint64_t n = 0;
    enum capture_next got = capture_next(c, &f, &err);
    for (; got == CAPTURE_FRAME; got = capture_next(c, &f, &err)) {
        struct bytes expected = bytes_of(plain + HEAD + n * RECORD + 16, 60);
        assert_true(bytes_equal(f.bytes, expected));
        n++;
    }
    assert_int_equal(got, CAPTURE_DONE);
    return n;
}

static void check_shape(void **state)
{
    const struct shape *s = *state;
    size_t len = s->pack(0, bytes_of(plain, s->first));
    if (s->first < WHOLE) {
        len = s->pack(len, bytes_of(plain + s->first, WHOLE - s->first));
    }
    for (size_t i = 0; i < s->zeros; i++) {
        packed[len++] = 0;
    }
    len -= s->cut;
    if (s->flip_at > 0) {
        packed[len - s->flip_at] ^= 0xff;
    }
    static const size_t chunks[] = { 0, 1, 777 };
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct capture_options options = { 0 };
        struct capture *c = NULL;
        struct err err = { 0 };
        assert_int_equal(capture_open_memory(bytes_of(packed, len), chunks[i], &options, &c, &err),
                         ST_OK);
        uint64_t n = count_frames(c);
        assert_int_equal(capture_end(c)->kind, s->end);
        assert_true(n > 0 && n <= N_RECORDS);
        assert_true(s->cut > 4 || n == N_RECORDS);
        assert_int_equal(capture_end(c)->offset, HEAD + n * RECORD);
        assert_true(capture_stats(c).bytes_read == len || s->end == CAPTURE_END_CORRUPT);
        capture_free(c);
    }
}

struct pipe_pair {
    int fds[2];
    struct capture *c;
};

static void open_pipe(struct pipe_pair *p, const char *filter)
{
    assert_int_equal(pipe(p->fds), 0);
    static char path[64];
    snprintf(path, sizeof path, "/dev/fd/%d", p->fds[0]);
    struct capture_options options = { .idle_ms = 1, .filter = filter };
    struct err err = { 0 };
    assert_int_equal(capture_open(path, &options, &p->c, &err), ST_OK);
    assert_true(capture_is_streaming(p->c));
}

static void feed(const struct pipe_pair *p, size_t from, size_t to)
{
    assert_int_equal(write(p->fds[1], plain + from, to - from), to - from);
}

static void close_pipe(struct pipe_pair *p)
{
    close(p->fds[0]);
    capture_free(p->c);
}

/* Every frame comes as soon as its last byte was written. */
static void pipe_gives_frames_at_once(void **state)
{
    (void)state;
    struct pipe_pair p = { 0 };
    struct frame f;
    struct err err;
    open_pipe(&p, NULL);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_IDLE);
    feed(&p, 0, 3);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_IDLE);
    feed(&p, 3, HEAD + RECORD - 1);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_IDLE);
    feed(&p, HEAD + RECORD - 1, HEAD + 2 * RECORD + 5);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_FRAME);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_FRAME);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_IDLE);
    close(p.fds[1]);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_DONE);
    assert_int_equal(capture_end(p.c)->kind, CAPTURE_END_TRUNCATED);
    assert_int_equal(capture_end(p.c)->offset, HEAD + 2 * RECORD);
    assert_int_equal(capture_stats(p.c).size_bytes, 0);
    close_pipe(&p);
}

static void pipe_without_capture_fails(void **state)
{
    (void)state;
    struct pipe_pair p = { 0 };
    struct frame f;
    struct err err = { 0 };
    open_pipe(&p, NULL);
    close(p.fds[1]);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_FAILED);
    assert_int_equal(err.status, ST_FORMAT);
    close_pipe(&p);
}

static void filter_selects_and_keeps_numbers(void **state)
{
    (void)state;
    struct capture_options options = { .filter = "tcp src port 1001" };
    struct capture *c = NULL;
    struct err err = { 0 };
    struct frame f;
    assert_int_equal(capture_open_memory(bytes_of(plain, WHOLE), 0, &options, &c, &err), ST_OK);
    for (uint64_t n = 2; n <= N_RECORDS; n += 2) {
        assert_int_equal(capture_next(c, &f, &err), CAPTURE_FRAME);
        assert_int_equal(f.number, n);
    }
    assert_int_equal(capture_next(c, &f, &err), CAPTURE_DONE);
    assert_int_equal(capture_stats(c).frames, N_RECORDS / 2);
    capture_free(c);
}

static void filter_mistake_is_usage(void **state)
{
    (void)state;
    struct capture_options options = { .filter = "no such filter" };
    struct capture *c = NULL;
    struct err err = { 0 };
    assert_int_equal(capture_open_memory(bytes_of(plain, WHOLE), 0, &options, &c, &err), ST_USAGE);
    assert_null(c);

    struct pipe_pair p = { 0 };
    struct frame f;
    open_pipe(&p, "no such filter");
    feed(&p, 0, HEAD);
    assert_int_equal(capture_next(p.c, &f, &err), CAPTURE_FAILED);
    assert_int_equal(err.status, ST_USAGE);
    close(p.fds[1]);
    close_pipe(&p);
}

static void missing_file_and_folder(void **state)
{
    (void)state;
    struct capture_options options = { 0 };
    struct capture *c = NULL;
    struct err err = { 0 };
    assert_int_equal(capture_open("/nonexistent/x.pcap", &options, &c, &err), ST_IO);
    assert_string_equal(err.text, "/nonexistent/x.pcap: No such file or directory");
    assert_int_equal(capture_open("/", &options, &c, &err), ST_IO);
    assert_string_equal(err.text, "/: is a directory");
    assert_int_equal(capture_open_live("no-such-if0", &options, &c, &err) != ST_OK, 1);
    assert_null(c);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(pipe_gives_frames_at_once),
    cmocka_unit_test(pipe_without_capture_fails),
    cmocka_unit_test(filter_selects_and_keeps_numbers),
    cmocka_unit_test(filter_mistake_is_usage),
    cmocka_unit_test(missing_file_and_folder),
};

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(shapes) + ARRAY_LEN(others)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        tests[n++] =
            (struct CMUnitTest){ shapes[i].name, check_shape, NULL, NULL, (void *)&shapes[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("capture_input", tests, make_plain, NULL);
}
