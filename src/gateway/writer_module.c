/* The directives of ngx_http_handfast_module, all in one place (docs/man/handfast-nginx.5.scd). */
#include "gateway/writer_target.h"

static void label(struct conf *c, const char *name, const char *value)
{
    conf_begin(c, "handfast_label");
    conf_word(c, name);
    conf_literal(c, value);
    conf_end(c);
}

const char *writer_id(const struct writer *w)
{
    return w->in->module != NULL ? "$handfast_id" : "$request_id";
}

/* Counters and last failures, on the socket that tells the mark (generation.c). */
static void put_status(struct writer *w)
{
    struct text *file = generation_file(w->part, "status.conf");
    if (file != NULL && file->len == 0) {
        text_puts(file, "location /handfast/ { handfast_status; }\n");
    }
}

void writer_module_http(struct writer *w)
{
    struct conf *c = &w->c;
    if (w->in->module == NULL) {
        return;
    }
    conf_line(c, "handfast on");
    conf_line(c, "handfast_completed sampled"); /* what backends serve: for the list of expiry */
    conf_line(c, "handfast_drain 800ms");       /* no request is lost; in force within 1 s */
    put_status(w);
    conf_begin(c, "handfast_collector");
    conf_word(c, "unix:../collector.sock");
    conf_end(c);
}

void writer_module_north(struct writer *w, const struct model_host *host)
{
    struct conf *c = &w->c;
    if (w->in->module == NULL) {
        return;
    }
    conf_line(c, "handfast_server_protocols on");
    if (host == NULL) {
        return;
    }
    label(c, "org", host->org);
    label(c, "env", host->env);
    label(c, "vhost", host->v.name);
}

void writer_module_verify_client(struct writer *w, bool ignores_errors)
{
    struct conf *c = &w->c;
    if (w->in->module == NULL) { /* nginx ignores what is wrong with the chain alone */
        conf_line(c, ignores_errors ? "ssl_verify_client optional_no_ca" : "ssl_verify_client on");
        return;
    }
    conf_line(c, "ssl_verify_client on");
    conf_line(c, "handfast_client_partial_chain on"); /* any certificate of the truststore counts */
    if (ignores_errors) {
        conf_line(c, "handfast_client_ignore_errors on");
    }
}

static void label_store(struct writer *w, const char *name,
                        const struct store_name_or_reference *said)
{
    if (said->name != NULL) {
        const char *word =
            arena_printf(w->arena, "%s%s", said->is_reference ? "ref://" : "", said->name);
        label(&w->c, name, word == NULL ? "" : word);
    }
}

/* What a bundle says of its target stands nowhere else; a target server is found by its name. */
static void label_bundle(struct writer *w, const struct backend *b)
{
    label(&w->c, b->kind, b->label);
    if (b->ssl != NULL) {
        label_store(w, "truststore", &b->ssl->trust_store);
        label_store(w, "keystore", &b->ssl->key_store);
    }
    if (b->ssl != NULL && b->ssl->key_alias != NULL) {
        label(&w->c, "keyalias", b->ssl->key_alias);
    }
}

static void put_south(struct conf *c, const struct model_proxy *proxy, const char *target)
{
    label(c, "org", proxy->org);
    label(c, "env", proxy->env);
    label(c, "api", proxy->api);
    label(c, "revision", proxy->revision);
    label(c, "target", target);
    conf_line(c, "handfast_label vhost $handfast_vhost_name"); /* the request's */
}

void writer_module_south(struct writer *w, const struct backend *b)
{
    struct endpoint at[HOSTS_ADDRESSES_MAX];
    if (w->in->module == NULL) {
        return;
    }
    put_south(&w->c, b->proxy, b->label);
    if (b->kind != NULL) {
        label_bundle(w, b);
    }
    if (hosts_look_up(w->in->hosts, b->host, at) == 0) {
        label(&w->c, "host", b->host); /* for the verdict, which has no address to show */
    }
    conf_line(&w->c, "handfast_fault headers");
}

void writer_module_balance(struct writer *w, const struct model_proxy *proxy, const char *target)
{
    if (w->in->module != NULL) {
        put_south(&w->c, proxy, target); /* for the verdict where no server is left */
        conf_line(&w->c, "handfast_fault nested");
    }
}
