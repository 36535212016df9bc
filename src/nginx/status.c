/* handfast_status: the last failures as JSON, and below "/metrics" the counters for Prometheus. */
#include "base/json.h"
#include "base/text.h"
#include "nginx/zone.h"

enum { SHOWN = 50, SHOWN_MAX = HF_RING_ENTRIES };

static ngx_int_t answer(ngx_http_request_t *r, ngx_str_t type, struct bytes body)
{
    ngx_buf_t *b = ngx_create_temp_buf(r->pool, body.len > 0 ? body.len : 1);
    if (b == NULL || !bytes_copy(b->last, body.len, body)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    b->last += body.len;
    b->last_buf = r == r->main ? 1 : 0;
    b->last_in_chain = 1;
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = (off_t)body.len;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    ngx_int_t sent = ngx_http_send_header(r);
    if (sent == NGX_ERROR || sent > NGX_OK || r->header_only) {
        return sent;
    }
    ngx_chain_t out = { b, NULL };
    return ngx_http_output_filter(r, &out);
}

static ngx_str_t argument(ngx_http_request_t *r, const char *name)
{
    ngx_str_t value = ngx_null_string;
    if (ngx_http_arg(r, (u_char *)(uintptr_t)name, strlen(name), &value) != NGX_OK) {
        value.len = 0;
    }
    return value;
}

/* --- failures --- */

static ngx_int_t show_failures(ngx_http_request_t *r, ngx_shm_zone_t *zone)
{
    static const char head[] = "{\"failures\":[";
    ngx_str_t json = ngx_string("application/json");
    ngx_str_t n = argument(r, "n");
    ngx_str_t id = argument(r, "id");
    ngx_int_t limit = n.len == 0 ? SHOWN : ngx_atoi(n.data, n.len);
    if (limit < 0) {
        return NGX_HTTP_BAD_REQUEST;
    }
    limit = ngx_min(limit, SHOWN_MAX);
    size_t room = hf_zone_room(zone) + sizeof head + 3;
    u_char *p = ngx_pnalloc(r->pool, room);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    size_t len = sizeof head - 1;
    bytes_copy(p, room, BYTES("{\"failures\":["));
    size_t entries = hf_zone_copy(zone, &id, (ngx_uint_t)limit, p + len, room - len - 3);
    len += entries > 0 ? entries - 1 : 0; /* the last comma goes */
    bytes_copy(p + len, room - len, BYTES("]}\n"));
    return answer(r, json, bytes_of(p, len + 3));
}

/* --- counters --- */

static void put_head(struct text *out, const char *name, const char *help)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
}

static void put_handshakes(struct text *out, const struct hf_counts *c)
{
    static const char name[] = "handfast_handshakes_total";
    put_head(out, name, "TLS handshakes by what became of them.");
    for (enum direction d = DIRECTION_NORTHBOUND; d <= DIRECTION_SOUTHBOUND; d++) {
        const char *id = direction_id(d);
        unsigned long n_failed = 0;
        for (size_t i = 0; i < N_CAUSES; i++) {
            n_failed += c->failed[d][i];
        }
        text_printf(out, "%s{direction=\"%s\",outcome=\"completed\"} %lu\n", name, id,
                    (unsigned long)c->completed[d]);
        text_printf(out, "%s{direction=\"%s\",outcome=\"failed\"} %lu\n", name, id, n_failed);
        text_printf(out, "%s{direction=\"%s\",outcome=\"unfinished\"} %lu\n", name, id,
                    (unsigned long)c->unfinished[d]);
    }
    put_head(out, "handfast_resumed_total", "Completed handshakes that resumed a session.");
    for (enum direction d = DIRECTION_NORTHBOUND; d <= DIRECTION_SOUTHBOUND; d++) {
        text_printf(out, "handfast_resumed_total{direction=\"%s\"} %lu\n", direction_id(d),
                    (unsigned long)c->resumed[d]);
    }
}

/* Every cause, also those at zero: a counter that appears with its first failure looks as if there
 * had been none. */
static void put_failures(struct text *out, const struct hf_counts *c)
{
    static const char name[] = "handfast_failures_total";
    put_head(out, name, "TLS handshakes that failed, by cause.");
    for (enum direction d = DIRECTION_NORTHBOUND; d <= DIRECTION_SOUTHBOUND; d++) {
        for (size_t i = 1; i < N_CAUSES; i++) {
            text_printf(out, "%s{direction=\"%s\",cause=\"%s\"} %lu\n", name, direction_id(d),
                        cause_id((enum cause)i), (unsigned long)c->failed[d][i]);
        }
    }
}

static ngx_int_t show_metrics(ngx_http_request_t *r, ngx_shm_zone_t *zone)
{
    ngx_str_t plain = ngx_string("text/plain; version=0.0.4");
    const struct hf_counts *c = hf_zone_counts(zone);
    struct text out = { 0 };
    put_handshakes(&out, c);
    put_failures(&out, c);
    put_head(&out, "handfast_unjudged_total", "Failures that came too fast to be judged.");
    text_printf(&out, "handfast_unjudged_total %lu\n", (unsigned long)c->unjudged);
    put_head(&out, "handfast_notes_total", "Notes to the collector.");
    text_printf(&out, "handfast_notes_total{result=\"sent\"} %lu\n", (unsigned long)c->notes_sent);
    text_printf(&out, "handfast_notes_total{result=\"lost\"} %lu\n", (unsigned long)c->notes_lost);
    ngx_int_t result =
        out.failed ? NGX_HTTP_INTERNAL_SERVER_ERROR : answer(r, plain, bytes_of(out.p, out.len));
    text_deinit(&out);
    return result;
}

static bool ends_with(const ngx_str_t *s, struct bytes end)
{
    return s->len >= end.len && bytes_equal(bytes_of(s->data + s->len - end.len, end.len), end);
}

static ngx_int_t on_request(ngx_http_request_t *r)
{
    const struct hf_main_conf *all = ngx_http_get_module_main_conf(r, ngx_http_handfast_module);
    if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    ngx_int_t discarded = ngx_http_discard_request_body(r);
    if (discarded != NGX_OK) {
        return discarded;
    }
    return ends_with(&r->uri, BYTES("/metrics")) ? show_metrics(r, all->zone)
                                                 : show_failures(r, all->zone);
}

char *hf_status_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t *location =
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    struct hf_main_conf *all = ngx_http_conf_get_module_main_conf(cf, ngx_http_handfast_module);
    (void)cmd;
    (void)conf;
    location->handler = on_request;
    all->is_shown = true;
    return NGX_CONF_OK;
}
