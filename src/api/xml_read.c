#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <string.h>

#include "api/xml.h"
#include "base/utf8.h"
#include "store/xml.h"

struct list_name {
    const char *list, *item;
};

static const struct list_name lists[] = {
#define API_XML_LIST(list, item) { list, item },
#include "api/xml_lists.def"
};

static bool is_list(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (lists[i].list[0] != '\0' && strcmp(lists[i].list, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_item_of(const char *list, const char *item)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (strcmp(lists[i].list, list) == 0 && strcmp(lists[i].item, item) == 0) {
            return true;
        }
    }
    return false;
}

/* The member's name: the first letter small. */
static void member_name(const char *name, char *out, size_t room)
{
    (void)snprintf(out, room, "%s", name);
    if (out[0] >= 'A' && out[0] <= 'Z') {
        out[0] = (char)(out[0] - 'A' + 'a');
    }
}

enum { NAME_MAX_LEN = 128 };

/* One element that is open while its children are read. */
struct frame {
    const xmlNode *node;
    const xmlNode *next; /* the child to be read next */
    json_t *value;       /* an object, or an array of a list; owned */
    bool is_list;
    bool has_members; /* attributes or elements: not only text */
};

struct reading {
    struct frame stack[API_XML_DEPTH_MAX];
    size_t depth;
    size_t n_elements;
    struct err *err;
    const char *why; /* NULL: nothing is wrong, or no memory */
};

/* Adds to an object; the second of a name makes an array. Takes `value`. */
static bool add_member(json_t *object, const char *element, json_t *value)
{
    char name[NAME_MAX_LEN];
    member_name(element, name, sizeof name);
    json_t *there = json_object_get(object, name);
    if (there == NULL && !is_item_of("", element)) {
        return json_object_set_new(object, name, value) == 0;
    }
    if (json_is_array(there)) {
        return json_array_append_new(there, value) == 0;
    }
    json_t *array = json_array();
    bool ok = array != NULL && (there == NULL || json_array_append(array, there) == 0) &&
              json_array_append_new(array, value) == 0;
    if (!ok) {
        if (array == NULL) {
            json_decref(value);
        }
        json_decref(array);
        return false;
    }
    return json_object_set_new(object, name, array) == 0;
}

static bool add_attributes(struct frame *f)
{
    for (const xmlAttr *at = f->node->properties; at != NULL; at = at->next) {
        xmlChar *text = xmlNodeListGetString(f->node->doc, at->children, 1);
        json_t *value = json_string(text == NULL ? "" : (const char *)text);
        xmlFree(text);
        if (value == NULL || !add_member(f->value, (const char *)at->name, value)) {
            return false;
        }
        f->has_members = true;
    }
    return true;
}

static bool open_element(struct reading *r, const xmlNode *node)
{
    if (r->depth == API_XML_DEPTH_MAX || ++r->n_elements > API_XML_ELEMENTS_MAX) {
        r->why = r->depth == API_XML_DEPTH_MAX ? "elements within elements, too deep"
                                               : "too many elements";
        return false;
    }
    if (strlen((const char *)node->name) >= NAME_MAX_LEN) {
        r->why = "too long a name";
        return false;
    }
    struct frame *f = &r->stack[r->depth++];
    bool list = is_list((const char *)node->name) && node->properties == NULL;
    for (const xmlNode *c = node->children; c != NULL && list; c = c->next) {
        /* "Aliases" may be something else elsewhere: a list holds nothing but its items */
        list = c->type != XML_ELEMENT_NODE ||
               is_item_of((const char *)node->name, (const char *)c->name);
    }
    *f = (struct frame){ .node = node,
                         .next = node->children,
                         .value = list ? json_array() : json_object(),
                         .is_list = list };
    return f->value != NULL && (list || add_attributes(f));
}

static bool is_space(const char *s)
{
    return s[strspn(s, " \t\r\n")] == '\0';
}

static json_t *trimmed(const char *s)
{
    s += strspn(s, " \t\r\n");
    size_t len = strlen(s);
    while (len > 0 && strchr(" \t\r\n", s[len - 1]) != NULL) {
        len--;
    }
    return json_stringn(s, len);
}

/* All text directly within an element; the caller frees. */
static bool own_text(const xmlNode *node, struct text *out)
{
    for (const xmlNode *c = node->children; c != NULL; c = c->next) {
        if ((c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) && c->content != NULL) {
            text_puts(out, (const char *)c->content);
        }
    }
    return !out->failed;
}

/* What the element is worth once its children are read: takes f->value. NULL: no memory, or
 * r->why. */
static json_t *value_of(struct reading *r, struct frame *f, struct text *text)
{
    json_t *value = f->value;
    f->value = NULL;
    bool has_text = !is_space(text_str(text));
    if (f->is_list || !has_text) {
        if (has_text) {
            r->why = "text between the items of a list";
        } else if (f->is_list || f->has_members) {
            return value;
        }
        json_decref(value);
        return has_text ? NULL : json_string("");
    }
    json_t *words = trimmed(text_str(text));
    if (!f->has_members) {
        json_decref(value);
        return words;
    }
    if (json_object_get(value, "value") != NULL) {
        r->why = "text beside an element called value";
        json_decref(words);
        json_decref(value);
        return NULL;
    }
    if (json_object_set_new(value, "value", words) != 0) { /* takes NULL as well, and fails */
        json_decref(value);
        return NULL;
    }
    return value;
}

/* Ends the innermost element; the outermost one's value comes out in *out. */
static bool close_element(struct reading *r, json_t **out)
{
    struct frame *f = &r->stack[r->depth - 1];
    struct text text = { 0 };
    json_t *value = own_text(f->node, &text) ? value_of(r, f, &text) : NULL;
    text_deinit(&text);
    json_decref(f->value);
    f->value = NULL;
    r->depth--;
    if (value == NULL) {
        return false;
    }
    if (r->depth == 0) {
        *out = value;
        return true;
    }
    struct frame *parent = &r->stack[r->depth - 1];
    parent->has_members = true;
    return parent->is_list ? json_array_append_new(parent->value, value) == 0
                           : add_member(parent->value, (const char *)f->node->name, value);
}

static enum status walk(struct reading *r, const xmlNode *root, json_t **out)
{
    const xmlNode *at = root;
    bool ok = open_element(r, root);
    while (ok && r->depth > 0) {
        struct frame *f = &r->stack[r->depth - 1];
        at = f->next;
        if (at == NULL) {
            ok = close_element(r, out);
            continue;
        }
        f->next = at->next;
        if (at->type == XML_ELEMENT_NODE) {
            ok = open_element(r, at);
        } else if (at->type == XML_ENTITY_REF_NODE) {
            r->why = "an entity that is not XML's own";
            ok = false;
        }
    }
    if (ok) {
        return ST_OK;
    }
    for (size_t i = 0; i < r->depth; i++) {
        json_decref(r->stack[i].value);
    }
    return r->why == NULL ? err_set(r->err, ST_NOMEM, "no memory")
                          : err_set(r->err, ST_FORMAT, "line %ld: %s", xmlGetLineNo(at), r->why);
}

static enum status read_tree(xmlDoc *doc, json_t **out, struct text *root, struct err *err)
{
    if (xmlGetIntSubset(doc) != NULL) {
        return err_set(err, ST_FORMAT, "a document type is not taken");
    }
    const xmlNode *top = xmlDocGetRootElement(doc);
    if (top == NULL) {
        return err_set(err, ST_FORMAT, "no element");
    }
    if (root != NULL) {
        text_puts(root, (const char *)top->name);
    }
    struct reading *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    r->err = err;
    enum status st = walk(r, top, out);
    free(r);
    return st;
}

static void be_silent(void *arg, const char *fmt, ...)
{
    (void)arg;
    (void)fmt;
}

static enum status say_error(xmlParserCtxt *parser, struct err *err)
{
    const xmlError *e = xmlCtxtGetLastError(parser);
    if (e == NULL || e->message == NULL) {
        return err_set(err, ST_FORMAT, "not XML");
    }
    size_t len = strcspn(e->message, "\n");
    return err_set(err, ST_FORMAT, "line %d, column %d: %.*s", e->line, e->int2,
                   len > 200 ? 200 : (int)len, e->message);
}

enum status api_xml_read(struct bytes xml, json_t **out, struct text *root, struct err *err)
{
    *out = NULL;
    if (xml.len > INT32_MAX) {
        return err_set(err, ST_FORMAT, "too long");
    }
    if (xml_is_crowded(xml)) {
        return err_set(err, ST_FORMAT, "an element with more than 256 attributes");
    }
    xmlParserCtxt *parser = xmlNewParserCtxt();
    if (parser == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    if (parser->sax != NULL) {
        parser->sax->error = be_silent;
        parser->sax->warning = be_silent;
    }
    /* Without XML_PARSE_NOENT entities are not replaced, without DTDLOAD none are fetched. */
    xmlDoc *doc = xmlCtxtReadMemory(
        parser, xml.len == 0 ? "" : (const char *)xml.p, (int)xml.len, NULL, NULL,
        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
    enum status st = doc == NULL ? say_error(parser, err) : read_tree(doc, out, root, err);
    xmlFreeDoc(doc);
    xmlFreeParserCtxt(parser);
    return st;
}
