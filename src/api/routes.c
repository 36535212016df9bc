#include "api/routes.h"

#include <string.h>

#define API_TABLE(name) extern const struct api_table api_table_##name;
#include "api/tables.def"

const struct api_table *const api_tables[] = {
#define API_TABLE(name) &api_table_##name,
#include "api/tables.def"
};
const size_t api_n_tables = ARRAY_LEN(api_tables);

/* The two spellings of the guide's system. */
static bool is_same_word(struct bytes pattern, const char *segment)
{
    return bytes_equal(pattern, bytes_of_str(segment)) ||
           (bytes_equal(pattern, BYTES("organizations")) && strcmp(segment, "o") == 0) ||
           (bytes_equal(pattern, BYTES("environments")) && strcmp(segment, "e") == 0);
}

static struct bytes next_segment(struct bytes *path)
{
    struct bytes rest = bytes_skip(*path, 1); /* the slash */
    const uint8_t *slash = rest.len == 0 ? NULL : memchr(rest.p, '/', rest.len);
    struct bytes segment = bytes_head(rest, slash == NULL ? rest.len : (size_t)(slash - rest.p));
    *path = bytes_skip(rest, segment.len);
    return segment;
}

static bool is_parameter(struct bytes segment)
{
    return segment.len > 2 && segment.p[0] == '{';
}

bool api_pattern_fits(const char *pattern, size_t n_segments, char *const *segments)
{
    struct bytes left = bytes_of_str(pattern);
    for (size_t i = 0; i < n_segments; i++) {
        if (left.len == 0) {
            return false;
        }
        struct bytes want = next_segment(&left);
        if (!is_parameter(want) && !is_same_word(want, segments[i])) {
            return false;
        }
    }
    return left.len == 0;
}

/* How many leading segments of the pattern are words: "keystores/diagnosis" before "keystores/{k}".
 */
static size_t n_words(const char *pattern)
{
    size_t n = 0;
    struct bytes left = bytes_of_str(pattern);
    while (left.len > 0) {
        n += is_parameter(next_segment(&left)) ? 0 : 1;
    }
    return n;
}

static void consider(const struct api_route *route, enum api_method method,
                     const struct api_target *target, struct api_found *found)
{
    if ((!target->is_versioned && route->right != API_RIGHT_OPEN) ||
        !api_pattern_fits(route->path, target->n_segments, target->segments)) {
        return;
    }
    found->allowed |= 1U << route->method;
    if (route->method == method &&
        (found->route == NULL || n_words(route->path) > n_words(found->route->path))) {
        found->route = route;
    }
}

void api_route_find(enum api_method method, const struct api_target *target,
                    struct api_found *found)
{
    *found = (struct api_found){ 0 };
    for (size_t t = 0; t < api_n_tables; t++) {
        for (size_t i = 0; i < api_tables[t]->n_routes; i++) {
            consider(&api_tables[t]->routes[i], method, target, found);
        }
    }
}

bool api_route_params(const struct api_route *route, const struct api_target *target,
                      struct arena *arena, struct api_request *r)
{
    struct bytes left = bytes_of_str(route->path);
    for (size_t i = 0; i < target->n_segments && left.len > 0; i++) {
        struct bytes word = next_segment(&left);
        if (!is_parameter(word)) {
            continue;
        }
        char *name = arena_strndup(arena, (const char *)word.p + 1, word.len - 2);
        if (name == NULL || r->n_params == API_PATH_PARAMS_MAX) {
            return false;
        }
        r->params[r->n_params++] = (struct api_pair){ .name = name,
                                                      .value = target->segments[i],
                                                      .len = strlen(target->segments[i]) };
    }
    return true;
}

static const char *const method_names[API_N_METHODS] = { "GET", "POST", "PUT", "DELETE" };

bool api_route_takes(const struct api_route *route, const char *name)
{
    size_t len = strlen(name);
    const char *at = len > 0 ? route->query : NULL;
    while (at != NULL && (at = strstr(at, name)) != NULL) {
        bool is_start = at == route->query || at[-1] == ' ';
        if (is_start && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
        at += len;
    }
    return false;
}

const char *api_method_name(enum api_method method)
{
    return method_names[method];
}

bool api_method_parse(const char *s, enum api_method *out)
{
    for (size_t i = 0; i < ARRAY_LEN(method_names); i++) {
        if (strcmp(s, method_names[i]) == 0) {
            *out = (enum api_method)i;
            return true;
        }
    }
    return false;
}
