/*
 * Frames, each a link type and a length of two bytes before it, through one decoder.
 * The promises: a payload lies within what was captured, the outcome is always counted, and an
 * Ethernet frame means the same with an 802.1Q tag (which takes the long way) as without.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "capture/packet.h"

enum { MAX_FRAME = 4096, TAG_AT = 12, TAG_BYTES = 4, ETHERNET = 1 };

static const uint16_t link_types[] = { 1,   0,   9,   12,  14,  50,  51, 101,
                                       104, 108, 113, 228, 229, 276, 147 };

static struct packet_decoder *new_decoder(void)
{
    struct packet_decoder *d = NULL;
    struct err err;
    if (packet_decoder_new(&d, &err) != ST_OK) {
        abort();
    }
    return d;
}

static void check(const struct packet *p, enum packet_kind kind)
{
    bool has_ends = kind == PACKET_TCP || kind == PACKET_UDP || kind == PACKET_ICMP_ERROR;
    if (kind != p->kind || p->payload.len > p->payload_len ||
        (has_ends && (p->src.family != p->dst.family || p->src.family == 0))) {
        abort();
    }
    uint8_t sum = 0; /* read it all, for the sanitizer */
    for (size_t i = 0; i < p->payload.len; i++) {
        sum = (uint8_t)(sum + p->payload.p[i]);
    }
    for (size_t i = 0; i < p->options.len; i++) {
        sum = (uint8_t)(sum + p->options.p[i]);
    }
    volatile uint8_t sink = sum;
    (void)sink;
}

static bool is_same(const struct packet *a, const struct packet *b)
{
    return a->kind == b->kind && endpoint_equal(&a->src, &b->src) &&
           endpoint_equal(&a->dst, &b->dst) && a->seq == b->seq && a->ack == b->ack &&
           a->flags == b->flags && a->window == b->window && a->hop_limit == b->hop_limit &&
           a->payload_len == b->payload_len && bytes_equal(a->payload, b->payload) &&
           bytes_equal(a->options, b->options);
}

static void check_tagged(struct packet_decoder *d, const struct frame *plain,
                         const struct packet *expected)
{
    static uint8_t tagged[MAX_FRAME + TAG_BYTES];
    struct bytes head = bytes_head(plain->bytes, TAG_AT);
    struct bytes rest = bytes_skip(plain->bytes, TAG_AT);
    if (head.len < TAG_AT || !bytes_copy(tagged, sizeof tagged, head) ||
        !bytes_copy(tagged + TAG_AT, TAG_BYTES, BYTES("\x81\0\0\1")) ||
        !bytes_copy(tagged + TAG_AT + TAG_BYTES, MAX_FRAME - TAG_AT, rest)) {
        return;
    }
    struct frame f = *plain;
    f.bytes = bytes_of(tagged, plain->bytes.len + TAG_BYTES);
    f.len_on_wire += TAG_BYTES;
    struct packet p;
    check(&p, packet_decode(d, &f, &p));
    /* Two frames of one fragment are not the same as one. */
    if (expected->kind == PACKET_TCP && !is_same(expected, &p)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet_decoder *d = new_decoder();
    struct packet_decoder *tagged = new_decoder();
    struct fault fault = { 0 };
    struct reader r = rd_whole(bytes_of(data, size), &fault);
    uint64_t n_broken = 0;
    while (rd_left(&r) > 0) {
        uint8_t selector = rd_u8(&r, "link type");
        struct bytes bytes = rd_vec16(&r, 0, MAX_FRAME, "frame");
        struct frame f = {
            .at_ns = (int64_t)(selector >> 4) * 10000000000,
            .link_type = link_types[(selector & 0x0f) % ARRAY_LEN(link_types)],
            .len_on_wire = (uint32_t)bytes.len + (selector >> 7),
            .bytes = bytes,
        };
        struct packet p;
        enum packet_kind kind = packet_decode(d, &f, &p);
        check(&p, kind);
        n_broken += kind == PACKET_BROKEN;
        if (f.link_type == ETHERNET) {
            check_tagged(tagged, &f, &p);
        }
    }
    if (packet_stats(d).broken != n_broken) {
        abort();
    }
    packet_decoder_free(d);
    packet_decoder_free(tagged);
    return 0;
}
