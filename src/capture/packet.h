/*
 * packet: one frame taken apart down to TCP or UDP.
 *
 * Link layers, tunnels and IP fragments are undone here: what comes out is the innermost
 * transport packet. Checksums are neither trusted nor required. Broken packets are counted, not
 * errors.
 *
 * Link: Ethernet, 802.1Q, QinQ, MPLS, PPPoE, Linux cooked v1 and v2, raw IP, BSD null and loop,
 * PPP. Tunnels: GRE, IP-in-IP, 6in4, VXLAN, GENEVE, GTP-U.
 */
#ifndef HANDFAST_CAPTURE_PACKET_H
#define HANDFAST_CAPTURE_PACKET_H

#include "base/net.h"
#include "base/status.h"
#include "capture/frame.h"

enum packet_kind {
    PACKET_OTHER = 0, /* nothing of interest */
    PACKET_TCP,
    PACKET_UDP,
    PACKET_ICMP_ERROR,   /* about a TCP or UDP packet: src/dst are those of the packet quoted */
    PACKET_BROKEN,       /* headers contradict themselves or the frame is cut within them */
    PACKET_FRAGMENT,     /* an IP fragment, kept until the others come */
    PACKET_UNKNOWN_LINK, /* a link type that is not known; name it with link_type_name() */
};

enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
};

struct packet {
    enum packet_kind kind;
    struct endpoint src, dst;
    uint8_t hop_limit; /* TTL of the innermost IP header: a reset from a middlebox differs */
    /* TCP */
    uint8_t flags;
    uint16_t window;
    uint32_t seq, ack;
    struct bytes options;
    /* ICMP errors: kind of the packet quoted, and why */
    bool quotes_tcp;
    bool is_unreachable; /* destination unreachable, of any kind */
    bool is_too_big;     /* fragmentation needed (ICMP 3/4) or packet too big (ICMPv6 2) */
    /* The payload: `payload.len` bytes were captured of `payload_len` on the wire. Borrowed from
     * the frame, or from the decoder (a reassembled datagram) until the next decode. */
    struct bytes payload;
    uint32_t payload_len;
    bool is_reassembled; /* `payload` and `options` are the decoder's */
};

struct packet_decoder; /* holds IP fragments; bounded */

struct packet_stats {
    uint64_t broken, unknown_link, fragments_dropped;
    uint16_t last_unknown_link;
};

enum status packet_decoder_new(struct packet_decoder **out, struct err *err) NODISCARD;
void packet_decoder_free(struct packet_decoder *d); /* NULL is fine */
/* Fills *out; returns out->kind. */
enum packet_kind packet_decode(struct packet_decoder *d, const struct frame *frame,
                               struct packet *out);
struct packet_stats packet_stats(const struct packet_decoder *d);
/* "EN10MB", "LINUX_SLL2" ..., or NULL where libpcap knows none. */
const char *link_type_name(uint16_t link_type);

#endif
