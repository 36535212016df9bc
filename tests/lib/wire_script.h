/*
 * wire_script: frames written as a line of text, given to a watcher, and the transcripts that come
 * out as another.
 *
 * Words separated by blanks. One is a side (c, s), '.', a name, options in parentheses and marks:
 *   syn synack fin rst      a TCP segment; with "udp" there is nothing like it
 *   raw'text'               the bytes between the quotes
 *   a handshake message     as flow_script.h has them, in a record of its own
 *   alert=N ccs app=N sealed=N sealedalert=N   records; the last three hold N bytes of noise
 * Marks: "&" the next word goes into the same segment or datagram; "/N" cut into segments of N
 * bytes; "?" lost on the way to the capture; "~" sent twice; "%N" only N bytes were captured.
 * Words about the connection: udp (DTLS in datagrams), port=N, @N (the N-th connection, from a port
 * of its own), +ms.
 * The clients are 10.0.0.1:40000 + N, the server 10.0.0.2. A frame each millisecond from 1,000 s.
 *
 * The answer: each transcript's events as "c:ClientHello", in the order in which the connections
 * ended, with " | " between.
 */
#ifndef HANDFAST_TESTS_WIRE_SCRIPT_H
#define HANDFAST_TESTS_WIRE_SCRIPT_H

#include "transcript/from_capture.h"

enum { WIRE_CONNECTIONS_MAX = 8, WIRE_PAYLOAD_MAX = 32768 };

struct wire {
    struct watcher *watcher;
    struct x509_store *store;
    struct text answer;     /* so far */
    struct text waiting;    /* payload of words marked '&' */
    struct transcript form; /* the version that messages are written in */
    bool is_udp;
    uint16_t server_port;
    unsigned connection;
    uint32_t seq[WIRE_CONNECTIONS_MAX][2];
    uint16_t message_seq[2];
    uint64_t record_seq[2];
    struct when when;
    /* Looks at each transcript before it goes; NULL: nobody does. */
    void (*look)(const struct transcript *t);
    bool keep; /* keep each connection and unfold it again at the end */
    struct kept_connection *kept[WIRE_CONNECTIONS_MAX];
    size_t n_kept;
};

void wire_init(struct wire *w, const struct tcp_limits *limits, struct keylog *keylog);
void wire_deinit(struct wire *w);
void wire_run(struct wire *w, const char *script);
/* The capture is over. The answer is valid until wire_deinit(). */
const char *wire_finish(struct wire *w);
/* One frame of raw bytes of a side. */
void wire_send(struct wire *w, enum side side, uint8_t flags, struct bytes payload);

#endif
