/*
 * hello_write: a ClientHello of our own, as bytes.
 *
 * Nothing here depends on what the local OpenSSL supports: any version, suite, group, signature
 * algorithm and extension can be written, in any order, wrong ones included. A draft borrows all
 * views until the hello is written; its extensions are written when they are added, in the order of
 * the calls. Without memory the texts say `failed`.
 * Sources: RFC 8446 section 4.1.2 and 4.2, RFC 5246 section 7.4.1.2, RFC 6066, RFC 7301, RFC 7685
 * (padding), RFC 8701 (GREASE); draft-hickman-netscape-ssl section 2.5 (SSL 2.0 CLIENT-HELLO).
 */
#ifndef HANDFAST_TLS_HELLO_WRITE_H
#define HANDFAST_TLS_HELLO_WRITE_H

#include "base/text.h"

struct tls_u16_list {
    const uint16_t *p;
    size_t n;
};

/* All-zero but for the version is a valid draft: no extension block, compression "null". */
struct tls_hello_draft {
    uint16_t legacy_version;
    uint8_t random[32];
    struct bytes session_id; /* at most 32 bytes */
    struct tls_u16_list cipher_suites;
    struct bytes compression_methods; /* empty: null alone */
    bool has_extensions;              /* the block is there, though it may be empty */
    struct text extensions;
};

struct tls_key_share_entry {
    uint16_t group;
    struct bytes key_exchange;
};

void tls_draft_extension(struct tls_hello_draft *d, uint16_t type, struct bytes body);
/* Any bytes: what is no name is for the server to judge. */
void tls_draft_server_name(struct tls_hello_draft *d, struct bytes name);
void tls_draft_versions(struct tls_hello_draft *d, struct tls_u16_list versions);
void tls_draft_groups(struct tls_hello_draft *d, struct tls_u16_list groups);
void tls_draft_signature_algorithms(struct tls_hello_draft *d, struct tls_u16_list algorithms);
void tls_draft_point_formats(struct tls_hello_draft *d); /* all three */
void tls_draft_alpn(struct tls_hello_draft *d, const struct bytes *names, size_t n);
/* n may be 0: that asks for a HelloRetryRequest. */
void tls_draft_key_shares(struct tls_hello_draft *d, const struct tls_key_share_entry *shares,
                          size_t n);
void tls_draft_psk_modes(struct tls_hello_draft *d);      /* psk_dhe_ke */
void tls_draft_status_request(struct tls_hello_draft *d); /* OCSP */
void tls_draft_renegotiation_info(struct tls_hello_draft *d);
/* Padding, so that the message with its 4-byte header has `len` bytes, or as few more as it must.
 */
void tls_draft_pad_to(struct tls_hello_draft *d, size_t len);
void tls_draft_deinit(struct tls_hello_draft *d);

/* The message without its handshake header: what tls_client_hello_parse reads. Appended. */
void tls_hello_write_body(const struct tls_hello_draft *d, struct text *out);
/* A ClientHello body as a handshake message in records of `record_version`, each with at most
 * `fragment` bytes of it; 0: as many as fit. Appended. */
void tls_hello_write_records(struct bytes body, uint16_t record_version, size_t fragment,
                             struct text *out);
/* An SSL 2.0 CLIENT-HELLO with its 2-byte record header; `kinds` are 24 bits each. Appended. */
void tls_hello_write_sslv2(uint16_t version, const uint32_t *kinds, size_t n,
                           struct bytes challenge, struct text *out);

#endif
