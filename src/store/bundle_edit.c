#include "store/bundle_edit.h"

#include "store/xml.h"

enum { ARENA_BYTES = 1024 * 1024 };

struct editing {
    struct arena arena;
    struct remarks remarks;
    struct xml document, element;
    xmlChar *written;
};

static enum status no_memory(struct err *err)
{
    return err_set(err, ST_NOMEM, "no memory for XML");
}

/* The tree is ours to change. */
static xmlNode *writable(const xmlNode *node)
{
    return (xmlNode *)(uintptr_t)node;
}

static enum status read_document(struct editing *e, struct bytes text, struct xml *out,
                                 struct err *err)
{
    e->remarks.arena = &e->arena;
    e->arena.limit_bytes = ARENA_BYTES;
    TRY(xml_read(text, NULL, &e->remarks, out, err));
    return out->doc != NULL ? ST_OK : err_set(err, ST_FORMAT, "the document is not XML");
}

static enum status write_document(struct editing *e, struct text *out, struct err *err)
{
    int len = 0;
    xmlDocDumpMemoryEnc(e->document.doc, &e->written, &len, "UTF-8");
    if (e->written == NULL || len < 0) {
        return no_memory(err);
    }
    text_put(out, (const char *)e->written, (size_t)len);
    return out->failed ? no_memory(err) : ST_OK;
}

static void finish(struct editing *e)
{
    xml_deinit(&e->document);
    xml_deinit(&e->element);
    arena_deinit(&e->arena);
    xmlFree(e->written);
}

/* --- SSLInfo --- */

static void take_out(const xmlNode *parent, const char *name)
{
    for (const xmlNode *old = NULL; (old = xml_child(parent, name)) != NULL;) {
        xmlUnlinkNode(writable(old));
        xmlFreeNode(writable(old));
    }
}

static enum status put_ssl_info(struct editing *e, struct bytes document, const char *element,
                                struct text *out, struct err *err)
{
    TRY(read_document(e, document, &e->document, err));
    TRY(read_document(e, bytes_of_str(element), &e->element, err));
    const xmlNode *connection = xml_child(xml_root(&e->document), "HTTPTargetConnection");
    if (connection == NULL) {
        return err_set(err, ST_FORMAT, "the document has no <HTTPTargetConnection>");
    }
    take_out(connection, "SSLInfo");
    xmlNode *copy = xmlDocCopyNode(writable(xml_root(&e->element)), e->document.doc, 1);
    if (copy == NULL) {
        return no_memory(err);
    }
    const xmlNode *url = xml_child(connection, "URL"); /* it stands behind it in the schema */
    xmlNode *added = url != NULL ? xmlAddNextSibling(writable(url), copy)
                                 : xmlAddChild(writable(connection), copy);
    if (added == NULL) {
        xmlFreeNode(copy);
        return no_memory(err);
    }
    return write_document(e, out, err);
}

enum status bundle_edit_ssl_info(struct bytes document, const char *element, struct text *out,
                                 struct err *err)
{
    struct editing e = { 0 };
    enum status st = put_ssl_info(&e, document, element, out, err);
    finish(&e);
    return st;
}

/* --- a route --- */

static const xmlNode *find_rule(const struct xml *xml, struct place at)
{
    const xmlNode *rule = xml_first(xml_root(xml));
    for (; rule != NULL; rule = xml_next(rule)) {
        struct place here = xml_place(xml, rule);
        if (xml_is(rule, "RouteRule") && here.line == at.line && here.column == at.column) {
            break;
        }
    }
    return rule;
}

static enum status put_route(struct editing *e, struct bytes document, struct place at,
                             const char *target, struct text *out, struct err *err)
{
    TRY(read_document(e, document, &e->document, err));
    const xmlNode *rule = find_rule(&e->document, at);
    const xmlNode *url = rule == NULL ? NULL : xml_child(rule, "URL");
    if (url == NULL) {
        return err_set(err, ST_FORMAT, "the document has no such <RouteRule> with a <URL>");
    }
    xmlNodeSetName(writable(url), (const xmlChar *)"TargetEndpoint");
    xmlNodeSetContent(writable(url), NULL);
    xmlNodeAddContent(writable(url), (const xmlChar *)target);
    return write_document(e, out, err);
}

enum status bundle_edit_route(struct bytes document, struct place at, const char *target,
                              struct text *out, struct err *err)
{
    struct editing e = { 0 };
    enum status st = put_route(&e, document, at, target, out, err);
    finish(&e);
    return st;
}
