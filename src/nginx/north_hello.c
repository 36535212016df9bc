/* The server that a ClientHello asks for, before its version is settled. */
#include "base/reader.h"
#include "nginx/north.h"

enum { HOST_NAME = 0, NAME_MAX_BYTES = 255 }; /* RFC 6066 section 3: NameType; a DNS name */

static const uint64_t versions = SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 |
                                 SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE;

/* The client's connection; NULL for that of another module. */
static ngx_http_connection_t *connection_of(const SSL *ssl)
{
    const ngx_connection_t *c = SSL_get_ex_data(ssl, ngx_ssl_connection_index);
    bool is_http =
        c != NULL && c->listening != NULL && c->listening->handler == ngx_http_init_connection;
    return is_http ? c->data : NULL;
}

/* RFC 6066 section 3. Empty where there is none, or it is broken. */
static struct bytes name_in(SSL *ssl)
{
    const unsigned char *p = NULL;
    size_t len = 0;
    struct fault fault = { 0 };
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) != 1) {
        return bytes_of(NULL, 0);
    }
    struct reader r = rd_whole(bytes_of(p, len), &fault);
    struct reader list = rd_sub16(&r, "server_name_list");
    uint8_t type = rd_u8(&list, "name_type");
    struct bytes name = rd_vec16(&list, 1, 65535, "HostName");
    bool is_name = fault.kind == FAULT_NONE && type == HOST_NAME && name.len <= NAME_MAX_BYTES;
    return is_name ? name : bytes_of(NULL, 0);
}

/* How long the host in it is, without a port and the last dot; 0: nginx takes it for no host. This
 * has to be as nginx sees it: a name that it finds and we do not would get round the protocols. */
static size_t host_length(struct bytes name)
{
    size_t len = name.len;
    bool is_literal = name.len > 0 && name.p[0] == '[';
    bool is_over = false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.p[i];
        if (c <= ' ' || c == 0x7f || c == '/' || (c == '.' && i > 0 && name.p[i - 1] == '.')) {
            return 0;
        }
        if (!is_over && is_literal && c == ']') {
            len = i + 1;
            is_over = true;
        } else if (!is_over && !is_literal && c == ':') {
            len = i;
            is_over = true;
        }
    }
    return len > 0 && name.p[len - 1] == '.' ? len - 1 : len;
}

static ngx_http_core_srv_conf_t *by_pattern(const ngx_http_virtual_names_t *names, ngx_str_t *host)
{
#if (NGX_PCRE)
    for (ngx_uint_t i = 0; i < names->nregex; i++) {
        if (ngx_regex_exec(names->regex[i].regex->regex, host, NULL, 0) >= 0) {
            return names->regex[i].server;
        }
    }
#endif
    return NULL;
}

static ngx_http_core_srv_conf_t *find_server(const ngx_http_connection_t *hc, struct bytes name)
{
    ngx_http_virtual_names_t *names = hc->addr_conf->virtual_names;
    u_char lower[NAME_MAX_BYTES];
    ngx_str_t host = { host_length(name), lower };
    if (names == NULL || host.len == 0) {
        return NULL;
    }
    ngx_uint_t key = ngx_hash_strlow(lower, (u_char *)(uintptr_t)name.p, host.len);
    ngx_http_core_srv_conf_t *found = ngx_hash_find_combined(&names->names, key, lower, host.len);
    return found != NULL ? found : by_pattern(names, &host);
}

/* From here on the SSL is the server's, as nginx would have it a moment later. */
static void apply(SSL *ssl, SSL_CTX *ctx)
{
    uint64_t wanted = SSL_CTX_get_options(ctx) & versions;
    if (SSL_set_SSL_CTX(ssl, ctx) == NULL) {
        return;
    }
    SSL_clear_options(ssl, versions & ~wanted);
    SSL_set_options(ssl, wanted);
    SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(ctx));
    SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(ctx));
}

static int on_client_hello(SSL *ssl, int *alert, void *data)
{
    const ngx_http_connection_t *hc = connection_of(ssl);
    const ngx_http_core_srv_conf_t *server = hc == NULL ? NULL : find_server(hc, name_in(ssl));
    (void)alert;
    (void)data;
    if (server == NULL) { /* the default server's, as it is */
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    const struct hf_north_conf *conf =
        server->ctx->srv_conf[ngx_http_handfast_north_module.ctx_index];
    const ngx_http_ssl_srv_conf_t *tls = server->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
    if (conf->server_protocols && tls->ssl.ctx != NULL) {
        apply(ssl, tls->ssl.ctx);
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

void hf_north_watch_hello(SSL_CTX *ctx)
{
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
}
