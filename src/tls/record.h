/*
 * record: one direction's bytes as TLS records and handshake messages.
 *
 * Push bytes in order, cut anyhow; callbacks come in order. Bodies of application_data records
 * are skipped, not read. Handshake messages may span records and records may hold several; a
 * message is handed over once whole. SSL 2.0 ClientHellos are recognised at the start.
 * After `encrypted` is set (ChangeCipherSpec in 1.2 and before, after ServerHello in 1.3) handshake
 * and alert records are handed over as records only. Memory: at most `limit_bytes` of one
 * unfinished message; longer ones are named, then skipped. Sources: RFC 8446 section 5.1, RFC 5246
 * section 6.2, RFC 6101 section 5.2.
 */
#ifndef HANDFAST_TLS_RECORD_H
#define HANDFAST_TLS_RECORD_H

#include "base/bytes.h"

enum tls_content_type {
    TLS_CHANGE_CIPHER_SPEC = 20,
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_APPLICATION_DATA = 23,
    TLS_HEARTBEAT = 24,
    TLS_TLS12_CID = 25,
    TLS_ACK = 26,
    TLS_RETURN_ROUTABILITY_CHECK = 27,
};

enum tls_record_fault {
    TLS_RECORD_OK = 0,
    TLS_RECORD_NOT_TLS,  /* a header that no version of TLS allows: bytes of something else */
    TLS_RECORD_TOO_LONG, /* length above 2^14 + 2048: record_overflow */
    TLS_RECORD_EMPTY,    /* a zero-length handshake, alert or change_cipher_spec fragment */
    TLS_RECORD_LOST,     /* a gap hit a header: framing is lost */
};

struct tls_record_sink {
    void *arg;
    /* Each record at its last byte (`is_whole`), or when the direction ends within it. body.p is
     * NULL where the body was skipped; `body` is whole where want_body() asked for it. */
    void (*record)(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                   bool is_whole);
    /* A whole handshake message in clear: header excluded. is_sslv2: an SSL 2.0 CLIENT-HELLO, from
     * its type byte on. `header_version` is that of the record. */
    void (*message)(void *arg, uint8_t type, struct bytes body, bool is_sslv2);
    /* An alert in clear: 2 bytes were there. */
    void (*alert)(void *arg, uint8_t level, uint8_t description);
    /* Something that is not a record: `seen` are up to 256 of the bytes at that place. Called once;
     * the direction is `dead` after NOT_TLS and LOST, and goes on after the others. */
    void (*fault)(void *arg, enum tls_record_fault fault, struct bytes seen);
    /* Asked at each record's header (not for handshake and alerts in clear): must the body be kept?
     */
    bool (*want_body)(void *arg, uint8_t type, uint32_t len);
};

/* All-zero is a fresh direction. Small: two of these stand in every open connection. */
struct tls_record_stream {
    uint8_t *buffer; /* bytes waiting: a partial header, a partial body or message */
    uint32_t buffer_len, buffer_cap;
    uint32_t skip_left; /* of the current record's body */
    uint32_t record_len;
    uint16_t record_version;
    uint8_t record_type;
    uint8_t state;
    bool encrypted; /* set by the owner */
    bool dead;      /* framing lost or not TLS: bytes are ignored */
    bool started;   /* at least one valid record header was seen */
};

enum { TLS_MESSAGE_LIMIT_BYTES = 1 << 17 };

/* False without memory. */
bool tls_record_push(struct tls_record_stream *s, struct bytes data,
                     const struct tls_record_sink *sink);
/* `len` bytes are missing: skips over them where they lie within a body that is skipped anyway,
 * else reports TLS_RECORD_LOST. */
void tls_record_gap(struct tls_record_stream *s, uint32_t len, const struct tls_record_sink *sink);
/* The direction is over: reports a record or message that stayed unfinished (record() with
 * is_whole false). */
void tls_record_finish(struct tls_record_stream *s, const struct tls_record_sink *sink);
void tls_record_deinit(struct tls_record_stream *s);
/* Could these be the first bytes of TLS (a record header of handshake or alert with a known
 * version, or an SSL 2.0 ClientHello)? 1 yes, 0 more bytes are needed, -1 no. A Modbus error is not
 * an empty record. */
int tls_looks_like(struct bytes start);

#endif
