#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "api/route.h"
#include "api/target.h"
#include "store/problem.h"

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

bool api_refused(const struct api_answer *a)
{
    return a->status >= 400;
}

static json_t *context_json(const struct problem_context *c)
{
    json_t *one = json_pack("{s:s, s:s}", "level", c->is_warning ? "warning" : "error", "message",
                            c->message);
    bool ok = one != NULL && (c->cause[0] == '\0' ||
                              json_object_set_new(one, "cause", json_string(c->cause)) == 0);
    ok = ok &&
         (c->where[0] == '\0' || json_object_set_new(one, "where", json_string(c->where)) == 0);
    ok = ok &&
         (c->action[0] == '\0' || json_object_set_new(one, "action", json_string(c->action)) == 0);
    if (!ok) {
        json_decref(one);
        return NULL;
    }
    return one;
}

json_t *api_contexts(const struct store_problem *problem)
{
    json_t *list = json_array();
    for (size_t i = 0; i < problem->n_contexts && list != NULL; i++) {
        if (json_array_append_new(list, context_json(&problem->contexts[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static unsigned status_of(enum problem_kind kind)
{
    switch (kind) {
    case PROBLEM_NOT_FOUND:
        return 404;
    case PROBLEM_EXISTS:
    case PROBLEM_IN_USE:
    case PROBLEM_CONFLICT:
        return 409;
    case PROBLEM_FORBIDDEN:
        return 403;
    case PROBLEM_NONE:
    case PROBLEM_INVALID:
        return 400;
    case PROBLEM_FAILED:
        break;
    }
    return 500;
}

enum status api_problem(struct api_answer *a, enum status st, const struct store_problem *problem,
                        struct err *err)
{
    if (st == ST_OK) {
        return ST_OK;
    }
    if (st != ST_USAGE) {
        return err_set(err, st, "%s", problem->message);
    }
    json_t *contexts = api_contexts(problem);
    return contexts == NULL ? ST_NOMEM
                            : api_refuse_with(a, status_of(problem->kind), problem->code,
                                              problem->message, contexts);
}
