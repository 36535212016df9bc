/*
 * xml: documents in XML as the JSON that says the same, and back.
 *
 * Names in JSON are the names in XML with a small first letter: SSLInfo is sSLInfo, HostAliases
 * hostAliases. Attributes are members like elements; "name" is written as an attribute. Lists are
 * told by their names (xml_lists.def): <Protocols><Protocol>TLSv1.2</Protocol></Protocols> is
 * "protocols":["TLSv1.2"]; of other elements those that come twice become an array. An element with
 * attributes and text has the text as "value", <Property name="a">b</Property>. All values are
 * texts, for XML has no others: those who read them take "443" for 443 and "true" for true.
 *
 * Not taken: a document type (so no entities but XML's own), processing instructions that matter,
 * namespaces (prefixes are left away), elements deeper than API_XML_DEPTH_MAX.
 * Source: XML 1.0; ../shared/gateway-facts.md section 1.
 */
#ifndef HANDFAST_API_XML_H
#define HANDFAST_API_XML_H

#include <jansson.h>

#include "base/status.h"
#include "base/text.h"

enum { API_XML_DEPTH_MAX = 32, API_XML_ELEMENTS_MAX = 20000 };

/* The caller frees *out. `root` (may be NULL) is given the name of the outermost element.
 * ST_FORMAT: `err` has line and column. */
enum status api_xml_read(struct bytes xml, json_t **out, struct text *root,
                         struct err *err) NODISCARD;
/* The value as an element `root`; of an array of texts or numbers <List><Item>. False: too deep, or
 * a name that XML cannot have. */
bool api_xml_write(struct text *out, const json_t *value, const char *root);
/* As the text of an element or the value of an attribute. */
void api_xml_put_text(struct text *out, const char *s);

#endif
