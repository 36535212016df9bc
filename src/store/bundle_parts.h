/*
 * bundle_parts: the parts of a bundle's reader; bundle.h is the one for everybody else.
 */
#ifndef HANDFAST_STORE_BUNDLE_PARTS_H
#define HANDFAST_STORE_BUNDLE_PARTS_H

#include "store/bundle.h"

enum { BUNDLE_LIST_MAX = 500 }; /* routes, virtual hosts, servers, steps of one part */

/* One element's child that is known: what to remark where it is found, or nothing. */
struct known_child {
    const char *name;
    bool is_remarked;
    enum remark_level level;
    const char *text;
};

/* Remarks on the children that the table remarks on or does not hold, and on those there twice
 * unless `may_repeat` names them. */
void bundle_check_children(struct bundle *b, const struct xml *xml, const xmlNode *element,
                           const struct known_child *known, size_t n_known);
void bundle_remark(struct bundle *b, enum remark_level level, const char *code, struct place at,
                   const char *fmt, ...) PRINTF_LIKE(5, 6);
/* Copies; "" without memory, which the remarks note. */
const char *bundle_text(struct bundle *b, const xmlNode *element);
const char *bundle_attribute(struct bundle *b, const xmlNode *element, const char *name);
size_t bundle_count(const xmlNode *parent, const char *name);
/* https://host[:port][/path][?query]; remarks on what cannot be. */
void bundle_read_url(struct bundle *b, struct place at, const char *text, struct target_url *out);
/* A number in the element's text; remarks where it is none. */
bool bundle_number(struct bundle *b, const struct xml *xml, const xmlNode *element, uint32_t most,
                   uint32_t *out);
bool bundle_is_true(struct bundle *b, const struct xml *xml, const xmlNode *element);

enum status bundle_read_proxy(struct bundle *b, const struct xml *xml, struct proxy_endpoint *out,
                              struct err *err) NODISCARD;
enum status bundle_read_target(struct bundle *b, const struct xml *xml, struct target_endpoint *out,
                               struct err *err) NODISCARD;
/* The steps of a ProxyEndpoint or TargetEndpoint, which are not executed; policies are read. */
void bundle_read_flows(struct bundle *b, const struct xml *xml, const xmlNode *endpoint);
void bundle_read_policy(struct bundle *b, const struct xml *xml, struct bundle_policy *out);

#endif
