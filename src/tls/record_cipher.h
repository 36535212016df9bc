/*
 * record_cipher: what a cipher suite does to one record, undone.
 *
 * A record_cipher belongs to a connection, a record_key to one direction of it. Nothing here
 * knows of handshakes: decrypt.c says which key is in use.
 * Sources: RFC 8446 section 5.2; RFC 5246 section 6.2.3, RFC 4346, RFC 2246; RFC 5288 (GCM),
 * RFC 6655 (CCM), RFC 7905 (ChaCha20-Poly1305), RFC 7366 (encrypt-then-MAC).
 */
#ifndef HANDFAST_TLS_RECORD_CIPHER_H
#define HANDFAST_TLS_RECORD_CIPHER_H

#include "base/bytes.h"
#include "tls/names.h"

#include <openssl/evp.h>

enum {
    CIPHER_KEY_MAX = 32,
    CIPHER_MAC_MAX = 48,
    CIPHER_IV_MAX = 16,
    CIPHER_BODY_MAX = (1 << 14) + 2048,
};

struct record_cipher {
    const struct tls_cipher_suite *suite;
    EVP_CIPHER *evp;    /* NULL for NULL and RC4 */
    EVP_MAC *hmac;      /* NULL for AEAD */
    const char *digest; /* of the HMAC, or of the PRF */
    size_t key_len, mac_len, iv_len, block_len, tag_len;
    bool encrypt_then_mac;
};

struct rc4 {
    uint8_t s[256];
    uint8_t i, j;
};

/* One direction's key, and all that moves with each record. */
struct record_key {
    EVP_CIPHER_CTX *ctx;
    uint8_t key[CIPHER_KEY_MAX];
    uint8_t mac_key[CIPHER_MAC_MAX];
    uint8_t iv[CIPHER_IV_MAX]; /* AEAD: the fixed part; CBC in TLS 1.0: the next record's */
    uint64_t sequence;
    struct rc4 *rc4;
};

struct record_view {
    uint8_t type;
    uint16_t version;
    struct bytes body;
};

/* False where the suite cannot be undone here. deinit is fine after false. */
bool record_cipher_init(struct record_cipher *c, const struct tls_cipher_suite *suite,
                        uint16_t version);
void record_cipher_deinit(struct record_cipher *c);
/* The key, MAC key and IV are set by the caller; this readies them. */
bool record_key_start(struct record_key *k, const struct record_cipher *c);
void record_key_deinit(struct record_key *k); /* wipes */
/* `room` holds record->body.len bytes. False where it does not authenticate. */
bool record_open13(const struct record_cipher *c, struct record_key *k,
                   const struct record_view *record, uint8_t *room, size_t *out_len);
bool record_open12(const struct record_cipher *c, struct record_key *k,
                   const struct record_view *record, uint8_t *room, size_t *out_len);

struct aead_input {
    uint8_t nonce[12];
    uint8_t aad[13];
    size_t aad_len;
    struct bytes sealed; /* with the tag */
};

bool aead_open(const struct record_cipher *c, struct record_key *k, const struct aead_input *in,
               uint8_t *room);
/* Writes big-endian. */
static inline void store_be(uint8_t *out, uint64_t value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(value >> (8 * (len - 1 - i)));
    }
}

#endif
