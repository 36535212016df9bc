/* Hand-built frames through packet_decode(): links, IP, TCP, UDP, ICMP and tunnels. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>

#include "capture/packet.h"

#define IN(literal)                                                                                \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* Bytes read by fields. */
/* clang-format off */
#define MACS     "\2\0\0\0\0\1" "\2\0\0\0\0\2"
#define ETH4     MACS "\x08\0"
#define ETH6     MACS "\x86\xdd"
#define A4       "\x0a\0\0\1" "\x0a\0\0\2"
/* Total length, protocol. */
#define IP4(total, proto) "\x45\0" total "\0\0\0\0" "\x40" proto "\0\0" A4
#define A6       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
#define IP6(len, next) "\x60\0\0\0" len next "\x40" A6
#define PORTS    "\xc0\0" "\x01\xbb"
#define TCP_HEAD(words) PORTS "\0\0\0\x07" "\0\0\0\x09" words "\x12" "\x10\0" "\0\0\0\0"
#define TCP3     TCP_HEAD("\x50") "abc" /* 23 bytes */
#define PKT4     IP4("\0\x2b", "\6") TCP3 /* 43 bytes */
#define PKT6     IP6("\0\x17", "\6") TCP3 /* 63 bytes */
#define UDP(port, len) "\xc0\0" port len "\0\0"
#define ICMP4(type, code) type code "\0\0" "\0\0\0\0"
/* clang-format on */

struct row {
    const char *name;
    uint32_t link_type;
    struct bytes in;
    uint32_t cut; /* bytes at the end that were sent but not captured */
    enum packet_kind kind;
    uint32_t payload_len;
    uint32_t payload_captured;
};

/* A table reads by columns. */
/* clang-format off */
static const struct row rows[] = {
    { "Ethernet, IPv4, TCP",     1, IN(ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "Ethernet padding",        1, IN(ETH4 PKT4 "\0\0\0\0\0\0"), 0, PACKET_TCP, 3, 3 },
    { "snap length in payload",  1, IN(ETH4 PKT4), 2, PACKET_TCP, 3, 1 },
    { "snap length in options",  1, IN(ETH4 IP4("\0\x33", "\6") TCP_HEAD("\x70") "\2\4\5\xb4" "\1\1\1\1" "abc"), 5, PACKET_TCP, 3, 0 },
    { "snap length in TCP header", 1, IN(ETH4 PKT4), 4, PACKET_BROKEN, 0, 0 },
    { "TCP options",             1, IN(ETH4 IP4("\0\x33", "\6") TCP_HEAD("\x70") "\2\4\5\xb4" "\1\1\1\1" "abc"), 0, PACKET_TCP, 3, 3 },
    { "TCP header too short",    1, IN(ETH4 IP4("\0\x2b", "\6") TCP_HEAD("\x40") "abc"), 0, PACKET_BROKEN, 0, 0 },
    { "TCP header too long",     1, IN(ETH4 IP4("\0\x2b", "\6") TCP_HEAD("\xf0") "abc"), 0, PACKET_BROKEN, 0, 0 },
    { "total length 0 (TSO)",    1, IN(ETH4 IP4("\0\0", "\6") TCP3), 0, PACKET_TCP, 3, 3 },
    { "total length too short",  1, IN(ETH4 IP4("\0\x13", "\6") TCP3), 0, PACKET_BROKEN, 0, 0 },
    { "total length ends in TCP header", 1, IN(ETH4 IP4("\0\x27", "\6") TCP3), 0, PACKET_BROKEN, 0, 0 },
    { "total length beyond the frame", 1, IN(ETH4 IP4("\0\xff", "\6") TCP3), 0, PACKET_TCP, 215, 3 },
    { "IP options",              1, IN(ETH4 "\x46\0" "\0\x2f" "\0\0\0\0" "\x40\6\0\0" A4 "\1\1\1\1" TCP3), 0, PACKET_TCP, 3, 3 },
    { "IP header too short",     1, IN(ETH4 "\x44\0" "\0\x2b" "\0\0\0\0" "\x40\6\0\0" A4 TCP3), 0, PACKET_BROKEN, 0, 0 },
    { "not IPv4 after all",      1, IN(ETH4 PKT6), 0, PACKET_BROKEN, 0, 0 },
    { "IP header cut",           1, IN(ETH4 "\x45\0\0\x2b"), 0, PACKET_BROKEN, 0, 0 },
    { "Ethernet header cut",     1, IN(MACS), 0, PACKET_BROKEN, 0, 0 },
    { "empty frame",             1, IN(""), 0, PACKET_BROKEN, 0, 0 },
    { "ARP",                     1, IN(MACS "\x08\x06" "abcdefgh"), 0, PACKET_OTHER, 0, 0 },
    { "spanning tree",           1, IN(MACS "\0\x26" "\x42\x42\x03" "abcdefgh"), 0, PACKET_OTHER, 0, 0 },
    { "SNAP",                    1, IN(MACS "\0\x33" "\xaa\xaa\x03\0\0\0\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "IPv6",                    1, IN(ETH6 PKT6), 0, PACKET_TCP, 3, 3 },
    { "IPv6, padding",           1, IN(ETH6 PKT6 "\0\0"), 0, PACKET_TCP, 3, 3 },
    { "IPv6, length 0",          1, IN(ETH6 IP6("\0\0", "\6") TCP3), 0, PACKET_TCP, 3, 3 },
    { "IPv6, hop-by-hop and destination options", 1,
      IN(ETH6 IP6("\0\x2f", "\0") "\x3c\0\1\4\0\0\0\0" "\6\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0" TCP3), 0, PACKET_TCP, 3, 3 },
    { "IPv6, AH",                1, IN(ETH6 IP6("\0\x23", "\x33") "\6\1\0\0" "\0\0\0\0" "\0\0\0\0" TCP3), 0, PACKET_TCP, 3, 3 },
    { "IPv6, atomic fragment",   1, IN(ETH6 IP6("\0\x1f", "\x2c") "\6\0\0\0" "\0\0\0\1" TCP3), 0, PACKET_TCP, 3, 3 },
    { "IPv6, option beyond the packet", 1, IN(ETH6 IP6("\0\x1f", "\0") "\6\x20\1\4\0\0\0\0" TCP3), 0, PACKET_BROKEN, 0, 0 },
    { "IPv6, no next header",    1, IN(ETH6 IP6("\0\0", "\x3b")), 0, PACKET_OTHER, 0, 0 },
    { "802.1Q",                  1, IN(MACS "\x81\0" "\0\x05" "\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "QinQ",                    1, IN(MACS "\x88\xa8" "\0\x05" "\x81\0" "\0\x06" "\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "0x9100",                  1, IN(MACS "\x91\0" "\0\x05" "\x81\0" "\0\x06" "\x86\xdd" PKT6), 0, PACKET_TCP, 3, 3 },
    { "802.1Q cut",              1, IN(MACS "\x81\0" "\0"), 0, PACKET_BROKEN, 0, 0 },
    { "MPLS, two labels",        1, IN(MACS "\x88\x47" "\0\1\0\x40" "\0\2\1\x40" PKT4), 0, PACKET_TCP, 3, 3 },
    { "MPLS, pseudowire",        1, IN(MACS "\x88\x47" "\0\1\1\x40" "\0\0\0\0" ETH6 PKT6), 0, PACKET_TCP, 3, 3 },
    { "PPPoE session",           1, IN(MACS "\x88\x64" "\x11\0\0\1\0\x2d" "\0\x21" PKT4), 0, PACKET_TCP, 3, 3 },
    { "PPPoE session, not version 1", 1, IN(MACS "\x88\x64" "\x21\0\0\1\0\x2d" "\0\x21" PKT4), 0, PACKET_OTHER, 0, 0 },
    { "PPPoE, IPv6",             1, IN(MACS "\x88\x64" "\x11\0\0\1\0\x41" "\0\x57" PKT6), 0, PACKET_TCP, 3, 3 },
    { "link null, little-endian", 0, IN("\2\0\0\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link null, big-endian",   0, IN("\0\0\0\x1e" PKT6), 0, PACKET_TCP, 3, 3 },
    { "link null, FreeBSD",      0, IN("\x1c\0\0\0" PKT6), 0, PACKET_TCP, 3, 3 },
    { "link loop",             108, IN("\0\0\0\2" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link PPP",                9, IN("\xff\x03\0\x21" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link PPP, compressed",    9, IN("\x21" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link PPP in HDLC",       50, IN("\xff\x03\0\x57" PKT6), 0, PACKET_TCP, 3, 3 },
    { "link PPPoE",             51, IN("\x11\0\0\1\0\x2d" "\0\x21" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link Cisco HDLC",       104, IN("\x0f\0\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "link raw IPv4",         101, IN(PKT4), 0, PACKET_TCP, 3, 3 },
    { "link raw IPv6",          12, IN(PKT6), 0, PACKET_TCP, 3, 3 },
    { "link raw, neither",      14, IN("\x50" PKT6), 0, PACKET_BROKEN, 0, 0 },
    { "link raw, empty",       101, IN(""), 0, PACKET_BROKEN, 0, 0 },
    { "link IPv4",             228, IN(PKT4), 0, PACKET_TCP, 3, 3 },
    { "link IPv6",             229, IN(PKT6), 0, PACKET_TCP, 3, 3 },
    { "cooked",                113, IN("\0\0\0\1\0\6\2\0\0\0\0\1\0\0" "\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "cooked, 802.1Q",        113, IN("\0\0\0\1\0\6\2\0\0\0\0\1\0\0" "\x81\0" "\0\5\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "cooked v2",             276, IN("\x86\xdd" "\0\0\0\0\0\2\0\1\0\6\2\0\0\0\0\1\0\0" PKT6), 0, PACKET_TCP, 3, 3 },
    { "cooked v2 cut",         276, IN("\x86\xdd" "\0\0\0\0\0\2"), 0, PACKET_BROKEN, 0, 0 },
    { "unknown link",          147, IN(PKT4), 0, PACKET_UNKNOWN_LINK, 0, 0 },
    { "UDP",                     1, IN(ETH4 IP4("\0\x1f", "\x11") UDP("\x01\xbb", "\0\x0b") "abc"), 0, PACKET_UDP, 3, 3 },
    { "UDP, shorter than IP says", 1, IN(ETH4 IP4("\0\x1f", "\x11") UDP("\x01\xbb", "\0\x0a") "abc"), 0, PACKET_UDP, 2, 2 },
    { "UDP, length 0",           1, IN(ETH4 IP4("\0\x1f", "\x11") UDP("\x01\xbb", "\0\0") "abc"), 0, PACKET_UDP, 3, 3 },
    { "UDP, length too short",   1, IN(ETH4 IP4("\0\x1f", "\x11") UDP("\x01\xbb", "\0\7") "abc"), 0, PACKET_BROKEN, 0, 0 },
    { "IP in IP",                1, IN(ETH4 IP4("\0\x3f", "\4") PKT4), 0, PACKET_TCP, 3, 3 },
    { "6in4",                    1, IN(ETH4 IP4("\0\x53", "\x29") PKT6), 0, PACKET_TCP, 3, 3 },
    { "4in6",                    1, IN(ETH6 IP6("\0\x2b", "\4") PKT4), 0, PACKET_TCP, 3, 3 },
    { "GRE",                     1, IN(ETH4 IP4("\0\x43", "\x2f") "\0\0\x08\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GRE, checksum, key, sequence", 1, IN(ETH4 IP4("\0\x4f", "\x2f") "\xb0\0\x08\0" "\0\0\0\0" "\0\0\0\1" "\0\0\0\2" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GRE, Ethernet",           1, IN(ETH4 IP4("\0\x51", "\x2f") "\0\0\x65\x58" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "GRE of PPTP",             1, IN(ETH4 IP4("\0\x51", "\x2f") "\x30\x81\x88\x0b" "\0\x2f\0\1" "\0\0\0\1" "\0\0\0\1" "\0\x21" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GRE, source routes",      1, IN(ETH4 IP4("\0\x43", "\x2f") "\x40\0\x08\0" PKT4), 0, PACKET_OTHER, 0, 0 },
    { "GRE, header beyond the packet", 1, IN(ETH4 IP4("\0\x18", "\x2f") "\xb0\0\x08\0"), 0, PACKET_BROKEN, 0, 0 },
    { "ERSPAN I",                1, IN(ETH4 IP4("\0\x51", "\x2f") "\0\0\x88\xbe" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "ERSPAN II",               1, IN(ETH4 IP4("\0\x5d", "\x2f") "\x10\0\x88\xbe" "\0\0\0\1" "\x10\0\0\0\0\0\0\0" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "ERSPAN III",              1, IN(ETH4 IP4("\0\x61", "\x2f") "\x10\0\x22\xeb" "\0\0\0\1" "\x20\0\0\0\0\0\0\0\0\0\0\0" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "VXLAN",                   1, IN(ETH4 IP4("\0\x5d", "\x11") UDP("\x12\xb5", "\0\x49") "\x08\0\0\0\0\0\1\0" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "VXLAN, Linux port",       1, IN(ETH4 IP4("\0\x5d", "\x11") UDP("\x21\x18", "\0\x49") "\x08\0\0\0\0\0\1\0" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "VXLAN port, not VXLAN",   1, IN(ETH4 IP4("\0\x5d", "\x11") UDP("\x12\xb5", "\0\x49") "\0\0\0\0\0\0\1\0" ETH4 PKT4), 0, PACKET_UDP, 65, 65 },
    { "GENEVE",                  1, IN(ETH4 IP4("\0\x61", "\x11") UDP("\x17\xc1", "\0\x4d") "\1\0\x65\x58\0\0\1\0" "\0\0\0\0" ETH4 PKT4), 0, PACKET_TCP, 3, 3 },
    { "GENEVE, options beyond the packet", 1, IN(ETH4 IP4("\0\x25", "\x11") UDP("\x17\xc1", "\0\x11") "\x3f\0\x65\x58\0\0\1\0" "a"), 0, PACKET_BROKEN, 0, 0 },
    { "GTP-U",                   1, IN(ETH4 IP4("\0\x4f", "\x11") UDP("\x08\x68", "\0\x3b") "\x30\xff\0\x2b\0\0\0\1" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GTP-U, sequence",         1, IN(ETH4 IP4("\0\x53", "\x11") UDP("\x08\x68", "\0\x3f") "\x32\xff\0\x2f\0\0\0\1" "\0\1\0\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GTP-U, extension",        1, IN(ETH4 IP4("\0\x57", "\x11") UDP("\x08\x68", "\0\x43") "\x34\xff\0\x33\0\0\0\1" "\0\0\0\x85" "\1\0\0\0" PKT4), 0, PACKET_TCP, 3, 3 },
    { "GTP-U, extension of 0 bytes", 1, IN(ETH4 IP4("\0\x57", "\x11") UDP("\x08\x68", "\0\x43") "\x34\xff\0\x33\0\0\0\1" "\0\0\0\x85" "\0\0\0\0" PKT4), 0, PACKET_BROKEN, 0, 0 },
    { "GTP-U echo",              1, IN(ETH4 IP4("\0\x28", "\x11") UDP("\x08\x68", "\0\x14") "\x32\1\0\4\0\0\0\0" "\0\1\0\0"), 0, PACKET_UDP, 12, 12 },
    { "ICMP unreachable",        1, IN(ETH4 IP4("\0\x47", "\1") ICMP4("\3", "\1") PKT4), 0, PACKET_ICMP_ERROR, 0, 0 },
    { "ICMP echo",               1, IN(ETH4 IP4("\0\x1c", "\1") ICMP4("\x08", "\0")), 0, PACKET_OTHER, 0, 0 },
    { "ICMP, quote cut",         1, IN(ETH4 IP4("\0\x34", "\1") ICMP4("\3", "\1") IP4("\0\x2b", "\6") "\xc0\0\x01\xbb"), 0, PACKET_BROKEN, 0, 0 },
    { "ICMP, quotes ICMP",       1, IN(ETH4 IP4("\0\x38", "\1") ICMP4("\3", "\1") IP4("\0\x2b", "\1") "\x08\0\0\0\0\0\0\0"), 0, PACKET_OTHER, 0, 0 },
    { "ICMPv6 too big",          1, IN(ETH6 IP6("\0\x47", "\x3a") ICMP4("\2", "\0") PKT6), 0, PACKET_ICMP_ERROR, 0, 0 },
    { "ICMPv6, quotes extensions", 1, IN(ETH6 IP6("\0\x40", "\x3a") ICMP4("\1", "\4") IP6("\0\x1f", "\0") "\6\0\1\4\0\0\0\0" PORTS "\0\0\0\7"), 0, PACKET_ICMP_ERROR, 0, 0 },
    { "neighbour solicitation",  1, IN(ETH6 IP6("\0\x08", "\x3a") ICMP4("\x87", "\0")), 0, PACKET_OTHER, 0, 0 },
};
/* clang-format on */

static struct frame frame_of(const struct row *row)
{
    return (struct frame){
        .number = 1,
        .len_on_wire = (uint32_t)row->in.len,
        .link_type = (uint16_t)row->link_type,
        .bytes = bytes_head(row->in, row->in.len - row->cut),
    };
}

static void check_ends(const struct packet *p)
{
    assert_int_equal(p->src.port, 0xc000);
    assert_true(p->src.family == 4 || p->src.family == 6);
    assert_int_equal(p->src.family, p->dst.family);
    size_t last = p->src.family == 4 ? 3 : 15;
    assert_int_equal(p->src.ip[last], 1);
    assert_int_equal(p->dst.ip[last], 2);
    assert_int_equal(p->hop_limit, 0x40);
}

static void check_tcp(const struct packet *p)
{
    assert_int_equal(p->dst.port, 443);
    assert_int_equal(p->seq, 7);
    assert_int_equal(p->ack, 9);
    assert_int_equal(p->flags, TCP_SYN | TCP_ACK);
    assert_int_equal(p->window, 0x1000);
    assert_true(bytes_start_with(BYTES("abc"), p->payload) || p->payload.len == 0);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct packet_decoder *d = NULL;
    struct err err;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    struct frame frame = frame_of(row);
    struct packet p;
    assert_int_equal(packet_decode(d, &frame, &p), row->kind);
    assert_int_equal(p.kind, row->kind);
    assert_int_equal(p.payload_len, row->payload_len);
    assert_int_equal(p.payload.len, row->payload_captured);
    if (p.kind == PACKET_TCP || p.kind == PACKET_UDP || p.kind == PACKET_ICMP_ERROR) {
        check_ends(&p);
    }
    if (p.kind == PACKET_TCP) {
        check_tcp(&p);
    }
    assert_int_equal(packet_stats(d).broken, row->kind == PACKET_BROKEN);
    assert_int_equal(packet_stats(d).unknown_link, row->kind == PACKET_UNKNOWN_LINK);
    packet_decoder_free(d);
}

/* Every frame of the table cut at every byte: no crash, and never more than was captured. */
static void cut_everywhere(void **state)
{
    (void)state;
    struct packet_decoder *d = NULL;
    struct err err;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct frame frame = frame_of(&rows[i]);
        for (size_t n = 0; n <= rows[i].in.len; n++) {
            uint8_t *copy = malloc(n > 0 ? n : 1); /* so that a sanitizer sees the end */
            assert_non_null(copy);
            assert_true(bytes_copy(copy, n, bytes_head(rows[i].in, n)));
            frame.bytes = bytes_of(copy, n);
            struct packet p;
            enum packet_kind kind = packet_decode(d, &frame, &p);
            assert_int_equal(kind, p.kind);
            assert_true(p.payload.len <= n && p.payload.len <= p.payload_len);
            free(copy);
        }
    }
    packet_decoder_free(d);
}

static void icmp_says_why(void **state)
{
    (void)state;
    static const struct {
        struct bytes in;
        bool quotes_tcp, is_unreachable, is_too_big;
    } cases[] = {
        { IN(IP4("\0\x47", "\1") ICMP4("\3", "\1") PKT4), true, true, false },
        { IN(IP4("\0\x47", "\1") ICMP4("\3", "\4") PKT4), true, true, true },
        { IN(IP4("\0\x47", "\1") ICMP4("\x0b", "\0") PKT4), true, false, false },
        { IN(IP4("\0\x38", "\1") ICMP4("\3", "\3") IP4("\0\x2b", "\x11") UDP("\x01\xbb", "\0\x17")),
          false, true, false },
        { IN(IP6("\0\x47", "\x3a") ICMP4("\2", "\0") PKT6), true, false, true },
        { IN(IP6("\0\x47", "\x3a") ICMP4("\1", "\4") PKT6), true, true, false },
    };
    struct packet_decoder *d = NULL;
    struct err err;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct frame f = { .link_type = 101,
                           .bytes = cases[i].in,
                           .len_on_wire = (uint32_t)cases[i].in.len };
        struct packet p;
        assert_int_equal(packet_decode(d, &f, &p), PACKET_ICMP_ERROR);
        assert_int_equal(p.quotes_tcp, cases[i].quotes_tcp);
        assert_int_equal(p.is_unreachable, cases[i].is_unreachable);
        assert_int_equal(p.is_too_big, cases[i].is_too_big);
        assert_int_equal(p.dst.port, 443);
        assert_int_equal(p.seq, cases[i].quotes_tcp ? 7 : 0);
    }
    packet_decoder_free(d);
}

/* Headers in headers without end stop at a counter. */
static void nesting_is_bounded(void **state)
{
    (void)state;
    enum { N = 3000 };
    static uint8_t bytes[N * 20];
    for (size_t i = 0; i < N; i++) {
        assert_true(bytes_copy(bytes + i * 20, 20, BYTES(IP4("\0\0", "\4"))));
    }
    struct packet_decoder *d = NULL;
    struct err err;
    assert_int_equal(packet_decoder_new(&d, &err), ST_OK);
    struct frame f = { .link_type = 228,
                       .bytes = bytes_of(bytes, sizeof bytes),
                       .len_on_wire = sizeof bytes };
    struct packet p;
    assert_int_equal(packet_decode(d, &f, &p), PACKET_BROKEN);
    packet_decoder_free(d);
}

static void link_types_have_names(void **state)
{
    (void)state;
    assert_string_equal(link_type_name(1), "EN10MB");
    assert_string_equal(link_type_name(101), "RAW");
    assert_string_equal(link_type_name(276), "LINUX_SLL2");
    assert_null(link_type_name(65000));
}

static const struct CMUnitTest others[] = {
    cmocka_unit_test(cut_everywhere),
    cmocka_unit_test(icmp_says_why),
    cmocka_unit_test(nesting_is_bounded),
    cmocka_unit_test(link_types_have_names),
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
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
