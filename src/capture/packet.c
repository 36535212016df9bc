#include "capture/packet.h"

#include <stdlib.h>

#include "capture/layer.h"

enum {
    LINKTYPE_ETHERNET = 1,
    MAX_STEPS = 32, /* headers in one frame: what goes deeper is an attack or a loop */
    PLAIN_HEAD_BYTES = 14 + 20,
};

struct packet_decoder {
    struct ipfrag_table *fragments;
    uint64_t n_broken, n_unknown_link;
    uint16_t last_unknown_link;
};

typedef enum layer layer_step(struct walk *w);

static layer_step *const steps[N_LAYERS] = {
    [LAYER_ETHERNET] = layer_ethernet,
    [LAYER_VLAN] = layer_vlan,
    [LAYER_LLC] = layer_llc,
    [LAYER_MPLS] = layer_mpls,
    [LAYER_PPPOE] = layer_pppoe,
    [LAYER_PPP] = layer_ppp,
    [LAYER_HDLC] = layer_hdlc,
    [LAYER_NULL] = layer_null,
    [LAYER_SLL] = layer_sll,
    [LAYER_SLL2] = layer_sll2,
    [LAYER_IP] = layer_ip,
    [LAYER_IP4] = layer_ip4,
    [LAYER_IP6] = layer_ip6,
    [LAYER_IP_EXTENSION] = layer_ip_extension,
    [LAYER_TCP] = layer_tcp,
    [LAYER_UDP] = layer_udp,
    [LAYER_ICMP4] = layer_icmp4,
    [LAYER_ICMP6] = layer_icmp6,
    [LAYER_GRE] = layer_gre,
    [LAYER_ERSPAN2] = layer_erspan2,
    [LAYER_ERSPAN3] = layer_erspan3,
    [LAYER_VXLAN] = layer_vxlan,
    [LAYER_GENEVE] = layer_geneve,
    [LAYER_GTPU] = layer_gtpu,
};

enum status packet_decoder_new(struct packet_decoder **out, struct err *err)
{
    struct packet_decoder *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return err_set(err, ST_NOMEM, "no memory to decode packets");
    }
    enum status st = ipfrag_table_new(&d->fragments, err);
    if (st != ST_OK) {
        packet_decoder_free(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

void packet_decoder_free(struct packet_decoder *d)
{
    if (d == NULL) {
        return;
    }
    ipfrag_table_free(d->fragments);
    free(d);
}

/* Nine frames of ten: Ethernet, IPv4 without options or fragments, TCP. */
static bool is_plain_tcp(const struct frame *f)
{
    const uint8_t *p = f->bytes.p;
    return f->link_type == LINKTYPE_ETHERNET && f->bytes.len >= PLAIN_HEAD_BYTES + 20 &&
           load_be16(p + 12) == 0x0800 && p[14] == 0x45 && p[23] == 6 &&
           (load_be16(p + 20) & 0x3fff) == 0 && load_be16(p + 16) >= 20;
}

static enum layer plain_tcp(struct walk *w)
{
    const uint8_t *ip = w->p + 14;
    endpoint_set4(&w->out->src, ip + 12);
    endpoint_set4(&w->out->dst, ip + 16);
    w->out->hop_limit = ip[8];
    walk_skip(w, PLAIN_HEAD_BYTES);
    walk_trim(w, load_be16(ip + 2) - 20U);
    return layer_tcp(w);
}

static enum layer walk_layers(struct walk *w, uint16_t link_type)
{
    enum layer layer = layer_of_link_type(link_type);
    for (int i = 0; i < MAX_STEPS && layer >= N_ENDS; i++) {
        layer = steps[layer](w);
    }
    return layer < N_ENDS ? layer : LAYER_BROKEN;
}

static enum packet_kind count_end(struct packet_decoder *d, enum layer end, uint16_t link_type)
{
    switch ((int)end) { /* only the ends of enum layer come here */
    case LAYER_FRAGMENT:
        return PACKET_FRAGMENT;
    case LAYER_BROKEN:
        d->n_broken++;
        return PACKET_BROKEN;
    case LAYER_UNKNOWN_LINK:
        d->n_unknown_link++;
        d->last_unknown_link = link_type;
        return PACKET_UNKNOWN_LINK;
    default:
        return PACKET_OTHER;
    }
}

enum packet_kind packet_decode(struct packet_decoder *d, const struct frame *frame,
                               struct packet *out)
{
    *out = (struct packet){ .kind = PACKET_OTHER };
    uint32_t len = (uint32_t)frame->bytes.len; /* at most MAX_FRAME_BYTES */
    struct walk w = {
        .p = frame->bytes.p,
        .len = len,
        .wire = frame->len_on_wire > len ? frame->len_on_wire : len,
        .at_ns = frame->at_ns,
        .fragments = d->fragments,
        .out = out,
    };
    enum layer end;
    if (is_plain_tcp(frame)) {
        end = plain_tcp(&w);
    } else {
        ipfrag_begin(d->fragments);
        end = walk_layers(&w, frame->link_type);
    }
    if (end != LAYER_DONE) {
        out->kind = count_end(d, end, frame->link_type);
    }
    return out->kind;
}

struct packet_stats packet_stats(const struct packet_decoder *d)
{
    return (struct packet_stats){
        .broken = d->n_broken,
        .unknown_link = d->n_unknown_link,
        .fragments_dropped = ipfrag_n_dropped(d->fragments),
        .last_unknown_link = d->last_unknown_link,
    };
}
