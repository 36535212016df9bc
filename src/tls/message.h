/*
 * message: the handshake messages that are not hellos, and alerts.
 *
 * Views borrow from the message body. A parse that fails keeps what it read.
 * Sources: RFC 8446 section 4; RFC 5246 section 7; RFC 4492, RFC 8422, RFC 5077, RFC 6066,
 * RFC 8879 (compressed certificates), RFC 6347 and RFC 9147 (DTLS).
 */
#ifndef HANDFAST_TLS_MESSAGE_H
#define HANDFAST_TLS_MESSAGE_H

#include "base/arena.h"
#include "tls/hello.h"

enum { TLS_CERTIFICATES_MAX = 32 };

/* Certificate, of 1.2 and before (one list) or 1.3 (context and extensions per entry). */
struct tls_certificate {
    struct bytes request_context;
    size_t n, n_total;
    struct bytes list[TLS_CERTIFICATES_MAX]; /* DER */
    struct bytes ocsp_response; /* 1.3: status_request of the first entry, the OCSPResponse DER */
    bool has_sct;
};

struct tls_certificate_request {
    struct bytes certificate_types;    /* u8 list; 1.2 and before */
    struct bytes signature_algorithms; /* u16 list; 1.2 and 1.3 */
    struct bytes signature_algorithms_cert;
    struct bytes authorities; /* content of the list; walk with tls_authority_next */
    struct bytes request_context;
};

struct tls_server_key_exchange {
    /* ECDHE */
    uint8_t curve_type; /* 3: named_curve */
    uint16_t group;     /* 0 where none */
    struct bytes public_key;
    /* DHE */
    struct bytes dh_p, dh_g, dh_ys;
    unsigned dh_bits;
    /* signature; the algorithm is 0 before TLS 1.2 and for anonymous suites */
    uint16_t signature_algorithm;
    struct bytes signature;
    bool is_understood; /* false: a key exchange whose form is not known (PSK hint, SRP ...) */
};

struct tls_certificate_verify {
    uint16_t signature_algorithm; /* 0 before TLS 1.2 */
    struct bytes signature;
};

struct tls_session_ticket {
    uint32_t lifetime_s;
    struct bytes ticket;
    uint32_t max_early_data; /* 1.3 */
};

/* `version` is the negotiated one (0x0303, 0x0304, drafts, DTLS ...), which decides the form. */
bool tls_certificate_parse(struct bytes body, uint16_t version, struct tls_certificate *out,
                           struct fault *fault);
/* RFC 8879: uncompresses into the arena (zlib, zstd; brotli where the build has it), then parses.
 * A declared length above 1 MiB, or one that does not match, is MALFORMED. An algorithm that
 * cannot be undone here, or an arena that is full, sets *unsupported and is no fault. */
bool tls_compressed_certificate_parse(struct bytes body, uint16_t version, struct arena *arena,
                                      struct tls_certificate *out, bool *unsupported,
                                      struct fault *fault);
bool tls_certificate_request_parse(struct bytes body, uint16_t version,
                                   struct tls_certificate_request *out, struct fault *fault);
/* `cipher_suite` tells the key exchange. */
bool tls_server_key_exchange_parse(struct bytes body, uint16_t version, uint16_t cipher_suite,
                                   struct tls_server_key_exchange *out, struct fault *fault);
bool tls_certificate_verify_parse(struct bytes body, uint16_t version,
                                  struct tls_certificate_verify *out, struct fault *fault);
bool tls_session_ticket_parse(struct bytes body, uint16_t version, struct tls_session_ticket *out,
                              struct fault *fault);
/* CertificateStatus (1.2): the OCSPResponse DER. */
bool tls_certificate_status_parse(struct bytes body, struct bytes *ocsp_response,
                                  struct fault *fault);
/* Walks CA names (DER of X.501 Name). */
bool tls_authority_next(struct bytes *list, struct bytes *name_der);

#endif
