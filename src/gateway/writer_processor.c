/* The Message Processor's nginx.conf: virtual hosts and the base paths below them. */
#include <stdlib.h>

#include "gateway/routes.h"
#include "gateway/writer_route.h"

#define FAULT(code, text)                                                                          \
    "'{\"fault\":{\"faultstring\":\"" text "\",\"detail\":{\"errorcode\":\"" code "\"}}}'"

struct bases {
    struct writer_base *list;
    size_t n;
};

/* --- base paths --- */

static enum status put_endpoint(struct writer *w, const struct writer_base *base, struct err *err)
{
    struct route_place p = { w, base->proxy, base->endpoint, base->id, base->path };
    routes_put_paths(&p);
    TRY(routes_put(&p, err));
    for (size_t i = 0; i < base->endpoint->n_routes; i++) {
        TRY(writer_route_upstreams(w, base, i, err));
    }
    return ST_OK;
}

static void put_dispatch(struct conf *c, const struct writer_base *base)
{
    conf_begin(c, "error_page 418 =");
    text_printf(c->out, " $handfast_route_%zu", base->id);
    conf_end(c);
    conf_line(c, "return 418");
    conf_close(c);
}

static enum status put_plain_path(struct writer *w, const struct writer_base *base, struct err *err)
{
    struct conf *c = &w->c;
    bool root = strcmp(base->path, "/") == 0;
    const char *below = root ? "/" : arena_printf(w->arena, "%s/", base->path);
    if (below == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (!root) {
        conf_begin(c, "location =");
        conf_value(c, base->path);
        conf_end_open(c);
        put_dispatch(c, base);
    }
    conf_begin(c, "location ^~");
    conf_value(c, below);
    conf_end_open(c);
    put_dispatch(c, base);
    return ST_OK;
}

static void put_path_with_wildcards(struct writer *w, const struct writer_base *base)
{
    struct text pattern = { 0 };
    struct conf *c = &w->c;
    text_putc(&pattern, '^');
    for (const char *p = strcmp(base->path, "/") == 0 ? "" : base->path; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                      (*p >= '0' && *p <= '9') || *p == '/';
        if (*p == '*') {
            text_puts(&pattern, "[^/]+");
        } else if (letter) {
            text_putc(&pattern, *p);
        } else {
            text_printf(&pattern, "\\x%02x", (unsigned)(unsigned char)*p);
        }
    }
    text_puts(&pattern, "(/|$)");
    conf_begin(c, "location ~");
    conf_value(c, text_str(&pattern));
    conf_end_open(c);
    put_dispatch(c, base);
    text_deinit(&pattern);
}

static bool has_host(const struct writer_base *base, const struct model_host *host)
{
    const struct texts *names = &base->endpoint->virtual_hosts;
    if (strcmp(base->proxy->org, host->org) != 0 || strcmp(base->proxy->env, host->env) != 0) {
        return false;
    }
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->list[i], host->v.name) == 0) {
            return true;
        }
    }
    return names->n == 0; /* as the guide's system: then all of the environment */
}

static enum status refuse_same(const struct writer_base *a, const struct writer_base *b,
                               const struct model_host *host, struct err *err)
{
    return err_set(err, ST_USAGE,
                   "base path %.80s of virtual host %.80s: API %.80s revision %.20s has it, and so "
                   "has API %.80s revision %.20s",
                   a->path, host->v.name, a->proxy->api, a->proxy->revision, b->proxy->api,
                   b->proxy->revision);
}

static enum status put_host_paths(struct writer *w, const struct bases *bases,
                                  const struct model_host *host, struct err *err)
{
    bool wild = false;
    const struct writer_base *before = NULL;
    for (size_t i = 0; i < bases->n; i++) { /* sorted: the same ones are neighbours */
        const struct writer_base *base = &bases->list[i];
        if (!has_host(base, host)) {
            continue;
        }
        if (before != NULL && strcmp(before->path, base->path) == 0) {
            return refuse_same(before, base, host, err);
        }
        before = base;
        wild = wild || strchr(base->path, '*') != NULL;
    }
    for (size_t i = 0; i < bases->n; i++) {
        const struct writer_base *base = &bases->list[i];
        if (!has_host(base, host)) {
            continue;
        }
        if (wild) {
            put_path_with_wildcards(w, base);
        } else {
            TRY(put_plain_path(w, base, err));
        }
        for (size_t j = 0; j < base->endpoint->n_routes; j++) {
            TRY(writer_route_location(w, base, j, err));
        }
    }
    return ST_OK;
}

static void put_fault(struct conf *c, const char *open, const char *code, const char *answer)
{
    conf_open(c, open);
    conf_line(c, "default_type application/json");
    conf_begin(c, "add_header X-Apigee-fault-code");
    conf_word(c, code);
    conf_word(c, "always");
    conf_end(c);
    conf_line(c, "add_header X-Apigee-fault-source MP always");
    conf_line(c, answer);
    conf_close(c);
}

static bool has_root(const struct bases *bases, const struct model_host *host)
{
    for (size_t i = 0; i < bases->n; i++) {
        if (has_host(&bases->list[i], host) && strcmp(bases->list[i].path, "/") == 0) {
            return true;
        }
    }
    return false;
}

static enum status put_host(struct writer *w, const struct bases *bases,
                            const struct model_host *host, struct err *err)
{
    struct conf *c = &w->c;
    static const char not_found[] = "messaging.adaptors.http.flow.ApplicationNotFound";
    conf_open(c, "server");
    conf_line(c, "listen unix:../mp.sock");
    conf_begin(c, "server_name");
    conf_word(c, host->key);
    conf_end(c);
    conf_line(c, "recursive_error_pages on"); /* else what a route makes of errors is not done */
    TRY(put_host_paths(w, bases, host, err));
    put_fault(c, "location @no_route", "messaging.runtime.RouteFailed",
              "return 500 " FAULT("messaging.runtime.RouteFailed",
                                  "Unable to route the message to a TargetEndpoint"));
    if (!has_root(bases, host)) {
        put_fault(c, "location /", not_found,
                  "return 404 " FAULT("messaging.adaptors.http.flow.ApplicationNotFound",
                                      "Unable to identify proxy for the host and url"));
    }
    conf_close(c);
    return ST_OK;
}

/* --- the whole --- */

static size_t n_elements(const char *path)
{
    size_t n = 0;
    for (const char *p = path; *p != '\0'; p++) {
        n += *p == '/' && p[1] != '\0' ? 1 : 0;
    }
    return n;
}

/* More elements first, then what has no wildcard earlier: the order in which they are tried. */
static int compare(const void *a, const void *b)
{
    const struct writer_base *x = a;
    const struct writer_base *y = b;
    size_t nx = n_elements(x->path);
    size_t ny = n_elements(y->path);
    if (nx != ny) {
        return nx > ny ? -1 : 1;
    }
    return -strcmp(x->path, y->path); /* '*' is below all letters */
}

static enum status add_base(struct writer *w, struct bases *out, const struct model_proxy *p,
                            const struct proxy_endpoint *e, struct err *err)
{
    bool is_root = e->base_path == NULL || strcmp(e->base_path, "/") == 0;
    const char *own = is_root ? "" : e->base_path;
    if (is_root && p->prefix[0] == '\0') {
        own = "/";
    }
    struct writer_base *base = &out->list[out->n];
    *base = (struct writer_base){ p, e, out->n, arena_printf(w->arena, "%s%s", p->prefix, own) };
    if (base->path == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    out->n++;
    return ST_OK;
}

static enum status collect(struct writer *w, struct bases *out, struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < w->model->n_proxies; i++) {
        n += w->model->proxies[i].bundle->n_proxies;
    }
    out->list = arena_alloc_array(w->arena, n + 1, sizeof *out->list);
    if (out->list == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (size_t i = 0; i < w->model->n_proxies; i++) {
        const struct model_proxy *p = &w->model->proxies[i];
        for (size_t j = 0; j < p->bundle->n_proxies; j++) {
            TRY(add_base(w, out, p, &p->bundle->proxies[j], err));
        }
    }
    qsort(out->list, out->n, sizeof *out->list, compare);
    return ST_OK;
}

static void put_common(struct writer *w)
{
    struct conf *c = &w->c;
    writer_http(w);
    conf_line(c, "access_log off"); /* the Router writes one line for each request */
    conf_line(c, "proxy_redirect off");
    conf_line(c, "map $args $handfast_and { \"\" \"\"; default \"&\"; }");
    conf_line(c, "map $http_x_handfast_vhost $handfast_vhost_name { \"~(?<handfast_last>[^/]*)$\" "
                 "$handfast_last; }");
    writer_module_http(w);
    if (w->in->module != NULL) {
        conf_line(c, "handfast_id $http_x_handfast_id");
    }
}

enum status writer_processor(struct writer *w, struct err *err)
{
    struct conf *c = &w->c;
    struct bases bases = { 0 };
    TRY(collect(w, &bases, err));
    writer_head(w, PROPERTY_PROCESSOR_WORKERS);
    conf_open(c, "http");
    put_common(w);
    for (size_t i = 0; i < bases.n; i++) {
        TRY(put_endpoint(w, &bases.list[i], err));
    }
    conf_open(c, "server");
    conf_line(c, "listen unix:../mp.sock default_server backlog=4096");
    conf_line(c, "return 404");
    conf_close(c);
    for (size_t i = 0; i < w->model->n_hosts; i++) {
        TRY(put_host(w, &bases, &w->model->hosts[i], err));
    }
    conf_close(c);
    return ST_OK;
}
