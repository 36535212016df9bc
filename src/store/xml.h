/*
 * xml: XML from outside as a tree, and where in the text each element stands.
 *
 * Nothing is fetched, no DTD is taken (so no entities but the five of XML), and size, depth and the
 * number of elements are limited. What is not well-formed becomes a remark with line and column.
 * Line and column count from 1; a column counts bytes.
 * Sources: XML 1.0 (Fifth Edition); libxml2's SAX2 interface.
 */
#ifndef HANDFAST_STORE_XML_H
#define HANDFAST_STORE_XML_H

#include <libxml/tree.h>

#include "store/remark.h"

enum {
    XML_TEXT_MAX = 4 * 1024 * 1024,
    XML_DEPTH_MAX = 64,
    XML_ELEMENTS_MAX = 20000,
    XML_ATTRIBUTES_MAX = 256
};

struct xml_position {
    unsigned line, column;
};

struct xml {
    struct _xmlDoc *doc;
    const char *file;               /* NULL: none */
    struct xml_position *positions; /* of each element's start tag, in their order */
    size_t n_positions, cap_positions;
};

/* One thread, once, before others parse. */
void xml_prepare(void);
/* ST_OK with doc == NULL: it is not well-formed, and remarks has why (level BROKEN). */
enum status xml_read(struct bytes text, const char *file, struct remarks *remarks, struct xml *out,
                     struct err *err) NODISCARD;
void xml_deinit(struct xml *x);
/* Has an element more than XML_ATTRIBUTES_MAX? To be asked before it is parsed: libxml2 compares
 * each with all others, a minute for 1 MiB of them. */
bool xml_is_crowded(struct bytes text);

const xmlNode *xml_root(const struct xml *x);
/* Where the start tag begins. */
struct place xml_place(const struct xml *x, const xmlNode *element);
bool xml_is(const xmlNode *element, const char *name);
/* Elements only; NULL: no more. */
const xmlNode *xml_first(const xmlNode *element);
const xmlNode *xml_next(const xmlNode *element);
/* The first child of that name, or NULL. */
const xmlNode *xml_child(const xmlNode *element, const char *name);
/* Text of the element without blanks around it; "" where it has none. Text within child elements is
 * not in it. NULL without memory. */
const char *xml_text(const xmlNode *element, struct arena *arena);
/* NULL where there is no such attribute, or no memory. */
const char *xml_attribute(const xmlNode *element, const char *name, struct arena *arena);

#endif
