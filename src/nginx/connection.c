/* Whose an SSL is, what a connection and a request are called, and where their verdicts are kept.
 */
#include <openssl/rand.h>

#include "nginx/module.h"

enum { SIGNATURE_HTTP = 0x50545448, PREFIX_BYTES = 8 }; /* "HTTP": NGX_HTTP_MODULE */

static u_char prefix[2 * PREFIX_BYTES];
static ngx_atomic_uint_t n_requests; /* of this worker */
static int told_index = -1;          /* of an SSL: its verdict */

static struct hf_loc_conf *conf_of(void **loc_conf)
{
    return loc_conf[ngx_http_handfast_module.ctx_index];
}

static struct hf_whose north(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    return (struct hf_whose){ DIRECTION_NORTHBOUND, c, hc, NULL, conf_of(hc->conf_ctx->loc_conf) };
}

static struct hf_whose south(ngx_connection_t *c, ngx_http_request_t *r)
{
    return (struct hf_whose){ DIRECTION_SOUTHBOUND, c, NULL, r, conf_of(r->loc_conf) };
}

/* A connection that a request made to its upstream carries the request, and the request knows the
 * connection. Other modules hang other things there: those of nginx begin with a word of their own.
 */
static ngx_http_request_t *request_of(const ngx_connection_t *c)
{
    ngx_http_request_t *r = c->data;
    bool is_request = r != NULL && r->signature == SIGNATURE_HTTP;
    bool is_upstream = is_request && r->upstream != NULL && r->upstream->peer.connection == c;
    return is_upstream ? r : NULL;
}

struct hf_whose hf_whose_at_start(const SSL *ssl)
{
    ngx_connection_t *c = SSL_get_ex_data(ssl, ngx_ssl_connection_index);
    if (c == NULL || c->data == NULL) {
        return (struct hf_whose){ 0 };
    }
    if (c->listening != NULL) {
        bool is_http = c->listening->handler == ngx_http_init_connection;
        return is_http ? north(c, c->data) : (struct hf_whose){ 0 };
    }
    ngx_http_request_t *r = request_of(c);
    return r == NULL ? (struct hf_whose){ 0 } : south(c, r);
}

/* A connection to an upstream may have been kept alive: whoever made it is gone then, and it is
 * another's, or nobody's. */
struct hf_whose hf_whose_later(const SSL *ssl, ngx_http_connection_t *known)
{
    ngx_connection_t *c = SSL_get_ex_data(ssl, ngx_ssl_connection_index);
    if (c == NULL) {
        return (struct hf_whose){ 0 };
    }
    if (c->listening != NULL) {
        return north(c, known);
    }
    ngx_http_request_t *r = c->idle ? NULL : request_of(c);
    return r == NULL ? (struct hf_whose){ 0 } : south(c, r);
}

/* --- ids --- */

void hf_ids_start(void)
{
    uint8_t random[PREFIX_BYTES];
    told_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (RAND_bytes(random, sizeof random) != 1) {
        ngx_time_t *now = ngx_timeofday();
        ngx_sprintf(prefix, "%08xD%08xD", (uint32_t)ngx_pid, (uint32_t)now->sec);
        return;
    }
    ngx_hex_dump(prefix, random, sizeof random);
}

/* nginx numbers connections through one counter of all its workers; the prefix tells this run from
 * others. */
size_t hf_connection_id(const ngx_connection_t *c, u_char out[HF_ID_ROOM])
{
    return (size_t)(ngx_sprintf(out, "%*s-%xA", sizeof prefix, prefix, c->number) - out);
}

/* "PREFIX-CONNECTION.REQUEST", so that a request leads to its connection; or what the
 * configuration says. */
static ngx_int_t name_request(ngx_http_request_t *r, ngx_str_t *out)
{
    struct hf_loc_conf *conf = ngx_http_get_module_loc_conf(r, ngx_http_handfast_module);
    if (conf->id != NULL && ngx_http_complex_value(r, conf->id, out) != NGX_OK) {
        return NGX_ERROR;
    }
    if (out->len > 0) {
        out->len = ngx_min(out->len, (size_t)HF_ID_GIVEN_MAX);
        return NGX_OK;
    }
    out->data = ngx_pnalloc(r->pool, HF_ID_ROOM);
    if (out->data == NULL) {
        return NGX_ERROR;
    }
    out->len = hf_connection_id(r->connection, out->data);
    out->len = (size_t)(ngx_sprintf(out->data + out->len, ".%xA", ++n_requests) - out->data);
    return NGX_OK;
}

/* Marks ours among the pool's cleanups. */
static void keep(void *own)
{
    (void)own;
}

/* An internal redirect, as that of an error_page, takes all contexts from a request; what hangs on
 * its pool stays. */
static struct hf_request *find_request(ngx_http_request_t *r)
{
    struct hf_request *own = ngx_http_get_module_ctx(r->main, ngx_http_handfast_module);
    bool was_redirected = r->main->internal || r->main->filter_finalize;
    const ngx_pool_cleanup_t *c = own == NULL && was_redirected ? r->main->pool->cleanup : NULL;
    while (c != NULL && c->handler != keep) {
        c = c->next;
    }
    if (c != NULL) {
        own = c->data;
        ngx_http_set_ctx(r->main, own, ngx_http_handfast_module);
    }
    return own;
}

struct hf_request *hf_request_of(ngx_http_request_t *r)
{
    struct hf_request *own = find_request(r);
    if (own != NULL) {
        return own;
    }
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->main->pool, sizeof *own);
    if (cleanup == NULL) {
        return NULL;
    }
    own = cleanup->data;
    *own = (struct hf_request){ 0 };
    if (name_request(r->main, &own->id) != NGX_OK) {
        return NULL;
    }
    cleanup->handler = keep;
    ngx_http_set_ctx(r->main, own, ngx_http_handfast_module);
    return own;
}

static bool copy_id(ngx_pool_t *pool, const u_char *p, size_t len, ngx_str_t *out)
{
    out->data = ngx_pnalloc(pool, len + 1);
    if (out->data == NULL || !bytes_copy(out->data, len, bytes_of(p, len))) {
        return false;
    }
    out->data[len] = '\0';
    out->len = len;
    return true;
}

bool hf_handshake_id(const struct hf_whose *w, ngx_pool_t *pool, ngx_str_t *out)
{
    u_char text[HF_ID_ROOM + HF_ID_GIVEN_MAX];
    if (w->r == NULL) {
        return copy_id(pool, text, hf_connection_id(w->c, text), out);
    }
    const struct hf_request *own = hf_request_of(w->r);
    if (own == NULL) {
        return false;
    }
    u_char *end = own->n_attempts > 1 ? ngx_sprintf(text, "%V.%ui", &own->id, own->n_attempts)
                                      : ngx_sprintf(text, "%V", &own->id);
    return copy_id(pool, text, (size_t)(end - text), out);
}

/* --- verdicts --- */

void hf_told_keep(const struct hf_whose *w, SSL *ssl, struct hf_told *told)
{
    struct hf_request *own = w->r == NULL ? NULL : hf_request_of(w->r);
    if (own != NULL) {
        own->told = told;
    } else if (w->r == NULL && told_index >= 0) {
        SSL_set_ex_data(ssl, told_index, told);
    }
}

const struct hf_told *hf_told_of(ngx_http_request_t *r)
{
    const struct hf_request *own = find_request(r);
    if (own != NULL && own->told != NULL) {
        return own->told;
    }
    const ngx_connection_t *c = r->connection;
    if (c->ssl == NULL || told_index < 0) {
        return NULL;
    }
    return SSL_get_ex_data(c->ssl->connection, told_index);
}
