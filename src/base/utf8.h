/*
 * utf8: which bytes from outside may be shown as they are.
 *
 * Source: RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF).
 */
#ifndef HANDFAST_BASE_UTF8_H
#define HANDFAST_BASE_UTF8_H

#include "base/bytes.h"

/* The length, 1 to 4, of the printable character that b starts with; 0 where b starts with a
 * control character (C0, C1, DEL, bidirectional overrides) or with broken UTF-8. */
size_t utf8_printable(struct bytes b);
/* Same, but control characters count too: for encoders that escape them by themselves. *out is the
 * code point, 0 where the bytes are broken. */
size_t utf8_decode(struct bytes b, uint32_t *out);

#endif
