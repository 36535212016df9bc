/*
 * base64: RFC 4648 section 4, as it stands between the lines of a PEM block (RFC 7468 section 3),
 * in log-ins and in events.
 *
 * White space is passed over wherever it stands; anything else that is not of the alphabet, and an
 * end in the middle of a group of four, is malformed.
 */
#ifndef HANDFAST_BASE_BASE64_H
#define HANDFAST_BASE_BASE64_H

#include "base/bytes.h"
#include "base/reader.h"

/* Bytes that decoding `len` characters can give at most. */
static inline size_t base64_room(size_t len)
{
    return len / 4 * 3 + 3;
}

/* Decodes into `out`, which holds base64_room(text.len) bytes. False with the fault's place. */
bool base64_decode(struct bytes text, uint8_t *out, size_t *out_len, struct fault *fault);

#endif
