/*
 * dtls: one direction's datagrams as DTLS records and handshake messages.
 *
 * DTLS 1.0, 1.2 (with connection ids, record type 25) and 1.3 (unified header). Push whole UDP
 * payloads in the order they came; datagrams may be lost, doubled or out of order. A handshake
 * message in clear is handed over once its fragments are all there; one that came before is
 * recognised by message_seq, type and beginning, and reported as a repetition. Records of a later
 * epoch are encrypted and handed over as records only. Datagrams that hold something else (STUN,
 * RTP on the same ports, RFC 7983) are reported once and passed over. Memory: at most
 * DTLS_PARTIALS_MAX unfinished messages and DTLS_BUFFER_LIMIT_BYTES of them; what is beyond is
 * named, then dropped. Nothing is allocated for messages of one fragment. Sources: RFC 6347 section
 * 4, RFC 9146 section 4, RFC 9147 section 4 and 5.
 */
#ifndef HANDFAST_TLS_DTLS_H
#define HANDFAST_TLS_DTLS_H

#include "tls/record.h"

enum {
    DTLS_PARTIALS_MAX = 8,
    DTLS_BUFFER_LIMIT_BYTES = 1 << 18,
    DTLS_RANGES_MAX = 16,  /* disjoint pieces of one message */
    DTLS_SEEN_MAX = 32,    /* messages of one handshake that repetitions are recognised of */
    DTLS_START_BYTES = 34, /* of a message, which tell it: of a hello its version and random */
};

struct dtls_record {
    uint8_t type;      /* of a unified header: TLS_APPLICATION_DATA, what it is stays hidden */
    uint16_t version;  /* 0 of a unified header */
    uint16_t epoch;    /* of a unified header: its two low bits */
    uint64_t sequence; /* of a unified header: encrypted, 0 */
    uint32_t len;      /* of the body, as the header has it */
    bool is_unified;
    struct bytes connection_id;
};

enum dtls_fault {
    DTLS_OK = 0,
    DTLS_NOT_DTLS, /* a datagram, or its rest, that is no record; the first time only */
    DTLS_TOO_LONG, /* length above TLS_RECORD_LIMIT_BYTES: the rest of the datagram is skipped */
    DTLS_EMPTY,    /* a zero-length handshake, alert or change_cipher_spec record */
    DTLS_BAD_FRAGMENT, /* a fragment beyond its message, or at odds with those before it */
    DTLS_LIMIT,        /* a message or fragment beyond the limits above was dropped */
};

struct dtls_message {
    uint8_t type;
    uint16_t message_seq;
    struct bytes body; /* without the header; empty for a repetition that came in fragments */
    bool is_repeat;
};

struct dtls_sink {
    void *arg;
    /* Each record, after the messages it completes; borrowed until return. is_whole is false where
     * the datagram ends within it. */
    void (*record)(void *arg, const struct dtls_record *record, struct bytes body, bool is_whole);
    void (*message)(void *arg, const struct dtls_message *message);
    /* An alert in clear (epoch 0). */
    void (*alert)(void *arg, uint8_t level, uint8_t description);
    void (*fault)(void *arg, enum dtls_fault fault, struct bytes seen);
    /* From dtls_finish: a message of which only a part came; `start` is what is there of its
     * beginning. */
    void (*unfinished)(void *arg, uint8_t type, uint16_t message_seq, uint32_t len,
                       struct bytes start);
};

struct dtls_partial;

/* What came under one message_seq. */
struct dtls_seen {
    bool is_set;
    uint8_t type;
    uint8_t start_len;
    uint8_t start[DTLS_START_BYTES];
};

/* All-zero is a fresh direction. */
struct dtls_stream {
    struct dtls_partial *partials[DTLS_PARTIALS_MAX];
    size_t buffered_bytes;
    struct dtls_seen seen[DTLS_SEEN_MAX];
    uint8_t connection_id_len; /* set by the owner from the peer's connection_id extension */
    bool connection_id_known;  /* set by the owner; else the length is guessed from the datagram */
    bool started;              /* at least one record was seen */
    bool fault_reported;
};

/* False without memory: the message at hand is lost, the direction goes on. */
bool dtls_push(struct dtls_stream *s, struct bytes datagram, const struct dtls_sink *sink);
void dtls_finish(struct dtls_stream *s, const struct dtls_sink *sink);
void dtls_deinit(struct dtls_stream *s);
/* Is this datagram the start of DTLS, or of records of a connection whose start was not seen? The
 * unified header has too little in it to be told by itself. */
bool dtls_looks_like(struct bytes datagram);

#endif
