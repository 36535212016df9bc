/* IP fragments through packet_decode(): order, overlaps, limits, time. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "capture/packet.h"

/* A TCP segment with 28 bytes of payload: fragments at multiples of 8. */
static const char segment[] = "\xc0\0\x01\xbb"
                              "\0\0\0\7\0\0\0\0"
                              "\x50\x18\x10\0\0\0\0\0"
                              "abcdefghijklmnopqrstuvwxyz12";

enum { SEGMENT_BYTES = sizeof segment - 1, MAX_PIECES = 6, IP4_BYTES = 20, IP6_BYTES = 48 };

struct piece {
    uint32_t from, to; /* of the segment */
    uint8_t change;    /* added to its bytes: to tell copies apart */
    int at_s;
    bool has_more;
};

struct row {
    const char *name;
    struct piece pieces[MAX_PIECES];
    size_t n_pieces;
    bool is_whole;       /* after the last piece */
    const char *payload; /* then */
    uint64_t n_dropped;
};

/* A table reads by columns. */
/* clang-format off */
static const struct row rows[] = {
    { "in order",        { { 0, 24, 0, 0, true }, { 24, 40, 0, 0, true }, { 40, 48, 0, 0, false } }, 3, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
    { "last first",      { { 40, 48, 0, 0, false }, { 24, 40, 0, 0, true }, { 0, 24, 0, 0, true } }, 3, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
    { "middle last",     { { 40, 48, 0, 0, false }, { 0, 24, 0, 0, true }, { 24, 40, 0, 0, true } }, 3, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
    { "one missing",     { { 0, 24, 0, 0, true }, { 40, 48, 0, 0, false } }, 2, false, "", 0 },
    { "copies",          { { 0, 24, 0, 0, true }, { 0, 24, 0, 0, true }, { 24, 48, 0, 0, false } }, 3, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
    { "overlap: the first copy wins", { { 0, 32, 0, 0, true }, { 24, 48, 1, 0, false } }, 2, true, "abcdefghijklnopqrstuvwxyz{23", 0 },
    { "overlap from before", { { 24, 48, 0, 0, false }, { 0, 40, 1, 0, true } }, 2, true, NULL, 0 },
    { "overlap over a hole", { { 24, 32, 0, 0, true }, { 40, 48, 0, 0, false }, { 0, 48, 1, 0, true } }, 3, true, NULL, 0 },
    { "two ends: the first counts", { { 0, 24, 0, 0, true }, { 40, 48, 0, 0, false }, { 24, 32, 0, 0, false }, { 32, 40, 0, 0, true } }, 4, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
    { "too late",        { { 0, 24, 0, 0, true }, { 24, 48, 0, 31, false } }, 2, false, "", 1 },
    { "just in time",    { { 0, 24, 0, 0, true }, { 24, 48, 0, 30, false } }, 2, true, "abcdefghijklmnopqrstuvwxyz12", 0 },
};
/* clang-format on */

struct built {
    uint8_t bytes[IP6_BYTES + SEGMENT_BYTES];
    struct frame frame;
};

static void put16(uint8_t *to, uint32_t v)
{
    to[0] = (uint8_t)(v >> 8);
    to[1] = (uint8_t)v;
}

static void build(struct built *b, const struct piece *p, bool is_ip6, uint8_t id)
{
    *b = (struct built){ 0 };
    size_t head = is_ip6 ? IP6_BYTES : IP4_BYTES;
    uint32_t len = p->to - p->from;
    if (is_ip6) {
        b->bytes[0] = 0x60;
        put16(b->bytes + 4, len + 8);
        b->bytes[6] = 44;
        b->bytes[23] = 1;
        b->bytes[39] = 2;
        b->bytes[40] = 6;
        put16(b->bytes + 42, p->from | p->has_more);
        b->bytes[47] = id;
    } else {
        b->bytes[0] = 0x45;
        put16(b->bytes + 2, len + IP4_BYTES);
        b->bytes[5] = id;
        put16(b->bytes + 6, p->from / 8 | (p->has_more ? 0x2000 : 0));
        b->bytes[9] = 6;
        b->bytes[15] = 1;
        b->bytes[19] = 2;
    }
    for (uint32_t i = 0; i < len; i++) {
        b->bytes[head + i] = (uint8_t)((uint8_t)segment[p->from + i] + p->change);
    }
    b->frame = (struct frame){ .link_type = 101,
                               .at_ns = p->at_s * NS_PER_S,
                               .len_on_wire = (uint32_t)head + len,
                               .bytes = bytes_of(b->bytes, head + len) };
}

static void check(const struct row *row, bool is_ip6)
{
    struct packet_decoder *d = NULL;
    struct err err;
    struct packet p;
    struct built b;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    for (size_t i = 0; i < row->n_pieces; i++) {
        build(&b, &row->pieces[i], is_ip6, 1);
        bool is_last = i + 1 == row->n_pieces;
        enum packet_kind kind = packet_decode(d, &b.frame, &p);
        if (!is_last || !row->is_whole) {
            assert_int_equal(kind, PACKET_FRAGMENT);
        } else if (row->payload != NULL) {
            assert_int_equal(kind, PACKET_TCP);
            assert_int_equal(p.src.port, 0xc000);
            assert_true(bytes_equal(p.payload, bytes_of_str(row->payload)));
        } else {
            assert_true(kind != PACKET_FRAGMENT); /* a changed header: whole, whatever it says */
        }
    }
    assert_int_equal(packet_stats(d).fragments_dropped, row->n_dropped);
    packet_decoder_free(d);
}

static void check_row(void **state)
{
    check(*state, false);
    check(*state, true);
}

/* Other people's datagrams in between, more than are kept: the oldest is given up. */
static void the_oldest_is_given_up(void **state)
{
    (void)state;
    struct packet_decoder *d = NULL;
    struct err err;
    struct packet p;
    struct built b;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    const struct piece first = { 0, 24, 0, 0, true };
    const struct piece last = { 24, 48, 0, 0, false };
    build(&b, &first, false, 200);
    assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_FRAGMENT);
    for (unsigned i = 0; i < 256; i++) {
        build(&b, &first, false, 0);
        b.bytes[4] = 1; /* another identification */
        b.bytes[5] = (uint8_t)i;
        assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_FRAGMENT);
    }
    assert_int_equal(packet_stats(d).fragments_dropped, 1);
    build(&b, &last, false, 200);
    assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_FRAGMENT);
    packet_decoder_free(d);
}

static void cut_or_odd_fragments_are_dropped(void **state)
{
    (void)state;
    struct packet_decoder *d = NULL;
    struct err err;
    struct packet p;
    struct built b;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    build(&b, &(struct piece){ 0, 24, 0, 0, true }, false, 1);
    b.frame.bytes.len -= 4; /* a snap length */
    assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_FRAGMENT);
    build(&b, &(struct piece){ 0, 23, 0, 0, true }, false, 1);
    assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_BROKEN);
    build(&b, &(struct piece){ 0, 24, 0, 0, false }, false, 1);
    put16(b.bytes + 6, 0x1fff); /* it ends beyond 65535 */
    assert_int_equal(packet_decode(d, &b.frame, &p), PACKET_FRAGMENT);
    assert_int_equal(packet_stats(d).fragments_dropped, 3);
    packet_decoder_free(d);
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(the_oldest_is_given_up),
    cmocka_unit_test(cut_or_odd_fragments_are_dropped),
};

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[n++] = others[i];
    }
    return cmocka_run_group_tests_name("packet_fragments", tests, NULL, NULL);
}
