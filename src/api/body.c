#include "api/body.h"

#include <string.h>

#include "api/multipart.h"
#include "api/target.h"
#include "api/xml.h"

/* "Text/XML; charset=utf-8" is "text/xml". */
static const char *plain_type(const char *header, struct arena *arena)
{
    if (header == NULL) {
        return "";
    }
    header += strspn(header, " \t");
    char *type = arena_strndup(arena, header, strcspn(header, "; \t,"));
    for (char *p = type; p != NULL && *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    return type;
}

static bool ends_with(const char *s, const char *end)
{
    size_t len = strlen(s);
    size_t n = strlen(end);
    return len >= n && strcmp(s + len - n, end) == 0;
}

/* Without a Content-Type the first character tells. */
static enum api_body guess(struct bytes body)
{
    for (size_t i = 0; i < body.len; i++) {
        uint8_t c = body.p[i];
        if (c == '{' || c == '[') {
            return API_BODY_JSON;
        }
        if (c == '<' || c == 0xef) { /* or a byte order mark */
            return API_BODY_XML;
        }
        if (strchr(" \t\r\n", c) == NULL || c == '\0') {
            break;
        }
    }
    return API_BODY_OCTETS;
}

static enum api_body kind_of(const char *type, struct bytes body)
{
    if (type[0] == '\0') {
        return guess(body);
    }
    if (ends_with(type, "/json") || ends_with(type, "+json")) {
        return API_BODY_JSON;
    }
    if (ends_with(type, "/xml") || ends_with(type, "+xml")) {
        return API_BODY_XML;
    }
    if (strcmp(type, "application/x-www-form-urlencoded") == 0) {
        return API_BODY_FORM;
    }
    return strcmp(type, "multipart/form-data") == 0 ? API_BODY_MULTIPART : API_BODY_OCTETS;
}

static enum status read_json(struct api_request *r, struct api_answer *a)
{
    json_error_t error;
    r->json = json_loadb((const char *)r->body.p, r->body.len,
                         JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (r->json != NULL) {
        return ST_OK;
    }
    if (json_error_code(&error) == json_error_out_of_memory) {
        return ST_NOMEM;
    }
    return api_refuse(a, 400, "body.MalformedJson", "line %d, column %d: %s", error.line,
                      error.column, error.text);
}

static enum status read_xml(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct err why = { 0 };
    enum status st = api_xml_read(r->body, &r->json, NULL, &why);
    if (st == ST_FORMAT) {
        return api_refuse(a, 400, "body.MalformedXml", "%s", why.text);
    }
    return st == ST_OK ? ST_OK : err_set(err, st, "%s", why.text);
}

static enum status read_form(struct api_request *r, struct api_answer *a)
{
    const char *why = "";
    if (!api_pairs_parse(r->body, r->arena, &r->form, &why)) {
        return api_refuse(a, 400, "body.MalformedForm", "%s", why);
    }
    return ST_OK;
}

/* Parts without a file name are fields as well: clients send passwords so. */
static enum status parts_as_fields(struct api_request *r)
{
    r->form.list = arena_alloc_array(r->arena, r->parts.n + 1, sizeof *r->form.list);
    if (r->form.list == NULL) {
        return ST_NOMEM;
    }
    for (size_t i = 0; i < r->parts.n; i++) {
        const struct api_part *part = &r->parts.list[i];
        bool is_text = part->filename[0] == '\0' && part->body.len <= API_MULTIPART_TEXT_MAX &&
                       memchr(part->body.len == 0 ? (const uint8_t *)"" : part->body.p, 0,
                              part->body.len) == NULL;
        if (!is_text || part->name[0] == '\0') {
            continue;
        }
        char *value = arena_strndup(r->arena, (const char *)part->body.p, part->body.len);
        if (value == NULL) {
            return ST_NOMEM;
        }
        r->form.list[r->form.n++] = (struct api_pair){ part->name, value, part->body.len };
    }
    return ST_OK;
}

static enum status read_multipart(struct api_request *r, struct api_answer *a)
{
    const char *why = "";
    if (!api_multipart_parse(api_header(r, "content-type"), r->body, r->arena, &r->parts, &why)) {
        return api_refuse(a, 400, "body.MalformedMultipart", "%s", why);
    }
    return parts_as_fields(r);
}

static enum status read_kind(struct api_request *r, enum api_body kind, struct api_answer *a,
                             struct err *err)
{
    switch (kind) {
    case API_BODY_JSON:
        return read_json(r, a);
    case API_BODY_XML:
        return read_xml(r, a, err);
    case API_BODY_FORM:
        return read_form(r, a);
    case API_BODY_MULTIPART:
        return read_multipart(r, a);
    case API_BODY_NONE:
    case API_BODY_OCTETS:
    case API_BODY_OPTIONAL:
        break;
    }
    return ST_OK;
}

/* curl -d says application/x-www-form-urlencoded unless told otherwise: what would do is named. */
static enum status refuse_type(const struct api_request *r, unsigned takes, struct api_answer *a)
{
    static const struct {
        enum api_body kind;
        const char *type;
    } types[] = { { API_BODY_JSON, "application/json" },
                  { API_BODY_XML, "application/xml" },
                  { API_BODY_FORM, "application/x-www-form-urlencoded" },
                  { API_BODY_MULTIPART, "multipart/form-data" },
                  { API_BODY_OCTETS, "application/octet-stream" } };
    struct text wanted = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (takes & types[i].kind) {
            text_printf(&wanted, "%s%s", wanted.len > 0 ? " or " : "", types[i].type);
        }
    }
    bool has_type = r->type[0] != '\0';
    enum status st = api_refuse(a, 415, "body.UnsupportedMediaType",
                                "a body of %s is not taken here: Content-Type has to be %s",
                                has_type ? r->type : "no Content-Type", text_str(&wanted));
    text_deinit(&wanted);
    return st;
}

enum status api_body_read(struct api_request *r, struct api_answer *a, struct err *err)
{
    unsigned takes = r->route->body;
    r->type = plain_type(api_header(r, "content-type"), r->arena);
    if (r->type == NULL) {
        return ST_NOMEM;
    }
    if ((takes & ~(unsigned)API_BODY_OPTIONAL) == API_BODY_NONE) {
        return ST_OK;
    }
    if (r->body.len == 0) {
        return takes & API_BODY_OPTIONAL
                   ? ST_OK
                   : api_refuse(a, 400, "body.Missing", "this request needs a body");
    }
    enum api_body kind = kind_of(r->type, r->body);
    if (!(takes & kind) && (takes & API_BODY_OCTETS)) {
        kind = API_BODY_OCTETS;
    }
    if (!(takes & kind)) {
        return refuse_type(r, takes, a);
    }
    return read_kind(r, kind, a, err);
}
