/* Fixes of a TargetEndpoint that has its URL and its SSLInfo in the bundle of an API proxy. What
 * lies in a keystore is mended there; else the bundle is changed, imported and deployed: a call for
 * each, and what to write where. A bundle is no text, so that the first call has no body. */
#include <string.h>

#include "api/fix_parts.h"
#include "api/xml.h"
#include "store/bundle.h"

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

static json_t *find_endpoint(struct fixing *f, const struct bundle *b, const char *name)
{
    for (size_t i = 0; i < b->n_targets; i++) {
        const struct target_endpoint *t = &b->targets[i];
        if (fix_is(t->name, name) && t->url.text != NULL && t->at.file != NULL) {
            f->file = arena_strndup(f->arena, t->at.file, strlen(t->at.file));
            return f->file == NULL ? NULL : json_of(t);
        }
    }
    return NULL;
}

json_t *fix_endpoint(struct fixing *f)
{
    const json_t *labels = json_object_get(f->hints, "labels");
    const char *name = json_string_value(json_object_get(labels, "endpoint"));
    struct store_key key = revision_key(f);
    struct bytes zip = { 0 };
    struct bundle b;
    if (name == NULL || f->document != NULL || store_blob(f->store, &key, &zip, NULL) != ST_OK) {
        return NULL;
    }
    enum status st = zip.p == NULL ? ST_FORMAT : bundle_read(zip, &b, NULL);
    store_bytes_free(zip);
    if (st != ST_OK) {
        return NULL;
    }
    json_t *target = find_endpoint(f, &b, name);
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
static void put_deploy(const struct fixing *f, struct text *out)
{
    struct store_key key = { .kind = STORE_API, .org = f->event->org, .name = f->event->api };
    json_t *api = document_of(f, &key);
    put_api(f, out, f->event->env);
    text_putc(out, '/');
    fix_put_segment(out, f->event->api);
    text_printf(out, "/revisions/%" JSON_INTEGER_FORMAT "/deployments",
                json_integer_value(json_object_get(api, "lastRevision")) + 1);
    json_decref(api);
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

static json_t *change_of(const struct fixing *f, const json_t *target)
{
    struct text from = { 0 };
    struct text ssl = { 0 };
    struct text deploy = { 0 };
    struct text body = { 0 };
    json_t *change = NULL;
    put_from(f, &from);
    put_ssl(&ssl, json_object_get(target, "sSLInfo"));
    put_deploy(f, &deploy);
    put_deploy_body(f, &body);
    if (!from.failed && !ssl.failed && !deploy.failed && !body.failed) {
        change = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "bundle", text_str(&from),
                           "file", f->file, "element", text_str(&ssl), "then", "method", "POST",
                           "path", text_str(&deploy), "contentType",
                           "application/x-www-form-urlencoded", "body", text_str(&body));
    }
    text_deinit(&from);
    text_deinit(&ssl);
    text_deinit(&deploy);
    text_deinit(&body);
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
