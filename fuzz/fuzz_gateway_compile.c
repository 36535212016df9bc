/*
 * Documents with anything in them, compiled for nginx. The promise: a value is a value. Whatever
 * stands in it, the configuration has the same directives, in the same blocks, with the same number
 * of words, as with letters in its place; or the compiler refuses.
 *
 * The input is texts with a newline between: a host alias, a base path, one before it, a common
 * name, a condition's value, a header's name, a revision, a path of a URL.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zip.h>

#include "gateway/compile.h"
#include "gateway/conf_shape.h"

enum { N_TEXTS = 8, TEXT_ROOM = 256 };
enum { ALIAS, BASE, PREFIX, NAME, VALUE, HEADER, REVISION, URL };

struct texts_of {
    char at[N_TEXTS][TEXT_ROOM];
};

static struct store *store;
static struct hosts *hosts;
static struct places places;

static void set_up(void)
{
    char dir[] = "/tmp/handfast-fuzz-XXXXXX";
    char path[64];
    if (mkdtemp(dir) == NULL) {
        abort();
    }
    snprintf(path, sizeof path, "%s/store.db", dir);
    hosts = hosts_new();
    if (store_open(path, &store, NULL) != ST_OK || hosts == NULL ||
        places_init(&places, dir, NULL) != ST_OK) {
        abort();
    }
    /* The files are not needed by name: what is open stays. */
    unlink(path);
}

/* What decides about the shape stays, white space too (a value of nothing else is none); all else
 * becomes a letter. */
static void tame(const struct texts_of *wild, struct texts_of *out)
{
    *out = *wild;
    for (size_t i = 0; i < N_TEXTS; i++) {
        for (char *p = out->at[i]; *p != '\0'; p++) {
            bool keep = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                        (*p >= '0' && *p <= '9') || strchr("./?*-_: ", *p) != NULL;
            bool is_space = *p == '\t' || *p == '\r';
            *p = is_space ? ' ' : keep ? *p : 'a';
        }
    }
}

static bool split(const uint8_t *data, size_t size, struct texts_of *out)
{
    size_t which = 0;
    size_t len = 0;
    *out = (struct texts_of){ 0 };
    for (size_t i = 0; i < size && which < N_TEXTS; i++) {
        if (data[i] == '\n') {
            which++;
            len = 0;
        } else if (len < TEXT_ROOM - 1) {
            out->at[which][len++] = (char)data[i];
        }
    }
    return size > 0;
}

static void put_escaped(struct text *out, const char *s)
{
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '<':
            text_puts(out, "&lt;");
            break;
        case '&':
            text_puts(out, "&amp;");
            break;
        case '"':
            text_puts(out, "&quot;");
            break;
        default:
            text_putc(out, *s);
            break;
        }
    }
}

static void put_part(struct text *out, const char *before, const char *value, const char *after)
{
    text_puts(out, before);
    put_escaped(out, value);
    text_puts(out, after);
}

static void make_proxy(const struct texts_of *t, struct text *out)
{
    put_part(out, "<ProxyEndpoint name=\"default\"><HTTPProxyConnection><BasePath>", t->at[BASE],
             "</BasePath><VirtualHost>v</VirtualHost></HTTPProxyConnection>");
    put_part(out, "<RouteRule name=\"a\"><Condition>(request.verb = \"", t->at[VALUE],
             "\") or (proxy.pathsuffix MatchesPath \"/");
    put_part(out, "", t->at[VALUE], "\") or (request.header.");
    put_part(out, "", t->at[HEADER], " != \"x\") or (request.queryparam.");
    put_part(out, "", t->at[HEADER], " ~~ \"");
    put_part(out, "", t->at[VALUE], "\")</Condition></RouteRule>");
    text_puts(out, "<RouteRule name=\"b\"><TargetEndpoint>default</TargetEndpoint></RouteRule>"
                   "</ProxyEndpoint>");
}

static void make_target(const struct texts_of *t, struct text *out)
{
    put_part(out,
             "<TargetEndpoint name=\"default\"><HTTPTargetConnection><SSLInfo><Enabled>true"
             "</Enabled><CommonName>",
             t->at[NAME], "</CommonName></SSLInfo><URL>https://127.0.0.1/");
    put_part(out, "", t->at[URL], "</URL></HTTPTargetConnection></TargetEndpoint>");
}

static bool add(zip_t *zip, const char *name, const struct text *content)
{
    zip_source_t *from = zip_source_buffer(zip, content->p, content->len, 0);
    return from != NULL && zip_file_add(zip, name, from, ZIP_FL_OVERWRITE) >= 0;
}

/* The caller frees `out`, by zip_source_free(). */
static zip_source_t *make_zip(const struct texts_of *t, struct text parts[3])
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *buffer = zip_source_buffer_create(NULL, 0, 0, &error);
    zip_t *zip = buffer == NULL ? NULL : zip_open_from_source(buffer, ZIP_TRUNCATE, &error);
    if (zip == NULL) {
        abort();
    }
    zip_source_keep(buffer);
    text_puts(&parts[0], "<APIProxy name=\"f\"/>");
    make_proxy(t, &parts[1]);
    make_target(t, &parts[2]);
    if (!add(zip, "apiproxy/f.xml", &parts[0]) ||
        !add(zip, "apiproxy/proxies/default.xml", &parts[1]) ||
        !add(zip, "apiproxy/targets/default.xml", &parts[2]) || zip_close(zip) != 0) {
        abort();
    }
    return buffer;
}

static void put_bundle(const struct texts_of *t, const char *revision)
{
    static uint8_t room[64 * 1024];
    struct text parts[3] = { 0 };
    zip_source_t *zip = make_zip(t, parts);
    zip_int64_t n = zip_source_open(zip) == 0 ? zip_source_read(zip, room, sizeof room) : -1;
    struct store_key key = { STORE_REVISION, "o", NULL, "f", revision };
    if (n < 0 || store_put(store, &key, "{}", (struct bytes){ 0 }, bytes_of(room, (size_t)n),
                           NULL) != ST_OK) {
        abort();
    }
    zip_source_close(zip);
    zip_source_free(zip);
    for (size_t i = 0; i < 3; i++) {
        text_deinit(&parts[i]);
    }
}

static void put_json(const struct store_key *key, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text == NULL ||
        store_put(store, key, text, (struct bytes){ 0 }, (struct bytes){ 0 }, NULL) != ST_OK) {
        abort();
    }
    free(text);
    json_decref(json);
}

static bool put_documents(const struct texts_of *t)
{
    const char *revision = t->at[REVISION][0] == '\0' ? "1" : t->at[REVISION];
    json_t *host =
        json_pack("{s:s, s:[s], s:s}", "name", "v", "hostAliases", t->at[ALIAS], "port", "8443");
    json_t *deployment = json_pack("{s:s}", "basePath", t->at[PREFIX]);
    bool are_texts = host != NULL && deployment != NULL; /* jansson takes UTF-8 only */
    if (are_texts) {
        put_json(&(struct store_key){ STORE_VIRTUAL_HOST, "o", "e", NULL, "v" }, json_incref(host));
        put_json(&(struct store_key){ STORE_DEPLOYMENT, "o", "e", "f", revision },
                 json_incref(deployment));
        put_bundle(t, revision);
    }
    json_decref(host);
    json_decref(deployment);
    return are_texts;
}

/* Both parts one after the other; false where the compiler refuses. */
static bool shape_of(const struct texts_of *t, struct text *out)
{
    struct properties properties;
    struct generation made = { 0 };
    struct compile_input in = { .store = store,
                                .places = &places,
                                .properties = &properties,
                                .hosts = hosts,
                                .module = "/m.so",
                                .has_ipv6 = true };
    properties_default(&properties);
    if (store_begin(store, NULL) != ST_OK) {
        abort();
    }
    bool done = put_documents(t) && compile(&in, &made, NULL) == ST_OK;
    store_rollback(store);
    for (size_t i = 0; done && i < GENERATION_N_PARTS; i++) {
        struct conf_shape shape;
        if (!conf_shape_read(text_str(generation_file(&made.part[i], "nginx.conf")), &shape)) {
            abort();
        }
        text_puts(out, text_str(&shape.shape));
        conf_shape_deinit(&shape);
    }
    generation_deinit(&made);
    return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct texts_of wild;
    struct texts_of tamed;
    struct text got = { 0 };
    struct text want = { 0 };
    if (store == NULL) {
        set_up();
    }
    if (split(data, size, &wild) && shape_of(&wild, &got)) {
        tame(&wild, &tamed);
        if (shape_of(&tamed, &want) && strcmp(text_str(&got), text_str(&want)) != 0) {
            fprintf(stderr, "%s\n-- instead of --\n%s\n", text_str(&got), text_str(&want));
            abort();
        }
    }
    text_deinit(&got);
    text_deinit(&want);
    return 0;
}
