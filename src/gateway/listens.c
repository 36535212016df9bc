#include "gateway/listens.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/net.h"

enum { PORT_ADDRESSES_MAX = 128 };

static enum status no_memory(struct err *err)
{
    return err_set(err, ST_NOMEM, "no memory");
}

static struct listen_port *port_of(struct listens *l, unsigned port)
{
    for (size_t i = 0; i < l->n_ports; i++) {
        if (l->ports[i].port == port) {
            return &l->ports[i];
        }
    }
    return NULL;
}

static bool wants_proxied(const struct virtual_host *v)
{
    for (size_t i = 0; i < v->listen_options.n; i++) {
        if (strcmp(v->listen_options.list[i], "proxy_protocol") == 0) {
            return true;
        }
    }
    return false;
}

static enum status add_at(struct listen_port *p, const char *host, bool is_wild, struct err *err)
{
    for (size_t i = 0; i < p->n_at; i++) {
        if (strcmp(p->at[i].host, host) == 0) {
            return ST_OK;
        }
    }
    if (p->n_at == PORT_ADDRESSES_MAX) {
        return err_set(err, ST_USAGE, "port %u: more than %d addresses", p->port,
                       PORT_ADDRESSES_MAX);
    }
    snprintf(p->at[p->n_at].host, sizeof p->at[0].host, "%s", host);
    p->at[p->n_at++].is_wild = is_wild;
    return ST_OK;
}

/* An address as nginx and we write it; false for families and addresses that nobody dials. */
static bool usable(const struct sockaddr *a, char out[64])
{
    if (a != NULL && a->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a;
        return inet_ntop(AF_INET, &in->sin_addr, out, 64) != NULL;
    }
    if (a != NULL && a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)a;
        return !IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) &&
               inet_ntop(AF_INET6, &in6->sin6_addr, out, 64) != NULL;
    }
    return false;
}

/* The name of an interface, or an address. */
static enum status add_interface(struct listen_port *p, const struct model_host *host,
                                 const char *interface, struct err *err)
{
    struct endpoint e;
    struct ifaddrs *list = NULL;
    char at[64];
    size_t before = p->n_at;
    bool known = false;
    if (endpoint_parse(interface, &e) && e.port == 0) {
        struct text plain = { 0 };
        endpoint_put_host(&plain, &e);
        enum status st = add_at(p, text_str(&plain), false, err);
        text_deinit(&plain);
        return st;
    }
    enum status st = getifaddrs(&list) == 0 ? ST_OK : err_sys(err, "interfaces");
    for (const struct ifaddrs *i = list; st == ST_OK && i != NULL; i = i->ifa_next) {
        if (strcmp(i->ifa_name, interface) == 0 && usable(i->ifa_addr, at)) {
            known = true;
            st = add_at(p, at, false, err);
        }
    }
    if (list != NULL) {
        freeifaddrs(list);
    }
    if (st == ST_OK && !known && p->n_at == before) {
        st = err_set(err, ST_USAGE, "virtual host %s: no interface %.64s with an address here",
                     host->v.name, interface);
    }
    return st;
}

static enum status add_host(struct listen_port *p, const struct model_host *host, bool has_ipv6,
                            struct err *err)
{
    if (host->v.interfaces.n == 0) {
        TRY(add_at(p, "0.0.0.0", true, err));
        return has_ipv6 ? add_at(p, "::", true, err) : ST_OK;
    }
    for (size_t i = 0; i < host->v.interfaces.n; i++) {
        TRY(add_interface(p, host, host->v.interfaces.list[i], err));
    }
    return ST_OK;
}

static enum status begin_port(struct listen_port *p, const struct model_host *host,
                              struct arena *arena, struct err *err)
{
    p->port = host->v.port.value;
    p->is_tls = virtual_host_is_tls(&host->v);
    p->is_proxied = wants_proxied(&host->v);
    p->first = host;
    p->at = arena_alloc_array(arena, PORT_ADDRESSES_MAX, sizeof p->at[0]);
    return p->at == NULL ? no_memory(err) : ST_OK;
}

static enum status check_same(const struct listen_port *p, const struct model_host *host,
                              struct err *err)
{
    if (p->is_tls != virtual_host_is_tls(&host->v)) {
        return err_set(err, ST_USAGE,
                       "virtual hosts %s and %s: port %u cannot be both with and without TLS",
                       p->first->v.name, host->v.name, p->port);
    }
    if (p->is_proxied != wants_proxied(&host->v)) {
        return err_set(err, ST_USAGE,
                       "virtual hosts %s and %s: proxy_protocol is for all of port %u or none",
                       p->first->v.name, host->v.name, p->port);
    }
    return ST_OK;
}

enum status listens_make(const struct model *model, struct arena *arena, bool has_ipv6,
                         struct listens *out, struct err *err)
{
    out->n_ports = 0;
    out->ports = arena_alloc_array(arena, model->n_hosts + 1, sizeof *out->ports);
    if (out->ports == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < model->n_hosts; i++) {
        const struct model_host *host = &model->hosts[i];
        struct listen_port *p = port_of(out, host->v.port.value);
        if (p == NULL) {
            p = &out->ports[out->n_ports];
            TRY(begin_port(p, host, arena, err));
            out->n_ports++;
        }
        TRY(check_same(p, host, err));
        TRY(add_host(p, host, has_ipv6, err));
    }
    return ST_OK;
}

/* By the name of the interface, or the address; wild ones are everywhere. */
bool listens_has(const struct model_host *host, const struct listen_port *port, size_t at)
{
    struct listen_port own = { .port = port->port };
    struct listen_at room[PORT_ADDRESSES_MAX];
    own.at = room;
    if (host->v.port.value != port->port) {
        return false;
    }
    if (host->v.interfaces.n == 0) {
        return true;
    }
    if (add_host(&own, host, false, NULL) != ST_OK) {
        return false;
    }
    for (size_t i = 0; i < own.n_at; i++) {
        if (strcmp(own.at[i].host, port->at[at].host) == 0) {
            return true;
        }
    }
    return false;
}
