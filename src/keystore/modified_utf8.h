/*
 * modified_utf8: strings as Java's DataOutput writes them: NUL as two bytes, characters beyond
 * U+FFFF as two surrogates of three bytes each. Source: java.io.DataInput, "Modified UTF-8".
 */
#ifndef HANDFAST_KEYSTORE_MODIFIED_UTF8_H
#define HANDFAST_KEYSTORE_MODIFIED_UTF8_H

#include "base/text.h"

/* As UTF-8; bytes that are broken stay as they are. */
void modified_utf8_put(struct text *out, struct bytes b);

#endif
