/*
 * kdf: what deriving a key from a password would cost, asked before it is done.
 *
 * A file says itself how often its passwords are hashed; 2^31 times would keep a processor busy for
 * an hour. Sources: RFC 8018 (PBES1, PBES2, PBKDF2, PBMAC1), RFC 7914 (scrypt), RFC 7292 appendix
 * C.
 */
#ifndef HANDFAST_KEYSTORE_KDF_H
#define HANDFAST_KEYSTORE_KDF_H

#include <openssl/x509.h>

#include "keystore/reading.h"

enum {
    KDF_ROUNDS_MAX = 10 * 1000 * 1000, /* of one derivation; OpenSSL asks 2048, NSS 600000 */
    KDF_ROUNDS_OF_FILE = 20 * 1000 * 1000,
    KDF_ROUNDS_OF_ALL = 400 * 1000 * 1000 /* some minutes */
};

/* Notes `rounds` as spent; a clause that says why they are too many, or NULL. */
const char *kdf_spend(struct reading *r, uint64_t rounds);
/* The rounds of an encryption scheme: likewise. A scheme that is not known here costs nothing: it
 * is OpenSSL's to refuse. */
const char *kdf_spend_on(struct reading *r, const X509_ALGOR *scheme);

#endif
