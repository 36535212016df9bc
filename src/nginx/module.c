/* The module as nginx knows it: directives, configurations, the life of a worker. */
#include "nginx/module.h"
#include "nginx/north.h"
#include "nginx/outbox.h"
#include "nginx/south.h"
#include "nginx/verdict.h"
#include "nginx/zone.h"

static void *create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(struct hf_main_conf));
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    struct hf_loc_conf *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL) {
        conf->is_on = NGX_CONF_UNSET;
        conf->completed = NGX_CONF_UNSET_UINT;
        conf->labels = NGX_CONF_UNSET_PTR;
        conf->id = NGX_CONF_UNSET_PTR;
    }
    return conf;
}

static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    struct hf_main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_module);
    struct hf_loc_conf *above = parent;
    struct hf_loc_conf *conf = child;
    ngx_conf_merge_value(conf->is_on, above->is_on, 0);
    ngx_conf_merge_uint_value(conf->completed, above->completed, HF_COMPLETED_OFF);
    ngx_conf_merge_ptr_value(conf->labels, above->labels, NULL);
    ngx_conf_merge_ptr_value(conf->id, above->id, NULL);
    all->is_needed = all->is_needed || conf->is_on;
    return NGX_CONF_OK;
}

static char *set_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    struct hf_main_conf *all = conf;
    ngx_str_t *words = cf->args->elts;
    (void)cmd;
    if (all->log != NULL || all->log_is_off) {
        return "is duplicate";
    }
    if (bytes_equal(bytes_of(words[1].data, words[1].len), BYTES("off"))) {
        all->log_is_off = true;
        return NGX_CONF_OK;
    }
    all->log = ngx_conf_open_file(cf->cycle, &words[1]);
    return all->log == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}

/* Configurations of this process that have the modules: the next is read while one is in force. */
static ngx_uint_t n_cycles;

/* nginx unloads what a new configuration does not load, and this object stays all the same. Its
 * modules must not keep numbers that nginx gives to others meanwhile, for when they come back. */
static void leave_cycle(void *data)
{
    ngx_module_t *const modules[] = { &ngx_http_handfast_module, &ngx_http_handfast_north_module,
                                      &ngx_http_handfast_south_module };
    (void)data;
    n_cycles--;
    for (size_t i = 0; i < ARRAY_LEN(modules) && n_cycles == 0; i++) {
        modules[i]->index = NGX_MODULE_UNSET_INDEX;
        modules[i]->ctx_index = NGX_MODULE_UNSET_INDEX;
    }
}

static ngx_int_t begin_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->cycle->pool, 0);
    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    cleanup->handler = leave_cycle;
    n_cycles++;
    return hf_variables_add(cf);
}

/* Runs behind the merge: all that was written is known. */
static ngx_int_t finish_conf(ngx_conf_t *cf)
{
    struct hf_main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_module);
    if (all->zone == NULL && (all->is_needed || all->is_shown)) {
        all->zone = hf_zone_add(cf, NULL, HF_ZONE_BYTES);
        return all->zone == NULL ? NGX_ERROR : NGX_OK;
    }
    return NGX_OK;
}

/* Runs in the master, before it forks. */
static ngx_int_t start_cycle(ngx_cycle_t *cycle)
{
    const struct hf_main_conf *all =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_module);
    if (all != NULL && all->is_needed && !ngx_test_config) {
        hf_verdict_prepare();
    }
    return NGX_OK;
}

static ngx_int_t start_worker(ngx_cycle_t *cycle)
{
    const struct hf_main_conf *all =
        ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_module);
    if (all != NULL) {
        hf_ids_start();
    }
    if (all != NULL && all->is_needed) {
        hf_observe_start(cycle);
    }
    return NGX_OK;
}

enum { ANYWHERE = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF };

static ngx_conf_enum_t completed_words[] = {
    { ngx_string("off"), HF_COMPLETED_OFF },
    { ngx_string("sampled"), HF_COMPLETED_SAMPLED },
    { ngx_string("on"), HF_COMPLETED_ON },
    { ngx_null_string, 0 },
};

/* clang-format off: a table reads by columns */
static ngx_command_t directives[] = {
    { ngx_string("handfast"), ANYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_loc_conf, is_on), NULL },
    { ngx_string("handfast_completed"), ANYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_loc_conf, completed), completed_words },
    { ngx_string("handfast_label"), ANYWHERE | NGX_CONF_TAKE2, hf_label_set,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("handfast_id"), ANYWHERE | NGX_CONF_TAKE1, ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(struct hf_loc_conf, id), NULL },
    { ngx_string("handfast_status"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS, hf_status_set,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("handfast_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE2, hf_zone_set,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("handfast_log"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_log,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("handfast_collector"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, hf_outbox_set,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    ngx_null_command,
};
/* clang-format on */

static ngx_http_module_t context = {
    .preconfiguration = begin_conf,
    .postconfiguration = finish_conf,
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
                                          start_cycle,     /* init_module */
                                          start_worker,    /* init_process */
                                          NULL,            /* init_thread */
                                          NULL,            /* exit_thread */
                                          NULL,            /* exit_process */
                                          NULL,            /* exit_master */
                                          NGX_MODULE_V1_PADDING };
