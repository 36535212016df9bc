/*
 * hex: bytes as lower-case hexadecimal digits in a buffer of the caller's.
 *
 * text_put_hex() does the same into a text.
 */
#ifndef HANDFAST_BASE_HEX_H
#define HANDFAST_BASE_HEX_H

#include "base/bytes.h"

/* `out` has room for two digits a byte and the NUL. */
static inline void hex_of(struct bytes b, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.len; i++) {
        *out++ = digits[b.p[i] >> 4];
        *out++ = digits[b.p[i] & 15];
    }
    *out = '\0';
}

#endif
