/*
 * watch: one open connection of a capture, from its first byte to its journal.
 *
 * Internal to the transcript area: from_capture.c drives it, watch.c reads the bytes,
 * unfold.c turns the journal into a transcript.
 */
#ifndef HANDFAST_TRANSCRIPT_WATCH_H
#define HANDFAST_TRANSCRIPT_WATCH_H

#include "tls/prelude.h"
#include "tls/record.h"
#include "transcript/from_capture.h"
#include "transcript/journal.h"

/* Application data records that are not worth an event each: written as one event a side when
 * something else happens. */
struct series {
    uint32_t count;
    uint32_t last_len;
    struct when first, last;
    uint32_t n_single; /* records that had an event of their own */
};

enum watch_mode {
    WATCH_START = 0, /* no byte yet */
    WATCH_PRELUDE,
    WATCH_TLS,
    WATCH_LOST,    /* the capture starts in the middle, and no record has begun yet */
    WATCH_IGNORED, /* nothing of ours */
};

struct watched {
    struct journal journal;
    struct tls_record_stream record[2];
    struct prelude *prelude;
    struct series *series;             /* [2], once application data flow */
    const struct x509_chain *chain[2]; /* references: the journal has the pointers */
    uint32_t sealed_bytes;             /* kept for decryption */
    uint16_t n_events;
    uint16_t version; /* chosen by the server; 0 before */
    uint8_t mode;     /* enum watch_mode */
    bool client_key_exchange_seen, server_hello_seen, keys_known;
    bool started_in_middle;
    uint8_t plain_sides; /* bit by side: an EVENT_PLAINTEXT was written */
    uint8_t prelude_tls; /* bit by side: the prelude said TLS */
    bool is_wrapped;     /* TLS travels inside another protocol's packets (TDS) */
    bool is_settled;     /* application data flowed both ways */
};

/* What a callback needs while bytes are being read. */
struct watch_context {
    struct watched *w;
    struct tcp_conn *conn;
    struct hello_templates *templates;
    struct x509_store *store;
    const struct keylog *keylog;
    enum side side;
    struct when when;
    bool *out_of_memory; /* set where something could not be kept */
};

static inline void watch_prefetch(const struct watched *w)
{
    const uint8_t *p = (const uint8_t *)w;
    for (size_t at = 0; at < sizeof *w; at += 64) { /* a cache line */
        __builtin_prefetch(p + at, 1);
    }
}

void watch_data(struct watch_context *c, struct bytes data);
void watch_gap(struct watch_context *c, uint32_t len);
/* For sources whose records are not TCP's (watch_udp.h). */
void watch_put(struct watch_context *c, struct event e); /* side and time are the context's */
void watch_message(struct watch_context *c, uint8_t type, struct bytes body, bool is_sslv2);
void watch_alert(struct watch_context *c, uint8_t level, uint8_t description);
void watch_sealed(struct watch_context *c, uint8_t type, uint16_t version, uint32_t len);
/* Writes down the records that were only counted. */
void watch_flush(struct watch_context *c);
/* An event of the transport: SYN, FIN ... */
void watch_event(struct watch_context *c, enum event_kind kind, uint8_t flags, uint8_t type,
                 uint8_t level);
/* The connection is over: what is unfinished is written down. */
void watch_end(struct watch_context *c);
void watch_deinit(struct watched *w);

/* A connection that ended: everything a transcript is made of. */
struct kept_connection {
    struct journal journal;
    struct endpoint client, server;
    struct tcp_side_stats stats[2];
    struct when first, last;
    uint64_t stream;
    const char *capture;
    enum tcp_end_reason end_reason;
    uint16_t n_events; /* in the journal */
    bool keys_known;   /* the key log holds secrets of this connection */
    bool client_is_guess, capture_dropped, is_dtls;
    bool started_in_middle;
    const struct x509_chain *chain[2]; /* references */
};

/* The references that a transcript holds beyond the connection's own. */
struct unfolded_chains {
    const struct x509_chain *of[2]; /* by side; NULL where none */
};

struct unfold_tools {
    struct arena *arena;
    const struct hello_templates *templates;
    struct x509_store *store;
    const struct keylog *keylog;
};

/* NULL at the arena's limit. `chains` is the caller's to give back when the transcript is done. */
const struct transcript *unfold(const struct kept_connection *k, const struct unfold_tools *tools,
                                struct unfolded_chains *chains);

#endif
