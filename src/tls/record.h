/*
 * record: one direction's bytes as TLS records and handshake messages.
 *
 * Push bytes in order, cut anyhow; callbacks come in order, and how the bytes were cut does not
 * change them. Bodies of application_data records are skipped, not read. Handshake messages may
 * span records and records may hold several; a message is handed over once whole, before the
 * record that ends it. SSL 2.0 ClientHellos are recognised at the start.
 * After `encrypted` is set (ChangeCipherSpec in 1.2 and before, after ServerHello in 1.3) handshake
 * and alert records are handed over as records only; so is a handshake record whose first bytes
 * are no message header (the capture starts in the middle of a connection).
 * Memory: at most TLS_MESSAGE_LIMIT_BYTES of one unfinished message; longer ones are named, then
 * skipped. Nothing is allocated while messages and wanted bodies lie within one push.
 * Sources: RFC 8446 section 5.1, RFC 5246 section 6.2, RFC 6101 section 5.2.
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

enum {
    TLS_MESSAGE_LIMIT_BYTES = 1 << 17,
    TLS_RECORD_LIMIT_BYTES = (1 << 14) + 2048, /* of a body, RFC 5246 section 6.2.3 */
};

enum tls_record_fault {
    TLS_RECORD_OK = 0,
    TLS_RECORD_NOT_TLS,  /* a header that no version of TLS allows: bytes of something else */
    TLS_RECORD_TOO_LONG, /* length above TLS_RECORD_LIMIT_BYTES: record_overflow */
    TLS_RECORD_EMPTY,    /* a zero-length handshake, alert or change_cipher_spec fragment */
    TLS_RECORD_LOST,     /* behind a gap that hit a header: no record begins */
    TLS_RECORD_MESSAGE_TOO_LONG, /* a message above TLS_MESSAGE_LIMIT_BYTES: `seen` is its header */
};

struct tls_record_sink {
    void *arg;
    /* Each record at its last byte (`is_whole`), or when the direction ends within it. `body` is
     * whole where want_body() asked for it and for alerts in clear; body.p is NULL where it was
     * skipped. When the direction ends: what is there of a wanted body or of an unfinished
     * message (with its header), and len is 0 where not even the header was whole. */
    void (*record)(void *arg, uint8_t type, uint16_t version, uint32_t len, struct bytes body,
                   bool is_whole);
    /* A whole handshake message in clear: header excluded. is_sslv2: an SSL 2.0 CLIENT-HELLO, from
     * its type byte on. */
    void (*message)(void *arg, uint8_t type, struct bytes body, bool is_sslv2);
    /* An alert in clear: 2 bytes were there. */
    void (*alert)(void *arg, uint8_t level, uint8_t description);
    /* Something that is not a record: `seen` are up to 256 of the bytes at that place. After
     * NOT_TLS the direction is `dead`; after LOST bytes are ignored until a push starts with a
     * record header; it goes on after the others. LOST is said of bytes that are ignored, so not
     * where a record begins behind the gap, nor where nothing does. */
    void (*fault)(void *arg, enum tls_record_fault fault, struct bytes seen);
    /* Asked at each record's header (not for handshake and alerts in clear): must the body be
     * kept? May be NULL: none. */
    bool (*want_body)(void *arg, uint8_t type, uint32_t len);
};

/* All-zero is a fresh direction; with `started` set one whose next byte begins a record. Small: two
 * of these stand in every open connection. */
struct tls_record_stream {
    uint8_t *buffer; /* an unfinished message, then an unfinished body; or the undecided start */
    uint32_t buffer_len, buffer_cap;
    uint32_t message_len; /* of the message in the buffer; bytes left of it where it is skipped */
    uint16_t body_left, record_len, record_version;
    uint8_t record_type;
    uint8_t state;
    uint8_t header[5];
    uint8_t header_len;
    bool skips_message;
    bool message_seen; /* at least one, whole and in clear */
    bool encrypted;    /* set by the owner */
    bool dead;         /* not TLS, or no memory: bytes are ignored */
    bool started;      /* at least one valid record header was seen */
};

/* False without memory. */
bool tls_record_push(struct tls_record_stream *s, struct bytes data,
                     const struct tls_record_sink *sink);
/* `len` bytes are missing. Within a body the record goes on without its content and the message
 * hit is dropped; behind a gap that hits a header TLS_RECORD_LOST is said, unless a push starts
 * with a record header. */
void tls_record_gap(struct tls_record_stream *s, uint32_t len, const struct tls_record_sink *sink);
/* The direction is over: reports a record or message that stayed unfinished (record() with
 * is_whole false) and ignores what comes after. */
void tls_record_finish(struct tls_record_stream *s, const struct tls_record_sink *sink);
void tls_record_deinit(struct tls_record_stream *s);
/* Could these be the first bytes of TLS: a record header with a known version and a length that its
 * type can have (of encrypted records too, where a capture starts in the middle), or an SSL 2.0
 * CLIENT-HELLO? 1 yes, 0 more bytes are needed (at most 11 decide), -1 no. A Modbus error is not
 * an empty record. */
int tls_looks_like(struct bytes start);

#endif
