/*
 * Link layers. Sources: the tcpdump group's link-type pages, IEEE 802.1Q, RFC 2516 (PPPoE),
 * RFC 1661 and 1662 (PPP), RFC 3032 (MPLS), RFC 1042 (SNAP).
 */
#include "capture/layer.h"

struct link_row {
    uint16_t link_type;
    enum layer first;
};

/* A table reads by columns. */
/* clang-format off */
static const struct link_row link_rows[] = {
    { 0,   LAYER_NULL },
    { 1,   LAYER_ETHERNET },
    { 9,   LAYER_PPP },
    { 12,  LAYER_IP },   /* LINKTYPE_RAW is 101; files with DLT_RAW of two systems exist */
    { 14,  LAYER_IP },
    { 50,  LAYER_PPP },  /* PPP in HDLC framing */
    { 51,  LAYER_PPPOE },
    { 101, LAYER_IP },
    { 104, LAYER_HDLC },
    { 108, LAYER_NULL }, /* OpenBSD loop: the same, always big-endian */
    { 113, LAYER_SLL },
    { 228, LAYER_IP4 },
    { 229, LAYER_IP6 },
    { 276, LAYER_SLL2 },
};
/* clang-format on */

enum {
    ETHERNET_BYTES = 14,
    ETHERNET_MAX_LENGTH = 1500, /* IEEE 802.3: below, the type is a length and LLC follows */
    VLAN_BYTES = 4,
    LLC_SNAP_BYTES = 8,
    MPLS_BYTES = 4,
    PPPOE_BYTES = 6,
    HDLC_BYTES = 4,
    NULL_BYTES = 4,
    SLL_BYTES = 16,
    SLL2_BYTES = 20,
};

enum layer layer_of_link_type(uint16_t link_type)
{
    for (size_t i = 0; i < ARRAY_LEN(link_rows); i++) {
        if (link_rows[i].link_type == link_type) {
            return link_rows[i].first;
        }
    }
    return LAYER_UNKNOWN_LINK;
}

enum layer layer_of_ethertype(uint16_t ethertype)
{
    switch (ethertype) {
    case 0x0800:
        return LAYER_IP4;
    case 0x86dd:
        return LAYER_IP6;
    case 0x8100: /* 802.1Q */
    case 0x88a8: /* 802.1ad */
    case 0x9100: /* before 802.1ad */
    case 0x9200:
        return LAYER_VLAN;
    case 0x8847:
    case 0x8848:
        return LAYER_MPLS;
    case 0x8864:
        return LAYER_PPPOE;
    case 0x6558: /* transparent Ethernet bridging */
        return LAYER_ETHERNET;
    case 0x880b:
        return LAYER_PPP;
    default:
        return ethertype <= ETHERNET_MAX_LENGTH ? LAYER_LLC : LAYER_OTHER;
    }
}

enum layer layer_ethernet(struct walk *w)
{
    if (w->len < ETHERNET_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(w->p + 12);
    walk_skip(w, ETHERNET_BYTES);
    return layer_of_ethertype(ethertype);
}

enum layer layer_vlan(struct walk *w)
{
    if (w->len < VLAN_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(w->p + 2);
    walk_skip(w, VLAN_BYTES);
    return layer_of_ethertype(ethertype);
}

enum layer layer_llc(struct walk *w)
{
    struct bytes start = bytes_of(w->p, w->len);
    if (w->len < LLC_SNAP_BYTES || !bytes_start_with(start, BYTES("\xaa\xaa\x03\0\0\0"))) {
        return LAYER_OTHER; /* spanning tree and its like */
    }
    uint16_t ethertype = load_be16(w->p + 6);
    walk_skip(w, LLC_SNAP_BYTES);
    enum layer next = layer_of_ethertype(ethertype);
    return next == LAYER_LLC ? LAYER_OTHER : next;
}

enum layer layer_mpls(struct walk *w)
{
    if (w->len < MPLS_BYTES) {
        return LAYER_BROKEN;
    }
    bool is_bottom = (w->p[2] & 1) != 0;
    walk_skip(w, MPLS_BYTES);
    if (!is_bottom) {
        return LAYER_MPLS;
    }
    if (w->len == 0) {
        return LAYER_OTHER;
    }
    switch (w->p[0] >> 4) { /* nothing names the content: RFC 4928 section 3 */
    case 4:
        return LAYER_IP4;
    case 6:
        return LAYER_IP6;
    case 0: /* a pseudowire's control word: RFC 4385 section 3 */
        if (w->len < 4) {
            return LAYER_BROKEN;
        }
        walk_skip(w, 4);
        return LAYER_ETHERNET;
    default:
        return LAYER_OTHER;
    }
}

enum layer layer_pppoe(struct walk *w)
{
    if (w->len < PPPOE_BYTES) {
        return LAYER_BROKEN;
    }
    bool is_session = w->p[0] == 0x11 && w->p[1] == 0; /* RFC 2516 section 4 */
    uint32_t length = load_be16(w->p + 4);
    walk_skip(w, PPPOE_BYTES);
    walk_trim(w, length); /* what follows LENGTH is padding of the frame */
    w->is_bounded = true;
    return is_session ? LAYER_PPP : LAYER_OTHER;
}

enum layer layer_ppp(struct walk *w)
{
    if (bytes_start_with(bytes_of(w->p, w->len), BYTES("\xff\x03"))) {
        walk_skip(w, 2); /* address and control, RFC 1662 section 3.1 */
    }
    if (w->len < 2) {
        return LAYER_BROKEN;
    }
    uint32_t len = (w->p[0] & 1) != 0 ? 1 : 2; /* compressed: RFC 1661 section 6.5 */
    uint16_t proto = len == 1 ? w->p[0] : load_be16(w->p);
    walk_skip(w, len);
    switch (proto) {
    case 0x0021:
        return LAYER_IP4;
    case 0x0057:
        return LAYER_IP6;
    case 0x0281:
    case 0x0283:
        return LAYER_MPLS;
    default:
        return LAYER_OTHER;
    }
}

enum layer layer_hdlc(struct walk *w)
{
    if (w->len < HDLC_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(w->p + 2);
    walk_skip(w, HDLC_BYTES);
    return ethertype <= ETHERNET_MAX_LENGTH ? LAYER_OTHER : layer_of_ethertype(ethertype);
}

/* The address family in the byte order of the machine that captured; its number is the system's. */
enum layer layer_null(struct walk *w)
{
    if (w->len < NULL_BYTES) {
        return LAYER_BROKEN;
    }
    uint32_t family = load_be32(w->p);
    if (family > 0xffff) {
        family = load_le32(w->p);
    }
    walk_skip(w, NULL_BYTES);
    switch (family) {
    case 2:
        return LAYER_IP4;
    case 10: /* Linux */
    case 24: /* NetBSD, OpenBSD */
    case 28: /* FreeBSD */
    case 30: /* macOS */
        return LAYER_IP6;
    default:
        return LAYER_OTHER;
    }
}

enum layer layer_sll(struct walk *w)
{
    if (w->len < SLL_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(w->p + 14);
    walk_skip(w, SLL_BYTES);
    /* Small numbers are Linux's own: 4 is 802.2. */
    return ethertype <= ETHERNET_MAX_LENGTH && ethertype != 4 ? LAYER_OTHER
                                                              : layer_of_ethertype(ethertype);
}

enum layer layer_sll2(struct walk *w)
{
    if (w->len < SLL2_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(w->p);
    walk_skip(w, SLL2_BYTES);
    return ethertype <= ETHERNET_MAX_LENGTH && ethertype != 4 ? LAYER_OTHER
                                                              : layer_of_ethertype(ethertype);
}
