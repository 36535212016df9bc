/*
 * layer: the inside of packet_decode(): one step per protocol header, in a bounded loop.
 *
 * A step looks at the front of `struct walk`, takes its header off and says what comes next. No
 * step calls another except to end: nesting is a counter in packet.c, not the stack.
 */
#ifndef HANDFAST_CAPTURE_LAYER_H
#define HANDFAST_CAPTURE_LAYER_H

#include "capture/ipfrag.h"
#include "capture/packet.h"

enum layer {
    /* Ends. */
    LAYER_DONE, /* out->kind says what it is */
    LAYER_OTHER,
    LAYER_BROKEN,
    LAYER_FRAGMENT,
    LAYER_UNKNOWN_LINK,
    N_ENDS,
    /* Steps. */
    LAYER_ETHERNET = N_ENDS,
    LAYER_VLAN,
    LAYER_LLC,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_PPP,
    LAYER_HDLC,
    LAYER_NULL,
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_IP, /* either: the first nibble tells */
    LAYER_IP4,
    LAYER_IP6,
    LAYER_IP_EXTENSION, /* w->proto says which */
    LAYER_TCP,
    LAYER_UDP,
    LAYER_ICMP4,
    LAYER_ICMP6,
    LAYER_GRE,
    LAYER_ERSPAN2,
    LAYER_ERSPAN3,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_GTPU,
    N_LAYERS
};

struct walk {
    const uint8_t *p;
    uint32_t len;    /* captured bytes from p on */
    uint32_t wire;   /* bytes from p on when it was sent; >= len */
    bool is_bounded; /* an outer header said how much there is: an inner one cannot say more */
    uint8_t proto;   /* IP protocol or next header that was named last */
    int64_t at_ns;
    struct ipfrag_table *fragments;
    struct packet *out;
};

/* n <= w->len. */
static inline void walk_skip(struct walk *w, uint32_t n)
{
    w->p += n;
    w->len -= n;
    w->wire -= n;
}

/* A length in a header: bytes after it are padding; fewer bytes than it says are a snap length. */
static inline void walk_trim(struct walk *w, uint32_t wire)
{
    if (w->is_bounded && wire > w->wire) {
        return;
    }
    w->wire = wire;
    if (w->len > wire) {
        w->len = wire;
    }
}

/* link.c */
enum layer layer_of_link_type(uint16_t link_type);
enum layer layer_of_ethertype(uint16_t ethertype);
enum layer layer_ethernet(struct walk *w);
enum layer layer_vlan(struct walk *w);
enum layer layer_llc(struct walk *w);
enum layer layer_mpls(struct walk *w);
enum layer layer_pppoe(struct walk *w);
enum layer layer_ppp(struct walk *w);
enum layer layer_hdlc(struct walk *w);
enum layer layer_null(struct walk *w);
enum layer layer_sll(struct walk *w);
enum layer layer_sll2(struct walk *w);

/* ip.c */
enum layer layer_of_proto(uint8_t proto);
enum layer layer_ip(struct walk *w);
enum layer layer_ip4(struct walk *w);
enum layer layer_ip6(struct walk *w);
enum layer layer_ip_extension(struct walk *w);

/* transport.c */
enum layer layer_tcp(struct walk *w);
enum layer layer_udp(struct walk *w);

/* icmp.c */
enum layer layer_icmp4(struct walk *w);
enum layer layer_icmp6(struct walk *w);

/* tunnel.c */
/* Which tunnel a datagram to this port is, after a look at its first bytes; else LAYER_DONE. */
enum layer layer_of_udp_port(uint16_t port, struct bytes payload);
enum layer layer_gre(struct walk *w);
enum layer layer_erspan2(struct walk *w);
enum layer layer_erspan3(struct walk *w);
enum layer layer_vxlan(struct walk *w);
enum layer layer_geneve(struct walk *w);
enum layer layer_gtpu(struct walk *w);

static inline void endpoint_set4(struct endpoint *e, const uint8_t *ip)
{
    *e = (struct endpoint){ .ip = { ip[0], ip[1], ip[2], ip[3] }, .family = 4 };
}

static inline void endpoint_set6(struct endpoint *e, const uint8_t *ip)
{
    *e = (struct endpoint){ .family = 6 };
    (void)bytes_copy(e->ip, sizeof e->ip, bytes_of(ip, sizeof e->ip)); /* it fits */
}

#endif
