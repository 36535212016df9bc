/* What keeps the servers of one port apart, so that who got into one is not in the other. */
#include "nginx/north.h"

/* RFC 8446 section 4.6.1 and RFC 5246 section 7.4.1.2 leave it to the server which sessions it
 * takes; OpenSSL takes those of the same context (SSL_CTX_set_session_id_context(3)). nginx makes
 * it of the server's certificate and the names of the CAs: two servers that have both in common,
 * and judge clients differently, would take each other's. */

static bool add_certificate(EVP_MD_CTX *sum, const X509 *cert)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    return cert == NULL || (X509_digest(cert, EVP_sha256(), digest, &len) == 1 &&
                            EVP_DigestUpdate(sum, digest, len) == 1);
}

static bool add_anchors(EVP_MD_CTX *sum, const SSL_CTX *ctx)
{
    const STACK_OF(X509_OBJECT) *all = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    for (int i = 0; i < sk_X509_OBJECT_num(all); i++) {
        if (!add_certificate(sum, X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i)))) {
            return false;
        }
    }
    return true;
}

static bool add_all(EVP_MD_CTX *sum, const struct hf_north_conf *conf, const SSL_CTX *ctx)
{
    const uint8_t how[] = { conf->partial_chain != 0, conf->ignore_errors != 0 };
    return EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
           EVP_DigestUpdate(sum, how, sizeof how) == 1 &&
           add_certificate(sum, SSL_CTX_get0_certificate(ctx)) && add_anchors(sum, ctx);
}

bool hf_north_part_sessions(const struct hf_north_conf *conf, SSL_CTX *ctx)
{
    uint8_t id[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (SSL_CTX_get_verify_mode(ctx) == SSL_VERIFY_NONE) {
        return true; /* nginx's own tells these from the others */
    }
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool ok = sum != NULL && add_all(sum, conf, ctx) && EVP_DigestFinal_ex(sum, id, &len) == 1 &&
              SSL_CTX_set_session_id_context(ctx, id, len) == 1;
    EVP_MD_CTX_free(sum);
    return ok;
}

static bool has_version(const ngx_http_ssl_srv_conf_t *tls, int version)
{
    switch (version) {
    case TLS1_VERSION:
        return (tls->protocols & NGX_SSL_TLSv1) != 0;
    case TLS1_1_VERSION:
        return (tls->protocols & NGX_SSL_TLSv1_1) != 0;
    case TLS1_2_VERSION:
        return (tls->protocols & NGX_SSL_TLSv1_2) != 0;
    case TLS1_3_VERSION:
        return (tls->protocols & NGX_SSL_TLSv1_3) != 0;
    default:
        return false;
    }
}

/* RFC 9110 section 15.5.20: the Host of the request is another server's than the handshake's. That
 * one may serve it where its own handshake would have been no different. nginx looks only where the
 * client sent a name, and only at certificates. */
static ngx_int_t on_request(ngx_http_request_t *r)
{
    const ngx_http_connection_t *hc = r->http_connection;
    const ngx_http_ssl_srv_conf_t *tls = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);
    const struct hf_north_conf *conf =
        ngx_http_get_module_srv_conf(r, ngx_http_handfast_north_module);
    if (r != r->main || !conf->server_protocols || r->connection->ssl == NULL ||
        hc->conf_ctx->srv_conf == r->srv_conf) {
        return NGX_DECLINED;
    }
    if (tls->verify == 0 && has_version(tls, SSL_version(r->connection->ssl->connection))) {
        return NGX_DECLINED;
    }
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "the request is for a server whose handshake would have been another");
    return NGX_HTTP_MISDIRECTED_REQUEST;
}

ngx_int_t hf_north_watch_requests(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_handler_pt *handler = ngx_array_push(&core->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (handler == NULL) {
        return NGX_ERROR;
    }
    *handler = on_request;
    return NGX_OK;
}
