/*
 * nginx tests a configuration without saying that a port is taken: it would find out when it is too
 * late. So the ports that are new are tried here.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/net.h"
#include "gateway/inside.h"
#include "gateway/process.h"

static int try_bind(int family, const void *at, socklen_t len)
{
    int on = 1;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* as nginx does */
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    int failed = bind(fd, at, len) != 0 || listen(fd, 1) != 0 ? errno : 0;
    close(fd);
    return failed;
}

static int try_listen(const struct generation_listen *l)
{
    struct endpoint e;
    if (!endpoint_parse(l->host, &e)) {
        return EINVAL;
    }
    if (e.family == 4) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port) };
        (void)bytes_copy(&in.sin_addr, sizeof in.sin_addr, bytes_of(e.ip, 4));
        return try_bind(AF_INET, &in, sizeof in);
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)l->port) };
    (void)bytes_copy(&in6.sin6_addr, sizeof in6.sin6_addr, bytes_of(e.ip, 16));
    return try_bind(AF_INET6, &in6, sizeof in6);
}

static enum status judge(const struct part *router, const struct generation_listen *l, int why,
                         struct err *err)
{
    struct text who = { 0 };
    int holder = why == EADDRINUSE ? process_of_port(l->port, &who) : 0;
    enum status st;
    if (router != NULL && process_is_at(holder, router->cwd)) {
        st = ST_OK; /* adopted, or on another address of this port */
    } else if (why == EACCES) {
        st = err_set(err, ST_USAGE,
                     "port %u: only root, or a program with CAP_NET_BIND_SERVICE, may listen on it",
                     l->port);
    } else if (holder != 0) {
        st = err_set(err, ST_USAGE, "port %u: %s listens on it", l->port, text_str(&who));
    } else {
        st = err_set(err, ST_USAGE, "port %u of %s: %s", l->port, l->host, strerror(why));
    }
    text_deinit(&who);
    return st;
}

enum status ports_check(const struct part *router, const struct generation_part *running,
                        const struct generation_part *next, struct err *err)
{
    for (size_t i = 0; i < next->n_listens; i++) {
        const struct generation_listen *l = &next->listens[i];
        bool ours = generation_listens(running, l->host, l->port);
        int why = ours ? 0 : try_listen(l);
        if (why != 0) {
            TRY(judge(router, l, why, err));
        }
    }
    return ST_OK;
}

static bool is_wild(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

bool ports_need_restart(const struct generation_part *running, const struct generation_part *next)
{
    for (size_t i = 0; i < next->n_listens; i++) {
        const struct generation_listen *l = &next->listens[i];
        bool is_new = !generation_listens(running, l->host, l->port);
        for (size_t j = 0; is_new && j < running->n_listens; j++) {
            const struct generation_listen *old = &running->listens[j];
            if (old->port == l->port && is_wild(old->host) != is_wild(l->host)) {
                return true;
            }
        }
    }
    return false;
}

enum status gateway_try_port(unsigned port, struct err *err)
{
    struct generation_listen all = { .host = "0.0.0.0", .port = port };
    int why = try_listen(&all);
    return why == 0 ? ST_OK : judge(NULL, &all, why, err);
}
