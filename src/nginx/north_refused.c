/* Clients that nginx turns away in HTTP: the handshake is over then, or there was none. */
#include "nginx/north.h"
#include "nginx/own_note.h"

enum { VERIFY_ON = 1, VERIFY_OPTIONAL_NO_CA = 3, FIRST_BYTES = 5 };

/* As ngx_http_process_request() decides it. */
bool hf_north_refuses(const struct hf_whose *w, const SSL *ssl)
{
    const ngx_http_ssl_srv_conf_t *tls = w->hc->conf_ctx->srv_conf[ngx_http_ssl_module.ctx_index];
    long result = SSL_get_verify_result(ssl);
    if (tls->verify == 0) {
        return false;
    }
    if (result != X509_V_OK &&
        (tls->verify != VERIFY_OPTIONAL_NO_CA || !ngx_ssl_verify_error_optional(result))) {
        return true;
    }
    return tls->verify == VERIFY_ON && SSL_get0_peer_certificate(ssl) == NULL;
}

/* --- plain HTTP on a port for TLS --- */

static ngx_http_output_header_filter_pt next_header_filter;

/* What the client began with, as far as a record header would reach; what nginx answers. No byte of
 * the request itself: it was sent in clear by mistake. */
static void put_what_was_said(struct note *n, const ngx_http_request_t *r)
{
    static const uint8_t no_error[4];
    struct bytes first = bytes_of(r->request_line.data, r->request_line.len);
    hf_note_put(n, (struct note_entry){ .kind = NOTE_NOT_TLS, .from_peer = 1 },
                bytes_head(first, FIRST_BYTES));
    hf_note_put(
        n, (struct note_entry){ .kind = NOTE_NOT_TLS },
        bytes_of_str("HTTP/1.1 400 Bad Request: The plain HTTP request was sent to HTTPS port"));
    hf_note_put(n, (struct note_entry){ .kind = NOTE_END, .type = NOTE_END_ERROR },
                bytes_of(no_error, sizeof no_error));
}

/* --- TLS on a port for plain HTTP --- */

enum {
    RECORD_HEADER = 5,
    HANDSHAKE_HEADER = 4,
    CLIENT_HELLO = 1,
    CONTENT_HANDSHAKE = 22,
    MAJOR_VERSION = 3
};

/* The ClientHello that nginx took for a request, RFC 8446 sections 4 and 5.1; empty: it was none,
 * or not whole in the first record. */
static struct bytes hello_of(const ngx_http_request_t *r)
{
    struct bytes none = { NULL, 0 };
    if (r->header_in == NULL || r->header_in->last < r->header_in->start) {
        return none;
    }
    struct bytes in =
        bytes_of(r->header_in->start, (size_t)(r->header_in->last - r->header_in->start));
    if (in.len < RECORD_HEADER + HANDSHAKE_HEADER || in.p[0] != CONTENT_HANDSHAKE ||
        in.p[1] != MAJOR_VERSION || in.p[RECORD_HEADER] != CLIENT_HELLO) {
        return none;
    }
    const uint8_t *p = in.p + RECORD_HEADER;
    size_t len = (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    struct bytes body = bytes_skip(in, RECORD_HEADER + HANDSHAKE_HEADER);
    return len <= body.len ? bytes_head(body, len) : none;
}

static void put_what_was_mistaken(struct note *n, struct bytes hello)
{
    static const uint8_t no_error[4];
    hf_note_put(n,
                (struct note_entry){ .kind = NOTE_MESSAGE, .from_peer = 1, .type = CLIENT_HELLO },
                hello);
    hf_note_put(n, (struct note_entry){ .kind = NOTE_NOT_TLS },
                bytes_of_str("HTTP/1.1 400 Bad Request"));
    hf_note_put(n, (struct note_entry){ .kind = NOTE_END, .type = NOTE_END_EOF, .from_peer = 1 },
                bytes_of(no_error, sizeof no_error));
}

/* --- both --- */

static void tell(ngx_http_request_t *r, struct hf_loc_conf *conf, struct bytes hello)
{
    struct hf_whose w = { DIRECTION_NORTHBOUND, r->connection, r->http_connection, r, conf };
    struct note n = { 0 };
    if (hello.len > 0) {
        put_what_was_mistaken(&n, hello);
    } else {
        put_what_was_said(&n, r);
    }
    hf_note_address(&n, FACT_PEER, w.c->sockaddr);
    if (ngx_connection_local_sockaddr(w.c, NULL, 0) == NGX_OK) {
        hf_note_address(&n, FACT_LOCAL, w.c->local_sockaddr);
    }
    hf_note_place(&n, &w);
    hf_note_send(&n, &w, true);
}

static ngx_int_t on_header(ngx_http_request_t *r)
{
    struct hf_loc_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_handfast_module);
    bool is_refused = r == r->main && r->stream == NULL && r->http_connection != NULL &&
                      r->headers_out.status == NGX_HTTP_BAD_REQUEST;
    bool is_plain = is_refused && r->http_connection->ssl && r->connection->ssl == NULL;
    bool is_mistaken = is_refused && !r->http_connection->ssl;
    struct bytes hello = is_mistaken ? hello_of(r) : bytes_of(NULL, 0);
    if ((is_plain || hello.len > 0) && conf->is_on == 1 && hf_told_of(r) == NULL) {
        tell(r, conf, hello);
    }
    return next_header_filter(r);
}

void hf_north_watch_plain(void)
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
}
