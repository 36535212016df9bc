#include "observe/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

enum { PORTS_MAX = 64 };

/* The TCP sockets of the process, as far as they are looked at. */
struct sockets {
    size_t n_listening, n_connected;
    uint16_t listening[PORTS_MAX]; /* ports */
    struct {
        int fd;
        uint16_t port; /* ours */
    } connected[PORTS_MAX];
};

static bool speaks(int fd, int wanted)
{
    int protocol = 0;
    socklen_t len = sizeof protocol;
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 && protocol == wanted;
}

static bool is_internet(const union socket_address *a)
{
    return a->any.sa_family == AF_INET || a->any.sa_family == AF_INET6;
}

static uint16_t port_of(const union socket_address *a)
{
    return ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
}

bool sockets_look(int fd, struct socket_facts *out)
{
    int is_listening = 0;
    socklen_t len = sizeof is_listening;
    *out = (struct socket_facts){ 0 };
    bool is_known = speaks(fd, IPPROTO_TCP) || speaks(fd, IPPROTO_UDP); /* TLS, DTLS */
    if (!is_known || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0) {
        return false;
    }
    out->is_listening = is_listening != 0;
    len = sizeof out->local;
    if (getsockname(fd, &out->local.any, &len) != 0 || !is_internet(&out->local)) {
        return false;
    }
    struct tcp_info info = { 0 };
    len = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
        out->tcp_state = info.tcpi_state;
    }
    len = sizeof out->peer;
    bool has_peer = getpeername(fd, &out->peer.any, &len) == 0 && is_internet(&out->peer);
    /* A peer answered it once, and it has none now. */
    out->is_reset = !has_peer && out->tcp_state == TCP_CLOSE && info.tcpi_rtt > 0;
    return out->is_listening || has_peer || out->is_reset;
}

static void gather(struct sockets *all, int fd)
{
    struct socket_facts facts;
    if (!speaks(fd, IPPROTO_TCP) || !sockets_look(fd, &facts)) {
        return;
    }
    uint16_t port = port_of(&facts.local);
    if (facts.is_listening && all->n_listening < PORTS_MAX) {
        all->listening[all->n_listening++] = port;
    } else if (!facts.is_listening && all->n_connected < PORTS_MAX) {
        all->connected[all->n_connected].fd = fd;
        all->connected[all->n_connected++].port = port;
    }
}

/* It came in through a port on which the process listens. */
static bool came_in(const struct sockets *all, uint16_t port)
{
    for (size_t i = 0; i < all->n_listening; i++) {
        if (all->listening[i] == port) {
            return true;
        }
    }
    return false;
}

/* Node, HAProxy and others keep the socket from OpenSSL. Where the process has one connection only
 * that can be it, it is that; where it has several, nobody knows. */
bool sockets_guess(bool is_server, int n_fds, struct socket_facts *out)
{
    struct sockets all = { 0 };
    int found = -1;
    for (int fd = 0; fd < n_fds; fd++) {
        gather(&all, fd);
    }
    for (size_t i = 0; i < all.n_connected; i++) {
        bool fits = is_server ? all.n_listening == 0 || came_in(&all, all.connected[i].port)
                              : !came_in(&all, all.connected[i].port);
        if (fits && found >= 0) {
            return false;
        }
        found = fits ? all.connected[i].fd : found;
    }
    return found >= 0 && sockets_look(found, out);
}
