#include "tls/prelude_protocol.h"

enum {
    PROXY_V1_BYTES_MAX = 107, /* proxy-protocol.txt section 2.1 */
    PROXY_V2_HEADER_BYTES = 16,
};

/* The PROXY protocol, versions 1 and 2: HAProxy's proxy-protocol.txt. */

static const struct bytes v1_start = { (const uint8_t *)"PROXY ", 6 };
static const struct bytes v2_start = { (const uint8_t *)"\r\n\r\n\0\r\nQUIT\n", 12 };

static enum prelude_match identify_proxy(const struct prelude *p, enum side side, struct bytes own,
                                         struct bytes other)
{
    (void)p;
    (void)other;
    if (side != SIDE_CLIENT) {
        return MATCH_NO;
    }
    enum prelude_match v1 = prelude_prefix(own, v1_start);
    enum prelude_match v2 = prelude_prefix(own, v2_start);
    return v1 > v2 ? v1 : v2;
}

static void start_proxy(struct prelude *p)
{
    p->kind = PRELUDE_PROXY;
}

/* "TCP4 192.0.2.1 198.51.100.2 4711 443"; family 0 stays where it says UNKNOWN or nonsense. */
static void parse_v1(struct bytes line, struct prelude_event *event)
{
    struct endpoint client = { .family = 0 };
    struct endpoint server = { .family = 0 };
    uint16_t ports[2];
    struct bytes protocol = bytes_next_word(&line);
    if (!prelude_same_word(protocol, "TCP4") && !prelude_same_word(protocol, "TCP6")) {
        return;
    }
    bool hosts_ok = prelude_parse_host(bytes_next_word(&line), &client);
    hosts_ok = prelude_parse_host(bytes_next_word(&line), &server) && hosts_ok;
    bool ports_ok = prelude_parse_port(bytes_next_word(&line), &ports[0]);
    ports_ok = prelude_parse_port(bytes_next_word(&line), &ports[1]) && ports_ok;
    if (hosts_ok && ports_ok) {
        client.port = ports[0];
        server.port = ports[1];
        event->proxied_client = client;
        event->proxied_server = server;
    }
}

static enum prelude_progress step_v1(struct prelude_turn *turn)
{
    struct bytes line;
    if (!prelude_take_line(bytes_head(turn->in, PROXY_V1_BYTES_MAX), &line, &turn->used)) {
        return turn->in.len < PROXY_V1_BYTES_MAX ? STEP_MORE : STEP_FOREIGN;
    }
    struct prelude_event event = prelude_event(turn, PRELUDE_GREETING, line);
    parse_v1(bytes_skip(line, v1_start.len), &event);
    prelude_send(turn, &event);
    prelude_restart(turn->p);
    return STEP_USED;
}

/* proxy-protocol.txt section 2.2: the command's low nibble 1 is PROXY, 0 LOCAL (a health check);
 * family 0x11 is TCP over IPv4, 0x21 over IPv6. What follows the addresses (TLVs) is skipped. */
static enum prelude_progress step_v2(struct prelude_turn *turn)
{
    struct bytes in = turn->in;
    if (in.len < PROXY_V2_HEADER_BYTES) {
        return STEP_MORE;
    }
    if (in.p[12] >> 4 != 2) {
        return STEP_FOREIGN;
    }
    bool is_proxied = (in.p[12] & 0x0f) == 1;
    size_t len = load_be16(in.p + 14);
    size_t ip_len = in.p[13] == 0x11 ? 4 : in.p[13] == 0x21 ? 16 : 0;
    size_t need = 2 * ip_len + 4;
    struct prelude_event event = prelude_event(turn, PRELUDE_GREETING, v2_start);
    if (is_proxied && ip_len > 0 && len >= need) {
        if (in.len - PROXY_V2_HEADER_BYTES < need) {
            return STEP_MORE;
        }
        const uint8_t *a = in.p + PROXY_V2_HEADER_BYTES;
        event.proxied_client = prelude_endpoint(a, ip_len, a + 2 * ip_len);
        event.proxied_server = prelude_endpoint(a + ip_len, ip_len, a + 2 * ip_len + 2);
    }
    prelude_send(turn, &event);
    turn->used = PROXY_V2_HEADER_BYTES + len;
    prelude_restart(turn->p);
    return STEP_USED;
}

static enum prelude_progress step_proxy(struct prelude_turn *turn)
{
    if (turn->side != SIDE_CLIENT) {
        return STEP_MORE;
    }
    return turn->in.p[0] == 'P' ? step_v1(turn) : step_v2(turn);
}

const struct prelude_protocol prelude_proxy_header = { identify_proxy, start_proxy, step_proxy,
                                                       NULL };
