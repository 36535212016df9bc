/*
 * digest: a keyed hash for certificates, quick enough for every handshake of a capture.
 *
 * SipHash costs about 2 us for a chain of 3 KB. Here blocks of 1 KB are folded with NH, the
 * universal hash under UMAC (RFC 4418 section 5.2) and VMAC, with 64-bit words; the folds are
 * hashed with SipHash. Two chosen inputs collide with a chance of about 2^-64 as long as the key is
 * unknown. Equality is confirmed by comparing bytes anyway.
 */
#ifndef HANDFAST_X509_DIGEST_H
#define HANDFAST_X509_DIGEST_H

#include "base/bytes.h"
#include "base/hash.h"

enum { DIGEST_BLOCK = 1024 };

struct digest_key {
    struct hash_key sip;
    uint64_t words[DIGEST_BLOCK / 8];
};

void digest_key_init(struct digest_key *key);
uint64_t digest_bytes(const struct digest_key *key, struct bytes b);
/* The digest of several pieces: the boundaries count. */
uint64_t digest_pieces(const struct digest_key *key, const struct bytes *pieces, size_t n);

#endif
