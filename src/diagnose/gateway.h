/*
 * gateway: the addresses named with --gateway.
 *
 * A connection to one of them is northbound, a connection from one is southbound.
 */
#ifndef HANDFAST_DIAGNOSE_GATEWAY_H
#define HANDFAST_DIAGNOSE_GATEWAY_H

#include "base/net.h"

struct gateway {
    struct endpoint at;  /* port 0: any port */
    unsigned prefix_len; /* 32 or 128 for a single address */
};

/* "ADDR", "ADDR:PORT", "[V6]:PORT", "ADDR/PREFIX", "ADDR/PREFIX:PORT"; false: none of them. */
bool gateway_parse(const char *s, struct gateway *out);
/* The address lies in the prefix, whatever the port. IPv4-mapped IPv6 addresses count as IPv4. */
bool gateway_holds_host(const struct gateway *g, const struct endpoint *e);
/* The address lies in the prefix and the port is the gateway's, where one was given. */
bool gateway_holds(const struct gateway *g, const struct endpoint *e);

#endif
