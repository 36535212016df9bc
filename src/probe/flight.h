/*
 * flight: what a server sends in answer to a ClientHello, read as it comes.
 *
 * Push bytes cut anyhow. Messages are copied into the flight's arena (bounded); views borrow from
 * it. With the private half of the key share that the server chose, TLS 1.3's encrypted messages
 * are read too. SSL 2.0's SERVER-HELLO is recognised where one was asked for. Sources: RFC 8446,
 * RFC 5246, draft-hickman-netscape-ssl section 2.6.
 */
#ifndef HANDFAST_PROBE_FLIGHT_H
#define HANDFAST_PROBE_FLIGHT_H

#include "base/arena.h"
#include "tls/decrypt.h"
#include "tls/key_share.h"
#include "tls/message.h"
#include "tls/record.h"

enum { FLIGHT_ARENA_BYTES = 1 << 19, FLIGHT_SEALED_MAX = 1 << 17 };

struct probe_flight {
    bool has_hello; /* ServerHello or HelloRetryRequest: `hello` */
    struct tls_server_hello hello;
    struct fault hello_fault;
    uint16_t version; /* chosen; 0 before a ServerHello; 0x0002 for SSL 2.0 */
    /* Bodies of messages, p == NULL where none came */
    struct bytes certificate, certificate_status, server_key_exchange, certificate_request;
    struct bytes certificate_verify, encrypted_extensions;
    struct bytes sslv2_hello; /* SERVER-HELLO from its type byte on */
    bool hello_done;          /* ServerHelloDone; in TLS 1.3 the server's Finished was read */
    bool is_opened;           /* TLS 1.3's flight was decrypted */
    unsigned n_sealed;        /* encrypted records */
    bool has_alert;
    uint8_t alert_level, alert;
    bool is_not_tls, is_malformed;
    size_t n_bytes;

    /* the reader's own */
    struct arena arena;
    struct tls_record_stream stream;
    struct bytes client_hello; /* with its header */
    bool asked_sslv2;
    struct bytes server_hello_message;
    const struct tls_key_share *shares;
    size_t n_shares;
    struct keylog *keylog; /* holds the secrets; for transcripts too */
    struct decryptor *decryptor;
    struct text sealed; /* decrypted handshake bytes that are no whole message yet */
    struct text start;  /* of SSL 2.0 answers */
};

/* `wire`: what we send, for the hello in it; the shares are borrowed. */
void flight_start(struct probe_flight *f, struct bytes wire, const struct tls_key_share *shares,
                  size_t n_shares);
void flight_push(struct probe_flight *f, struct bytes data);
void flight_finish(struct probe_flight *f); /* the server closed */
void flight_deinit(struct probe_flight *f);

#endif
