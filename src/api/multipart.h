/*
 * multipart: the parts of a multipart/form-data body.
 *
 * Views in the parts borrow from the body; names are copied into the arena. Two things that real
 * clients do are taken: lines that end with LF alone, and a last boundary without its "--".
 * Sources: RFC 7578; RFC 2046 section 5.1.1.
 */
#ifndef HANDFAST_API_MULTIPART_H
#define HANDFAST_API_MULTIPART_H

#include "api/route.h"

enum { API_PARTS_MAX = 16, API_BOUNDARY_MAX = 70, API_PART_HEADERS_MAX = 8192 };

/* `content_type` is the header's value. False: `why` is a literal that says what is wrong. */
bool api_multipart_parse(const char *content_type, struct bytes body, struct arena *arena,
                         struct api_parts *out, const char **why);
/* The value of a parameter of a header: `form-data; name="a"`. Quotes and escapes are undone.
 * NULL: not there. */
char *api_header_parameter(struct bytes value, const char *name, struct arena *arena);

#endif
