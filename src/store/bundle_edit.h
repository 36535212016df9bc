/*
 * bundle_edit: a document of a bundle with one thing in it changed. What is not changed stays as it
 * was, comments and white space among it.
 */
#ifndef HANDFAST_STORE_BUNDLE_EDIT_H
#define HANDFAST_STORE_BUNDLE_EDIT_H

#include "base/text.h"
#include "store/remark.h"

/* Each appends the whole document. ST_FORMAT: there is no such place in it. */

/* A TargetEndpoint with this SSLInfo, XML, in the place of the one that its HTTPTargetConnection
 * may have. */
enum status bundle_edit_ssl_info(struct bytes document, const char *element, struct text *out,
                                 struct err *err) NODISCARD;
/* A ProxyEndpoint whose RouteRule that begins at `at` leads to a TargetEndpoint in the place of its
 * URL. */
enum status bundle_edit_route(struct bytes document, struct place at, const char *target,
                              struct text *out, struct err *err) NODISCARD;

#endif
