/*
 * note: what an observer saw of one connection, as bytes that can leave the process.
 *
 * A note is a head and entries; numbers are big-endian. It is written inside the observed process
 * into bounded memory (note_put), and read by nobody's word but its own bounds (story.h): whoever
 * can write to the collector's socket can send anything.
 *
 *     head    "HFN1", 16 bytes of the collector's key, pid (4), side (1), 3 zero
 *     entry   kind (1), from_peer (1), type (1), level (1), length (4), nanoseconds since 1970 (8),
 *             and so many bytes
 */
#ifndef HANDFAST_OBSERVE_NOTE_H
#define HANDFAST_OBSERVE_NOTE_H

#include "base/bytes.h"

enum {
    NOTE_HEAD_BYTES = 28,
    NOTE_ENTRY_BYTES = 16,
    NOTE_KEY_BYTES = 16,
    NOTE_LIMIT_BYTES = 160 * 1024, /* a message of a Unix socket holds it (net.core.wmem_default) */
    NOTE_LOG_BYTES = 112 * 1024,   /* of these for what happened; the rest for what was in force */
};

enum note_kind {
    NOTE_MESSAGE = 1, /* type: HandshakeType; the message without its header */
    NOTE_SSLV2_HELLO, /* the SSL 2.0 CLIENT-HELLO */
    NOTE_ALERT,       /* level, type */
    NOTE_CHANGE_CIPHER_SPEC,
    NOTE_NOT_TLS, /* where a record header was due: what was read instead */
    NOTE_DATA,    /* application data went this way; once a side */
    NOTE_VERIFY,  /* enum verify_step in type; X509_V_ERR_ (4), depth (4), the certificate's DER */
    NOTE_ERROR,  /* type 0: the oldest of the error queue, 1: the newest; library (4), reason (4) */
    NOTE_DONE,   /* the handshake is over; X509_V_ERR_ of the verification (4) */
    NOTE_END,    /* type: enum note_end; errno (4) */
    NOTE_FACT,   /* type: enum note_fact */
    NOTE_KEY,    /* a line of a key log */
    NOTE_WIRE,   /* bytes as they went over the wire */
    NOTE_LIMIT,  /* a limit was reached: entries are missing from here on */
    NOTE_UNSEEN, /* the whole note: this program speaks TLS with a library that cannot be observed
                  */
    NOTE_NAME,   /* the program asked whether the peer's certificate names this; type 1: it does */
};

enum note_end {
    NOTE_END_EOF = 1, /* the peer closed */
    NOTE_END_SYSTEM,  /* a system call failed: errno */
    NOTE_END_ERROR,   /* the library gave up; its error queue says why */
    NOTE_END_FREED,   /* the program dropped the connection */
    NOTE_END_EXIT,    /* the program ended */
    NOTE_END_DATA,    /* the handshake is over and the peer's data come in */
    NOTE_END_CONNECT, /* there was no connection; in the place of errno: enum connect_error */
    NOTE_END_ANSWER,  /* a request came to nothing; enum answer_error (4), the TLS version (2) and
                         cipher suite (2), 0: none */
};

/* What was in force. Texts are as they are; numbers 8 bytes. */
enum note_fact {
    FACT_PROGRAM = 1, /* text */
    FACT_LIBRARY,     /* text: "OpenSSL 3.0.15 3 Sep 2024" */
    FACT_SERVER_NAME, /* text: what the library says of it */
    FACT_PEER,        /* family (1: 4 or 6), port (2), address (4 or 16) */
    FACT_LOCAL,       /* likewise */
    FACT_DTLS,        /* number 1 */
    FACT_MIN_VERSION, /* number, 0: the lowest the library has */
    FACT_MAX_VERSION, /* number, 0: the highest */
    FACT_OPTIONS,     /* number: SSL_OP_ */
    FACT_SECURITY_LEVEL,
    FACT_CIPHERS,      /* 2 bytes each */
    FACT_GROUPS,       /* 2 bytes each */
    FACT_VERIFY_MODE,  /* number: SSL_VERIFY_ */
    FACT_VERIFY_FLAGS, /* number: X509_V_FLAG_ */
    FACT_CHECKED_HOST, /* text: the name that the library was told to check */
    FACT_TRUST_FILE,   /* text: where trust anchors were loaded from */
    FACT_TRUST_DIR,
    FACT_TRUST_DEFAULT, /* number 1: the library's default places */
    FACT_N_ANCHORS,     /* number: certificates in the store, in memory */
    FACT_ANCHOR,        /* DER; where they are few, all of them */
    FACT_TCP_STATE,     /* number: TCP_ESTABLISHED ... of the socket at the end */
    FACT_LOST,          /* number: notes that found no collector before this one */
    FACT_AGAIN,  /* number: the version of a connection that was up, and shakes hands again */
    FACT_WAITED, /* number 1: the program had waited as long as it was told to, and gave up */
    /* What the host of the observer knows of the connection; all text. */
    FACT_ID,        /* its name in logs */
    FACT_DIRECTION, /* "northbound", "southbound" */
    FACT_ORG,
    FACT_ENV,
    FACT_VHOST,
    FACT_TARGET,
    FACT_API,
    FACT_REVISION,
    FACT_LABEL,          /* "NAME=VALUE": what the administrator adds; several */
    FACT_NO_CERTIFICATE, /* number 1: a server that has none to show */
};

/* All-zero is a valid empty note. */
struct note {
    uint8_t *p;
    size_t len, cap;
    size_t hidden;   /* bytes that may come back when it is sealed */
    bool is_full;    /* a limit was reached, and said */
    bool is_compact; /* note_compact(): whole again once it is sealed */
    bool failed;     /* no memory: what is there is not whole */
};

struct note_entry {
    uint8_t kind, from_peer, type, level;
    int64_t at_ns;
};

/* Bodies of two pieces spare a copy. False where it did not fit; nothing is written then. */
bool note_put(struct note *n, const struct note_entry *e, struct bytes head, struct bytes tail);
/* The handshake is over and the connection may idle for long: makes it as small as it can be. What
 * is left out then (signatures, MACs) stays out; our own certificates are put back when it is
 * sealed. */
void note_compact(struct note *n);
/* Sets the pid, the key and the local side into the head; false for an empty note. */
bool note_seal(struct note *n, const uint8_t key[NOTE_KEY_BYTES], uint32_t pid, bool is_server);
void note_deinit(struct note *n);

#endif
