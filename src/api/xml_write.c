#include <stdio.h>
#include <string.h>

#include "api/xml.h"
#include "base/utf8.h"

struct list_name {
    const char *list, *item;
};

static const struct list_name lists[] = {
#define API_XML_LIST(list, item) { list, item },
#include "api/xml_lists.def"
};

enum { NAME_MAX_LEN = 128 };

static const char *item_of(const char *list)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(lists[i].list, list) == 0) {
            return lists[i].item;
        }
    }
    return NULL;
}

static bool is_name(const char *name)
{
    bool starts =
        (name[0] >= 'A' && name[0] <= 'Z') || (name[0] >= 'a' && name[0] <= 'z') || name[0] == '_';
    size_t good = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                               "0123456789_-.");
    return starts && name[good] == '\0' && good < NAME_MAX_LEN;
}

/* The element's name: the first letter large. False: no such name in XML. */
static bool element_name(const char *member, char out[NAME_MAX_LEN])
{
    if (!is_name(member)) {
        return false;
    }
    (void)snprintf(out, NAME_MAX_LEN, "%s", member);
    if (out[0] >= 'a' && out[0] <= 'z') {
        out[0] = (char)(out[0] - 'a' + 'A');
    }
    return true;
}

/* XML 1.0 has no control characters but tab and line ends, and neither U+FFFE nor U+FFFF. */
static bool is_xml_char(uint32_t c)
{
    return c >= 0x20 ? c != 0xfffe && c != 0xffff : c == '\t' || c == '\n' || c == '\r';
}

static void put_escaped(struct text *out, const char *s, size_t len)
{
    struct bytes left = bytes_of(s, len);
    while (left.len > 0) {
        uint32_t c = 0;
        size_t n = utf8_decode(left, &c);
        if (n == 0 || !is_xml_char(c)) {
            text_puts(out, "\xef\xbf\xbd");
            n = n == 0 ? 1 : n;
        } else if (c == '<') {
            text_puts(out, "&lt;");
        } else if (c == '>') {
            text_puts(out, "&gt;");
        } else if (c == '&') {
            text_puts(out, "&amp;");
        } else if (c == '"') {
            text_puts(out, "&quot;");
        } else if (c == '\r' || c == '\n' || c == '\t') {
            text_printf(out, "&#%u;", (unsigned)c); /* kept as they are in attributes too */
        } else {
            text_put(out, (const char *)left.p, n);
        }
        left = bytes_skip(left, n);
    }
}

void api_xml_put_text(struct text *out, const char *s)
{
    put_escaped(out, s, strlen(s));
}

static void put_scalar(struct text *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        put_escaped(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        text_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        text_printf(out, "%.17g", json_real_value(value));
        break;
    case JSON_TRUE:
        text_puts(out, "true");
        break;
    case JSON_FALSE:
        text_puts(out, "false");
        break;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
}

static bool is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

struct frame {
    const json_t *value;
    char name[NAME_MAX_LEN]; /* of the element; of a bare array: of its items */
    void *member;            /* of an object: the next one */
    size_t index;            /* of an array: the next one */
    bool is_bare;            /* an array without an element of its own */
};

struct writing {
    struct text *out;
    struct frame stack[API_XML_DEPTH_MAX];
    size_t depth;
};

/* "name" is an attribute; `value` beside it alone is the text: <Property name="a">b</Property>. */
static const json_t *text_beside_name(const json_t *object)
{
    const json_t *value = json_object_get(object, "value");
    bool alone = json_object_size(object) == 2 && json_object_get(object, "name") != NULL;
    return alone && value != NULL && is_scalar(value) ? value : NULL;
}

static bool push(struct writing *w, const json_t *value, const char *name, bool is_bare)
{
    if (w->depth == API_XML_DEPTH_MAX) {
        return false;
    }
    struct frame *f = &w->stack[w->depth++];
    *f = (struct frame){ .value = value, .is_bare = is_bare };
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    if (json_is_object(value)) {
        /* jansson's iterators take what is not const; nothing is changed by them */
        f->member = json_object_iter((json_t *)(uintptr_t)value);
    }
    return true;
}

/* Writes a scalar whole, or opens what has children. */
static bool open_value(struct writing *w, const json_t *value, const char *name)
{
    text_printf(w->out, "<%s", name);
    if (is_scalar(value)) {
        text_putc(w->out, '>');
        put_scalar(w->out, value);
        text_printf(w->out, "</%s>", name);
        return true;
    }
    const json_t *label = json_object_get(value, "name");
    if (label != NULL && is_scalar(label)) {
        text_puts(w->out, " name=\"");
        put_scalar(w->out, label);
        text_putc(w->out, '"');
    }
    text_putc(w->out, '>');
    const json_t *words = json_is_object(value) ? text_beside_name(value) : NULL;
    if (words != NULL) {
        put_scalar(w->out, words);
        text_printf(w->out, "</%s>", name);
        return true;
    }
    return push(w, value, name, false);
}

static bool open_member(struct writing *w, const char *key, const json_t *value)
{
    char name[NAME_MAX_LEN];
    if (strcmp(key, "name") == 0 && is_scalar(value)) {
        return true; /* the attribute */
    }
    if (!element_name(key, name)) {
        return false;
    }
    /* a list has an element of its own, other arrays are their elements one after the other */
    return json_is_array(value) && item_of(name) == NULL ? push(w, value, name, true)
                                                         : open_value(w, value, name);
}

static bool step_object(struct writing *w, struct frame *f)
{
    json_t *object = (json_t *)(uintptr_t)f->value;
    const char *key = json_object_iter_key(f->member);
    const json_t *value = json_object_iter_value(f->member);
    f->member = json_object_iter_next(object, f->member);
    return open_member(w, key, value);
}

static bool step_array(struct writing *w, struct frame *f)
{
    const json_t *value = json_array_get(f->value, f->index++);
    const char *item = f->is_bare ? f->name : item_of(f->name);
    return open_value(w, value, item == NULL ? "Item" : item);
}

static bool step(struct writing *w)
{
    struct frame *f = &w->stack[w->depth - 1];
    if (json_is_object(f->value) && f->member != NULL) {
        return step_object(w, f);
    }
    if (json_is_array(f->value) && f->index < json_array_size(f->value)) {
        return step_array(w, f);
    }
    if (!f->is_bare) {
        text_printf(w->out, "</%s>", f->name);
    }
    w->depth--;
    return true;
}

bool api_xml_write(struct text *out, const json_t *value, const char *root)
{
    struct writing *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return false;
    }
    w->out = out;
    text_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    bool ok = is_name(root) && open_value(w, value, root);
    while (ok && w->depth > 0) {
        ok = step(w);
    }
    free(w);
    text_putc(out, '\n');
    return ok && !out->failed;
}
