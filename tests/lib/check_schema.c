#include "check_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

static char wrong[512];

json_t *schema_load(void)
{
    const char *source = getenv("HANDFAST_SOURCE");
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/docs/verdict.schema.json", source != NULL ? source : ".");
    json_t *schema = json_load_file(path, 0, &error);
    if (schema == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return schema;
}

static const char *say(const char *keyword, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(wrong, sizeof wrong, "%s: %.400s", keyword, text != NULL ? text : "?");
    free(text);
    return wrong;
}

static bool has_type(const char *type, json_t *v)
{
    return (strcmp(type, "object") == 0 && json_is_object(v)) ||
           (strcmp(type, "array") == 0 && json_is_array(v)) ||
           (strcmp(type, "string") == 0 && json_is_string(v)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(v)) ||
           (strcmp(type, "null") == 0 && json_is_null(v)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(v)) ||
           (strcmp(type, "number") == 0 && json_is_number(v));
}

static const char *check_type(json_t *root, json_t *types, json_t *schema, json_t *v)
{
    (void)root;
    (void)schema;
    size_t n = json_is_array(types) ? json_array_size(types) : 1;
    for (size_t i = 0; i < n; i++) {
        json_t *type = json_is_array(types) ? json_array_get(types, i) : types;
        if (has_type(json_string_value(type), v)) {
            return NULL;
        }
    }
    return say("type", v);
}

static const char *check_const(json_t *root, json_t *expected, json_t *schema, json_t *v)
{
    (void)root;
    (void)schema;
    return json_equal(expected, v) ? NULL : say("const", v);
}

static const char *check_enum(json_t *root, json_t *values, json_t *schema, json_t *v)
{
    (void)root;
    (void)schema;
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (json_equal(json_array_get(values, i), v)) {
            return NULL;
        }
    }
    return say("enum", v);
}

static const char *check_properties(json_t *root, json_t *properties, json_t *schema, json_t *v)
{
    const char *key;
    json_t *child;
    (void)schema;
    json_object_foreach(v, key, child)
    {
        json_t *sub = json_object_get(properties, key);
        const char *at = sub != NULL ? schema_check(root, sub, child) : NULL;
        if (at != NULL) {
            return at;
        }
    }
    return NULL;
}

static const char *check_required(json_t *root, json_t *keys, json_t *schema, json_t *v)
{
    (void)root;
    (void)schema;
    for (size_t i = 0; json_is_object(v) && i < json_array_size(keys); i++) {
        if (json_object_get(v, json_string_value(json_array_get(keys, i))) == NULL) {
            return say("required", json_array_get(keys, i));
        }
    }
    return NULL;
}

static const char *check_additional(json_t *root, json_t *rule, json_t *schema, json_t *v)
{
    const char *key;
    json_t *child;
    json_object_foreach(v, key, child)
    {
        if (json_object_get(json_object_get(schema, "properties"), key) != NULL) {
            continue;
        }
        const char *at = json_is_false(rule) ? say(key, child) : schema_check(root, rule, child);
        if (at != NULL) {
            return at;
        }
    }
    return NULL;
}

static const char *check_items(json_t *root, json_t *items, json_t *schema, json_t *v)
{
    (void)schema;
    for (size_t i = 0; json_is_array(v) && i < json_array_size(v); i++) {
        const char *at = schema_check(root, items, json_array_get(v, i));
        if (at != NULL) {
            return at;
        }
    }
    return NULL;
}

static const char *check_minimum(json_t *root, json_t *minimum, json_t *schema, json_t *v)
{
    (void)root;
    (void)schema;
    bool is_low = json_is_number(v) && json_number_value(v) < json_number_value(minimum);
    return is_low ? say("minimum", v) : NULL;
}

static size_t n_matching(json_t *root, json_t *choices, json_t *v)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(choices); i++) {
        n += schema_check(root, json_array_get(choices, i), v) == NULL;
    }
    return n;
}

static const char *check_any(json_t *root, json_t *choices, json_t *schema, json_t *v)
{
    (void)schema;
    return n_matching(root, choices, v) > 0 ? NULL : say("anyOf", v);
}

static const char *check_one(json_t *root, json_t *choices, json_t *schema, json_t *v)
{
    (void)schema;
    return n_matching(root, choices, v) == 1 ? NULL : say("oneOf", v);
}

static const char *check_ref(json_t *root, json_t *ref, json_t *schema, json_t *v)
{
    const char *name = strrchr(json_string_value(ref), '/') + 1;
    (void)schema;
    return schema_check(root, json_object_get(json_object_get(root, "$defs"), name), v);
}

static const char *check_nothing(json_t *root, json_t *rule, json_t *schema, json_t *v)
{
    (void)root;
    (void)rule;
    (void)schema;
    (void)v;
    return NULL;
}

static const struct {
    const char *keyword;
    const char *(*check)(json_t *root, json_t *rule, json_t *schema, json_t *value);
} keywords[] = {
    { "type", check_type },         { "const", check_const },
    { "enum", check_enum },         { "properties", check_properties },
    { "required", check_required }, { "additionalProperties", check_additional },
    { "items", check_items },       { "minimum", check_minimum },
    { "anyOf", check_any },         { "oneOf", check_one },
    { "$ref", check_ref },          { "$schema", check_nothing },
    { "$id", check_nothing },       { "$defs", check_nothing },
    { "title", check_nothing },     { "description", check_nothing },
    { "format", check_nothing },    { "pattern", check_nothing },
};

static const char *check_keyword(json_t *root, const char *keyword, json_t *schema, json_t *value)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        if (strcmp(keywords[i].keyword, keyword) == 0) {
            return keywords[i].check(root, json_object_get(schema, keyword), schema, value);
        }
    }
    return say(keyword, schema);
}

const char *schema_check(json_t *root, json_t *schema, json_t *value)
{
    const char *keyword;
    json_t *rule;
    assert_true(json_is_object(schema));
    json_object_foreach(schema, keyword, rule)
    {
        const char *at = check_keyword(root, keyword, schema, value);
        if (at != NULL) {
            return at;
        }
    }
    return NULL;
}
