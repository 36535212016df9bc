/*
 * hello: ClientHello, ServerHello, HelloRetryRequest and EncryptedExtensions.
 *
 * Views borrow from the message body. A parse that fails keeps what it read before the fault:
 * the struct and the fault together are evidence.
 * Sources: RFC 8446 section 4.1, 4.2; RFC 5246 section 7.4.1; RFC 6101; RFC 6347 section 4.2.1
 * (DTLS cookie); draft-hickman-netscape-ssl (SSL 2.0 CLIENT-HELLO); RFC 9849 (ECH).
 */
#ifndef HANDFAST_TLS_HELLO_H
#define HANDFAST_TLS_HELLO_H

#include "base/reader.h"

enum { TLS_EXTENSIONS_MAX = 64 };

struct tls_extension {
    uint16_t type;
    struct bytes body;
};

/* The extensions of one message, and views into those that decide handshakes. A list view is the
 * content of the vector, without its length; it is empty where absent: ask tls_has(). */
struct tls_extensions {
    bool is_present; /* the block itself: absent in SSL 3.0 and old TLS 1.0 hellos */
    bool has_duplicate;
    uint16_t duplicate; /* the first type that came twice; the views are those of its first */
    size_t n, n_total;  /* n_total counts those beyond TLS_EXTENSIONS_MAX, which are not kept */
    /* server_name: the host_name; in a ServerHello it is empty by RFC 6066 */
    struct bytes server_name;
    struct bytes supported_versions;   /* u16 list (ClientHello); 2 bytes (ServerHello, HRR) */
    struct bytes supported_groups;     /* u16 list */
    struct bytes ec_point_formats;     /* u8 list */
    struct bytes signature_algorithms; /* u16 list */
    struct bytes signature_algorithms_cert;
    struct bytes alpn;      /* ProtocolName list, each with an 8-bit length */
    struct bytes key_share; /* ClientHello: KeyShareEntry list; ServerHello: one entry; HRR: u16 */
    struct bytes psk_modes; /* u8 list */
    struct bytes psk_identities, psk_binders; /* ClientHello; raw vectors' content */
    uint16_t psk_selected;                    /* ServerHello */
    struct bytes cookie;
    struct bytes renegotiation_info; /* the renegotiated_connection field */
    struct bytes session_ticket;
    struct bytes compress_certificate; /* u16 list */
    struct bytes ech;                  /* encrypted_client_hello body */
    uint16_t record_size_limit;
    uint8_t max_fragment_length;
    size_t padding_len;
    struct fault fault; /* the first extension whose body contradicts its own format */
    uint16_t fault_type;
    /* The last member: a parser clears what stands before it and fills n entries. */
    struct tls_extension list[TLS_EXTENSIONS_MAX];
};

struct tls_client_hello {
    bool is_sslv2; /* SSL 2.0 framing: cipher_suites holds 3-byte kinds, no extensions */
    bool is_dtls;
    uint16_t legacy_version;
    struct bytes random; /* 32 bytes; the challenge in SSL 2.0 */
    struct bytes session_id;
    struct bytes dtls_cookie;
    struct bytes cipher_suites; /* u16 list */
    struct bytes compression_methods;
    struct tls_extensions ext; /* the last member */
};

struct tls_server_hello {
    bool is_retry; /* HelloRetryRequest: the random of RFC 8446 section 4.1.3 */
    bool is_sslv2;
    uint16_t legacy_version;
    uint16_t version; /* the one chosen: supported_versions where present; drafts 0x7fXX kept */
    struct bytes random;
    struct bytes session_id;
    uint16_t cipher_suite;
    uint8_t compression_method;
    bool downgrade_to_12, downgrade_to_11; /* the sentinel of RFC 8446 section 4.1.3 */
    struct tls_extensions ext;             /* the last member */
};

bool tls_client_hello_parse(struct bytes body, bool is_dtls, struct tls_client_hello *out,
                            struct fault *fault);
/* The SSL 2.0 CLIENT-HELLO, from its message type byte (1) on, without the 2-byte record header. */
bool tls_client_hello_parse_sslv2(struct bytes body, struct tls_client_hello *out,
                                  struct fault *fault);
/* Drafts 18 to 21 of TLS 1.3 (legacy_version 0x7fXX) have neither session_id nor compression. */
bool tls_server_hello_parse(struct bytes body, struct tls_server_hello *out, struct fault *fault);
/* Handshake type 6: the HelloRetryRequest of TLS 1.3 drafts up to 21. */
bool tls_hello_retry_request_parse(struct bytes body, struct tls_server_hello *out,
                                   struct fault *fault);
bool tls_encrypted_extensions_parse(struct bytes body, struct tls_extensions *out,
                                    struct fault *fault);

/* Was the extension in the message (among those kept)? */
bool tls_has(const struct tls_extensions *ext, uint16_t type);
/* The body of an extension; p == NULL and len == 0 where absent or empty. */
struct bytes tls_extension_body(const struct tls_extensions *ext, uint16_t type);

/* The TLS version whose message formats a negotiated version has: DTLS 1.0 those of TLS 1.1,
 * DTLS 1.2 of 1.2, DTLS 1.3 and the drafts and experiments of 1.3 (0x7fXX, 0x7eXX, 0xfbXX) of 1.3;
 * others are as they are. */
uint16_t tls_format_version(uint16_t version);

/* Lists of 16-bit values. */
static inline size_t tls_u16_count(struct bytes list)
{
    return list.len / 2;
}
static inline uint16_t tls_u16_at(struct bytes list, size_t i)
{
    return load_be16(list.p + 2 * i);
}
bool tls_u16_has(struct bytes list, uint16_t value);
/* RFC 8701: 0x0a0a, 0x1a1a, ... 0xfafa. */
static inline bool tls_is_grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && (v >> 8) == (v & 0xff);
}
/* 1.3 itself, its drafts (0x7fXX) and the experiments of browsers before it (0x7eXX, 0xfbXX). */
static inline bool tls_is_tls13(uint16_t version)
{
    unsigned major = version >> 8;
    return version == 0x0304 || major == 0x7f || major == 0x7e || major == 0xfb;
}
/* Walks an ALPN list: gives the next name and true, or false at the end. */
bool tls_alpn_next(struct bytes *list, struct bytes *name);
/* Walks a ClientHello's KeyShareEntry list. */
bool tls_key_share_next(struct bytes *list, uint16_t *group, struct bytes *key_exchange);

/* DTLS: RFC 6347 section 4.2.1. */
bool tls_hello_verify_request_parse(struct bytes body, uint16_t *server_version,
                                    struct bytes *cookie, struct fault *fault);

/* The versions a ClientHello offers, judged as a server does: supported_versions where present,
 * else everything up to legacy_version. Fills min and max (TLS versions as 0x0301 ..., drafts of
 * 1.3 count as 0x0304; DTLS as 0xfeff ...); false where nothing known is offered. */
bool tls_offered_versions(const struct tls_client_hello *hello, uint16_t *min, uint16_t *max);
bool tls_offers_version(const struct tls_client_hello *hello, uint16_t version);

#endif
