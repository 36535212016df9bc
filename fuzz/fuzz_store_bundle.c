/* Any bytes as a bundle, an archive or one of its documents: what is read holds together, and what
 * is put into an archive comes out of it. The first byte says which document the rest is. */
#include <stdio.h>
#include <stdlib.h>

#include "store/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An archive without entries: PKWARE's APPNOTE.TXT section 4.3.16. */
static const uint8_t EMPTY[22] = { 'P', 'K', 5, 6 };

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

static void check_route(const struct bundle *b, const struct route_rule *r)
{
    promise(r->kind != ROUTE_TARGET || r->target_at < b->n_targets || b->n_targets == 0,
            "a route leads to a target");
    promise(r->kind != ROUTE_URL || r->url.text != NULL, "a route with a URL has it");
    for (size_t i = 0; i < r->condition.n; i++) {
        promise(r->condition.nodes[i].kind >= CONDITION_NOT || r->condition.nodes[i].left <= i,
                "operands stand before");
    }
}

static void check_target(const struct target_endpoint *t)
{
    promise(t->has_load_balancer || t->load_balancer.n_servers == 0, "servers have a balancer");
    promise(t->connect_timeout_ms > 0 && t->io_timeout_ms > 0 && t->keepalive_timeout_ms > 0,
            "timeouts have defaults");
}

static void check_sound(const struct bundle *b)
{
    for (size_t i = 0; i < b->n_proxies; i++) {
        const struct proxy_endpoint *p = &b->proxies[i];
        promise(p->base_path[0] == '/', "a base path begins with a slash");
        for (size_t r = 0; r < p->n_routes; r++) {
            check_route(b, &p->routes[r]);
        }
    }
    for (size_t i = 0; i < b->n_targets; i++) {
        check_target(&b->targets[i]);
        promise(b->targets[i].has_load_balancer != (b->targets[i].url.text != NULL),
                "a URL or a balancer");
    }
}

static void check(struct bytes zip)
{
    struct bundle b;
    if (bundle_read(zip, &b, NULL) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < b.files.n; i++) {
        promise(bundle_path_is_safe(b.files.list[i].path), "paths stay in the bundle");
    }
    for (size_t i = 0; i < b.remarks.n; i++) {
        promise(b.remarks.list[i].text[0] != '\0', "a remark in words");
    }
    if (remarks_worst(&b.remarks, REMARK_ERROR) == NULL) {
        promise(b.n_proxies > 0, "what can be deployed has a proxy endpoint");
        check_sound(&b);
    }
    bundle_deinit(&b);
}

/* A bundle whose other documents are as they should be. */
static void check_document(unsigned which, struct bytes content)
{
    static const char *const paths[] = { "apiproxy/p.xml", "apiproxy/proxies/default.xml",
                                         "apiproxy/targets/default.xml",
                                         "apiproxy/policies/key.xml" };
    static const char *const usual[] = {
        "<APIProxy name='p'/>",
        ("<ProxyEndpoint name='default'><PreFlow><Request><Step><Name>key</Name></Step></Request>"
         "</PreFlow><HTTPProxyConnection><VirtualHost>v</VirtualHost></HTTPProxyConnection>"
         "<RouteRule "
         "name='r'><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>"),
        ("<TargetEndpoint name='default'><HTTPTargetConnection><URL>https://b.example</URL>"
         "</HTTPTargetConnection></TargetEndpoint>"),
        "<AssignMessage name='key'/>",
    };
    struct bytes zip = bytes_of(EMPTY, sizeof EMPTY);
    for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
        struct bytes more;
        struct bytes one = i == which && content.p != NULL ? content : bytes_of_str(usual[i]);
        promise(bundle_zip_put(zip, paths[i], one, &more, NULL) == ST_OK, "a part can be put in");
        if (zip.p != EMPTY) {
            free((void *)(uintptr_t)zip.p);
        }
        zip = more;
    }
    check(zip);
    free((void *)(uintptr_t)zip.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 && data[0] < 4) {
        check_document(data[0], bytes_of(data + 1, size - 1));
    } else {
        check(bytes_of(data, size));
    }
    return 0;
}
