#include "gateway/compile.h"

#include <stdio.h>

#include "gateway/conf_shape.h"
#include "gateway/writer.h"

enum { SHUTDOWN_S = 300, CONNECTIONS = 8192 };

static void put_user(struct writer *w)
{
    if (w->in->worker_user != NULL) {
        conf_begin(&w->c, "user");
        conf_value(&w->c, w->in->worker_user);
        conf_end(&w->c);
    }
}

void writer_head(struct writer *w, enum property workers)
{
    unsigned n = property_number(w->in->properties, workers);
    struct conf *c = &w->c;
    text_puts(c->out, "# Made by handfast gateway; changes are lost.\n");
    if (w->in->module != NULL) {
        conf_begin(c, "load_module");
        conf_value(c, w->in->module);
        conf_end(c);
    }
    put_user(w);
    conf_begin(c, "worker_processes");
    conf_word(c, n == 0 ? "auto" : "");
    if (n > 0) {
        text_put_u64(c->out, n);
    }
    conf_end(c);
    conf_begin(c, "worker_shutdown_timeout");
    conf_number(c, "", SHUTDOWN_S, "s");
    conf_end(c);
    conf_line(c, "pid nginx.pid");
    conf_open(c, "events");
    conf_begin(c, "worker_connections");
    conf_number(c, "", CONNECTIONS, "");
    conf_end(c);
    conf_close(c);
}

void writer_http(struct writer *w)
{
    static const char *const lines[] = {
        "server_tokens off",
        "tcp_nodelay on",
        "default_type application/octet-stream",
        "client_body_temp_path body",
        "proxy_temp_path proxy",
        "fastcgi_temp_path fastcgi",
        "uwsgi_temp_path uwsgi",
        "scgi_temp_path scgi",
        "server_names_hash_bucket_size 512",
        "server_names_hash_max_size 8192",
        "map_hash_bucket_size 512",
        "map_hash_max_size 8192",
        "variables_hash_max_size 4096",
        "proxy_headers_hash_max_size 2048",
        "proxy_headers_hash_bucket_size 128",
        "large_client_header_buffers 8 32k",
        "client_max_body_size 0", /* how much is too much is the backend's to say */
        "proxy_http_version 1.1",
        "underscores_in_headers on",
        /* what a backend may say to a client, not to nginx: "go to that location" is our routing */
        ("proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate "
         "X-Accel-Buffering X-Accel-Charset"),
        "proxy_pass_header Server",
        "proxy_pass_header Date",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        conf_line(&w->c, lines[i]);
    }
    conf_prelude(&w->c);
    conf_line(&w->c, "include mark.conf");
}

static enum status check_shape(const struct text *conf, struct err *err)
{
    struct conf_shape shape;
    bool whole = conf_shape_read(text_str(conf), &shape);
    conf_shape_deinit(&shape);
    return whole ? ST_OK : err_set(err, ST_IO, "the configuration is not whole: a fault of ours");
}

static enum status write_part(const struct compile_input *in, struct model *model,
                              struct generation *out, size_t which, struct err *err)
{
    struct writer w = {
        .in = in, .model = model, .arena = &model->arena, .part = &out->part[which]
    };
    struct text conf = { 0 };
    w.c = conf_start(&conf);
    enum status st =
        which == GENERATION_ROUTER ? writer_router(&w, err) : writer_processor(&w, err);
    if (st == ST_OK && w.c.refused) {
        st = err_set(err, ST_USAGE, "a control character stands where it can have no meaning");
    }
    if (st == ST_OK) {
        st = check_shape(&conf, err);
    }
    struct text *file = st == ST_OK ? generation_file(w.part, "nginx.conf") : NULL;
    if (file != NULL) {
        *file = conf; /* given away */
        return ST_OK;
    }
    text_deinit(&conf);
    return st != ST_OK ? st : err_set(err, ST_NOMEM, "no memory");
}

static enum status write_both(const struct compile_input *in, struct model *model,
                              struct generation *out, struct err *err)
{
    TRY(write_part(in, model, out, GENERATION_ROUTER, err));
    return write_part(in, model, out, GENERATION_PROCESSOR, err);
}

enum status compile(const struct compile_input *in, struct generation *out, struct err *err)
{
    struct model model;
    enum status st = model_load(&model, in->store, err);
    if (st == ST_OK) {
        st = write_both(in, &model, out, err);
    }
    model_deinit(&model);
    return st;
}
