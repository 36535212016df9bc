#include "dial/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "dial/dial_blocking.h"

enum { ADDRESSES_MAX = 16, READ_BYTES = 4096 };

static bool endpoint_of(const struct sockaddr *sa, struct endpoint *out)
{
    *out = (struct endpoint){ 0 };
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in4 = (const void *)sa;
        out->family = 4;
        out->port = ntohs(in4->sin_port);
        return bytes_copy(out->ip, sizeof out->ip, bytes_of(&in4->sin_addr, 4));
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        out->family = 6;
        out->port = ntohs(in6->sin6_port);
        return bytes_copy(out->ip, sizeof out->ip, bytes_of(&in6->sin6_addr, 16));
    }
    return false;
}

/* Where the connection goes, as opposed to which server is meant. */
struct destination {
    const char *host;
    uint16_t port;
    char storage[256];
};

static enum status destination_of(const struct dial_target *t, struct dial_proxy *proxy,
                                  struct destination *out, struct err *err)
{
    struct dial_target via;
    out->host = t->host;
    out->port = t->port;
    if (t->proxy != NULL) {
        if (!dial_parse_proxy(t->proxy, proxy)) {
            return err_set(err, ST_USAGE,
                           "proxy '%.100s': it is http://HOST:PORT or "
                           "socks5://HOST:PORT",
                           t->proxy);
        }
        out->host = proxy->host;
        out->port = proxy->port;
    } else if (t->connect_to != NULL) {
        if (!dial_parse_target(t->connect_to, &via, out->storage, sizeof out->storage)) {
            return err_set(err, ST_USAGE, "'%.100s' is no address to connect to", t->connect_to);
        }
        struct endpoint e = { 0 };
        bool has_port = (endpoint_parse(t->connect_to, &e) && e.port != 0) ||
                        (!dial_is_address(t->connect_to) && strchr(t->connect_to, ':') != NULL &&
                         strchr(t->connect_to, ']') == NULL);
        out->host = out->storage;
        out->port = has_port ? via.port : t->port;
    }
    return ST_OK;
}

enum status dial_resolve(const struct dial_target *target, struct endpoint *out, size_t room,
                         size_t *n, struct err *err)
{
    struct dial_proxy proxy;
    struct destination to;
    *n = 0;
    TRY(destination_of(target, &proxy, &to, err));
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_family = target->family == 4   ? AF_INET
                                           : target->family == 6 ? AF_INET6
                                                                 : AF_UNSPEC };
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(to.host, NULL, &hints, &list);
    if (failure != 0) {
        return err_set(err, ST_IO, "%.200s: %s", to.host, gai_strerror(failure));
    }
    for (const struct addrinfo *a = list; a != NULL && *n < room; a = a->ai_next) {
        if (endpoint_of(a->ai_addr, &out[*n])) {
            out[*n].port = to.port;
            (*n)++;
        }
    }
    freeaddrinfo(list);
    return *n > 0 ? ST_OK : err_set(err, ST_IO, "%.200s: no address", to.host);
}

static socklen_t sockaddr_of(const struct endpoint *e, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){ 0 };
    if (e->family == 4) {
        struct sockaddr_in *in4 = (void *)out;
        in4->sin_family = AF_INET;
        in4->sin_port = htons(e->port);
        (void)bytes_copy(&in4->sin_addr, 4, bytes_of(e->ip, 4));
        return sizeof *in4;
    }
    struct sockaddr_in6 *in6 = (void *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(e->port);
    (void)bytes_copy(&in6->sin6_addr, 16, bytes_of(e->ip, 16));
    return sizeof *in6;
}

static enum status connect_socket(int fd, const struct endpoint *to, struct err *err)
{
    struct sockaddr_storage address;
    socklen_t len = sockaddr_of(to, &address);
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
        return err_sys(err, "connect");
    }
    return ST_OK;
}

enum status dial_connect_start(const struct endpoint *to, int *out_fd, struct err *err)
{
    int family = to->family == 4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_sys(err, "socket");
    }
    enum status st = connect_socket(fd, to, err);
    if (st != ST_OK) {
        close(fd);
        return st;
    }
    *out_fd = fd;
    return ST_OK;
}

void dial_ends(int fd, struct endpoint *local, struct endpoint *remote)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;
    *local = *remote = (struct endpoint){ 0 };
    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
        (void)endpoint_of((const struct sockaddr *)&address, local);
    }
    len = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &len) == 0) {
        (void)endpoint_of((const struct sockaddr *)&address, remote);
    }
}

int64_t dial_deadline(const struct dial_target *target)
{
    unsigned ms = target->timeout_ms == 0 ? DIAL_TIMEOUT_MS : target->timeout_ms;
    return clock_monotonic_ns() + (int64_t)ms * NS_PER_MS;
}

enum status dial_wait(int fd, short events, int64_t deadline_ns, struct err *err)
{
    for (;;) {
        int64_t left_ms = (deadline_ns - clock_monotonic_ns()) / NS_PER_MS;
        struct pollfd p = { .fd = fd, .events = events };
        int n = left_ms <= 0 ? 0 : poll(&p, 1, (int)left_ms);
        if (n > 0) {
            return ST_OK;
        }
        if (n == 0) {
            return err_set(err, ST_IO, "no answer in time");
        }
        if (errno != EINTR) {
            return err_sys(err, "poll");
        }
    }
}

enum status dial_send(int fd, struct bytes out, int64_t deadline_ns, struct err *err)
{
    while (out.len > 0) {
        TRY(dial_wait(fd, POLLOUT, deadline_ns, err));
        ssize_t n = send(fd, out.p, out.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return err_sys(err, "send");
        }
        out = bytes_skip(out, n < 0 ? 0 : (size_t)n);
    }
    return ST_OK;
}

/* One more piece of the dialogue from the server. */
static enum status hear(int fd, struct dial_steps *s, int64_t deadline_ns, struct err *err)
{
    uint8_t piece[READ_BYTES];
    struct err waited;
    if (dial_wait(fd, POLLIN, deadline_ns, &waited) != ST_OK) {
        dial_steps_fail(s, waited.text);
        return err_set(err, ST_IO, "%s", s->why.text);
    }
    /* Nothing beyond the dialogue is taken from the socket: what TLS sends stays in it. */
    ssize_t n = recv(fd, piece, s->target->starttls == DIAL_NO_STARTTLS ? 1 : sizeof piece, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ST_OK;
    }
    if (n <= 0) {
        dial_steps_fail(s, n == 0 ? "the connection was closed" : "the connection was reset");
        return err_set(err, ST_IO, "%s", s->why.text);
    }
    (void)dial_steps_push(s, bytes_of(piece, (size_t)n));
    return ST_OK;
}

static enum status converse(int fd, struct dial_steps *s, struct err *err)
{
    for (;;) {
        int64_t deadline_ns = dial_deadline(s->target);
        TRY(dial_send(fd, bytes_of(s->out.p, s->out.len), deadline_ns, err));
        text_clear(&s->out);
        if (s->progress == DIAL_READY) {
            return ST_OK;
        }
        if (s->progress == DIAL_REFUSED) {
            return err_set(err, ST_IO, "%s", s->why.text);
        }
        TRY(hear(fd, s, deadline_ns, err));
    }
}

static enum status introduce(int fd, const struct dial_target *target, struct err *err)
{
    int failure = 0;
    socklen_t len = sizeof failure;
    TRY(dial_wait(fd, POLLOUT, dial_deadline(target), err));
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0 || failure != 0) {
        errno = failure;
        return err_sys(err, "connect");
    }
    struct dial_steps steps;
    struct endpoint local, remote;
    dial_ends(fd, &local, &remote);
    dial_steps_start(&steps, target, &local, &remote);
    enum status st = converse(fd, &steps, err);
    dial_steps_deinit(&steps);
    return st;
}

static enum status open_one(const struct dial_target *target, const struct endpoint *to,
                            int *out_fd, struct err *err)
{
    int fd = -1;
    TRY(dial_connect_start(to, &fd, err));
    enum status st = introduce(fd, target, err);
    if (st != ST_OK) {
        close(fd);
        return st;
    }
    *out_fd = fd;
    return ST_OK;
}

enum status dial_open_nonblocking(const struct dial_target *target, int *out_fd, struct err *err)
{
    struct endpoint addresses[ADDRESSES_MAX];
    struct err why = { 0 };
    size_t n = 0;
    TRY(dial_resolve(target, addresses, ARRAY_LEN(addresses), &n, err));
    for (size_t i = 0; i < n; i++) {
        if (open_one(target, &addresses[i], out_fd, &why) == ST_OK) {
            return ST_OK;
        }
    }
    struct text where = { 0 };
    endpoint_put(&where, &addresses[n - 1]);
    err_set(err, ST_IO, "%.200s port %u (%s): %s", target->host, target->port, text_str(&where),
            why.text);
    text_deinit(&where);
    return ST_IO;
}

enum status dial_open(const struct dial_target *target, int *out_fd, struct err *err)
{
    TRY(dial_open_nonblocking(target, out_fd, err));
    int flags = fcntl(*out_fd, F_GETFL);
    if (flags < 0 || fcntl(*out_fd, F_SETFL, flags & ~O_NONBLOCK) != 0) {
        close(*out_fd);
        *out_fd = -1;
        return err_sys(err, "fcntl");
    }
    return ST_OK;
}
