#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/route.h"
#include "api/target.h"

static const char *value_of(const struct api_pair *pair)
{
    return pair == NULL ? NULL : pair->value;
}

const char *api_param(const struct api_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_params; i++) {
        if (strcmp(r->params[i].name, name) == 0) {
            return r->params[i].value;
        }
    }
    return "";
}

const char *api_query(const struct api_request *r, const char *name)
{
    return value_of(api_pairs_find(&r->query, name));
}

const char *api_form_field(const struct api_request *r, const char *name)
{
    return value_of(api_pairs_find(&r->form, name));
}

const char *api_field(const struct api_request *r, const char *name)
{
    const char *value = api_form_field(r, name);
    return value != NULL ? value : api_query(r, name);
}

const char *api_header(const struct api_request *r, const char *name)
{
    return value_of(api_pairs_find(&r->headers, name));
}

const struct api_part *api_part(const struct api_request *r, const char *name)
{
    for (size_t i = 0; i < r->parts.n; i++) {
        if (strcmp(r->parts.list[i].name, name) == 0) {
            return &r->parts.list[i];
        }
    }
    return NULL;
}

bool api_query_is(const struct api_request *r, const char *name, bool otherwise)
{
    const char *value = api_query(r, name);
    return value == NULL ? otherwise : strcasecmp(value, "true") == 0;
}

const char *api_json_str(const struct api_request *r, const char *name)
{
    return json_string_value(json_object_get(r->json, name));
}

static void clear(struct api_answer *a)
{
    json_decref(a->json);
    a->json = NULL;
    text_clear(&a->text);
    a->type = NULL;
    a->disposition = NULL;
    if (a->stream.next != NULL) {
        a->stream.close(a->stream.arg);
        a->stream = (struct api_stream){ 0 };
    }
}

enum status api_refuse_with(struct api_answer *a, unsigned status, const char *code,
                            const char *message, json_t *contexts)
{
    clear(a);
    a->status = status;
    a->xml_root = "Error";
    /* message may quote what came from outside: what is not UTF-8 is said otherwise. */
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(message));
    a->json = json_pack("{s:s, s:s, s:o}", "code", code, "message", text_str(&safe), "contexts",
                        contexts != NULL ? contexts : json_array());
    text_deinit(&safe);
    return a->json == NULL ? ST_NOMEM : ST_OK;
}

enum status api_refuse(struct api_answer *a, unsigned status, const char *code, const char *fmt,
                       ...)
{
    char message[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    return api_refuse_with(a, status, code, n < 0 ? "refused" : message, NULL);
}

enum status api_say(struct api_answer *a, unsigned status, json_t *value)
{
    clear(a);
    a->status = status;
    a->json = value;
    return value == NULL ? ST_NOMEM : ST_OK;
}

enum status api_say_text(struct api_answer *a, const char *type, struct bytes text)
{
    clear(a);
    a->type = type;
    text_put(&a->text, (const char *)text.p, text.len);
    return a->text.failed ? ST_NOMEM : ST_OK;
}
