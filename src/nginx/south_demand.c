/* What a location demands of its upstream, in 32 bytes. */
#include <openssl/sha.h>

#include "nginx/south.h"

_Static_assert((int)HF_DEMAND_BYTES == SHA256_DIGEST_LENGTH, "a demand is a SHA-256");
_Static_assert((int)HF_DEMAND_BYTES <= SSL_MAX_SID_CTX_LENGTH, "it serves as session id context");

/* As nginx: the name may stand with a port, derived from $proxy_host or $http_host. */
static void strip_port(ngx_str_t *name)
{
    u_char *end = name->data + name->len;
    u_char *from = name->data;
    if (name->len > 0 && name->data[0] == '[') {
        u_char *bracket = ngx_strlchr(from, end, ']');
        if (bracket != NULL) { /* an IPv6 address: what is between the brackets */
            name->data++;
            name->len = (size_t)(bracket - name->data);
            return;
        }
    }
    u_char *colon = name->len > 0 ? ngx_strlchr(from, end, ':') : NULL;
    bool is_ipv6 = colon != NULL && ngx_strlchr(colon + 1, end, ':') != NULL; /* and no port */
    if (colon != NULL && !is_ipv6) {
        name->len = (size_t)(colon - name->data);
    }
}

/* The name that nginx would check, and name in the ClientHello. */
static bool nginx_name(ngx_http_request_t *r, ngx_str_t *out)
{
    const ngx_http_upstream_t *u = r->upstream;
    *out = u->ssl_name;
    if (u->conf->ssl_name != NULL && ngx_http_complex_value(r, u->conf->ssl_name, out) != NGX_OK) {
        return false;
    }
    strip_port(out);
    return true;
}

bool hf_south_name(ngx_http_request_t *r, const struct hf_south_conf *conf, ngx_str_t *out)
{
    if (conf->expected == NULL) {
        return nginx_name(r, out);
    }
    return ngx_http_complex_value(r, &conf->expected->value, out) == NGX_OK;
}

/* Its length goes first: two texts never run together. */
static bool put(EVP_MD_CTX *md, const void *data, size_t len)
{
    uint32_t n = (uint32_t)len;
    return EVP_DigestUpdate(md, &n, sizeof n) == 1 && EVP_DigestUpdate(md, data, len) == 1;
}

static bool put_value(EVP_MD_CTX *md, ngx_http_request_t *r, ngx_http_complex_value_t *value)
{
    ngx_str_t text = ngx_null_string;
    return (value == NULL || ngx_http_complex_value(r, value, &text) == NGX_OK) &&
           put(md, text.data, text.len);
}

static bool put_all(EVP_MD_CTX *md, ngx_http_request_t *r, const struct hf_south_conf *conf)
{
    const ngx_http_upstream_conf_t *u = r->upstream->conf;
    const u_char *ctx = hf_south_ctx_digest_of(u->ssl->ctx);
    u_char how[4] = { (u_char)conf->verify, conf->expected != NULL,
                      conf->expected != NULL && conf->expected->is_wildcard,
                      u->ssl_server_name == 1 };
    ngx_str_t name;
    ngx_str_t sni;
    if (ctx == NULL || !hf_south_name(r, conf, &name) || !nginx_name(r, &sni)) {
        return false;
    }
    return put(md, how, sizeof how) && put(md, ctx, HF_DEMAND_BYTES) &&
           put(md, conf->trust == NULL ? NULL : conf->trust->digest,
               conf->trust == NULL ? 0 : HF_DEMAND_BYTES) &&
           put(md, name.data, name.len) && put(md, sni.data, sni.len) &&
           put_value(md, r, u->ssl_certificate) && put_value(md, r, u->ssl_certificate_key);
}

static bool work_out(ngx_http_request_t *r, const struct hf_south_conf *conf,
                     u_char out[HF_DEMAND_BYTES])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_whole = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                    put_all(md, r, conf) && EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    return is_whole;
}

bool hf_south_demand(ngx_http_request_t *r, const struct hf_south_conf *conf,
                     u_char out[HF_DEMAND_BYTES])
{
    struct hf_known *known = conf->is_fixed ? conf->known : NULL;
    struct bytes name = bytes_of(r->upstream->ssl_name.data, r->upstream->ssl_name.len);
    if (known != NULL && name.len > 0 &&
        bytes_equal(bytes_of(known->name, known->name_len), name)) {
        return bytes_copy(out, HF_DEMAND_BYTES, bytes_of(known->demand, sizeof known->demand));
    }
    if (!work_out(r, conf, out)) {
        return false;
    }
    if (known != NULL && bytes_copy(known->name, sizeof known->name, name)) {
        known->name_len = name.len;
        bytes_copy(known->demand, sizeof known->demand, bytes_of(out, HF_DEMAND_BYTES));
    }
    return true;
}

static bool put_ctx(EVP_MD_CTX *md, SSL_CTX *ctx)
{
    uint64_t how[3] = { SSL_CTX_get_options(ctx), (uint64_t)SSL_CTX_get_min_proto_version(ctx),
                        (uint64_t)SSL_CTX_get_max_proto_version(ctx) };
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
    const X509 *own = SSL_CTX_get0_certificate(ctx);
    u_char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool is_put = put(md, how, sizeof how);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers) && is_put; i++) {
        uint32_t id = SSL_CIPHER_get_id(sk_SSL_CIPHER_value(ciphers, i));
        is_put = put(md, &id, sizeof id);
    }
    if (own != NULL) {
        is_put =
            is_put && X509_digest(own, EVP_sha256(), digest, &len) == 1 && put(md, digest, len);
    }
    return is_put;
}

bool hf_south_ctx_digest(SSL_CTX *ctx, u_char out[HF_DEMAND_BYTES])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_whole = md != NULL && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
                    put_ctx(md, ctx) && EVP_DigestFinal_ex(md, out, NULL) == 1;
    EVP_MD_CTX_free(md);
    return is_whole;
}
