/* The handshake with an upstream: what is demanded of it, and how it went. */
#include <openssl/err.h>

#include "nginx/south.h"
#include "x509/name_fits.h"

enum { SIGNATURE_HTTP = 0x50545448 };

struct ctx_part {
    u_char digest[HF_DEMAND_BYTES];
    void (*info)(const SSL *, int, int); /* what was there before us: nginx's own */
};

static int ctx_index = -1;  /* struct ctx_part, in the cycle's pool */
static int seal_index = -1; /* struct hf_seal, in the connection's pool */

const u_char *hf_south_ctx_digest_of(SSL_CTX *ctx)
{
    const struct ctx_part *part = ctx_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, ctx_index);
    return part == NULL ? NULL : part->digest;
}

struct hf_seal *hf_seal_of(const ngx_connection_t *c)
{
    return c->ssl == NULL || seal_index < 0 ? NULL
                                            : SSL_get_ex_data(c->ssl->connection, seal_index);
}

/* A request's connection to its upstream; both NULL for the SSL of anything else, which may hang
 * other things on its connection: each begins with a word of its own ("HTTP": NGX_HTTP_MODULE). */
struct upstream {
    ngx_connection_t *c;
    ngx_http_request_t *r;
};

static struct upstream upstream_of(const SSL *ssl)
{
    ngx_connection_t *c = SSL_get_ex_data(ssl, ngx_ssl_connection_index);
    bool is_idle = c == NULL || c->listening != NULL || c->idle; /* kept alive: nobody's now */
    ngx_http_request_t *r = is_idle ? NULL : c->data;
    bool is_upstream = r != NULL && r->signature == SIGNATURE_HTTP && r->upstream != NULL &&
                       r->upstream->peer.connection == c;
    return is_upstream ? (struct upstream){ c, r } : (struct upstream){ NULL, NULL };
}

/* --- certificates --- */

static struct hf_attempt *attempt_of(const SSL *ssl)
{
    struct upstream w = upstream_of(ssl);
    return w.r == NULL ? NULL : hf_attempt_of(w.r, false);
}

static void put_date(const ASN1_TIME *at, const char *what, struct hf_attempt *a)
{
    struct tm tm;
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (ASN1_TIME_to_tm(at, &tm) != 1 || tm.tm_mon < 0 || tm.tm_mon > 11) {
        return;
    }
    u_char *end =
        ngx_snprintf((u_char *)a->when, sizeof a->when - 1, "%s: %d-%*s-%02d", what,
                     tm.tm_year + 1900, (size_t)3, months + (size_t)tm.tm_mon * 3, tm.tm_mday);
    *end = '\0';
}

static void tell(const SSL *ssl, X509 *x, int error)
{
    struct hf_attempt *a = attempt_of(ssl);
    if (a == NULL || a->verify_error != 0) {
        return;
    }
    a->verify_error = error;
    if (x != NULL && error == X509_V_ERR_CERT_HAS_EXPIRED) {
        put_date(X509_get0_notAfter(x), "NotAfter", a);
    } else if (x != NULL && error == X509_V_ERR_CERT_NOT_YET_VALID) {
        put_date(X509_get0_notBefore(x), "NotBefore", a);
    }
}

static bool name_counts(const struct hf_seal *seal)
{
    return seal->conf->verify == HF_VERIFY_NAME || seal->conf->verify == HF_VERIFY_FULL;
}

static bool chain_counts(const struct hf_seal *seal)
{
    return seal->conf->verify == HF_VERIFY_CHAIN || seal->conf->verify == HF_VERIFY_FULL;
}

/* Whoever asks the SSL later what was to be checked finds it where OpenSSL keeps such names. */
static bool name_is_wrong(struct hf_seal *seal, SSL *ssl, X509 *leaf)
{
    bool is_wildcard = seal->conf->expected != NULL && seal->conf->expected->is_wildcard;
    if (seal->is_name_checked || !name_counts(seal)) {
        return false;
    }
    seal->is_name_checked = true;
    if (x509_name_fits(leaf, seal->name, seal->is_pattern, is_wildcard)) {
        return false;
    }
    if (seal->is_pattern) {
        X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), seal->name, 0);
    }
    return true;
}

static bool is_about_name(int error)
{
    return error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

static int on_verify(int is_ok, X509_STORE_CTX *ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct hf_seal *seal = ssl == NULL ? NULL : SSL_get_ex_data(ssl, seal_index);
    if (seal == NULL) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    int error = X509_STORE_CTX_get_error(ctx);
    if (is_ok == 0 && (is_about_name(error) ? name_counts(seal) : chain_counts(seal))) {
        tell(ssl, X509_STORE_CTX_get_current_cert(ctx), error);
        return 0;
    }
    if (is_ok == 0) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK); /* nobody is to take it for the result */
        return 1;
    }
    if (name_is_wrong(seal, ssl, leaf)) { /* OpenSSL's last words are always such a good one */
        X509_STORE_CTX_set_error_depth(ctx, 0);
        X509_STORE_CTX_set_current_cert(ctx, leaf);
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_HOSTNAME_MISMATCH);
        tell(ssl, leaf, X509_V_ERR_HOSTNAME_MISMATCH);
        return 0;
    }
    return 1;
}

/* --- at the start --- */

/* Printable, and what a C string holds: the rest is no name of a server. */
static bool is_name(const ngx_str_t *s)
{
    for (size_t i = 0; i < s->len; i++) {
        if (s->data[i] <= ' ' || s->data[i] > '~') {
            return false;
        }
    }
    return s->len > 0 && s->len <= HF_NAME_MAX;
}

static bool seal_fill(struct hf_seal *seal, const struct upstream *w,
                      const struct hf_south_conf *conf)
{
    ngx_str_t name;
    const ngx_str_t *upstream = &w->r->upstream->ssl_name;
    if (!hf_south_name(w->r, conf, &name) || !hf_south_demand(w->r, conf, seal->demand)) {
        return false;
    }
    seal->conf = conf;
    seal->is_pattern = conf->expected != NULL;
    if (is_name(&name)) {
        bytes_copy(seal->name, sizeof seal->name - 1, bytes_of(name.data, name.len));
    }
    seal->upstream.data = ngx_pnalloc(w->c->pool, upstream->len + 1);
    if (seal->upstream.data == NULL) {
        return false;
    }
    seal->upstream.len = upstream->len;
    return bytes_copy(seal->upstream.data, upstream->len, bytes_of(upstream->data, upstream->len));
}

/* OpenSSL checks such names too; here it is for who asks the SSL what was to be checked. */
static bool set_name(SSL *ssl, const struct hf_seal *seal)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (seal->is_pattern || seal->name[0] == '\0' || !name_counts(seal)) {
        return true;
    }
    return X509_VERIFY_PARAM_set1_ip_asc(param, seal->name) == 1 ||
           X509_VERIFY_PARAM_set1_host(param, seal->name, 0) == 1;
}

/* A certificate that was good when the session began may have ended since. */
static bool session_fits(const SSL_SESSION *session, const struct hf_seal *seal)
{
    unsigned len = 0;
    const unsigned char *context = SSL_SESSION_get0_id_context(session, &len);
    X509 *peer = SSL_SESSION_get0_peer((SSL_SESSION *)(uintptr_t)session);
    if (seal == NULL) {
        return len == 0;
    }
    bool is_same = len == HF_DEMAND_BYTES && CRYPTO_memcmp(context, seal->demand, len) == 0;
    bool is_in_time = !chain_counts(seal) ||
                      (peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0);
    return is_same && is_in_time;
}

static void drop_session(SSL *ssl, const struct hf_seal *seal)
{
    const SSL_SESSION *session = SSL_get0_session(ssl);
    if (session != NULL && !session_fits(session, seal)) {
        SSL_set_session(ssl, NULL);
    }
}

static bool set_up(SSL *ssl, const struct upstream *w, const struct hf_south_conf *conf)
{
    struct hf_seal *seal = ngx_pcalloc(w->c->pool, sizeof *seal);
    if (seal == NULL || !seal_fill(seal, w, conf)) {
        return false;
    }
    bool is_trust_set = conf->trust == NULL || SSL_set1_verify_cert_store(ssl, conf->trust->store);
    if (!is_trust_set || SSL_set_ex_data(ssl, seal_index, seal) != 1 || !set_name(ssl, seal) ||
        SSL_set_session_id_context(ssl, seal->demand, HF_DEMAND_BYTES) != 1) {
        return false;
    }
    drop_session(ssl, seal);
    if (conf->verify != HF_VERIFY_OFF) {
        SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
    }
    struct hf_attempt *a = hf_attempt_of(w->r, false);
    if (a != NULL) {
        bytes_copy(a->name, sizeof a->name, bytes_of(seal->name, sizeof seal->name));
    }
    return true;
}

static void start_attempt(const struct upstream *w)
{
    struct hf_attempt *a = hf_attempt_of(w->r, true);
    ngx_uint_t n = w->r->upstream_states == NULL ? 0 : w->r->upstream_states->nelts;
    if (a != NULL) {
        *a = (struct hf_attempt){ .number = n };
    }
}

static void set_timeout(ngx_connection_t *c, ngx_msec_t timeout)
{
    if (timeout == 0) {
        return;
    }
    if (c->write->timer_set) { /* that of the TCP connection: nginx would let it run on */
        ngx_del_timer(c->write);
    }
    ngx_add_timer(c->write, timeout);
}

static void on_start(const SSL *s)
{
    struct upstream w = upstream_of(s);
    if (w.r == NULL) {
        return;
    }
    SSL *ssl = w.c->ssl->connection;
    const struct hf_south_conf *conf =
        ngx_http_get_module_loc_conf(w.r, ngx_http_handfast_south_module);
    start_attempt(&w);
    set_timeout(w.c, conf->tls_timeout);
    if (conf->verify == HF_VERIFY_LEAVE) {
        drop_session(ssl, NULL);
    } else if (!set_up(ssl, &w, conf)) { /* no memory, no name: then nobody is trusted */
        ngx_log_error(NGX_LOG_ERR, w.c->log, 0, "handfast: no verification could be set up");
        SSL_set_ex_data(ssl, seal_index, NULL);
        SSL_set_session(ssl, NULL);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
    }
}

/* --- how it goes --- */

static void on_alert(const SSL *ssl, int where, int result)
{
    struct hf_attempt *a = attempt_of(ssl);
    int code = result & 0xff;
    bool is_fatal = (result >> 8) == SSL3_AL_FATAL || !SSL_is_init_finished(ssl);
    if (a == NULL || !is_fatal) {
        return;
    }
    if ((where & SSL_CB_READ) != 0) {
        a->is_alerted = true;
    } else if (code != SSL_AD_CLOSE_NOTIFY) {
        a->has_alerted = true;
    }
}

/* As SSL_get_error(3) tells it. */
static bool is_waiting(const SSL *ssl)
{
    int want = SSL_want(ssl);
    BIO *bio = want == SSL_READING   ? SSL_get_rbio(ssl)
               : want == SSL_WRITING ? SSL_get_wbio(ssl)
                                     : NULL;
    return want != SSL_NOTHING && (bio == NULL || BIO_should_retry(bio));
}

/* What OpenSSL finds wrong without an alert of its own: most of all, that it is not TLS. */
static void on_failure(const SSL *ssl)
{
    struct hf_attempt *a = attempt_of(ssl);
    unsigned long error = ERR_peek_error();
    int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
    if (a == NULL || a->is_done || a->is_alerted) {
        return;
    }
    bool is_end = reason == 0 || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
                  reason == SSL_R_SSL_HANDSHAKE_FAILURE;
    a->is_not_tls = reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
                    reason == SSL_R_RECORD_LENGTH_MISMATCH ||
                    reason == SSL_R_PACKET_LENGTH_TOO_LONG;
    a->has_alerted = a->has_alerted || !is_end;
}

static void on_info(const SSL *ssl, int where, int result)
{
    const struct ctx_part *part = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index);
    if (where == SSL_CB_HANDSHAKE_START) {
        on_start(ssl);
    } else if (where == SSL_CB_HANDSHAKE_DONE) {
        struct hf_attempt *a = attempt_of(ssl);
        if (a != NULL) {
            a->is_done = true;
        }
    } else if ((where & SSL_CB_ALERT) != 0) {
        on_alert(ssl, where, result);
    } else if (where == SSL_CB_CONNECT_EXIT && result <= 0 && !is_waiting(ssl)) {
        on_failure(ssl);
    }
    if (part != NULL && part->info != NULL) {
        part->info(ssl, where, result);
    }
}

ngx_int_t hf_south_hook(ngx_conf_t *cf, SSL_CTX *ctx)
{
    if (ctx_index < 0) {
        ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
        seal_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    }
    if (ctx_index < 0 || seal_index < 0) {
        return NGX_ERROR;
    }
    if (SSL_CTX_get_ex_data(ctx, ctx_index) != NULL) { /* locations may share one */
        return NGX_OK;
    }
    struct ctx_part *part = ngx_pcalloc(cf->pool, sizeof *part);
    if (part == NULL || !hf_south_ctx_digest(ctx, part->digest) ||
        SSL_CTX_set_ex_data(ctx, ctx_index, part) != 1) {
        return NGX_ERROR;
    }
    part->info = SSL_CTX_get_info_callback(ctx);
    SSL_CTX_set_info_callback(ctx, on_info);
    return NGX_OK;
}
