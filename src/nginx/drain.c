/* The end of a worker without a failed request.
 *
 * nginx tells a worker to quit by closing what is idle (ngx_close_idle_connections()), in the order
 * of its table of connections. An idle connection of our own, early in that table, hears of it
 * first: it takes the clients' connections off the list, and puts the end off until the last of
 * them is gone. For that time the worker is not "exiting": a connection whose answer promised to
 * be kept alive stays so for one more request. The listening sockets are closed already, and
 * worker_shutdown_timeout runs. */
#include "nginx/north.h"

enum { TICK_MS = 50, SLOW_TICK_MS = 1000, FD_NONE = -1, FD_OURS = -2 };

/* Of this worker. */
static ngx_connection_t *sentinel;
static ngx_event_t tick;
static ngx_msec_t grace_ms, started_at;

static bool is_client(const ngx_connection_t *c)
{
    return c->fd != (ngx_socket_t)FD_NONE && c->listening != NULL && !c->read->accept;
}

/* What waits for its next request waits no longer than the grace; and that one is answered as if
 * the connection had reached its limit (keepalive_requests): nginx says "Connection: close" or
 * GOAWAY (RFC 9113 section 6.8), and closes after it. A connection that has not asked anything yet
 * is left in peace, as nginx leaves it. */
static void hurry(ngx_connection_t *c)
{
    if (c->requests == 0) {
        return;
    }
    c->requests = ngx_max(c->requests, (ngx_uint_t)NGX_MAX_INT_T_VALUE);
    if (c->reusable && c->read->timer_set &&
        (ngx_msec_int_t)(c->read->timer.key - ngx_current_msec) > (ngx_msec_int_t)grace_ms) {
        ngx_del_timer(c->read);
        ngx_add_timer(c->read, grace_ms);
    }
}

static size_t hurry_clients(ngx_cycle_t *cycle)
{
    size_t n = 0;
    for (ngx_uint_t i = 0; i < cycle->connection_n; i++) {
        if (is_client(&cycle->connections[i])) {
            n++;
            hurry(&cycle->connections[i]);
        }
    }
    return n;
}

/* nginx is about to close what says of itself that it is idle. */
static void hold_clients(ngx_cycle_t *cycle)
{
    for (ngx_uint_t i = 0; i < cycle->connection_n; i++) {
        if (is_client(&cycle->connections[i])) {
            cycle->connections[i].idle = 0;
        }
    }
}

static void on_tick(ngx_event_t *ev)
{
    ngx_cycle_t *cycle = ev->data;
    if (ngx_exiting || ngx_terminate) {
        return;
    }
    if (hurry_clients(cycle) > 0) {
        bool is_late = ngx_current_msec - started_at > 2 * grace_ms;
        ngx_add_timer(ev, is_late ? SLOW_TICK_MS : TICK_MS);
        return;
    }
    ngx_exiting = 1;
    ngx_close_idle_connections(cycle); /* those to upstreams */
}

static void on_quit(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    ngx_cycle_t *cycle = (ngx_cycle_t *)(uintptr_t)ngx_cycle;
    if (!c->close || c != sentinel) {
        return;
    }
    sentinel = NULL;
    c->close = 0;
    c->idle = 0;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t)FD_NONE;
    if (!ngx_exiting || hurry_clients(cycle) == 0) {
        return;
    }
    hold_clients(cycle);
    ngx_exiting = 0;
    started_at = ngx_current_msec;
    tick = (ngx_event_t){ .handler = on_tick, .data = cycle, .log = cycle->log };
    ngx_add_timer(&tick, TICK_MS);
}

ngx_int_t hf_drain_start(ngx_cycle_t *cycle, ngx_msec_t grace)
{
    ngx_connection_t *c = ngx_get_connection(0, cycle->log); /* no socket: nginx waits for none */
    if (c == NULL) {
        return NGX_ERROR;
    }
    c->fd = (ngx_socket_t)FD_OURS;
    c->idle = 1;
    c->read->handler = on_quit;
    c->read->data = c;
    sentinel = c;
    grace_ms = grace;
    return NGX_OK;
}
