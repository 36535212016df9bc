/* IP. Sources: RFC 791, RFC 8200 (section 4: extension headers), RFC 4302 (AH). */
#include "capture/layer.h"

enum {
    IP4_MIN_BYTES = 20,
    IP6_BYTES = 40,
    IP6_FRAGMENT_BYTES = 8,

    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP = 1,
    PROTO_IP4 = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_IP6 = 41,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_GRE = 47,
    PROTO_AH = 51,
    PROTO_ICMP6 = 58,
    PROTO_DESTINATION = 60,
    PROTO_MOBILITY = 135,
    PROTO_MPLS = 137,
    PROTO_HIP = 139,
    PROTO_SHIM6 = 140,
};

enum layer layer_of_proto(uint8_t proto)
{
    switch (proto) {
    case PROTO_TCP:
        return LAYER_TCP;
    case PROTO_UDP:
        return LAYER_UDP;
    case PROTO_ICMP:
        return LAYER_ICMP4;
    case PROTO_ICMP6:
        return LAYER_ICMP6;
    case PROTO_IP4:
        return LAYER_IP4;
    case PROTO_IP6:
        return LAYER_IP6;
    case PROTO_GRE:
        return LAYER_GRE;
    case PROTO_MPLS:
        return LAYER_MPLS;
    case PROTO_HOP_BY_HOP:
    case PROTO_ROUTING:
    case PROTO_FRAGMENT:
    case PROTO_AH:
    case PROTO_DESTINATION:
    case PROTO_MOBILITY:
    case PROTO_HIP:
    case PROTO_SHIM6:
        return LAYER_IP_EXTENSION;
    default:
        return LAYER_OTHER;
    }
}

enum layer layer_ip(struct walk *w)
{
    if (w->len == 0) {
        return LAYER_BROKEN;
    }
    switch (w->p[0] >> 4) {
    case 4:
        return LAYER_IP4;
    case 6:
        return LAYER_IP6;
    default:
        return LAYER_BROKEN;
    }
}

/* w->p is at the fragment's bytes. A whole datagram takes its place in the walk. */
static enum layer keep_fragment(struct walk *w, struct ipfrag *piece)
{
    if (layer_of_proto(piece->proto) == LAYER_OTHER) {
        return LAYER_OTHER; /* not worth the memory */
    }
    bool is_odd = piece->has_more && w->wire % 8 != 0; /* offsets count 8 bytes */
    if (w->len < w->wire || is_odd) {
        ipfrag_drop(w->fragments);
        return is_odd ? LAYER_BROKEN : LAYER_FRAGMENT;
    }
    piece->src = w->out->src;
    piece->dst = w->out->dst;
    piece->at_ns = w->at_ns;
    piece->bytes = bytes_of(w->p, w->len);
    struct bytes whole;
    if (!ipfrag_push(w->fragments, piece, &whole, &w->proto)) {
        return LAYER_FRAGMENT;
    }
    w->out->is_reassembled = true;
    w->p = whole.p;
    w->len = (uint32_t)whole.len; /* at most 65535 */
    w->wire = w->len;
    return layer_of_proto(w->proto);
}

enum layer layer_ip4(struct walk *w)
{
    const uint8_t *p = w->p;
    if (w->len < IP4_MIN_BYTES || p[0] >> 4 != 4) {
        return LAYER_BROKEN;
    }
    uint32_t head = (p[0] & 0x0fU) * 4;
    uint32_t total = load_be16(p + 2);
    total = total > 0 ? total : w->wire; /* 0: handed to the card to be cut into segments (TSO) */
    if (head < IP4_MIN_BYTES || head > w->len || head > total) {
        return LAYER_BROKEN;
    }
    endpoint_set4(&w->out->src, p + 12);
    endpoint_set4(&w->out->dst, p + 16);
    w->out->hop_limit = p[8];
    w->proto = p[9];
    walk_trim(w, total);
    walk_skip(w, head);
    uint16_t fragment = load_be16(p + 6);
    if ((fragment & 0x3fff) == 0) {
        return layer_of_proto(w->proto);
    }
    struct ipfrag piece = {
        .id = load_be16(p + 4),
        .proto = w->proto,
        .offset = (fragment & 0x1fffU) * 8,
        .has_more = (fragment & 0x2000) != 0,
    };
    return keep_fragment(w, &piece);
}

enum layer layer_ip6(struct walk *w)
{
    const uint8_t *p = w->p;
    if (w->len < IP6_BYTES || p[0] >> 4 != 6) {
        return LAYER_BROKEN;
    }
    endpoint_set6(&w->out->src, p + 8);
    endpoint_set6(&w->out->dst, p + 24);
    w->out->hop_limit = p[7];
    w->proto = p[6];
    uint32_t payload = load_be16(p + 4);
    walk_skip(w, IP6_BYTES);
    if (payload > 0) { /* 0: a jumbogram (RFC 2675) or TSO */
        walk_trim(w, payload);
    }
    return layer_of_proto(w->proto);
}

static enum layer ip6_fragment(struct walk *w)
{
    const uint8_t *p = w->p;
    uint16_t offset = load_be16(p + 2);
    struct ipfrag piece = {
        .id = load_be32(p + 4),
        .proto = p[0],
        .offset = offset & 0xfff8U,
        .has_more = (offset & 1) != 0,
    };
    walk_skip(w, IP6_FRAGMENT_BYTES);
    if (piece.offset == 0 && !piece.has_more) { /* atomic: RFC 6946 */
        w->proto = piece.proto;
        return layer_of_proto(w->proto);
    }
    return keep_fragment(w, &piece);
}

enum layer layer_ip_extension(struct walk *w)
{
    const uint8_t *p = w->p;
    if (w->len < 8) { /* the shortest of them */
        return LAYER_BROKEN;
    }
    if (w->proto == PROTO_FRAGMENT) {
        return ip6_fragment(w);
    }
    uint32_t len = w->proto == PROTO_AH ? (p[1] + 2U) * 4 : (p[1] + 1U) * 8;
    if (len > w->len) {
        return LAYER_BROKEN;
    }
    w->proto = p[0];
    walk_skip(w, len);
    return layer_of_proto(w->proto);
}
