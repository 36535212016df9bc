/* The module as nginx knows it: directives, configurations, the life of a worker. */
#include "nginx/module.h"

static void *create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(struct hf_main_conf));
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    struct hf_loc_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL) {
        conf->is_on = NGX_CONF_UNSET;
        conf->id = NGX_CONF_UNSET_PTR;
        conf->labels = NGX_CONF_UNSET_PTR;
    }
    return conf;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    struct hf_main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_module);
    struct hf_loc_conf *above = parent;
    struct hf_loc_conf *conf = child;
    ngx_conf_merge_value(conf->is_on, above->is_on, 0);
    ngx_conf_merge_ptr_value(conf->id, above->id, NULL);
    ngx_conf_merge_ptr_value(conf->labels, above->labels, NULL);
    all->is_needed = all->is_needed || conf->is_on;
    return NGX_CONF_OK;
}

static ngx_int_t start_worker(ngx_cycle_t *cycle)
{
    const struct hf_main_conf *all =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_module);
    if (all != NULL && all->is_needed) {
        hf_ids_start();
        hf_observe_start(cycle);
    }
    return NGX_OK;
}

enum { ANYWHERE = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF };

/* clang-format off: a table reads by columns */
static ngx_command_t directives[] = {
    { ngx_string("handfast"), ANYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_loc_conf, is_on), NULL },
    { ngx_string("handfast_id"), ANYWHERE | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_loc_conf, id), NULL },
    ngx_null_command,
};
/* clang-format on */

static ngx_http_module_t context = {
    .create_main_conf = create_main_conf,
    .create_loc_conf = create_loc_conf,
    .merge_loc_conf = merge_loc_conf,
};

/* The head is nginx's macro, which is positional. */
ngx_module_t ngx_http_handfast_module = { NGX_MODULE_V1,
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
