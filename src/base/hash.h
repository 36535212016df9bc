/*
 * hash: SipHash-2-4 with a key drawn at start, for tables whose keys come from outside.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF". A peer that cannot see the
 * key cannot choose colliding inputs.
 */
#ifndef HANDFAST_BASE_HASH_H
#define HANDFAST_BASE_HASH_H

#include "base/bytes.h"

struct hash_key {
    uint64_t k0, k1;
};

/* From the system's random source; from the clock and addresses where there is none. */
struct hash_key hash_key_random(void);
uint64_t hash_bytes(const struct hash_key *key, struct bytes b);

#endif
