#include "api/handshake_filters.h"

#include <string.h>

#include "api/routes.h"
#include "diagnose/verdict.h"

enum { SHOWN_MAX = 40 };

static const char *direction_at(size_t i)
{
    static const enum direction all[] = { DIRECTION_NORTHBOUND, DIRECTION_SOUTHBOUND };
    return i < ARRAY_LEN(all) ? direction_id(all[i]) : NULL;
}

static const char *outcome_at(size_t i)
{
    static const enum outcome all[] = { OUTCOME_FAILED, OUTCOME_UNFINISHED, OUTCOME_COMPLETED };
    return i < ARRAY_LEN(all) ? outcome_id(all[i]) : NULL;
}

static const char *cause_at(size_t i)
{
    return i + 1 < N_CAUSES ? cause_id((enum cause)(i + 1)) : NULL;
}

/* Whose values are ids: the i-th one, NULL behind the last. */
static const struct {
    const char *name, *code;
    const char *(*at)(size_t i);
} filters[] = { { "direction", "handshakes.InvalidDirection", direction_at },
                { "cause", "handshakes.InvalidCause", cause_at },
                { "outcome", "handshakes.InvalidOutcome", outcome_at } };

static bool is_one(const char *value, const char *(*at)(size_t i))
{
    size_t i = 0;
    while (at(i) != NULL && strcmp(at(i), value) != 0) {
        i++;
    }
    return at(i) != NULL;
}

static enum status refuse(struct api_answer *a, size_t filter, const char *value)
{
    struct text message = { 0 };
    text_printf(&message, "%s: there is no \"%.*s\"; there are ", filters[filter].name, SHOWN_MAX,
                value);
    for (size_t i = 0; filters[filter].at(i) != NULL; i++) {
        text_printf(&message, "%s%s", i == 0 ? "" : ", ", filters[filter].at(i));
    }
    enum status st = message.failed
                         ? ST_NOMEM
                         : api_refuse_with(a, 400, filters[filter].code, text_str(&message), NULL);
    text_deinit(&message);
    return st;
}

/* A filter that is misspelt would let everything through. */
static enum status refuse_name(const struct api_request *r, struct api_answer *a, const char *name)
{
    return api_refuse(a, 400, "handshakes.UnknownFilter",
                      "there is no filter \"%.*s\"; there are: %s", SHOWN_MAX, name,
                      r->route->query);
}

enum status api_handshake_filters(struct api_request *r, struct api_answer *a)
{
    for (size_t i = 0; i < r->query.n; i++) {
        if (!api_route_takes(r->route, r->query.list[i].name)) {
            return refuse_name(r, a, r->query.list[i].name);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        const char *value = api_query(r, filters[i].name);
        if (value != NULL && value[0] != '\0' && !is_one(value, filters[i].at)) {
            return refuse(a, i, value);
        }
    }
    return ST_OK;
}
