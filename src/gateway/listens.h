/*
 * listens: on which addresses which virtual hosts listen.
 *
 * nginx looks up a connection's server only among those that listen on exactly the address it came
 * to; so a virtual host for all addresses is named on the particular ones of its port as well.
 */
#ifndef HANDFAST_GATEWAY_LISTENS_H
#define HANDFAST_GATEWAY_LISTENS_H

#include "gateway/generation.h"
#include "gateway/model.h"

struct listen_port {
    unsigned port;
    bool is_tls, is_proxied; /* the same for all virtual hosts of a port */
    const struct model_host *first;
    unsigned protocols; /* of all of them: bits of enum tls_protocol */
    size_t n_at;
    struct listen_at {
        char host[64];
        bool is_wild; /* all addresses, of one family */
    } * at;
};

struct listens {
    struct listen_port *ports;
    size_t n_ports;
};

/* ST_USAGE: an interface that there is not, or virtual hosts that cannot share a port. What is made
 * lives in `arena`. */
enum status listens_make(const struct model *model, struct arena *arena, bool has_ipv6,
                         struct listens *out, struct err *err) NODISCARD;
/* Whether the virtual host listens there. */
bool listens_has(const struct model_host *host, const struct listen_port *port, size_t at);

#endif
