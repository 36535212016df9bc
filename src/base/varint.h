/*
 * varint: small numbers in few bytes, 7 bits a byte, least significant first (LEB128).
 *
 * For data that we wrote ourselves: reading trusts that a number ends.
 */
#ifndef HANDFAST_BASE_VARINT_H
#define HANDFAST_BASE_VARINT_H

#include <stdint.h>

enum { VARINT_MAX_BYTES = 10 };

static inline uint8_t *varint_put(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

static inline const uint8_t *varint_get(const uint8_t *p, uint64_t *out)
{
    uint64_t v = 0;
    unsigned shift = 0;
    for (; (*p & 0x80) != 0 && shift < 63; p++, shift += 7) {
        v |= (uint64_t)(*p & 0x7f) << shift;
    }
    *out = v | (uint64_t)*p << shift;
    return p + 1;
}

/* Differences may be negative: 0, -1, 1, -2 ... become 0, 1, 2, 3 ... */
static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#endif
