/* ngx_http_handfast_south_module: the directives for handshakes with upstreams, and for faults. */
#include "nginx/south.h"

struct main_conf {
    ngx_array_t trusts;   /* struct hf_trust *, each file once */
    ngx_array_t contexts; /* SSL_CTX *, of proxied locations */
    bool is_needed;       /* some location demands something */
    bool has_fault;
};

static void *create_main_conf(ngx_conf_t *cf)
{
    struct main_conf *all = ngx_pcalloc(cf->pool, sizeof *all);
    bool is_made = all != NULL &&
                   ngx_array_init(&all->trusts, cf->pool, 4, sizeof(struct hf_trust *)) == NGX_OK &&
                   ngx_array_init(&all->contexts, cf->pool, 16, sizeof(SSL_CTX *)) == NGX_OK;
    return is_made ? all : NULL;
}

static void *create_block_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(struct hf_south_block));
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    struct hf_south_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL) {
        conf->known = ngx_pcalloc(cf->pool, sizeof *conf->known); /* NULL: worked out each time */
        conf->verify = NGX_CONF_UNSET_UINT;
        conf->expected = NGX_CONF_UNSET_PTR;
        conf->tls_timeout = NGX_CONF_UNSET_MSEC;
        conf->fault = NGX_CONF_UNSET_UINT;
    }
    return conf;
}

/* Whoever proxies over TLS begins its configuration with an ngx_http_upstream_conf_t, and has
 * merged it before us: modules that are loaded come last. */
static const ngx_http_upstream_conf_t *proxy_conf(ngx_conf_t *cf, const char *module)
{
    const ngx_http_conf_ctx_t *ctx = cf->ctx;
    ngx_module_t **modules = cf->cycle->modules;
    for (ngx_uint_t i = 0; modules[i] != NULL; i++) {
        if (modules[i]->type == NGX_HTTP_MODULE && ngx_strcmp(modules[i]->name, module) == 0) {
            return ctx->loc_conf[modules[i]->ctx_index];
        }
    }
    return NULL;
}

static bool note_context(struct main_conf *all, const ngx_http_upstream_conf_t *u)
{
    if (u == NULL || u->ssl == NULL || u->ssl->ctx == NULL) {
        return true;
    }
    SSL_CTX **slot = ngx_array_push(&all->contexts);
    if (slot != NULL) {
        *slot = u->ssl->ctx;
    }
    return slot != NULL;
}

static bool is_fixed_value(const ngx_http_complex_value_t *value)
{
    return value == NULL || value->lengths == NULL;
}

static bool is_fixed(const struct hf_south_conf *conf, const ngx_http_upstream_conf_t *u)
{
    return u != NULL && is_fixed_value(u->ssl_name) && is_fixed_value(u->ssl_certificate) &&
           is_fixed_value(u->ssl_certificate_key) &&
           (conf->expected == NULL || is_fixed_value(&conf->expected->value));
}

static char *load_trust(ngx_conf_t *cf, struct main_conf *all, struct hf_south_conf *conf)
{
    bool is_asked = conf->verify == HF_VERIFY_CHAIN || conf->verify == HF_VERIFY_FULL;
    if (!is_asked) {
        return NGX_CONF_OK;
    }
    if (conf->trusted.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"handfast_upstream_verify\" chain and full need "
                           "\"handfast_upstream_trusted\"");
        return NGX_CONF_ERROR;
    }
    conf->trust = hf_trust_load(cf, &all->trusts, &conf->trusted);
    return conf->trust == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    struct main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_south_module);
    const struct hf_south_conf *above = parent;
    struct hf_south_conf *conf = child;
    const ngx_http_upstream_conf_t *proxy = proxy_conf(cf, "ngx_http_proxy_module");
    const ngx_http_upstream_conf_t *grpc = proxy_conf(cf, "ngx_http_grpc_module");
    const ngx_http_upstream_conf_t *uwsgi = proxy_conf(cf, "ngx_http_uwsgi_module");
    ngx_conf_merge_uint_value(conf->verify, above->verify, HF_VERIFY_LEAVE);
    ngx_conf_merge_str_value(conf->trusted, above->trusted, "");
    ngx_conf_merge_ptr_value(conf->expected, above->expected, NULL);
    ngx_conf_merge_msec_value(conf->tls_timeout, above->tls_timeout, 0);
    ngx_conf_merge_uint_value(conf->fault, above->fault, HF_FAULT_OFF);
    conf->is_fixed = is_fixed(conf, proxy) && (grpc == NULL || is_fixed(conf, grpc)) &&
                     (uwsgi == NULL || is_fixed(conf, uwsgi));
    all->has_fault = all->has_fault || conf->fault != HF_FAULT_OFF;
    all->is_needed = all->is_needed || conf->verify != HF_VERIFY_LEAVE || conf->tls_timeout > 0;
    if (!note_context(all, proxy) || !note_context(all, grpc) || !note_context(all, uwsgi)) {
        return NGX_CONF_ERROR;
    }
    return load_trust(cf, all, conf);
}

static char *set_name(ngx_conf_t *cf, ngx_command_t *directive, void *data)
{
    struct hf_south_conf *conf = data;
    ngx_str_t *words = cf->args->elts;
    (void)directive;
    if (conf->expected != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }
    if (cf->args->nelts == 3 && ngx_strcmp(words[2].data, "wildcard") != 0) {
        return "takes a name and, behind it, at most \"wildcard\"";
    }
    conf->expected = ngx_pcalloc(cf->pool, sizeof *conf->expected);
    if (conf->expected == NULL) {
        return NGX_CONF_ERROR;
    }
    conf->expected->is_wildcard = cf->args->nelts == 3;
    ngx_http_compile_complex_value_t ccv = { .cf = cf,
                                             .value = &words[1],
                                             .complex_value = &conf->expected->value };
    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

static ngx_int_t install(ngx_conf_t *cf)
{
    struct main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_south_module);
    SSL_CTX **contexts = all->contexts.elts;
    if (!all->is_needed && !all->has_fault) {
        return NGX_OK;
    }
    for (ngx_uint_t i = 0; i < all->contexts.nelts; i++) {
        if (hf_south_hook(cf, contexts[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    hf_south_guard(cf);
    if (all->has_fault) {
        hf_fault_install();
    }
    return NGX_OK;
}

void hf_south_note_trust(struct observer *o, ngx_cycle_t *cycle)
{
    const struct main_conf *all =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_south_module);
    struct hf_trust *const *trusts = all == NULL ? NULL : all->trusts.elts;
    for (ngx_uint_t i = 0; all != NULL && i < all->trusts.nelts; i++) {
        observer_note_trust(o, trusts[i]->store, FACT_TRUST_FILE,
                            (const char *)trusts[i]->path.data);
    }
}

struct hf_attempt *hf_attempt_of(ngx_http_request_t *r, bool make)
{
    struct hf_south_request *own = ngx_http_get_module_ctx(r, ngx_http_handfast_south_module);
    if (own == NULL && make) {
        own = ngx_pcalloc(r->pool, sizeof *own);
        ngx_http_set_ctx(r, own, ngx_http_handfast_south_module);
    }
    if (own != NULL && own->attempt == NULL && make) {
        own->attempt = ngx_pcalloc(r->pool, sizeof *own->attempt);
    }
    return own == NULL ? NULL : own->attempt;
}

static ngx_conf_enum_t modes[] = {
    { ngx_string("off"), HF_VERIFY_OFF },
    { ngx_string("name"), HF_VERIFY_NAME },
    { ngx_string("chain"), HF_VERIFY_CHAIN },
    { ngx_string("full"), HF_VERIFY_FULL },
    { ngx_null_string, 0 },
};

static ngx_conf_enum_t faults[] = {
    { ngx_string("off"), HF_FAULT_OFF },         { ngx_string("on"), HF_FAULT_BODY },
    { ngx_string("headers"), HF_FAULT_HEADERS }, { ngx_string("nested"), HF_FAULT_NESTED },
    { ngx_string("gateway"), HF_FAULT_GATEWAY }, { ngx_null_string, 0 },
};

enum { ANYWHERE = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF };

/* clang-format off: a table reads by columns */
static ngx_command_t directives[] = {
    { ngx_string("handfast_upstream_verify"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_south_conf, verify), modes },
    { ngx_string("handfast_upstream_trusted"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_south_conf, trusted), NULL },
    { ngx_string("handfast_upstream_name"), ANYWHERE | NGX_CONF_TAKE12, set_name,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("handfast_upstream_tls_timeout"), ANYWHERE | NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot, NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_south_conf, tls_timeout),
      NULL },
    { ngx_string("handfast_fault"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_south_conf, fault), faults },
    ngx_null_command,
};
/* clang-format on */

static ngx_http_module_t context = {
    .postconfiguration = install,
    .create_main_conf = create_main_conf,
    .create_srv_conf = create_block_conf,
    .create_loc_conf = create_loc_conf,
    .merge_loc_conf = merge_loc_conf,
};

/* The head is nginx's macro, which is positional. */
ngx_module_t ngx_http_handfast_south_module = { NGX_MODULE_V1,
                                                &context,        /* ctx */
                                                directives,      /* commands */
                                                NGX_HTTP_MODULE, /* type */
                                                NULL,            /* init_master */
                                                NULL,            /* init_module */
                                                NULL,            /* init_process */
                                                NULL,            /* init_thread */
                                                NULL,            /* exit_thread */
                                                NULL,            /* exit_process */
                                                NULL,            /* exit_master */
                                                NGX_MODULE_V1_PADDING };
