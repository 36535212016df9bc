#include "store/xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* What one parse keeps beside the tree. */
struct parse {
    struct bytes text;
    const char *file;
    struct remarks *remarks;
    size_t depth, n_elements;
    const char *over; /* the limit that was passed; NULL: none */
    bool has_doctype;
    const xmlNode *same; /* the last element within one of its own name */
    bool is_reported;
    size_t walked; /* bytes of the text that `here` is after */
    struct xml_position here;
    struct xml *out;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The parser stands at the end of the start tag. No raw "<" can be within a tag (XML 1.0 section
 * 3.1), so the last one before is its beginning. */
static size_t tag_start(const struct parse *p, xmlParserCtxt *ctxt)
{
    long consumed = xmlByteConsumed(ctxt);
    size_t at = consumed < 0 ? 0 : (size_t)consumed;
    at = at < p->text.len ? at : p->text.len;
    while (at > 0 && p->text.p[at - 1] != '<') {
        at--;
    }
    return at > 0 ? at - 1 : 0;
}

/* Start tags come in their order, so the text is walked once. */
static struct xml_position position_of(struct parse *p, size_t offset)
{
    for (; p->walked < offset; p->walked++) {
        bool is_end = p->text.p[p->walked] == '\n';
        p->here.line += is_end;
        p->here.column = is_end ? 1 : p->here.column + 1;
    }
    return p->here;
}

static bool keep_position(struct xml *x, struct xml_position at)
{
    if (x->n_positions == x->cap_positions) {
        size_t cap = x->cap_positions == 0 ? 64 : x->cap_positions * 2;
        struct xml_position *list = realloc(x->positions, cap * sizeof *list);
        if (list == NULL) {
            return false;
        }
        x->positions = list;
        x->cap_positions = cap;
    }
    x->positions[x->n_positions++] = at;
    return true;
}

static void stop(xmlParserCtxt *ctxt, const char *over)
{
    struct parse *p = ctxt->_private;
    p->over = over;
    xmlStopParser(ctxt);
}

/* NULL: within the limits. */
static const char *passed_limit(struct parse *p)
{
    if (++p->n_elements > XML_ELEMENTS_MAX) {
        return "more than 20000 elements";
    }
    return ++p->depth > XML_DEPTH_MAX ? "elements nested more than 64 deep" : NULL;
}

static void note_start(struct parse *p, xmlParserCtxt *ctxt, xmlNode *node)
{
    if (!keep_position(p->out, position_of(p, tag_start(p, ctxt)))) {
        p->remarks->failed = true;
        xmlStopParser(ctxt);
        return;
    }
    /* the number of the element, from 1: NOLINTNEXTLINE(performance-no-int-to-ptr) */
    node->_private = (void *)(uintptr_t)p->out->n_positions;
    if (node->parent != NULL && node->parent->type == XML_ELEMENT_NODE &&
        xmlStrEqual(node->parent->name, node->name)) {
        p->same = node;
    }
}

/* The parameters are those of libxml2's startElementNsSAX2Func.
 * NOLINTNEXTLINE(readability-function-size) */
static void on_start(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_namespaces, const xmlChar **namespaces, int n_attributes,
                     int n_defaulted, const xmlChar **attributes)
{
    xmlParserCtxt *ctxt = context;
    struct parse *p = ctxt->_private;
    const char *over = passed_limit(p);
    if (over != NULL) {
        stop(ctxt, over);
        return;
    }
    xmlSAX2StartElementNs(ctxt, name, prefix, uri, n_namespaces, namespaces, n_attributes,
                          n_defaulted, attributes);
    if (ctxt->node != NULL) {
        note_start(p, ctxt, ctxt->node);
    }
}

static void on_end(void *context, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    xmlParserCtxt *ctxt = context;
    struct parse *p = ctxt->_private;
    p->depth -= p->depth > 0;
    xmlSAX2EndElementNs(ctxt, name, prefix, uri);
}

static void on_doctype(void *context, const xmlChar *name, const xmlChar *external_id,
                       const xmlChar *system_id)
{
    (void)name;
    (void)external_id;
    (void)system_id;
    xmlParserCtxt *ctxt = context;
    struct parse *p = ctxt->_private;
    p->has_doctype = true;
    xmlStopParser(ctxt);
}

static size_t line_length(const char *s)
{
    size_t n = strlen(s);
    while (n > 0 && is_blank(s[n - 1])) {
        n--;
    }
    return n;
}

/* An end tag that does not fit: which start tag lacks its end. */
static void remark_mismatch(struct parse *p, const xmlError *e, struct place at)
{
    const char *opened = e->str1 == NULL ? "" : e->str1;
    const char *closed = e->str2 == NULL ? "" : e->str2;
    if (p->same != NULL && strcmp((const char *)p->same->name, opened) == 0) {
        struct place again = xml_place(p->out, p->same);
        remarks_add(p->remarks, REMARK_BROKEN, "xml.NotWellFormed", again,
                    "<%s> is not closed: here a second <%s> begins where </%s> is due "
                    "(noticed at </%s> in line %u, column %u)",
                    opened, opened, opened, closed, at.line, at.column);
        return;
    }
    remarks_add(p->remarks, REMARK_BROKEN, "xml.NotWellFormed", at,
                "</%s> ends <%s>, which is not closed (it begins in line %d): write </%s> before",
                closed, opened, e->int1, opened);
}

static void on_error(void *context, xmlError *e) /* xmlStructuredErrorFunc */
{
    xmlParserCtxt *ctxt = context;
    struct parse *p = ctxt->_private;
    if (p->is_reported || p->over != NULL || p->has_doctype || e->level < XML_ERR_ERROR) {
        return; /* the first one says it, the others follow from it */
    }
    p->is_reported = true;
    struct place at = { .file = p->file,
                        .line = e->line > 0 ? (unsigned)e->line : 1,
                        .column = e->int2 > 0 ? (unsigned)e->int2 : 1 };
    if (e->code == XML_ERR_NO_MEMORY) {
        p->remarks->failed = true;
    } else if (e->code == XML_ERR_TAG_NAME_MISMATCH) {
        remark_mismatch(p, e, at);
    } else {
        const char *why = e->message == NULL ? "not well-formed" : e->message;
        remarks_add(p->remarks, REMARK_BROKEN, "xml.NotWellFormed", at, "%.*s",
                    (int)line_length(why), why);
    }
}

static void conclude(struct parse *p, xmlParserCtxt *ctxt)
{
    struct place end = { .file = p->file, .line = 1, .column = 1 };
    if (p->has_doctype) {
        remarks_add(p->remarks, REMARK_BROKEN, "xml.DoctypeForbidden", end,
                    "a document type declaration is not taken: entities are not expanded here");
    } else if (p->over != NULL) {
        remarks_add(p->remarks, REMARK_BROKEN, "xml.TooLarge", end, "%s", p->over);
    } else if (!p->is_reported && !ctxt->wellFormed) {
        remarks_add(p->remarks, REMARK_BROKEN, "xml.NotWellFormed", end, "this is not XML");
    }
}

static void set_handlers(xmlParserCtxt *ctxt, struct parse *p)
{
    ctxt->_private = p;
    ctxt->sax->startElementNs = on_start;
    ctxt->sax->endElementNs = on_end;
    ctxt->sax->internalSubset = on_doctype;
    ctxt->sax->externalSubset = NULL;
    ctxt->sax->serror = on_error;
    ctxt->sax->warning = NULL;
    ctxt->userData = ctxt;
}

void xml_prepare(void)
{
    xmlInitParser();
}

enum status xml_read(struct bytes text, const char *file, struct remarks *remarks, struct xml *out,
                     struct err *err)
{
    *out = (struct xml){ .file = file };
    struct parse p = {
        .text = text, .file = file, .remarks = remarks, .here = { 1, 1 }, .out = out
    };
    if (text.len == 0 || text.len > XML_TEXT_MAX) {
        remarks_add(remarks, REMARK_BROKEN, text.len == 0 ? "xml.NotWellFormed" : "xml.TooLarge",
                    (struct place){ .file = file, .line = 1, .column = 1 },
                    text.len == 0 ? "there is no XML here, the text is empty"
                                  : "more than 4 MiB of XML");
        return ST_OK;
    }
    if (xml_is_crowded(text)) {
        remarks_add(remarks, REMARK_BROKEN, "xml.TooLarge",
                    (struct place){ .file = file, .line = 1, .column = 1 },
                    "an element with more than 256 attributes");
        return ST_OK;
    }
    xmlParserCtxt *ctxt = xmlNewParserCtxt();
    if (ctxt == NULL) {
        return err_set(err, ST_NOMEM, "no memory for a parser of XML");
    }
    set_handlers(ctxt, &p);
    out->doc = xmlCtxtReadMemory(ctxt, (const char *)text.p, (int)text.len, NULL, NULL,
                                 XML_PARSE_NONET | XML_PARSE_NOCDATA | XML_PARSE_COMPACT |
                                     XML_PARSE_BIG_LINES);
    bool is_whole = out->doc != NULL && ctxt->wellFormed && p.over == NULL && !p.has_doctype;
    if (!is_whole) {
        conclude(&p, ctxt);
        if (ctxt->myDoc != NULL && ctxt->myDoc != out->doc) {
            xmlFreeDoc(ctxt->myDoc);
            ctxt->myDoc = NULL;
        }
        xml_deinit(out);
    }
    xmlFreeParserCtxt(ctxt);
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for XML") : ST_OK;
}

void xml_deinit(struct xml *x)
{
    if (x->doc != NULL) {
        xmlFreeDoc(x->doc);
    }
    free(x->positions);
    *x = (struct xml){ 0 };
}

const xmlNode *xml_root(const struct xml *x)
{
    return xmlDocGetRootElement(x->doc);
}

struct place xml_place(const struct xml *x, const xmlNode *element)
{
    size_t number = (size_t)(uintptr_t)element->_private;
    if (number == 0 || number > x->n_positions) {
        return (struct place){ .file = x->file };
    }
    return (struct place){ .file = x->file,
                           .line = x->positions[number - 1].line,
                           .column = x->positions[number - 1].column };
}

bool xml_is(const xmlNode *element, const char *name)
{
    return strcmp((const char *)element->name, name) == 0;
}

static const xmlNode *element_from(const xmlNode *node)
{
    while (node != NULL && node->type != XML_ELEMENT_NODE) {
        node = node->next;
    }
    return node;
}

const xmlNode *xml_first(const xmlNode *element)
{
    return element_from(element->children);
}

const xmlNode *xml_next(const xmlNode *element)
{
    return element_from(element->next);
}

const xmlNode *xml_child(const xmlNode *element, const char *name)
{
    const xmlNode *child = xml_first(element);
    while (child != NULL && !xml_is(child, name)) {
        child = xml_next(child);
    }
    return child;
}

static char *trimmed(struct arena *arena, const char *s)
{
    while (is_blank(*s)) {
        s++;
    }
    return arena_strndup(arena, s, line_length(s));
}

const char *xml_text(const xmlNode *element, struct arena *arena)
{
    struct text all = { 0 };
    for (const xmlNode *n = element->children; n != NULL; n = n->next) {
        bool is_text = n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE;
        if (is_text && n->content != NULL) {
            text_puts(&all, (const char *)n->content);
        }
    }
    const char *out = all.failed ? NULL : trimmed(arena, text_str(&all));
    text_deinit(&all);
    return out;
}

const char *xml_attribute(const xmlNode *element, const char *name, struct arena *arena)
{
    xmlChar *value = xmlGetNoNsProp(element, (const xmlChar *)name);
    if (value == NULL) {
        return NULL;
    }
    const char *out = trimmed(arena, (const char *)value);
    xmlFree(value);
    return out;
}
