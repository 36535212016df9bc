/* The first bytes of an upstream's answer, before they are taken for one.
 *
 * Where an upstream speaks at once, its bytes are there together with the connection, and nginx
 * reads before it writes: it takes them for the answer although the handshake has not begun, which
 * it does only when it writes. So whoever sits on the way could answer in the place of a verified
 * upstream: CVE-2026-1642. Since 1.28.2 and 1.29.5, and where a distributor has mended it, nginx
 * gives the connection up instead: on_answer() is for the others. And what is no HTTP is HTTP/0.9
 * to all of them, a TLS alert too. */
#include <sys/ioctl.h>

#include "nginx/south.h"

enum {
    CONTENT_ALERT = 21,
    CONTENT_HANDSHAKE = 22,
    MAJOR_VERSION = 3,
    ALERT_RECORD = 7,
    FIRST_BYTES = 128
};

static struct hf_south_request *own_of(ngx_http_request_t *r)
{
    return ngx_http_get_module_ctx(r, ngx_http_handfast_south_module);
}

/* Later servers of the block must not find the bytes of this one: where no request was sent, nginx
 * leaves them where they are. */
static void forget(ngx_http_upstream_t *u)
{
    u->buffer.last = u->buffer.pos;
}

/* --- before the handshake --- */

/* As a socket fails: nginx then does what it does when a handshake fails. */
static ssize_t fail(ngx_connection_t *c, u_char *out, size_t room)
{
    (void)out;
    (void)room;
    c->read->error = 1;
    return NGX_ERROR;
}

static void tell_early(ngx_http_request_t *r, struct bytes said)
{
    struct hf_attempt *a = hf_attempt_of(r, true);
    bool is_alert = hf_is_alert(said);
    if (a != NULL) {
        *a = (struct hf_attempt){ .number = r->upstream_states->nelts,
                                  .is_alerted = is_alert,
                                  .is_not_tls = !is_alert };
    }
    hf_south_tell(r, HF_SPOKE_FIRST, said);
}

static ngx_int_t refuse_early(ngx_http_request_t *r, struct bytes said)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "handfast: upstream prematurely sent data, before the TLS handshake");
    tell_early(r, said);
    forget(r->upstream);
    r->upstream->peer.connection->recv = fail;
    return NGX_AGAIN; /* nginx reads on, and meets the failure */
}

/* What was read from the connection. A FIN is counted like a byte. */
static size_t n_taken(const ngx_connection_t *c, const struct hf_tcp *tcp)
{
    int unread = 0;
    if (!tcp->is_known || ioctl(c->fd, FIONREAD, &unread) != 0 || unread < 0) {
        return 0;
    }
    uint64_t others = (uint64_t)unread + (tcp->state == TCP_ESTABLISHED ? 0 : 1);
    return tcp->bytes_in > others ? (size_t)(tcp->bytes_in - others) : 0;
}

/* An nginx that is mended has read them into its buffer's free part and says no more of them, or
 * has left them where they were; one that is not has them in its buffer. */
static struct bytes early_bytes(const ngx_buf_t *b, const ngx_connection_t *c,
                                const struct hf_tcp *tcp, u_char room[FIRST_BYTES])
{
    size_t n = b->start == NULL ? 0 : n_taken(c, tcp);
    if (b->last > b->pos) {
        return bytes_of(b->pos, (size_t)(b->last - b->pos));
    }
    if (n > 0) {
        return bytes_head(bytes_of(b->last, (size_t)(b->end - b->last)), n);
    }
    ssize_t waiting = recv(c->fd, room, FIRST_BYTES, MSG_PEEK | MSG_DONTWAIT);
    return bytes_of(room, waiting > 0 ? (size_t)waiting : 0);
}

void hf_south_look_back(ngx_http_request_t *r, const ngx_connection_t *c, const struct hf_tcp *tcp)
{
    const struct hf_attempt *a = hf_attempt_of(r, false);
    ngx_http_upstream_t *u = r->upstream;
    u_char room[FIRST_BYTES];
    if (u->ssl == 0 || c->ssl != NULL || (a != NULL && a->number == r->upstream_states->nelts)) {
        return;
    }
    struct bytes said = early_bytes(&u->buffer, c, tcp, room);
    if (said.len > 0) {
        tell_early(r, said);
        forget(u);
    }
}

/* --- TLS to a request in clear --- */

enum look { NO_TLS, TOO_SHORT, TLS };

/* RFC 8446 section 5.1. HTTP begins with neither byte. */
static enum look look_at(struct bytes said)
{
    bool is_alert = said.len > 0 && said.p[0] == CONTENT_ALERT;
    bool may_be = is_alert || (said.len > 0 && said.p[0] == CONTENT_HANDSHAKE);
    if (!may_be || (said.len > 1 && said.p[1] != MAJOR_VERSION)) {
        return NO_TLS;
    }
    return said.len < (is_alert ? ALERT_RECORD : 2) ? TOO_SHORT : TLS;
}

static ngx_int_t refuse_tls(ngx_http_request_t *r, struct bytes said)
{
    struct hf_attempt *a = hf_attempt_of(r, true);
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "handfast: upstream answered a request in clear with TLS");
    if (a != NULL) {
        a->tls_at = r->upstream_states->nelts;
    }
    hf_south_tell(r, HF_WANTS_TLS, said);
    forget(r->upstream);
    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}

/* --- in the place of the protocol's own --- */

/* A cache's file is read like an answer. */
static bool is_in_clear(const ngx_http_request_t *r)
{
    const ngx_connection_t *c = r->upstream->peer.connection;
#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return false;
    }
#endif
    return c != NULL && c->ssl == NULL;
}

static ngx_int_t on_answer(ngx_http_request_t *r)
{
    const struct hf_south_request *own = own_of(r);
    ngx_http_upstream_t *u = r->upstream;
    if (own == NULL) {
        return NGX_ERROR;
    }
    if (is_in_clear(r)) {
        struct bytes said = bytes_of(u->buffer.pos, (size_t)(u->buffer.last - u->buffer.pos));
        enum look look = u->ssl ? NO_TLS : look_at(said);
        if (u->ssl) {
            return refuse_early(r, said);
        }
        if (look != NO_TLS) {
            return look == TLS ? refuse_tls(r, said) : NGX_AGAIN;
        }
    }
    u->process_header = own->process_header;
    return own->process_header(r);
}

static void take_place(ngx_http_upstream_t *u, struct hf_south_request *own)
{
    if (u->process_header != on_answer) {
        own->process_header = u->process_header;
        u->process_header = on_answer;
    }
}

/* Before each further try: nginx's protocols begin anew. */
static ngx_int_t on_reinit(ngx_http_request_t *r)
{
    struct hf_south_request *own = own_of(r);
    ngx_int_t rc = own == NULL ? NGX_ERROR : own->reinit(r);
    if (rc == NGX_OK) {
        take_place(r->upstream, own);
    }
    return rc;
}

void hf_south_watch_answer(ngx_http_request_t *r, struct hf_south_request *own)
{
    ngx_http_upstream_t *u = r->upstream;
    take_place(u, own);
    if (u->reinit_request != on_reinit) {
        own->reinit = u->reinit_request;
        u->reinit_request = on_reinit;
    }
}
