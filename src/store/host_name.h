/* host_name: what may stand where a host is named. Source: RFC 1123 section 2.1, RFC 3986 3.2.2. */
#ifndef HANDFAST_STORE_HOST_NAME_H
#define HANDFAST_STORE_HOST_NAME_H

#include <stdbool.h>

/* Labels of letters, digits, "-" and "_", 63 each, 253 in all; with `wildcard` also "*" alone as
 * the whole first label. */
bool host_name_is_valid(const char *s, bool wildcard);
/* 192.0.2.1 or 2001:db8::1, without brackets. */
bool host_is_address(const char *s);
/* Letters, digits and the characters of `others`, 1 to `most` of them. */
bool name_is_valid(const char *s, const char *others, unsigned most);

#endif
