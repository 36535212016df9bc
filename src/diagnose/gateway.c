#include "diagnose/gateway.h"

enum { ADDRESS_TEXT_MAX = 64 };

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Decimal digits alone, at most `max`. */
static bool parse_number(const char *s, size_t len, unsigned max, unsigned *out)
{
    unsigned v = 0;
    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9') {
            return false;
        }
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *out = v;
    return v <= max;
}

/* RFC 4291 section 2.5.5.2: the same host, written the other way. */
static struct endpoint unmapped(const struct endpoint *e)
{
    struct endpoint v4 = { .port = e->port, .family = 4 };
    struct bytes tail = bytes_of(e->ip + sizeof mapped_prefix, 4);
    if (e->family != 6 || memcmp(e->ip, mapped_prefix, sizeof mapped_prefix) != 0 ||
        !bytes_copy(v4.ip, sizeof v4.ip, tail)) {
        return *e;
    }
    return v4;
}

static bool parse_prefix(const char *s, struct gateway *out)
{
    unsigned max = out->at.family == 4 ? 32 : 128;
    const char *colon = strchr(s, ':');
    size_t len = colon == NULL ? strlen(s) : (size_t)(colon - s);
    if (!parse_number(s, len, max, &out->prefix_len)) {
        return false;
    }
    unsigned port = 0;
    if (colon != NULL && !parse_number(colon + 1, strlen(colon + 1), 65535, &port)) {
        return false;
    }
    out->at.port = (uint16_t)port;
    return true;
}

bool gateway_parse(const char *s, struct gateway *out)
{
    *out = (struct gateway){ 0 };
    const char *slash = strchr(s, '/');
    if (slash == NULL) {
        if (!endpoint_parse(s, &out->at)) {
            return false;
        }
        out->at = unmapped(&out->at);
        out->prefix_len = out->at.family == 4 ? 32 : 128;
        return true;
    }
    char address[ADDRESS_TEXT_MAX] = { 0 };
    struct bytes head = bytes_of(s, (size_t)(slash - s));
    if (!bytes_copy(address, sizeof address - 1, head)) {
        return false;
    }
    return endpoint_parse(address, &out->at) && out->at.port == 0 && parse_prefix(slash + 1, out);
}

bool gateway_holds_host(const struct gateway *g, const struct endpoint *e)
{
    struct endpoint host = g->at.family == 4 ? unmapped(e) : *e;
    if (host.family != g->at.family) {
        return false;
    }
    size_t n_whole = g->prefix_len / 8;
    unsigned n_rest = g->prefix_len % 8;
    if (memcmp(host.ip, g->at.ip, n_whole) != 0) {
        return false;
    }
    return n_rest == 0 || ((host.ip[n_whole] ^ g->at.ip[n_whole]) >> (8 - n_rest)) == 0;
}

bool gateway_holds(const struct gateway *g, const struct endpoint *e)
{
    return gateway_holds_host(g, e) && (g->at.port == 0 || g->at.port == e->port);
}
