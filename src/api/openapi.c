#include "api/openapi.h"

#include <stdio.h>
#include <string.h>

#include "api/routes.h"

static const struct parameter {
    const char *name, *place, *schema, *meaning;
} parameters[] = {
#define API_PARAMETER(name, place, schema, meaning) { name, place, schema, meaning },
#include "api/parameters.def"
};

static const struct parameter *find_parameter(struct bytes name, const char *place)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (bytes_equal(bytes_of_str(parameters[i].name), name) &&
            strcmp(parameters[i].place, place) == 0) {
            return &parameters[i];
        }
    }
    return NULL;
}

static bool add_parameter(json_t *list, struct bytes name, const char *place)
{
    const struct parameter *p = find_parameter(name, place);
    if (p == NULL) {
        return false;
    }
    json_t *schema = json_loads(p->schema, 0, NULL);
    return json_array_append_new(list,
                                 json_pack("{s:s, s:s, s:b, s:s, s:o*}", "name", p->name, "in",
                                           p->place, "required", strcmp(place, "path") == 0,
                                           "description", p->meaning, "schema", schema)) == 0;
}

/* Names in braces; false where one is not in parameters.def. */
static bool add_path_parameters(json_t *list, const char *path)
{
    for (const char *open = strchr(path, '{'); open != NULL; open = strchr(open + 1, '{')) {
        if (!add_parameter(list, bytes_of(open + 1, strcspn(open + 1, "}")), "path")) {
            return false;
        }
    }
    return true;
}

static bool add_query_parameters(json_t *list, const char *query)
{
    struct bytes left = bytes_of_str(query == NULL ? "" : query);
    for (struct bytes word = bytes_next_word(&left); word.len > 0; word = bytes_next_word(&left)) {
        if (!add_parameter(list, word, "query")) {
            return false;
        }
    }
    return true;
}

static json_t *parameters_of(const struct api_route *route)
{
    json_t *list = json_array();
    if (list != NULL &&
        (!add_path_parameters(list, route->path) || !add_query_parameters(list, route->query))) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *schema_ref(const char *name)
{
    if (name == NULL) {
        return json_object();
    }
    return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
}

static bool add_content(json_t *content, const char *type, const char *schema)
{
    return json_object_set_new(content, type, json_pack("{s:o}", "schema", schema_ref(schema))) ==
           0;
}

static bool add_binary(json_t *content, const char *type)
{
    return json_object_set_new(content, type, json_object()) == 0;
}

/* NULL in *out: there is no body. */
static bool body_of(const struct api_route *route, json_t **out)
{
    unsigned takes = route->body;
    *out = NULL;
    if ((takes & ~(unsigned)API_BODY_OPTIONAL) == 0) {
        return true;
    }
    json_t *content = json_object();
    bool ok = content != NULL;
    ok = ok && (!(takes & API_BODY_JSON) || add_content(content, "application/json", route->takes));
    ok = ok && (!(takes & API_BODY_XML) || add_binary(content, "application/xml"));
    ok = ok && (!(takes & API_BODY_FORM) ||
                add_content(content, "application/x-www-form-urlencoded", route->takes));
    ok = ok && (!(takes & API_BODY_MULTIPART) ||
                add_content(content, "multipart/form-data", route->takes));
    ok = ok && (!(takes & API_BODY_OCTETS) || add_binary(content, "application/octet-stream"));
    if (!ok) {
        json_decref(content);
        return false;
    }
    *out = json_pack("{s:b, s:o}", "required", !(takes & API_BODY_OPTIONAL), "content", content);
    return *out != NULL;
}

static bool add_output(json_t *content, const struct api_route *route)
{
    switch (route->output) {
    case API_OUT_VERDICT:
        if (!add_binary(content, "text/plain")) {
            return false;
        }
        /* fall through */
    case API_OUT_DOCUMENT:
        return add_content(content, "application/json", route->gives) &&
               add_binary(content, "application/xml");
    case API_OUT_PEM:
        return add_binary(content, "application/x-pem-file");
    case API_OUT_ZIP: /* and what describes the archive, where another is asked for */
        return add_binary(content, "application/zip") &&
               (route->gives == NULL || (add_content(content, "application/json", route->gives) &&
                                         add_binary(content, "application/xml")));
    case API_OUT_EVENTS:
        return add_binary(content, "text/event-stream");
    case API_OUT_TEXT:
        return add_binary(content, "text/plain");
    }
    return false;
}

static json_t *good_response(const struct api_route *route)
{
    json_t *content = json_object();
    if (content == NULL || !add_output(content, route)) {
        json_decref(content);
        return NULL;
    }
    return json_pack("{s:s, s:o}", "description",
                     route->status == 201 ? "It was made" : "It was done", "content", content);
}

static json_t *responses_of(const struct api_route *route)
{
    char status[8];
    (void)snprintf(status, sizeof status, "%u", route->status);
    /* an open route is that of tokens: RFC 6749 section 5.2 has errors of its own */
    const char *refusal = route->right == API_RIGHT_OPEN ? "#/components/responses/TokenRefusal"
                                                         : "#/components/responses/Refusal";
    json_t *responses = json_object();
    bool ok = responses != NULL &&
              json_object_set_new(responses, status, good_response(route)) == 0 &&
              json_object_set_new(responses, "default", json_pack("{s:s}", "$ref", refusal)) == 0;
    if (!ok) {
        json_decref(responses);
        return NULL;
    }
    return responses;
}

static const char *right_id(enum api_right right)
{
    static const char *const ids[API_N_RIGHTS] = {
        [API_RIGHT_OPEN] = "open",
        [API_RIGHT_LOGIN] = "login",
#define RIGHT(symbol, id, says) [API_RIGHT_##symbol] = (id),
#include "store/rights.def"
    };
    return ids[right];
}

static json_t *operation_of(const struct api_route *route, const char *tag)
{
    json_t *body = NULL;
    if (!body_of(route, &body)) {
        return NULL;
    }
    json_t *operation = json_pack(
        "{s:s, s:s, s:[s], s:s, s:o*, s:o*, s:o*}", "operationId", route->id, "summary",
        route->summary, "tags", tag, "x-handfast-right", right_id(route->right), "parameters",
        parameters_of(route), "requestBody", body, "responses", responses_of(route));
    bool is_whole = json_object_get(operation, "parameters") != NULL &&
                    json_object_get(operation, "responses") != NULL;
    if (is_whole && route->right == API_RIGHT_OPEN) {
        is_whole = json_object_set_new(operation, "security", json_array()) == 0;
    }
    if (!is_whole) {
        json_decref(operation);
        return NULL;
    }
    return operation;
}

static bool add_route(json_t *paths, const struct api_route *route, const char *tag)
{
    char method[16] = "";
    const char *name = api_method_name(route->method);
    for (size_t i = 0; name[i] != '\0' && i + 1 < sizeof method; i++) {
        method[i] = (char)(name[i] - 'A' + 'a');
    }
    json_t *item = json_object_get(paths, route->path);
    if (item == NULL) {
        item = json_object();
        if (json_object_set_new(paths, route->path, item) != 0) {
            return false;
        }
    }
    return json_object_set_new(item, method, operation_of(route, tag)) == 0;
}

static bool has_tag(const json_t *tags, const char *name)
{
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *one = json_string_value(json_object_get(json_array_get(tags, i), "name"));
        if (one != NULL && strcmp(one, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool add_table(json_t *paths, json_t *schemas, json_t *tags, const struct api_table *table)
{
    bool ok = has_tag(tags, table->tag) ||
              json_array_append_new(tags, json_pack("{s:s}", "name", table->tag)) == 0;
    for (size_t i = 0; i < table->n_routes && ok; i++) {
        ok = add_route(paths, &table->routes[i], table->tag);
    }
    for (size_t i = 0; i < table->n_schemas && ok; i++) {
        ok = json_object_set_new(schemas, table->schemas[i].name,
                                 json_loads(table->schemas[i].json, 0, NULL)) == 0;
    }
    return ok;
}

/* What every table may refer to. */
static json_t *common_schemas(void)
{
    static const char json[] =
        "{\"Contexts\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
        "\"required\":[\"level\",\"message\"],\"properties\":{"
        "\"level\":{\"type\":\"string\",\"enum\":[\"warning\",\"unsafe\",\"error\",\"broken\"]},"
        "\"cause\":{\"type\":\"string\"},\"where\":{\"type\":\"string\"},"
        "\"message\":{\"type\":\"string\"},\"action\":{\"type\":\"string\"}}}},"
        "\"Refusal\":{\"type\":\"object\",\"required\":[\"code\",\"message\",\"contexts\"],"
        "\"properties\":{\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"},"
        "\"contexts\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}}";
    return json_loads(json, 0, NULL);
}

static json_t *fixed_components(void)
{
    static const char json[] =
        "{\"securitySchemes\":{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"},"
        "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"}},"
        "\"responses\":{\"Refusal\":{\"description\":"
        "\"400, 401, 403, 404, 405, 406, 409, 413, 415, 429 or 500: why it was not done\","
        "\"content\":{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/"
        "Refusal\"}},"
        "\"application/xml\":{}}},"
        "\"TokenRefusal\":{\"description\":\"400, 401, 413, 415 or 429: why there is no token\","
        "\"content\":{\"application/json\":{\"schema\":{\"anyOf\":["
        "{\"$ref\":\"#/components/schemas/Refusal\"},{\"type\":\"object\","
        "\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":\"string\"},"
        "\"error_description\":{\"type\":\"string\"}}}]}},\"application/xml\":{}}}}}";
    return json_loads(json, 0, NULL);
}

static json_t *assemble(json_t *paths, json_t *schemas, json_t *tags)
{
    json_t *components = fixed_components();
    if (components == NULL || json_object_set(components, "schemas", schemas) != 0) {
        json_decref(components);
        return NULL;
    }
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:O, s:O, s:o}",
        "openapi", "3.1.0", "info", "title", "handfast gateway: management API", "version",
        HANDFAST_VERSION, "description",
        "Paths have two spellings: /organizations and /o, /environments and /e.", "license", "name",
        "Apache-2.0", "identifier", "Apache-2.0", "servers", "url", "/v1", "security", "basic",
        "token", "tags", tags, "paths", paths, "components", components);
}

json_t *api_openapi(void)
{
    json_t *paths = json_object();
    json_t *schemas = common_schemas();
    json_t *tags = json_array();
    json_t *document = NULL;
    bool ok = paths != NULL && schemas != NULL && tags != NULL;
    for (size_t i = 0; i < api_n_tables && ok; i++) {
        ok = add_table(paths, schemas, tags, api_tables[i]);
    }
    if (ok) {
        document = assemble(paths, schemas, tags);
    }
    json_decref(paths);
    json_decref(schemas);
    json_decref(tags);
    return document;
}
