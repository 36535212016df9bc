/*
 * sockets: the TCP socket below a TLS connection, as far as the process can tell. Not for other
 * areas. errno is not kept. Source: tcp(7), getpeername(2).
 */
#ifndef HANDFAST_OBSERVE_SOCKETS_H
#define HANDFAST_OBSERVE_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>
#include <sys/socket.h>

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

struct socket_facts {
    bool is_listening;
    bool is_reset; /* it had a peer, and the connection is gone; `peer` is not known */
    uint8_t tcp_state;
    union socket_address local, peer;
};

/* False where it is no socket of TCP or UDP with an address. */
bool sockets_look(int fd, struct socket_facts *out);
/* The only connection of the process that a client, or a server, can have here, among the first
 * `n_fds` descriptors; false where there is none, or several. */
bool sockets_guess(bool is_server, int n_fds, struct socket_facts *out);

#endif
