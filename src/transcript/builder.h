/*
 * builder: events in, a transcript out.
 *
 * Every source uses it: give it each event in the order in which things were seen, then finish.
 * It parses handshake messages, keeps the facts that follow from them, notices what the protocol
 * forbids (violations.h) and, at the end, concludes from encrypted records what keys would have
 * shown (infer.h). Bodies given must live as long as the arena.
 */
#ifndef HANDFAST_TRANSCRIPT_BUILDER_H
#define HANDFAST_TRANSCRIPT_BUILDER_H

#include "transcript/transcript.h"

enum { TRANSCRIPT_EVENTS_MAX = 512 };

struct builder {
    struct transcript *t;
    struct arena *arena;
    struct x509_store *store;
    size_t cap;
    bool handshake_over[2]; /* by side: its Finished of the first handshake was seen */
    /* Chains that the builder took from the store: references for the owner to give back when the
     * transcript is done. NULL where the events brought the chain. */
    const struct x509_chain *taken[2];
};

/* Starts an empty transcript in the arena; false at its limit. `n_events_hint`: room for so many
 * events, at most TRANSCRIPT_EVENTS_MAX; more are counted as dropped. */
bool builder_start(struct builder *b, struct arena *arena, struct x509_store *store,
                   enum transcript_source source, size_t n_events_hint);
/* Fill in b->t's ends, stream and source facts at any time before builder_finish(). */
void builder_event(struct builder *b, const struct event *e);
const struct transcript *builder_finish(struct builder *b);

#endif
