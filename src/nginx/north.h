/*
 * north: what the module does to the handshakes with clients, beside watching them, and to their
 * connections when the worker is told to quit.
 *
 * Protocols and ciphers. nginx before 1.29.2 learns the name that a client asks for when the
 * version is settled already, by the default server of the port. A ClientHello callback
 * (SSL_CTX_set_client_hello_cb(3)) finds the server first.
 *
 * Certificates of clients. OpenSSL builds a chain up to a self-signed root unless it is told that
 * any certificate it trusts will do, as Java does.
 */
#ifndef HANDFAST_NGINX_NORTH_H
#define HANDFAST_NGINX_NORTH_H

#include "nginx/module.h"

extern ngx_module_t ngx_http_handfast_north_module;

struct hf_north_conf {
    ngx_flag_t server_protocols;
    ngx_flag_t partial_chain;
    ngx_flag_t ignore_errors;
};

/* north_hello.c: hangs on the SSL_CTX of a server; it may be the default one of a port. */
void hf_north_watch_hello(SSL_CTX *ctx);

/* north_apart.c: sessions of a server that asks for certificates are resumed where clients are
 * judged in the same way only. False: no memory. */
bool hf_north_part_sessions(const struct hf_north_conf *conf, SSL_CTX *ctx);
/* 421 for a request whose Host leads to a server that would have made the handshake another one,
 * with `handfast_server_protocols on` there. */
ngx_int_t hf_north_watch_requests(ngx_conf_t *cf);

/* north_refused.c: what nginx turns away in HTTP, "400 Bad Request", has its verdict too. */

/* Will nginx answer 400 for this client's certificate, or for none? Its first request is coming. */
bool hf_north_refuses(const struct hf_whose *w, const SSL *ssl);
/* A filter that sees "The plain HTTP request was sent to HTTPS port" off. */
void hf_north_watch_plain(void);

/* drain.c: in each worker. nginx closes idle connections as soon as a worker is to quit, while the
 * next request may be on its way: its client meets a reset. With `handfast_drain TIME` they get
 * `grace`: the next request is answered, and the answer says that the connection closes (HTTP/2:
 * GOAWAY). */
ngx_int_t hf_drain_start(ngx_cycle_t *cycle, ngx_msec_t grace);

#endif
