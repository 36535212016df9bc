/* $handfast_cause and its like. */
#include "nginx/module.h"

static ngx_int_t give(const ngx_str_t *text, ngx_http_variable_value_t *v)
{
    if (text == NULL || text->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }
    v->data = text->data;
    v->len = (unsigned)(text->len & 0xfffffff); /* the field has 28 bits */
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    return NGX_OK;
}

/* `data`: where in a struct hf_told the text is. */
static ngx_int_t get_told(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const struct hf_told *told = hf_told_of(r);
    const char *at = (const char *)told;
    return give(told == NULL ? NULL : (const ngx_str_t *)(const void *)(at + data), v);
}

static ngx_int_t get_id(ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data)
{
    const struct hf_request *own = hf_request_of(r);
    (void)data;
    return own == NULL ? NGX_ERROR : give(&own->id, v);
}

/* clang-format off: a table reads by columns */
static const struct {
    ngx_str_t name;
    ngx_http_get_variable_pt get;
    uintptr_t data;
    ngx_uint_t flags;
} rows[] = {
    { ngx_string("handfast_id"), get_id, 0, 0 },
    { ngx_string("handfast_cause"), get_told, offsetof(struct hf_told, cause_id),
      NGX_HTTP_VAR_NOCACHEABLE },
    { ngx_string("handfast_detail"), get_told, offsetof(struct hf_told, detail),
      NGX_HTTP_VAR_NOCACHEABLE },
    { ngx_string("handfast_rejected_by"), get_told, offsetof(struct hf_told, rejected_by_id),
      NGX_HTTP_VAR_NOCACHEABLE },
    { ngx_string("handfast_direction"), get_told, offsetof(struct hf_told, direction_id),
      NGX_HTTP_VAR_NOCACHEABLE },
    { ngx_string("handfast_ja4"), get_told, offsetof(struct hf_told, ja4),
      NGX_HTTP_VAR_NOCACHEABLE },
    { ngx_string("handfast_sentence"), get_told, offsetof(struct hf_told, sentence),
      NGX_HTTP_VAR_NOCACHEABLE },
};
/* clang-format on */

ngx_int_t hf_variables_add(ngx_conf_t *cf)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ngx_str_t name = rows[i].name;
        ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, rows[i].flags);
        if (variable == NULL) {
            return NGX_ERROR;
        }
        variable->get_handler = rows[i].get;
        variable->data = rows[i].data;
    }
    return NGX_OK;
}
