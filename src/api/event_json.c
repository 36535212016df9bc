#include "api/event_json.h"

#include "base/clock.h"

json_t *event_time_json(int64_t at_ms)
{
    struct text out = { 0 };
    clock_put(&out, at_ms * NS_PER_MS, 3);
    json_t *value = out.failed ? NULL : json_string(text_str(&out));
    text_deinit(&out);
    return value;
}

json_t *event_parse(const char *text)
{
    json_t *value = text[0] == '\0' ? NULL : json_loads(text, 0, NULL);
    return value == NULL ? json_null() : value;
}

/* "" is null: it is not known. */
static bool set_text(json_t *out, const char *name, const char *value)
{
    json_t *text = value[0] == '\0' ? json_null() : json_string(value);
    return json_object_set_new(out, name, text == NULL ? json_null() : text) == 0;
}

json_t *event_json(const struct kept_event *e)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        { "id", e->id },
        { "direction", e->direction },
        { "organization", e->org },
        { "environment", e->env },
        { "virtualHost", e->virtual_host },
        { "target", e->target },
        { "api", e->api },
        { "revision", e->revision },
        { "client", e->client },
        { "server", e->server },
        { "serverName", e->server_name },
        { "outcome", e->outcome },
        { "cause", e->cause },
        { "detail", e->detail },
        { "rejectedBy", e->rejected_by },
        { "party", e->party },
        { "confidence", e->confidence },
        { "sentence", e->sentence },
        { "ja4", e->ja4 },
    };
    json_t *out = json_object();
    bool is_whole = out != NULL &&
                    json_object_set_new(out, "number", json_integer(e->number)) == 0 &&
                    json_object_set_new(out, "time", event_time_json(e->at_ms)) == 0;
    for (size_t i = 0; is_whole && i < sizeof texts / sizeof texts[0]; i++) {
        is_whole = set_text(out, texts[i].name, texts[i].value);
    }
    is_whole = is_whole && json_object_set_new(out, "count", json_integer(e->n_times)) == 0 &&
               json_object_set_new(out, "lastSeen", event_time_json(e->last_ms)) == 0;
    if (!is_whole) {
        json_decref(out);
        return NULL;
    }
    return out;
}
