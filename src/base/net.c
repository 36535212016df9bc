#include "base/net.h"

#include <arpa/inet.h>
#include <stdlib.h>

bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && endpoint_same_host(a, b);
}

static void put_ip4(struct text *out, const uint8_t ip[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            text_putc(out, '.');
        }
        text_put_u64(out, ip[i]);
    }
}

void endpoint_put_host(struct text *out, const struct endpoint *e)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (e->family == 4) {
        put_ip4(out, e->ip);
        return;
    }
    if (e->family == 6) {
        inet_ntop(AF_INET6, e->ip, host, sizeof host);
    }
    text_puts(out, host);
}

void endpoint_put(struct text *out, const struct endpoint *e)
{
    if (e->family == 6) {
        text_putc(out, '[');
    }
    endpoint_put_host(out, e);
    text_puts(out, e->family == 6 ? "]:" : ":");
    text_put_u64(out, e->port);
}

static bool parse_port(const char *s, uint16_t *out)
{
    char *end = NULL;
    unsigned long v = strtoul(s, &end, 10);
    if (s[0] < '0' || s[0] > '9' || *end != '\0' || v > 65535) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

static bool parse_host(const char *s, size_t len, struct endpoint *out)
{
    char host[INET6_ADDRSTRLEN];
    if (len >= sizeof host) {
        return false;
    }
    memcpy(host, s, len);
    host[len] = '\0';
    if (inet_pton(AF_INET, host, out->ip) == 1) {
        out->family = 4;
        return true;
    }
    if (inet_pton(AF_INET6, host, out->ip) == 1) {
        out->family = 6;
        return true;
    }
    return false;
}

bool endpoint_parse(const char *s, struct endpoint *out)
{
    *out = (struct endpoint){ 0 };
    if (s[0] == '[') {
        const char *close = strchr(s, ']');
        if (close == NULL || !parse_host(s + 1, (size_t)(close - s) - 1, out) || out->family != 6) {
            return false;
        }
        return close[1] == '\0' || (close[1] == ':' && parse_port(close + 2, &out->port));
    }
    const char *colon = strchr(s, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        return parse_host(s, (size_t)(colon - s), out) && parse_port(colon + 1, &out->port);
    }
    return parse_host(s, strlen(s), out);
}
