/*
 * decrypt: opens encrypted records of one connection, given its secrets.
 *
 * For TLS 1.3 (handshake, 0-RTT and application traffic keys of either side, KeyUpdate followed)
 * and for TLS 1.0 to 1.2 (master secret: CBC with and without encrypt-then-MAC, GCM, CCM, CCM_8,
 * ChaCha20-Poly1305, stream and NULL). OpenSSL's EVP does the cryptography. A record that does not
 * open is evidence (wrong key or altered bytes), not an error; sequence numbers go on. Sources: RFC
 * 8446 section 5 and 7; RFC 5246 section 6; RFC 7366; RFC 7627 does not matter here since the
 * master secret is given; RFC 7905, RFC 6655.
 */
#ifndef HANDFAST_TLS_DECRYPT_H
#define HANDFAST_TLS_DECRYPT_H

#include "base/net.h"
#include "tls/keylog.h"

enum decrypt_phase {
    DECRYPT_EARLY,       /* 1.3, client only */
    DECRYPT_HANDSHAKE,   /* 1.3 */
    DECRYPT_APPLICATION, /* 1.3; and everything after ChangeCipherSpec before 1.3 */
};

struct decrypt_params {
    uint16_t version; /* negotiated: 0x0301 .. 0x0304 */
    uint16_t cipher_suite;
    struct bytes client_random, server_random;
    bool encrypt_then_mac; /* negotiated (RFC 7366) */
};

struct decryptor;

/* *out is NULL and the status ST_OK where the key log lacks the secrets or the suite cannot be
 * undone. Borrows keylog. */
enum status decryptor_new(const struct decrypt_params *params, const struct keylog *keylog,
                          struct decryptor **out);
void decryptor_free(struct decryptor *d); /* NULL is fine; keys are wiped */
bool decryptor_has(const struct decryptor *d, enum side side, enum decrypt_phase phase);
/* Switches the keys of one side; the sequence number starts at 0. */
void decryptor_set_phase(struct decryptor *d, enum side side, enum decrypt_phase phase);
/* After a KeyUpdate of that side. */
void decryptor_update_key(struct decryptor *d, enum side side);
/* Opens one record: `body` without its 5-byte header, whose fields are given. The plaintext is in
 * `room` (at least body.len bytes), its length in *out_len, and *out_type is the inner content type
 * (1.3) or `type`. False where it does not authenticate, where no key is set, and in 1.3 for
 * records that are not of type application_data (ChangeCipherSpec, alerts in clear), which do not
 * count. A client's early data that the server refused need no care: in DECRYPT_EARLY a record that
 * only the handshake key opens switches to it, and in DECRYPT_HANDSHAKE records before the first
 * that opens are passed over. */
bool decryptor_open(struct decryptor *d, enum side side, uint8_t type, uint16_t record_version,
                    struct bytes body, uint8_t *room, size_t *out_len, uint8_t *out_type);

#endif
