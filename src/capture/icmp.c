/*
 * ICMP errors: what they quote is the start of the packet they are about.
 * Sources: RFC 792, RFC 1191 section 4, RFC 4443 section 3.
 */
#include "capture/layer.h"

enum {
    ICMP_BYTES = 8,
    PORTS_AND_SEQ_BYTES = 8, /* RFC 792: an error quotes at least these */
    IP4_MIN_BYTES = 20,
    IP6_BYTES = 40,
    MAX_EXTENSIONS = 8,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,

    ICMP4_UNREACHABLE = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAMETER_PROBLEM = 12,
    ICMP4_CODE_TOO_BIG = 4,
    ICMP6_UNREACHABLE = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_PARAMETER_PROBLEM = 4,
};

/* w->p is at the ports of the packet quoted. */
static enum layer quote_transport(struct walk *w, struct packet *out)
{
    if (w->proto != PROTO_TCP && w->proto != PROTO_UDP) {
        return LAYER_OTHER;
    }
    if (w->len < PORTS_AND_SEQ_BYTES) {
        return LAYER_BROKEN;
    }
    out->kind = PACKET_ICMP_ERROR;
    out->quotes_tcp = w->proto == PROTO_TCP;
    out->src.port = load_be16(w->p);
    out->dst.port = load_be16(w->p + 2);
    out->seq = out->quotes_tcp ? load_be32(w->p + 4) : 0;
    return LAYER_DONE;
}

static enum layer quote_ip4(struct walk *w, struct packet *out)
{
    const uint8_t *p = w->p;
    if (w->len < IP4_MIN_BYTES || p[0] >> 4 != 4) {
        return LAYER_BROKEN;
    }
    uint32_t head = (p[0] & 0x0fU) * 4;
    if (head < IP4_MIN_BYTES || head > w->len) {
        return LAYER_BROKEN;
    }
    if ((load_be16(p + 6) & 0x1fff) != 0) {
        return LAYER_OTHER; /* not the first fragment: no ports */
    }
    endpoint_set4(&out->src, p + 12);
    endpoint_set4(&out->dst, p + 16);
    w->proto = p[9];
    walk_skip(w, head);
    return quote_transport(w, out);
}

/* Takes one extension header off; LAYER_DONE: go on. */
static enum layer quote_extension(struct walk *w)
{
    if (w->len < 8) { /* the shortest of them */
        return LAYER_BROKEN;
    }
    const uint8_t *p = w->p;
    uint32_t len = w->proto == PROTO_AH ? (p[1] + 2U) * 4 : (p[1] + 1U) * 8;
    if (w->proto == PROTO_FRAGMENT) {
        if ((load_be16(p + 2) & 0xfff8) != 0) {
            return LAYER_OTHER; /* not the first fragment */
        }
        len = 8;
    }
    if (len > w->len) {
        return LAYER_BROKEN;
    }
    w->proto = p[0];
    walk_skip(w, len);
    return LAYER_DONE;
}

static enum layer quote_ip6(struct walk *w, struct packet *out)
{
    const uint8_t *p = w->p;
    if (w->len < IP6_BYTES || p[0] >> 4 != 6) {
        return LAYER_BROKEN;
    }
    endpoint_set6(&out->src, p + 8);
    endpoint_set6(&out->dst, p + 24);
    w->proto = p[6];
    walk_skip(w, IP6_BYTES);
    for (int i = 0; i < MAX_EXTENSIONS && layer_of_proto(w->proto) == LAYER_IP_EXTENSION; i++) {
        enum layer got = quote_extension(w);
        if (got != LAYER_DONE) {
            return got;
        }
    }
    return quote_transport(w, out);
}

enum layer layer_icmp4(struct walk *w)
{
    if (w->len < ICMP_BYTES) {
        return LAYER_BROKEN;
    }
    uint8_t type = w->p[0];
    if (type != ICMP4_UNREACHABLE && type != ICMP4_SOURCE_QUENCH && type != ICMP4_TIME_EXCEEDED &&
        type != ICMP4_PARAMETER_PROBLEM) {
        return LAYER_OTHER;
    }
    w->out->is_too_big = type == ICMP4_UNREACHABLE && w->p[1] == ICMP4_CODE_TOO_BIG;
    w->out->is_unreachable = type == ICMP4_UNREACHABLE;
    walk_skip(w, ICMP_BYTES);
    return quote_ip4(w, w->out);
}

enum layer layer_icmp6(struct walk *w)
{
    if (w->len < ICMP_BYTES) {
        return LAYER_BROKEN;
    }
    uint8_t type = w->p[0];
    if (type < ICMP6_UNREACHABLE || type > ICMP6_PARAMETER_PROBLEM) {
        return LAYER_OTHER; /* RFC 4443 section 2.1: errors are 1 to 127, and these are defined */
    }
    w->out->is_too_big = type == ICMP6_TOO_BIG;
    w->out->is_unreachable = type == ICMP6_UNREACHABLE;
    walk_skip(w, ICMP_BYTES);
    return quote_ip6(w, w->out);
}
