/* TCP and UDP headers. Sources: RFC 9293 section 3.1, RFC 768. */
#include "capture/layer.h"

enum { TCP_MIN_BYTES = 20, UDP_BYTES = 8, TCP_FLAGS = 0x3f };

enum layer layer_tcp(struct walk *w)
{
    const uint8_t *p = w->p;
    if (w->len < TCP_MIN_BYTES) {
        return LAYER_BROKEN;
    }
    uint32_t head = (p[12] >> 4) * 4U;
    if (head < TCP_MIN_BYTES || head > w->wire) {
        return LAYER_BROKEN;
    }
    /* A snap length may cut the options; SYN, FIN and RST still say something. */
    uint32_t captured = head < w->len ? head : w->len;
    struct packet *out = w->out;
    out->kind = PACKET_TCP;
    out->src.port = load_be16(p);
    out->dst.port = load_be16(p + 2);
    out->seq = load_be32(p + 4);
    out->ack = load_be32(p + 8);
    out->flags = p[13] & TCP_FLAGS;
    out->window = load_be16(p + 14);
    out->options = bytes_of(p + TCP_MIN_BYTES, captured - TCP_MIN_BYTES);
    out->payload = bytes_of(p + captured, w->len - captured);
    out->payload_len = w->wire - head;
    return LAYER_DONE;
}

enum layer layer_udp(struct walk *w)
{
    const uint8_t *p = w->p;
    if (w->len < UDP_BYTES) {
        return LAYER_BROKEN;
    }
    uint32_t len = load_be16(p + 4);
    if (len > 0 && len < UDP_BYTES) { /* 0: a jumbogram (RFC 2675) or left to the card */
        return LAYER_BROKEN;
    }
    if (len > 0 && len < w->wire) {
        walk_trim(w, len);
    }
    struct packet *out = w->out;
    out->src.port = load_be16(p);
    out->dst.port = load_be16(p + 2);
    walk_skip(w, UDP_BYTES);
    struct bytes payload = bytes_of(w->p, w->len);
    enum layer tunnel = layer_of_udp_port(out->dst.port, payload);
    if (tunnel != LAYER_DONE) {
        return tunnel;
    }
    out->kind = PACKET_UDP;
    out->payload = payload;
    out->payload_len = w->wire;
    return LAYER_DONE;
}
