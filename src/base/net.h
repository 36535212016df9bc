/*
 * net: addresses and ends of connections, and the two sides of one.
 */
#ifndef HANDFAST_BASE_NET_H
#define HANDFAST_BASE_NET_H

#include "base/text.h"

enum side { SIDE_CLIENT = 0, SIDE_SERVER = 1 };

static inline enum side side_other(enum side s)
{
    return s == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

static inline const char *side_name(enum side s)
{
    return s == SIDE_CLIENT ? "client" : "server";
}

/* family 4: the address is in ip[0..3] and the rest is zero; 6: all 16 bytes. 0: none. */
struct endpoint {
    uint8_t ip[16];
    uint16_t port;
    uint8_t family;
};

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool endpoint_same_host(const struct endpoint *a, const struct endpoint *b);
/* "192.0.2.1:443", "[2001:db8::1]:443". */
void endpoint_put(struct text *out, const struct endpoint *e);
/* The address alone, without brackets. */
void endpoint_put_host(struct text *out, const struct endpoint *e);
/* "192.0.2.1", "192.0.2.1:443", "[v6]:port", "v6": port 0 where none is given. */
bool endpoint_parse(const char *s, struct endpoint *out);

#endif
