#include "store/given.h"

#include <ctype.h>
#include <libxml/parser.h>
#include <string.h>

struct given_members given_members(const struct given *of)
{
    struct given_members m = { .of = of };
    if (of->json != NULL) { /* jansson's iterators take no const */
        m.json_at =
            json_is_object(of->json) ? json_object_iter((json_t *)(uintptr_t)of->json) : NULL;
    } else if (of->element != NULL) {
        m.element_at = xml_first(of->element);
        m.attribute_at = of->element->properties;
    }
    return m;
}

static const char *joined(struct arena *arena, const char *path, const char *name)
{
    return path == NULL || path[0] == '\0' ? arena_printf(arena, "%s", name)
                                           : arena_printf(arena, "%s.%s", path, name);
}

static bool next_json(struct given_members *m, const char **name, struct given *out)
{
    if (m->json_at == NULL) {
        return false;
    }
    json_t *of = (json_t *)(uintptr_t)m->of->json;
    *name = json_object_iter_key(m->json_at);
    out->json = json_object_iter_value(m->json_at);
    m->json_at = json_object_iter_next(of, m->json_at);
    return true;
}

static bool next_attribute(struct given_members *m, struct arena *arena, const char **name,
                           struct given *out)
{
    const xmlAttr *a = m->attribute_at;
    if (a == NULL) {
        return false;
    }
    m->attribute_at = a->next;
    *name = (const char *)a->name;
    out->text = xml_attribute(m->of->element, *name, arena);
    out->text = out->text == NULL ? "" : out->text;
    out->element = NULL;
    return true;
}

bool given_next(struct given_members *m, struct arena *arena, const char **name, struct given *out)
{
    *out = (struct given){ .xml = m->of->xml };
    if (m->of->json != NULL) {
        if (!next_json(m, name, out)) {
            return false;
        }
    } else if (!next_attribute(m, arena, name, out)) {
        if (m->element_at == NULL) {
            return false;
        }
        out->element = m->element_at;
        *name = (const char *)m->element_at->name;
        m->element_at = xml_next(m->element_at);
    }
    const char *path = joined(arena, m->of->path, *name);
    out->path = path == NULL ? *name : path; /* without memory: shorter */
    return true;
}

/* {"property":[...]}, {"Property":[...]}, {"hostAlias":"a"}. */
static const json_t *within(const json_t *object, const char *item)
{
    const char *key;
    json_t *value;
    if (json_object_size(object) != 1) {
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (strcasecmp(key, item) == 0) {
            return value;
        }
    }
    return NULL;
}

struct given_items given_items(const struct given *of, const char *item)
{
    struct given_items items = { .of = of, .item = item };
    if (of->json == NULL) {
        items.element_at = of->element == NULL ? NULL : xml_first(of->element);
        return items;
    }
    const json_t *list = of->json;
    if (json_is_object(list)) {
        const json_t *inner = item == NULL ? NULL : within(list, item);
        list = inner != NULL ? inner : list;
        items.is_done = json_object_size(list) == 0 && json_is_object(list);
    }
    items.array = list;
    return items;
}

bool given_item(struct given_items *items, struct given *out)
{
    *out = (struct given){ .xml = items->of->xml, .path = items->of->path };
    if (items->of->json == NULL) {
        out->element = items->element_at;
        if (out->element != NULL) {
            items->element_at = xml_next(out->element);
        }
        return out->element != NULL;
    }
    if (items->is_done) {
        return false;
    }
    if (!json_is_array(items->array)) {
        items->is_done = true;
        out->json = items->array;
        return !json_is_null(out->json);
    }
    out->json = json_array_get(items->array, items->at++);
    return out->json != NULL;
}

bool given_is_object(const struct given *g)
{
    return g->json != NULL ? json_is_object(g->json) : g->element != NULL;
}

bool given_is_nothing(const struct given *g)
{
    if (g->json != NULL) {
        return json_is_null(g->json);
    }
    return g->element != NULL && g->element->children == NULL && g->element->properties == NULL;
}

const char *given_text(const struct given *g, struct arena *arena)
{
    if (g->text != NULL) {
        return g->text;
    }
    if (g->element != NULL) {
        return xml_first(g->element) != NULL ? NULL : xml_text(g->element, arena);
    }
    if (json_is_string(g->json)) {
        const char *s = json_string_value(g->json);
        size_t len = json_string_length(g->json);
        return strlen(s) == len ? arena_strndup(arena, s, len) : NULL; /* no NUL within */
    }
    if (json_is_integer(g->json)) {
        return arena_printf(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(g->json));
    }
    if (json_is_boolean(g->json)) {
        return json_is_true(g->json) ? "true" : "false";
    }
    return NULL;
}

struct place given_place(const struct given *g)
{
    return g->element != NULL ? xml_place(g->xml, g->element) : (struct place){ .file = NULL };
}
