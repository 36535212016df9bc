/*
 * trace: the bytes of both sides of one connection of ours, with times, and a transcript of them.
 *
 * Bounded: what is beyond TRACE_LIMIT_BYTES is counted and not kept. The transcript is what
 * `explain` would make of a capture of the same connection (source: SOURCE_PROBE), so that the same
 * rules judge both.
 */
#ifndef HANDFAST_PROBE_TRACE_H
#define HANDFAST_PROBE_TRACE_H

#include "tls/keylog.h"
#include "transcript/builder.h"

enum { TRACE_LIMIT_BYTES = 1 << 18, TRACE_PIECES_MAX = 128 };

struct trace_piece {
    int64_t at_ns; /* monotonic */
    uint32_t len;
    uint8_t side; /* enum side */
};

struct probe_trace {
    struct text bytes; /* of both sides, piece after piece */
    size_t n_pieces;
    struct trace_piece pieces[TRACE_PIECES_MAX];
    uint64_t n_dropped;
    struct endpoint local, remote;
    int64_t syn_ns, connected_ns; /* 0: did not happen */
    int64_t fin_ns, rst_ns;       /* of the server; 0: none */
    int64_t end_ns;
    bool is_refused;             /* RST in answer to SYN */
    const struct keylog *keylog; /* borrowed; NULL: none */
};

void trace_put(struct probe_trace *t, enum side side, struct bytes data, int64_t at_ns);
void trace_deinit(struct probe_trace *t);
/* Everything lives in the arena; chains in the store, whose references are put into `taken` for the
 * caller to give back (NULL entries: none). `epoch_ns` makes times wall time. NULL at the arena's
 * limit. */
const struct transcript *trace_transcript(const struct probe_trace *t, int64_t epoch_ns,
                                          struct arena *arena, struct x509_store *store,
                                          const struct x509_chain *taken[2]);

#endif
