/*
 * key_schedule: the key derivation of TLS, by OpenSSL's KDFs.
 *
 * False where OpenSSL cannot (a digest that its configuration forbids, no memory).
 * Sources: RFC 8446 section 7.1 (HKDF-Expand-Label), RFC 5246 sections 5 and 6.3 and RFC 2246
 * section 5 (PRF and key block).
 */
#ifndef HANDFAST_TLS_KEY_SCHEDULE_H
#define HANDFAST_TLS_KEY_SCHEDULE_H

#include "base/bytes.h"

/* HKDF-Expand-Label(secret, label, "", out_len); `digest` as OpenSSL names it: "SHA256". */
bool tls13_expand_label(const char *digest, struct bytes secret, const char *label, uint8_t *out,
                        size_t out_len);

struct tls12_key_seed {
    const char *digest; /* of the PRF: "SHA256", "SHA384"; "MD5-SHA1" before TLS 1.2 */
    struct bytes master_secret, client_random, server_random;
};

/* key_block = PRF(master_secret, "key expansion", server_random + client_random) */
bool tls12_key_block(const struct tls12_key_seed *seed, uint8_t *out, size_t out_len);

#endif
