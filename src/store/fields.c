#include "store/fields.h"

#include <string.h>
#include <strings.h>

#include "store/given.h"

enum { DEPTH_MAX = 4, FIELDS_MAX = 32, ITEMS_MAX = 1000, TEXT_MAX = 4096 };

/* An object that is being read; the objects in it wait in a list, so nothing recurses. */
struct task {
    const struct field_table *table;
    struct given given;
    char *out;
};

struct reading {
    struct remarks *remarks;
    struct task waiting[DEPTH_MAX * FIELDS_MAX];
    size_t n_waiting;
};

static const char CODE[] = "configuration.InvalidField";

static bool complain(struct reading *r, const struct given *g, const char *why)
{
    remarks_add(r->remarks, REMARK_ERROR, CODE, given_place(g), "%s: %s", g->path, why);
    return true;
}

static bool parse_number(const char *s, uint32_t least, uint32_t most, uint32_t *out)
{
    uint32_t n = 0;
    if (*s == '\0') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || n > (UINT32_MAX - 9) / 10) {
            return false;
        }
        n = n * 10 + (uint32_t)(*s - '0');
    }
    *out = n;
    return n >= least && n <= most;
}

static enum choice parse_choice(const char *s, const char *no, const char *yes)
{
    if (strcasecmp(s, yes) == 0) {
        return CHOICE_YES;
    }
    return strcasecmp(s, no) == 0 ? CHOICE_NO : CHOICE_NONE;
}

/* Text that can stand in a configuration: a control character is never meant. */
static bool is_printable(const char *s)
{
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            return false;
        }
    }
    return true;
}

/* NULL: it is none, and that was said. */
static const char *text_of(struct reading *r, const struct given *g)
{
    const char *s = given_text(g, r->remarks->arena);
    if (s == NULL) {
        complain(r, g, "a text is wanted here");
    } else if (strlen(s) > TEXT_MAX) {
        complain(r, g, "more than 4096 characters");
    } else if (!is_printable(s)) {
        complain(r, g, "control characters are not taken");
    } else {
        return s;
    }
    return NULL;
}

static void put_choice(struct reading *r, const struct field *f, const struct given *g,
                       enum choice *out)
{
    const char *s = text_of(r, g);
    bool is_on_off = f->kind == FIELD_ON_OFF;
    if (s == NULL || s[0] == '\0') {
        return;
    }
    *out = is_on_off ? parse_choice(s, "off", "on") : parse_choice(s, "false", "true");
    if (*out == CHOICE_NONE) {
        complain(r, g, is_on_off ? "on or off is wanted here" : "true or false is wanted here");
    }
}

static void put_number(struct reading *r, const struct field *f, const struct given *g,
                       struct field_number *out)
{
    const char *s = text_of(r, g);
    if (s == NULL) {
        return;
    }
    out->is_given = parse_number(s, f->least, f->most, &out->value);
    if (!out->is_given) {
        remarks_add(r->remarks, REMARK_ERROR, CODE, given_place(g),
                    "%s: a whole number from %u to %u is wanted here", g->path, f->least, f->most);
    }
}

static void put_reference(struct reading *r, const struct given *g,
                          struct store_name_or_reference *out)
{
    static const char SCHEME[] = "ref://";
    const char *s = text_of(r, g);
    if (s == NULL || s[0] == '\0') { /* "" occurs in exports and means none */
        return;
    }
    if (s[0] == '{') {
        complain(r, g,
                 "a flow variable is not known before a request: name a keystore, or a "
                 "reference as ref://NAME");
        return;
    }
    out->is_reference = strncmp(s, SCHEME, sizeof SCHEME - 1) == 0;
    out->name = out->is_reference ? s + sizeof SCHEME - 1 : s;
    if (out->name[0] == '\0') {
        complain(r, g, "ref:// needs the name of a reference after it");
    }
}

static size_t count_items(const struct given *g, const char *item)
{
    struct given one;
    size_t n = 0;
    struct given_items items = given_items(g, item);
    while (given_item(&items, &one)) {
        n++;
    }
    return n;
}

/* Elements of another name in a list: "Protocol" within Ciphers. */
static bool is_stranger(struct reading *r, const struct given *one, const char *item)
{
    if (one->element == NULL || xml_is(one->element, item)) {
        return false;
    }
    remarks_add(r->remarks, REMARK_ERROR, CODE, given_place(one),
                "%s: <%s> is wanted here, not <%s>", one->path, item,
                (const char *)one->element->name);
    return true;
}

static void put_texts(struct reading *r, const struct field *f, const struct given *g,
                      struct texts *out)
{
    size_t n = count_items(g, f->item);
    if (n > ITEMS_MAX) {
        complain(r, g, "more than 1000 items");
        return;
    }
    out->list = arena_alloc_array(r->remarks->arena, n + 1, sizeof *out->list);
    if (out->list == NULL) {
        r->remarks->failed = true;
        return;
    }
    struct given one;
    struct given_items items = given_items(g, f->item);
    while (given_item(&items, &one)) {
        const char *s = is_stranger(r, &one, f->item) ? NULL : text_of(r, &one);
        if (s != NULL && s[0] != '\0') {
            out->list[out->n++] = s;
        }
    }
}

/* {"name":"n","value":"v"}, {"_name":"n","__text":"v"}, <Property name="n">v</Property>. */
static void read_setting(struct reading *r, const struct given *one, struct settings *out)
{
    struct setting s = { .at = given_place(one) };
    struct given_members members = given_members(one);
    struct given field;
    const char *name;
    while (given_next(&members, r->remarks->arena, &name, &field)) {
        bool is_name = strcmp(name, "name") == 0 || strcmp(name, "_name") == 0;
        bool is_value = strcmp(name, "value") == 0 || strcmp(name, "__text") == 0;
        if (is_name) {
            s.name = text_of(r, &field);
        } else if (is_value) {
            s.value = text_of(r, &field);
        } else {
            complain(r, &field, "a property has a name and a value");
        }
    }
    if (one->element != NULL && s.value == NULL) {
        s.value = text_of(r, one);
    }
    if (s.name == NULL || s.name[0] == '\0' || s.value == NULL) {
        complain(r, one, "a property needs a name and a value");
        return;
    }
    out->list[out->n++] = s;
}

static void put_settings(struct reading *r, const struct field *f, const struct given *g,
                         struct settings *out)
{
    size_t n = count_items(g, f->item);
    if (n > ITEMS_MAX) {
        complain(r, g, "more than 1000 items");
        return;
    }
    out->list = arena_alloc_array(r->remarks->arena, n + 1, sizeof *out->list);
    if (out->list == NULL) {
        r->remarks->failed = true;
        return;
    }
    struct given one;
    struct given_items items = given_items(g, f->item);
    while (given_item(&items, &one)) {
        if (!is_stranger(r, &one, f->item)) {
            read_setting(r, &one, out);
        }
    }
}

/* "name", {"value":"name","wildcardMatch":true}, <CommonName wildcardMatch="true">name</...>. */
static void put_named_match(struct reading *r, const struct given *g, struct named_match *out)
{
    static const struct field row = { .kind = FIELD_CHOICE };
    enum choice wildcard = CHOICE_NONE;
    struct given_members members = given_members(g);
    struct given field;
    const char *name;
    if (!given_is_object(g)) {
        out->value = text_of(r, g);
        return;
    }
    while (given_next(&members, r->remarks->arena, &name, &field)) {
        if (strcmp(name, "value") == 0) {
            out->value = text_of(r, &field);
        } else if (strcmp(name, "wildcardMatch") == 0) {
            put_choice(r, &row, &field, &wildcard);
        } else {
            complain(r, &field, "a common name has a value and wildcardMatch");
        }
    }
    out->is_wildcard = wildcard == CHOICE_YES;
    if (g->element != NULL) {
        out->value = text_of(r, g);
    }
    if (out->value != NULL && out->value[0] == '\0') {
        out->value = NULL;
    }
}

static void put_object(struct reading *r, const struct field *f, const struct given *g, char *out)
{
    bool *is_given = (bool *)(out + f->given_at);
    if (!given_is_object(g)) {
        complain(r, g, "an object is wanted here");
        return;
    }
    if (r->n_waiting == ARRAY_LEN(r->waiting)) {
        complain(r, g, "nested too deep");
        return;
    }
    *is_given = true;
    r->waiting[r->n_waiting++] =
        (struct task){ .table = f->object, .given = *g, .out = out + f->at };
}

static void put(struct reading *r, const struct field *f, const struct given *g, char *out)
{
    void *to = out + f->at;
    switch (f->kind) {
    case FIELD_TEXT:
        *(const char **)to = text_of(r, g);
        return;
    case FIELD_CHOICE:
    case FIELD_ON_OFF:
        put_choice(r, f, g, to);
        return;
    case FIELD_NUMBER:
        put_number(r, f, g, to);
        return;
    case FIELD_TEXTS:
        put_texts(r, f, g, to);
        return;
    case FIELD_SETTINGS:
        put_settings(r, f, g, to);
        return;
    case FIELD_REFERENCE:
        put_reference(r, g, to);
        return;
    case FIELD_NAMED_MATCH:
        put_named_match(r, g, to);
        return;
    case FIELD_OBJECT:
        put_object(r, f, g, out);
        return;
    case FIELD_REFUSED:
        complain(r, g, f->instead);
        return;
    }
}

/* XML names in JSON and the reverse are understood: clients mix them. */
static size_t find(const struct field_table *t, const char *name)
{
    size_t i = 0;
    while (i < t->n_fields && strcmp(t->fields[i].json, name) != 0 &&
           strcmp(t->fields[i].xml, name) != 0) {
        i++;
    }
    return i;
}

/* Twice the characters alike at both ends, in any case, less the difference in length: enough to
 * see through most slips. */
static size_t likeness(const char *a, const char *b)
{
    size_t head = 0;
    size_t tail = 0;
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    while (head < a_len && head < b_len && strncasecmp(a + head, b + head, 1) == 0) {
        head++;
    }
    while (tail < a_len - head && tail < b_len - head &&
           strncasecmp(a + a_len - tail - 1, b + b_len - tail - 1, 1) == 0) {
        tail++;
    }
    size_t alike = 2 * (head + tail);
    size_t apart = a_len > b_len ? a_len - b_len : b_len - a_len;
    return alike > apart ? alike - apart : 0;
}

static void complain_unknown(struct reading *r, const struct task *task, const char *name,
                             const struct given *g)
{
    const char *best = NULL;
    size_t most = name[0] == '\0' ? 0 : strlen(name) - 1; /* fewer is no slip */
    for (size_t i = 0; i < task->table->n_fields; i++) {
        const struct field *f = &task->table->fields[i];
        const char *other = g->json != NULL ? f->json : f->xml;
        if (f->kind != FIELD_REFUSED && likeness(name, other) > most) {
            most = likeness(name, other);
            best = other;
        }
    }
    remarks_add(r->remarks, REMARK_ERROR, CODE, given_place(g), "%s: no such field%s%s%s", g->path,
                best == NULL ? "" : "; did you mean ", best == NULL ? "" : best,
                best == NULL ? "" : "?");
}

static void read_object(struct reading *r, const struct task *task)
{
    uint32_t seen = 0; /* a bit for each row */
    struct given_members members = given_members(&task->given);
    struct given field;
    const char *name;
    while (given_next(&members, r->remarks->arena, &name, &field)) {
        size_t i = find(task->table, name);
        if (i == task->table->n_fields) {
            complain_unknown(r, task, name, &field);
        } else if ((seen & (UINT32_C(1) << i)) != 0) {
            complain(r, &field, "given twice");
        } else if (!given_is_nothing(&field)) {
            seen |= UINT32_C(1) << i;
            put(r, &task->table->fields[i], &field, task->out);
        }
    }
}

static enum status read_all(const struct field_table *table, const struct given *given, void *out,
                            struct remarks *remarks, struct err *err)
{
    struct reading r = { .remarks = remarks, .n_waiting = 1 };
    r.waiting[0] = (struct task){ .table = table, .given = *given, .out = out };
    while (r.n_waiting > 0) {
        struct task task = r.waiting[--r.n_waiting];
        read_object(&r, &task);
    }
    return remarks->failed || remarks->arena->failed
               ? err_set(err, ST_NOMEM, "no memory for a body")
               : ST_OK;
}

enum status fields_from_json(const struct field_table *table, const json_t *json, void *out,
                             struct remarks *remarks, struct err *err)
{
    struct given given = { .json = json, .path = "" };
    if (!json_is_object(json)) {
        remarks_add(remarks, REMARK_ERROR, CODE, (struct place){ 0 }, "an object is wanted");
        return ST_OK;
    }
    return read_all(table, &given, out, remarks, err);
}

enum status fields_from_xml(const struct field_table *table, const struct xml *xml,
                            const xmlNode *element, void *out, struct remarks *remarks,
                            struct err *err)
{
    struct given given = { .element = element, .xml = xml, .path = "" };
    if (!xml_is(element, table->xml)) {
        remarks_add(remarks, REMARK_ERROR, CODE, xml_place(xml, element),
                    "<%s> is wanted here, not <%s>", table->xml, (const char *)element->name);
        return ST_OK;
    }
    return read_all(table, &given, out, remarks, err);
}

json_t *fields_texts_json(const struct texts *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < texts->n; i++) {
        if (json_array_append_new(list, json_string(texts->list[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
