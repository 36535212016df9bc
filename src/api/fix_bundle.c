/* Fixes of what has its URL in the bundle of an API proxy: a TargetEndpoint with its SSLInfo, or a
 * RouteRule, which has none and gets a TargetEndpoint in its place. What lies in a keystore is
 * mended there; else the bundle is imported anew, the documents in it that change are replaced, and
 * it is deployed: a call for each. A bundle is no text, so that the first call has no body. */
#include <stdlib.h>
#include <string.h>

#include "api/fix_parts.h"
#include "api/xml.h"
#include "store/bundle.h"
#include "store/bundle_edit.h"

enum { NAME_MOST = 60 };

static struct store_key revision_key(const struct fixing *f)
{
    return (struct store_key){ .kind = STORE_REVISION,
                               .org = f->event->org,
                               .parent = f->event->api,
                               .name = f->event->revision };
}

/* --- what the bundle says --- */

static json_t *json_of(const struct target_endpoint *t)
{
    json_t *target = json_pack("{s:s}", "name", t->name);
    if (target != NULL && t->has_ssl_info) {
        struct ssl_info ssl = t->ssl;
        ssl.enabled = ssl_info_is_on(&ssl, t->url.is_tls) ? CHOICE_YES : CHOICE_NO;
        json_object_set_new(target, "sSLInfo", ssl_info_json(&ssl));
    }
    return target;
}

static bool take_document(struct fixing *f, const struct bundle *b, struct place at)
{
    for (size_t i = 0; at.file != NULL && i < b->files.n; i++) {
        if (fix_is(b->files.list[i].path, at.file)) {
            f->in.document = arena_copy(f->arena, b->files.list[i].content);
            f->in.file = arena_strndup(f->arena, at.file, strlen(at.file));
            f->in.at = (struct place){ .line = at.line, .column = at.column };
        }
    }
    return f->in.file != NULL && f->in.document.p != NULL;
}

static json_t *find_endpoint(struct fixing *f, const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        const struct target_endpoint *t = &b->targets[i];
        if (fix_is(t->name, name) && t->url.text != NULL) {
            return take_document(f, b, t->at) ? json_of(t) : NULL;
        }
    }
    return NULL;
}

/* --- a RouteRule with a URL of its own --- */

/* Rules of several proxy endpoints may have one name: the port tells them apart. */
static bool is_rule(const struct fixing *f, const struct route_rule *rule, const char *name,
                    bool by_port)
{
    const char *colon = strrchr(f->event->server, ':');
    unsigned long port = colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
    return rule->kind == ROUTE_URL && fix_is(rule->name, name) && rule->url.text != NULL &&
           (!by_port || rule->url.port == port);
}

static const struct route_rule *find_rule(const struct fixing *f, const struct bundle *b,
                                          const char *name, bool by_port)
{
    for (size_t i = 0; i < b->n_proxies; i++) {
        for (size_t k = 0; k < b->proxies[i].n_routes; k++) {
            if (is_rule(f, &b->proxies[i].routes[k], name, by_port)) {
                return &b->proxies[i].routes[k];
            }
        }
    }
    return NULL;
}

static bool has_target(const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        if (fix_is(b->targets[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* After the rule, as far as an endpoint and a file can be called so. */
static const char *name_target(struct fixing *f, const struct bundle *b, const char *rule)
{
    char *base = arena_strndup(f->arena, rule, strnlen(rule, NAME_MOST));
    for (char *p = base; p != NULL && *p != '\0'; p++) {
        bool is_letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!is_letter && !(*p >= '0' && *p <= '9') && *p != '_') {
            *p = '-';
        }
    }
    const char *name = base == NULL || base[0] == '\0' ? "route" : base;
    const char *stem = name;
    for (unsigned i = 2; name != NULL && has_target(b, name); i++) {
        name = arena_printf(f->arena, "%s-%u", stem, i);
    }
    return name;
}

static json_t *find_route(struct fixing *f, const struct bundle *b, const char *name)
{
    const struct route_rule *rule = find_rule(f, b, name, true);
    rule = rule != NULL ? rule : find_rule(f, b, name, false);
    const char *target = rule == NULL ? NULL : name_target(f, b, name);
    if (target == NULL || !take_document(f, b, rule->at)) {
        return NULL;
    }
    f->in.is_route = true;
    f->in.url = arena_strndup(f->arena, rule->url.text, strlen(rule->url.text));
    return f->in.url == NULL ? NULL : json_pack("{s:s}", "name", target);
}

json_t *fix_endpoint(struct fixing *f)
{
    const json_t *labels = json_object_get(f->hints, "labels");
    const char *endpoint = json_string_value(json_object_get(labels, "endpoint"));
    const char *route = json_string_value(json_object_get(labels, "route"));
    struct store_key key = revision_key(f);
    struct bytes zip = { 0 };
    struct bundle b;
    if ((endpoint == NULL && route == NULL) || f->document != NULL ||
        store_blob(f->store, &key, &zip, NULL) != ST_OK) {
        return NULL;
    }
    enum status st = zip.p == NULL ? ST_FORMAT : bundle_read(zip, &b, NULL);
    store_bytes_free(zip);
    if (st != ST_OK) {
        return NULL;
    }
    json_t *target = endpoint != NULL ? find_endpoint(f, &b, endpoint) : find_route(f, &b, route);
    bundle_deinit(&b);
    return target;
}

/* --- the element --- */

static void put_element(struct text *out, const char *name, const char *value)
{
    text_printf(out, "<%s>", name);
    api_xml_put_text(out, value);
    text_printf(out, "</%s>", name);
}

static void put_list(struct text *out, const json_t *list, const char *name, const char *item)
{
    if (json_array_size(list) == 0) {
        return;
    }
    text_printf(out, "<%s>", name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        put_element(out, item, one == NULL ? "" : one);
    }
    text_printf(out, "</%s>", name);
}

static void put_common_name(struct text *out, const json_t *name)
{
    const char *value = json_string_value(json_object_get(name, "value"));
    if (value != NULL) {
        text_puts(out, json_is_true(json_object_get(name, "wildcardMatch"))
                           ? "<CommonName wildcardMatch=\"true\">"
                           : "<CommonName>");
        api_xml_put_text(out, value);
        text_puts(out, "</CommonName>");
    }
}

/* "true", true, and names; what is as it would be without it is left out. */
static void put_member(struct text *out, const json_t *ssl, const char *member, const char *name)
{
    const json_t *value = json_object_get(ssl, member);
    const char *text = json_is_true(value) ? "true" : json_string_value(value);
    if (text != NULL && (!fix_is(text, "false") || fix_is(member, "enabled"))) {
        put_element(out, name, text);
    }
}

/* In the order of the guide's schema. */
static void put_ssl(struct text *out, const json_t *ssl)
{
    text_puts(out, "<SSLInfo>");
    put_member(out, ssl, "enabled", "Enabled");
    put_member(out, ssl, "enforce", "Enforce");
    put_member(out, ssl, "clientAuthEnabled", "ClientAuthEnabled");
    put_member(out, ssl, "keyStore", "KeyStore");
    put_member(out, ssl, "keyAlias", "KeyAlias");
    put_member(out, ssl, "trustStore", "TrustStore");
    put_list(out, json_object_get(ssl, "ciphers"), "Ciphers", "Cipher");
    put_list(out, json_object_get(ssl, "protocols"), "Protocols", "Protocol");
    put_member(out, ssl, "ignoreValidationErrors", "IgnoreValidationErrors");
    put_common_name(out, json_object_get(ssl, "commonName"));
    text_puts(out, "</SSLInfo>");
}

/* --- the calls --- */

static json_t *document_of(const struct fixing *f, const struct store_key *key)
{
    struct store_document d = { 0 };
    json_t *json = store_get(f->store, key, &d, NULL) == ST_OK && d.json != NULL
                       ? json_loads(d.json, 0, NULL)
                       : NULL;
    store_document_deinit(&d);
    return json;
}

static void put_api(const struct fixing *f, struct text *out, const char *env)
{
    text_puts(out, "/v1/organizations/");
    fix_put_segment(out, f->event->org);
    if (env != NULL) {
        text_puts(out, "/environments/");
        fix_put_segment(out, env);
    }
    text_puts(out, "/apis");
}

static void put_from(const struct fixing *f, struct text *out)
{
    put_api(f, out, NULL);
    text_putc(out, '/');
    fix_put_segment(out, f->event->api);
    text_puts(out, "/revisions/");
    fix_put_segment(out, f->event->revision);
    text_puts(out, "?format=bundle");
}

static void put_import(const struct fixing *f, struct text *out)
{
    struct store_key key = revision_key(f);
    json_t *revision = document_of(f, &key);
    put_api(f, out, NULL);
    text_puts(out, "?action=import&name=");
    fix_put_segment(out, f->event->api);
    text_puts(out, json_is_true(json_object_get(revision, "allowSkippedPolicies"))
                       ? "&allowSkippedPolicies=true"
                       : "");
    json_decref(revision);
}

/* The number that the import will give. */
static json_int_t next_revision(const struct fixing *f)
{
    struct store_key key = { .kind = STORE_API, .org = f->event->org, .name = f->event->api };
    json_t *api = document_of(f, &key);
    json_int_t next = json_integer_value(json_object_get(api, "lastRevision")) + 1;
    json_decref(api);
    return next;
}

static void put_new_revision(const struct fixing *f, struct text *out, const char *env)
{
    put_api(f, out, env);
    text_putc(out, '/');
    fix_put_segment(out, f->event->api);
    text_printf(out, "/revisions/%" JSON_INTEGER_FORMAT, next_revision(f));
}

/* A base path before the bundle's own stays. */
static void put_deploy_body(const struct fixing *f, struct text *out)
{
    struct store_key key = { STORE_DEPLOYMENT, f->event->org, f->event->env, f->event->api,
                             f->event->revision };
    json_t *deployment = document_of(f, &key);
    const char *before = json_string_value(json_object_get(deployment, "basePath"));
    text_puts(out, "override=true");
    if (before != NULL && !fix_is(before, "/")) {
        text_puts(out, "&basepath=");
        fix_put_segment(out, before);
    }
    json_decref(deployment);
}

/* --- documents in it --- */

/* "apiproxy/targets/default.xml": "targets", "default" */
static void put_part_path(const struct fixing *f, struct text *out, const char *file)
{
    const char *name = strrchr(file, '/');
    const char *folder = strchr(file, '/');
    size_t len = name == NULL ? 0 : strlen(name + 1);
    char *stem = len < sizeof ".xml" ? NULL : arena_strndup(f->arena, name + 1, len - 4);
    if (stem == NULL || folder == name) {
        out->failed = true;
        return;
    }
    put_new_revision(f, out, NULL);
    text_putc(out, '/');
    text_put(out, folder + 1, (size_t)(name - folder) - 1);
    text_puts(out, "?name=");
    fix_put_segment(out, stem);
}

/* Takes `document`. */
static void add_part(const struct fixing *f, json_t *parts, const char *file, struct text *document,
                     bool is_whole)
{
    struct text path = { 0 };
    put_part_path(f, &path, file);
    if (is_whole && !path.failed && !document->failed) {
        json_array_append_new(parts, json_pack("{s:s, s:s, s:s, s:s}", "method", "POST", "path",
                                               text_str(&path), "contentType", "application/xml",
                                               "body", text_str(document)));
    }
    text_deinit(&path);
    text_deinit(document);
}

static void put_new_target(const struct fixing *f, struct text *out, const char *name,
                           const char *element)
{
    text_printf(out, "<TargetEndpoint name=\"%s\"><HTTPTargetConnection>", name);
    put_element(out, "URL", f->in.url);
    text_printf(out, "%s</HTTPTargetConnection></TargetEndpoint>\n", element);
}

/* The calls that put what changes into the new revision; fewer than there should be: no memory. */
static json_t *parts_of(const struct fixing *f, const char *name, const char *element)
{
    json_t *parts = json_array();
    struct text first = { 0 };
    struct text second = { 0 };
    struct err err = { 0 };
    if (!f->in.is_route) {
        enum status st = bundle_edit_ssl_info(f->in.document, element, &first, &err);
        add_part(f, parts, f->in.file, &first, st == ST_OK);
        return parts;
    }
    const char *file = arena_printf(f->arena, "apiproxy/targets/%s.xml", name);
    put_new_target(f, &first, name, element);
    add_part(f, parts, file == NULL ? "" : file, &first, file != NULL);
    enum status st = bundle_edit_route(f->in.document, f->in.at, name, &second, &err);
    add_part(f, parts, f->in.file, &second, st == ST_OK);
    return parts;
}

/* --- all of it --- */

static json_t *then_of(const struct fixing *f)
{
    struct text deploy = { 0 };
    struct text body = { 0 };
    put_new_revision(f, &deploy, f->event->env);
    text_puts(&deploy, "/deployments");
    put_deploy_body(f, &body);
    json_t *then = deploy.failed || body.failed
                       ? NULL
                       : json_pack("{s:s, s:s, s:s, s:s}", "method", "POST", "path",
                                   text_str(&deploy), "contentType",
                                   "application/x-www-form-urlencoded", "body", text_str(&body));
    text_deinit(&deploy);
    text_deinit(&body);
    return then;
}

static json_t *change_of(const struct fixing *f, const json_t *target)
{
    const char *name = json_string_value(json_object_get(target, "name"));
    struct text from = { 0 };
    struct text ssl = { 0 };
    json_t *change = NULL;
    put_from(f, &from);
    put_ssl(&ssl, json_object_get(target, "sSLInfo"));
    json_t *then = then_of(f);
    json_t *parts = name == NULL || ssl.failed ? NULL : parts_of(f, name, text_str(&ssl));
    bool is_whole = json_array_size(parts) == (f->in.is_route ? 2U : 1U);
    if (!from.failed && then != NULL && is_whole) {
        change = json_pack("{s:s, s:s, s:s, s:O, s:O}", "bundle", text_str(&from), "file",
                           f->in.file, "element", text_str(&ssl), "parts", parts, "then", then);
    }
    if (change != NULL && f->in.is_route) { /* the rule, and what it leads to */
        json_object_set_new(change, "target", json_string(name));
    }
    json_decref(then);
    json_decref(parts);
    text_deinit(&from);
    text_deinit(&ssl);
    return change;
}

void fix_put_bundle(struct fixing *f, json_t **call, const json_t *target, const char *why)
{
    struct text import = { 0 };
    if (*call != NULL || why == NULL) {
        return;
    }
    put_import(f, &import);
    json_t *change = import.failed ? NULL : change_of(f, target);
    if (change != NULL) {
        *call = json_pack("{s:s, s:s, s:s, s:o, s:s}", "method", "POST", "path", text_str(&import),
                          "contentType", "application/octet-stream", "change", change, "why", why);
    }
    text_deinit(&import);
}
