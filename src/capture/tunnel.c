/*
 * Tunnels. Sources: RFC 2784 and 2890 (GRE), RFC 2637 (PPTP's GRE), draft-foschiano-erspan,
 * RFC 7348 (VXLAN), RFC 8926 (GENEVE), 3GPP TS 29.281 section 5 (GTP-U).
 */
#include "capture/layer.h"

enum {
    PORT_VXLAN = 4789,
    PORT_VXLAN_LINUX = 8472, /* the kernel's default from before the port was assigned */
    PORT_GENEVE = 6081,
    PORT_GTPU = 2152,
    VXLAN_BYTES = 8,
    GENEVE_MIN_BYTES = 8,
    GTPU_MIN_BYTES = 8,
    GTPU_OPTIONAL_BYTES = 4,
    GTPU_MAX_EXTENSIONS = 16,
    GRE_MIN_BYTES = 4,
    ETHERTYPE_ERSPAN = 0x88be, /* type I and II */
    ETHERTYPE_ERSPAN3 = 0x22eb,
    ERSPAN2_BYTES = 8,
    ERSPAN3_BYTES = 12,
    ERSPAN3_SUBHEADER_BYTES = 8,
};

static bool is_vxlan(struct bytes b)
{
    return b.len > VXLAN_BYTES && (b.p[0] & 0x08) != 0 && (b.p[0] & 0x77) == 0;
}

static bool is_geneve(struct bytes b)
{
    return b.len > GENEVE_MIN_BYTES && b.p[0] >> 6 == 0;
}

/* Version 1, the protocol type GTP, and a message that carries a packet. */
static bool is_gtpu(struct bytes b)
{
    return b.len > GTPU_MIN_BYTES && (b.p[0] & 0xf0) == 0x30 && b.p[1] == 0xff;
}

enum layer layer_of_udp_port(uint16_t port, struct bytes payload)
{
    switch (port) {
    case PORT_VXLAN:
    case PORT_VXLAN_LINUX:
        return is_vxlan(payload) ? LAYER_VXLAN : LAYER_DONE;
    case PORT_GENEVE:
        return is_geneve(payload) ? LAYER_GENEVE : LAYER_DONE;
    case PORT_GTPU:
        return is_gtpu(payload) ? LAYER_GTPU : LAYER_DONE;
    default:
        return LAYER_DONE;
    }
}

enum layer layer_vxlan(struct walk *w)
{
    walk_skip(w, VXLAN_BYTES); /* is_vxlan() has seen them */
    return LAYER_ETHERNET;
}

enum layer layer_geneve(struct walk *w)
{
    const uint8_t *p = w->p;
    uint32_t head = GENEVE_MIN_BYTES + (p[0] & 0x3fU) * 4;
    if (head > w->len) {
        return LAYER_BROKEN;
    }
    uint16_t ethertype = load_be16(p + 2);
    walk_skip(w, head);
    return ethertype == 0 ? LAYER_OTHER : layer_of_ethertype(ethertype);
}

static enum layer gtpu_extensions(struct walk *w, uint8_t type)
{
    for (int i = 0; type != 0 && i < GTPU_MAX_EXTENSIONS; i++) {
        uint32_t len = w->len > 0 ? w->p[0] * 4U : 0; /* with this byte and the next type's */
        if (len == 0 || len > w->len) {
            return LAYER_BROKEN;
        }
        type = w->p[len - 1];
        walk_skip(w, len);
    }
    return type == 0 ? LAYER_IP : LAYER_BROKEN;
}

enum layer layer_gtpu(struct walk *w)
{
    bool has_optional = (w->p[0] & 0x07) != 0;
    bool has_extension = (w->p[0] & 0x04) != 0;
    walk_skip(w, GTPU_MIN_BYTES);
    if (!has_optional) {
        return LAYER_IP;
    }
    if (w->len < GTPU_OPTIONAL_BYTES) {
        return LAYER_BROKEN;
    }
    uint8_t type = has_extension ? w->p[3] : 0;
    walk_skip(w, GTPU_OPTIONAL_BYTES);
    return gtpu_extensions(w, type);
}

static uint32_t gre_head_bytes(uint16_t flags)
{
    uint32_t head = GRE_MIN_BYTES;
    head += (flags & 0xc000) != 0 ? 4 : 0; /* checksum and offset, if either is there */
    head += (flags & 0x2000) != 0 ? 4 : 0; /* key */
    head += (flags & 0x1000) != 0 ? 4 : 0; /* sequence number */
    head += (flags & 0x0080) != 0 ? 4 : 0; /* version 1: acknowledgment number */
    return head;
}

enum layer layer_gre(struct walk *w)
{
    if (w->len < GRE_MIN_BYTES) {
        return LAYER_BROKEN;
    }
    uint16_t flags = load_be16(w->p);
    uint16_t ethertype = load_be16(w->p + 2);
    uint32_t head = gre_head_bytes(flags);
    if ((flags & 0x4000) != 0 || (flags & 0x0007) > 1) {
        return LAYER_OTHER; /* source routes, which nobody sends; unknown versions */
    }
    if (head > w->len) {
        return LAYER_BROKEN;
    }
    walk_skip(w, head);
    if (w->len == 0) {
        return LAYER_OTHER; /* PPTP acknowledges with empty packets; keep-alives */
    }
    if (ethertype == ETHERTYPE_ERSPAN) { /* type I has no header, and no sequence number */
        return (flags & 0x1000) != 0 ? LAYER_ERSPAN2 : LAYER_ETHERNET;
    }
    if (ethertype == ETHERTYPE_ERSPAN3) {
        return LAYER_ERSPAN3;
    }
    enum layer next = layer_of_ethertype(ethertype);
    return next == LAYER_LLC ? LAYER_OTHER : next;
}

enum layer layer_erspan2(struct walk *w)
{
    if (w->len < ERSPAN2_BYTES) {
        return LAYER_BROKEN;
    }
    walk_skip(w, ERSPAN2_BYTES);
    return LAYER_ETHERNET;
}

enum layer layer_erspan3(struct walk *w)
{
    if (w->len < ERSPAN3_BYTES) {
        return LAYER_BROKEN;
    }
    uint32_t head = ERSPAN3_BYTES + ((w->p[11] & 1) != 0 ? ERSPAN3_SUBHEADER_BYTES : 0U);
    if (head > w->len) {
        return LAYER_BROKEN;
    }
    walk_skip(w, head);
    return LAYER_ETHERNET;
}
