/* Kept-alive connections are nginx's per upstream block, whoever asked for them: one that was made
 * under other demands must not be used. So the choice of a connection is looked at. */
#include "nginx/errors.h"
#include "nginx/own_note.h"
#include "nginx/south.h"

/* One request at one upstream block: in the place of what was there. */
struct guard {
    struct hf_south_request own;
    ngx_http_request_t *r;
    const struct hf_south_conf *conf;
    void *data;
    ngx_event_get_peer_pt get;
    ngx_event_free_peer_pt free;
    ngx_event_notify_peer_pt notify;
    ngx_event_set_peer_session_pt set_session;
    ngx_event_save_peer_session_pt save_session;
};

static bool is_same_text(ngx_str_t a, ngx_str_t b)
{
    return a.len == b.len && (a.len == 0 || ngx_memcmp(a.data, b.data, a.len) == 0);
}

static bool fits(const struct guard *g, const ngx_connection_t *c)
{
    const struct hf_seal *seal = hf_seal_of(c);
    u_char demand[HF_DEMAND_BYTES];
    if (g->conf->verify == HF_VERIFY_LEAVE || c->ssl == NULL) {
        return true;
    }
    if (seal == NULL) {
        return false;
    }
    if (seal->conf == g->conf && g->conf->is_fixed &&
        is_same_text(seal->upstream, g->r->upstream->ssl_name)) {
        return true;
    }
    return hf_south_demand(g->r, g->conf, demand) &&
           CRYPTO_memcmp(demand, seal->demand, sizeof demand) == 0;
}

static void drop(ngx_connection_t *c)
{
    if (c->ssl != NULL) { /* at once, without a word: nothing to wait for */
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void)ngx_ssl_shutdown(c);
    }
    if (c->pool != NULL) {
        ngx_destroy_pool(c->pool);
    }
    ngx_close_connection(c);
}

static ngx_int_t on_get(ngx_peer_connection_t *pc, void *data)
{
    struct guard *g = data;
    ngx_int_t found = g->get(pc, g->data);
    struct hf_attempt *a = found == NGX_BUSY ? hf_attempt_of(g->r, true) : NULL;
    if (a != NULL && g->r->upstream_states != NULL) {
        a->busy_at = g->r->upstream_states->nelts;
    }
    if (found != NGX_DONE || pc->connection == NULL || fits(g, pc->connection)) {
        return found;
    }
    drop(pc->connection);
    pc->connection = NULL;
    pc->cached = 0;
    return NGX_OK; /* the server is chosen: nginx connects to it anew */
}

/* Of struct tcp_info (include/uapi/linux/tcp.h), of which the C library's header lacks the later
 * fields: a reset that refuses a connection is a segment, an ICMP error is none, nor is silence. */
enum {
    TCP_INFO_STATE = 0,
    TCP_INFO_BYTES_IN = 128, /* tcpi_bytes_received */
    TCP_INFO_SEGMENTS_IN = 140,
    TCP_INFO_ROOM = 256
};

static struct hf_tcp tcp_look(const ngx_connection_t *c)
{
    u_char info[TCP_INFO_ROOM];
    struct hf_tcp tcp = { 0 };
    socklen_t len = sizeof info;
    tcp.is_known = getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0 &&
                   len >= TCP_INFO_SEGMENTS_IN + sizeof tcp.segments_in &&
                   bytes_copy(&tcp.segments_in, sizeof tcp.segments_in,
                              bytes_of(info + TCP_INFO_SEGMENTS_IN, sizeof tcp.segments_in)) &&
                   bytes_copy(&tcp.bytes_in, sizeof tcp.bytes_in,
                              bytes_of(info + TCP_INFO_BYTES_IN, sizeof tcp.bytes_in));
    tcp.state = tcp.is_known ? info[TCP_INFO_STATE] : 0;
    return tcp;
}

static bool is_over(const ngx_connection_t *c)
{
    return c != NULL && (c->read->eof || c->read->error);
}

static void keep_tls(struct hf_attempt *a, const ngx_connection_t *c)
{
    bool is_done = c != NULL && c->ssl != NULL && SSL_is_init_finished(c->ssl->connection) == 1;
    const SSL_CIPHER *cipher = is_done ? SSL_get_current_cipher(c->ssl->connection) : NULL;
    a->version = is_done ? (uint16_t)SSL_version(c->ssl->connection) : 0;
    a->suite = cipher == NULL ? 0 : SSL_CIPHER_get_protocol_id(cipher);
}

/* A server of TLS 1.3 can refuse our certificate only when the handshake is over for us (RFC 8446
 * section 4.4.2.4). Where a reset follows its alert at once, nginx asks the socket for its error
 * before it reads, and gives up: what came before the reset is still there. */
static void hear_out(ngx_connection_t *c)
{
    char octet = 0;
    bool is_unheard = c != NULL && c->ssl != NULL && c->ssl->handshaked && !c->read->eof &&
                      !c->read->error && !c->read->timedout && !c->write->timedout &&
                      SSL_version(c->ssl->connection) == TLS1_3_VERSION;
    struct hf_errors errors;
    if (!is_unheard) {
        return;
    }
    hf_errors_take(&errors);
    int n = SSL_peek(c->ssl->connection, &octet, sizeof octet);
    if (n <= 0 && SSL_get_error(c->ssl->connection, n) == SSL_ERROR_SSL) {
        c->ssl->no_wait_shutdown = 1; /* as nginx does after an error */
        c->ssl->no_send_shutdown = 1;
    }
    hf_errors_put(&errors);
}

static bool has_flag(ngx_http_request_t *r)
{
    static const ngx_str_t flag = ngx_string("X-Apigee-fault-flag");
    static const ngx_str_t yes = ngx_string("true");
    for (ngx_list_part_t *part = &r->upstream->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *at = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (at[i].key.len == flag.len && is_same_text(at[i].value, yes) &&
                ngx_strncasecmp(at[i].key.data, flag.data, flag.len) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* An answer counts for nginx as a failure of the server only where another is tried after it. The
 * last one, or the only one, has failed no less where its place answers with a fault of ours. */
static bool is_fault_below(const struct guard *g)
{
    ngx_uint_t status = g->r->upstream->headers_in.status_n;
    return g->conf->fault == HF_FAULT_NESTED &&
           (status == NGX_HTTP_BAD_GATEWAY || status == NGX_HTTP_SERVICE_UNAVAILABLE) &&
           has_flag(g->r);
}

static void on_free(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    const struct guard *g = data;
    ngx_connection_t *c = pc->connection;
    bool has_failed = (state & NGX_PEER_FAILED) != 0;
    struct hf_attempt *a = hf_attempt_of(g->r, has_failed);
    struct hf_tcp tcp = { .is_known = true }; /* no connection: connect() itself failed */
    if (has_failed && c != NULL) {
        tcp = tcp_look(c);
        hf_south_look_back(g->r, c, &tcp);
        hear_out(c);
    }
    if (a != NULL) {
        a->is_eof = is_over(c);
        keep_tls(a, c);
        a->address_len = hf_address(pc->sockaddr, a->address);
        a->is_nobody = pc->sockaddr != NULL && pc->sockaddr->sa_family == AF_UNIX;
    }
    if (a != NULL && has_failed) {
        a->is_unanswered = tcp.is_known && tcp.segments_in == 0;
        a->was_connected = tcp.segments_in > 1; /* a SYN is refused with one */
        a->was_reset = tcp.state == TCP_CLOSE;
    }
    g->free(pc, g->data, state | (is_fault_below(g) ? NGX_PEER_FAILED : 0));
}

static void on_notify(ngx_peer_connection_t *pc, void *data, ngx_uint_t type)
{
    const struct guard *g = data;
    g->notify(pc, g->data, type);
}

static ngx_int_t on_set_session(ngx_peer_connection_t *pc, void *data)
{
    const struct guard *g = data;
    return g->set_session(pc, g->data);
}

static void on_save_session(ngx_peer_connection_t *pc, void *data)
{
    const struct guard *g = data;
    g->save_session(pc, g->data);
}

static void take_place(struct guard *g, ngx_peer_connection_t *pc)
{
    g->data = pc->data;
    g->get = pc->get;
    g->free = pc->free;
    g->notify = pc->notify;
    g->set_session = pc->set_session;
    g->save_session = pc->save_session;
    pc->data = g;
    pc->get = on_get;
    pc->free = g->free == NULL ? NULL : on_free;
    pc->notify = g->notify == NULL ? NULL : on_notify;
    pc->set_session = g->set_session == NULL ? NULL : on_set_session;
    pc->save_session = g->save_session == NULL ? NULL : on_save_session;
}

static ngx_int_t guard_request(ngx_http_request_t *r)
{
    const struct hf_south_conf *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_handfast_south_module);
    if (conf->verify == HF_VERIFY_LEAVE &&
        (conf->fault == HF_FAULT_OFF || conf->fault == HF_FAULT_GATEWAY)) {
        return NGX_OK;
    }
    struct guard *g = ngx_palloc(r->pool, sizeof *g);
    if (g == NULL) {
        return NGX_ERROR;
    }
    const struct hf_south_request *before =
        ngx_http_get_module_ctx(r, ngx_http_handfast_south_module);
    g->own = (struct hf_south_request){ .attempt = before == NULL ? NULL : before->attempt };
    g->r = r;
    g->conf = conf;
    take_place(g, &r->upstream->peer);
    ngx_http_set_ctx(r, &g->own, ngx_http_handfast_south_module);
    hf_south_watch_answer(r, &g->own);
    return NGX_OK;
}

static ngx_int_t init_block(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    const struct hf_south_block *block =
        ngx_http_conf_upstream_srv_conf(us, ngx_http_handfast_south_module);
    ngx_int_t rc = block->init(r, us);
    return rc == NGX_OK ? guard_request(r) : rc;
}

/* A host that stands in proxy_pass itself has no block, and what nginx gives it. */
static ngx_int_t init_host(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    ngx_int_t rc = ngx_http_upstream_init_round_robin_peer(r, us);
    return rc == NGX_OK ? guard_request(r) : rc;
}

void hf_south_guard(ngx_conf_t *cf)
{
    ngx_http_upstream_main_conf_t *all =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    ngx_http_upstream_srv_conf_t **us = all->upstreams.elts;
    for (ngx_uint_t i = 0; i < all->upstreams.nelts; i++) {
        if (us[i]->srv_conf != NULL) {
            struct hf_south_block *block =
                ngx_http_conf_upstream_srv_conf(us[i], ngx_http_handfast_south_module);
            block->init = us[i]->peer.init;
            us[i]->peer.init = init_block;
        } else if (us[i]->peer.init == ngx_http_upstream_init_round_robin_peer) {
            us[i]->peer.init = init_host;
        }
    }
}
