/*
 * key_share: key pairs for a ClientHello, and what the server's answer makes of them.
 *
 * OpenSSL makes the keys and derives. A group that it does not know can still be offered where the
 * form of a share is public: an ML-KEM encapsulation key (FIPS 203 section 7.2: 12-bit numbers
 * below 3329, then a seed) is valid with any numbers, though nobody holds its private half.
 * Sources: RFC 8446 section 4.2.8 and 7.1, RFC 7748, RFC 7919, draft-ietf-tls-ecdhe-mlkem.
 */
#ifndef HANDFAST_TLS_KEY_SHARE_H
#define HANDFAST_TLS_KEY_SHARE_H

#include "base/bytes.h"

enum { TLS_KEY_SHARE_MAX = 1700, TLS_SECRET_MAX = 64 };

struct tls_key_share {
    uint16_t group;
    uint16_t public_len;
    uint8_t public_key[TLS_KEY_SHARE_MAX]; /* key_exchange as it goes into the hello */
    void *key;                             /* an EVP_PKEY; NULL: the private half is not known */
};

/* False where the form of the group's share is not known here. */
bool tls_key_share_init(struct tls_key_share *s, uint16_t group);
void tls_key_share_deinit(struct tls_key_share *s);

/* The traffic secrets of the handshake: what a key log calls CLIENT_ and
 * SERVER_HANDSHAKE_TRAFFIC_SECRET. */
struct tls13_secrets {
    uint8_t client[TLS_SECRET_MAX], server[TLS_SECRET_MAX];
    size_t len;
};

/* RFC 8446 section 7.1 without a PSK. `messages`: ClientHello and ServerHello with their headers;
 * `digest`: of the suite. False where the server's share is none, or cannot be used. */
bool tls13_secrets_derive(const struct tls_key_share *ours, struct bytes server_share,
                          const char *digest, struct bytes messages, struct tls13_secrets *out);

#endif
