/* One line for each failed handshake: NAME=VALUE, text in quotes. */
#include "base/clock.h"
#include "base/net.h"
#include "base/text.h"
#include "nginx/module.h"

enum { ERROR_LOG_LINE_MAX = 1800 }; /* NGX_MAX_ERROR_STR, less what nginx puts around it */

/* Quotes within become apostrophes, so that whoever reads the line finds its end. */
static void put_quoted(struct text *out, struct bytes value)
{
    text_putc(out, '"');
    size_t from = out->len;
    text_put_safe(out, value);
    for (size_t i = from; i < out->len; i++) {
        if (out->p[i] == '"') {
            out->p[i] = '\'';
        }
    }
    text_putc(out, '"');
}

/* Ids and labels may have come from a client: none is to look like several words. */
static bool is_one_word(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] <= ' ' || value.p[i] > '~' || value.p[i] == '"') {
            return false;
        }
    }
    return true;
}

static void put_value(struct text *out, const ngx_str_t *value)
{
    struct bytes text = bytes_of(value->data, value->len);
    if (is_one_word(text)) {
        text_put_safe(out, text);
    } else {
        put_quoted(out, text);
    }
}

static void put_word(struct text *out, const char *name, const ngx_str_t *value)
{
    if (value->len > 0) {
        text_printf(out, " %s=", name);
        put_value(out, value);
    }
}

static void put_end(struct text *out, const char *name, const struct endpoint *e)
{
    if (e->family != 0) {
        text_printf(out, " %s=", name);
        endpoint_put(out, e);
    }
}

static void put_text(struct text *out, const char *name, const char *value)
{
    if (value != NULL) {
        text_printf(out, " %s=", name);
        put_quoted(out, bytes_of_str(value));
    }
}

static void put_labels(struct text *out, const struct hf_whose *w)
{
    size_t n = w->conf->labels == NULL ? 0 : w->conf->labels->nelts;
    struct hf_label *labels = n == 0 ? NULL : w->conf->labels->elts;
    for (size_t i = 0; i < n; i++) {
        ngx_str_t text = hf_label_text(w, &labels[i]);
        if (text.len > 0) {
            text_putc(out, ' ');
            text_put_safe(out, bytes_of(labels[i].name.data, labels[i].name.len));
            text_putc(out, '=');
            put_value(out, &text);
        }
    }
}

static void put_line(struct text *out, const struct hf_whose *w, const struct hf_told *told,
                     const struct transcript *t, const struct verdict *v)
{
    text_puts(out, "handfast:");
    put_word(out, "id", &told->id);
    put_word(out, "direction", &told->direction_id);
    put_word(out, "cause", &told->cause_id);
    put_word(out, "detail", &told->detail);
    put_word(out, "rejected_by", &told->rejected_by_id);
    if (v->confidence != CONFIDENCE_NONE) {
        text_printf(out, " confidence=%s", confidence_id(v->confidence));
    }
    put_end(out, "client", &t->client);
    put_end(out, "server", &t->server);
    put_text(out, "sni", t->server_name);
    put_word(out, "ja4", &told->ja4);
    put_labels(out, w);
    put_text(out, "why", v->sentence);
}

void hf_log(const struct hf_main_conf *all, const struct hf_whose *w, const struct hf_told *told,
            const struct transcript *t, const struct verdict *v)
{
    struct text line = { 0 };
    if (all->log_is_off) {
        return;
    }
    if (all->log != NULL) {
        clock_put(&line, clock_now_ns(), 3);
        text_putc(&line, ' ');
    }
    put_line(&line, w, told, t, v);
    if (line.failed) {
        text_deinit(&line);
        return;
    }
    if (all->log == NULL) {
        ngx_log_error(NGX_LOG_WARN, w->c->log, 0, "%*s", ngx_min(line.len, ERROR_LOG_LINE_MAX),
                      text_str(&line));
    } else {
        text_putc(&line, '\n');
        (void)ngx_write_fd(all->log->fd, line.p, line.len);
    }
    text_deinit(&line);
}
