/* handfast_label NAME VALUE: what an administrator knows of a handshake beside it. */
#include "nginx/module.h"

static const struct row {
    ngx_str_t name;
    enum note_fact fact;
} rows[] = {
    { ngx_string("org"), FACT_ORG },     { ngx_string("env"), FACT_ENV },
    { ngx_string("vhost"), FACT_VHOST }, { ngx_string("target"), FACT_TARGET },
    { ngx_string("api"), FACT_API },     { ngx_string("revision"), FACT_REVISION },
};

static bool is_word(const ngx_str_t *s)
{
    for (size_t i = 0; i < s->len; i++) {
        u_char c = s->data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(c >= '0' && c <= '9' && i > 0)) {
            return false;
        }
    }
    return s->len > 0;
}

static bool is_same(const ngx_str_t *a, const ngx_str_t *b)
{
    return bytes_equal(bytes_of(a->data, a->len), bytes_of(b->data, b->len));
}

static enum note_fact fact_of(const ngx_str_t *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (is_same(&rows[i].name, name)) {
            return rows[i].fact;
        }
    }
    return FACT_LABEL;
}

char *hf_label_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    struct hf_loc_conf *own = conf;
    ngx_str_t *words = cf->args->elts;
    (void)cmd;
    if (!is_word(&words[1])) {
        return "needs a name of letters, digits and underscores";
    }
    if (own->labels == NGX_CONF_UNSET_PTR) {
        own->labels = ngx_array_create(cf->pool, 4, sizeof(struct hf_label));
    }
    struct hf_label *label = own->labels == NULL ? NULL : ngx_array_push(own->labels);
    if (label == NULL) {
        return NGX_CONF_ERROR;
    }
    *label = (struct hf_label){ .fact = fact_of(&words[1]), .name = words[1] };
    ngx_http_compile_complex_value_t compile = { .cf = cf,
                                                 .value = &words[2],
                                                 .complex_value = &label->value };
    return ngx_http_compile_complex_value(&compile) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

/* North there is no request yet: only what has no variables is known. */
ngx_str_t hf_label_text(const struct hf_whose *w, struct hf_label *label)
{
    ngx_str_t text = ngx_null_string;
    if (label->value.lengths == NULL) {
        return label->value.value;
    }
    if (w->r != NULL && ngx_http_complex_value(w->r, &label->value, &text) != NGX_OK) {
        text.len = 0;
    }
    return text;
}
