/* ngx_http_handfast_north_module: the directives for handshakes with clients, and for the end of a
 * worker. */
#include "nginx/north.h"

struct main_conf {
    ngx_msec_t drain;
};

static void *create_main_conf(ngx_conf_t *cf)
{
    struct main_conf *all = ngx_pcalloc(cf->pool, sizeof *all);
    if (all != NULL) {
        all->drain = NGX_CONF_UNSET_MSEC;
    }
    return all;
}

static char *init_main_conf(ngx_conf_t *cf, void *data)
{
    struct main_conf *all = data;
    (void)cf;
    ngx_conf_init_msec_value(all->drain, 0);
    return NGX_CONF_OK;
}

static void *create_srv_conf(ngx_conf_t *cf)
{
    struct hf_north_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL) {
        conf->server_protocols = NGX_CONF_UNSET;
        conf->partial_chain = NGX_CONF_UNSET;
        conf->ignore_errors = NGX_CONF_UNSET;
    }
    return conf;
}

static char *merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    const struct hf_north_conf *above = parent;
    struct hf_north_conf *conf = child;
    (void)cf;
    ngx_conf_merge_value(conf->server_protocols, above->server_protocols, 0);
    ngx_conf_merge_value(conf->partial_chain, above->partial_chain, 0);
    ngx_conf_merge_value(conf->ignore_errors, above->ignore_errors, 0);
    return NGX_CONF_OK;
}

/* nginx asks for the result when the request is there: then there was no fault. The certificate
 * stays, for the variables. */
static int accept_all(int is_ok, X509_STORE_CTX *ctx)
{
    (void)is_ok;
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
}

static void set_up(const struct hf_north_conf *conf, SSL_CTX *ctx)
{
    if (conf->partial_chain) {
        X509_STORE_set_flags(SSL_CTX_get_cert_store(ctx), X509_V_FLAG_PARTIAL_CHAIN);
    }
    if (conf->ignore_errors && SSL_CTX_get_verify_mode(ctx) != SSL_VERIFY_NONE) {
        SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), accept_all);
    }
}

static ngx_int_t install(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    ngx_http_core_srv_conf_t **servers = core->servers.elts;
    bool is_hello_needed = false;
    for (ngx_uint_t i = 0; i < core->servers.nelts; i++) {
        const struct hf_north_conf *conf =
            servers[i]->ctx->srv_conf[ngx_http_handfast_north_module.ctx_index];
        const ngx_http_ssl_srv_conf_t *tls =
            servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
        is_hello_needed = is_hello_needed || conf->server_protocols;
        if (tls->ssl.ctx == NULL) {
            continue;
        }
        set_up(conf, tls->ssl.ctx);
        if (!hf_north_part_sessions(conf, tls->ssl.ctx)) {
            return NGX_ERROR;
        }
    }
    for (ngx_uint_t i = 0; i < core->servers.nelts && is_hello_needed; i++) {
        const ngx_http_ssl_srv_conf_t *tls =
            servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index];
        if (tls->ssl.ctx != NULL) {
            hf_north_watch_hello(tls->ssl.ctx);
        }
    }
    hf_north_watch_plain();
    return hf_north_watch_requests(cf);
}

static ngx_int_t start_worker(ngx_cycle_t *cycle)
{
    const struct main_conf *all =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_north_module);
    bool is_worker = ngx_process == NGX_PROCESS_WORKER;
    return all == NULL || !is_worker || all->drain == 0 ? NGX_OK
                                                        : hf_drain_start(cycle, all->drain);
}

enum { SERVERS = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF };

/* clang-format off: a table reads by columns */
static ngx_command_t directives[] = {
    { ngx_string("handfast_server_protocols"), SERVERS | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
      NGX_HTTP_SRV_CONF_OFFSET, offsetof(struct hf_north_conf, server_protocols), NULL },
    { ngx_string("handfast_client_partial_chain"), SERVERS | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
      NGX_HTTP_SRV_CONF_OFFSET, offsetof(struct hf_north_conf, partial_chain), NULL },
    { ngx_string("handfast_client_ignore_errors"), SERVERS | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
      NGX_HTTP_SRV_CONF_OFFSET, offsetof(struct hf_north_conf, ignore_errors), NULL },
    { ngx_string("handfast_drain"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET, offsetof(struct main_conf, drain), NULL },
    ngx_null_command,
};
/* clang-format on */

static ngx_http_module_t context = {
    .postconfiguration = install,
    .create_main_conf = create_main_conf,
    .init_main_conf = init_main_conf,
    .create_srv_conf = create_srv_conf,
    .merge_srv_conf = merge_srv_conf,
};

/* The head is nginx's macro, which is positional. */
ngx_module_t ngx_http_handfast_north_module = { NGX_MODULE_V1,
                                                &context,        /* ctx */
                                                directives,      /* commands */
                                                NGX_HTTP_MODULE, /* type */
                                                NULL,            /* init_master */
                                                NULL,            /* init_module */
                                                start_worker,    /* init_process */
                                                NULL,            /* init_thread */
                                                NULL,            /* exit_thread */
                                                NULL,            /* exit_process */
                                                NULL,            /* exit_master */
                                                NGX_MODULE_V1_PADDING };
