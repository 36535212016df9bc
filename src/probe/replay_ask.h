/*
 * replay_ask: hellos out, what came back. Internal to replay*.c.
 */
#ifndef HANDFAST_PROBE_REPLAY_ASK_H
#define HANDFAST_PROBE_REPLAY_ASK_H

#include "probe/replay.h"

/* The experiment while it runs. */
struct replay {
    const struct replay_request *request;
    struct replay_result *result;
    struct arena *arena;
    struct mutable_hello captured;
    struct mutable_hello base; /* what is changed: the captured one, or stripped of its PSK */
    const struct mutant *base_mutant; /* NULL: as captured */
    struct mutation_hints hints;
};

/* A trial of the mutant (NULL: as captured) in the result's list; NULL where it is full. */
struct replay_trial *replay_plan(struct replay *r, const struct mutant *mutant);
/* Asks n trials, at most `parallel` at once; those that got no connection once more, alone. With
 * `keep` their transcripts are kept. */
enum status replay_ask(struct replay *r, struct replay_trial *trials, size_t n, unsigned parallel,
                       bool keep, struct err *err) NODISCARD;
/* Was there a connection on which the hello could be judged? */
bool replay_was_asked(const struct replay_trial *t);
/* replay_choose.c: which of the helpful changes is the cause. Fills in the verdict, the sentence
 * and the outcome; `n` at least 1. */
void replay_choose(struct replay *r, struct replay_trial *const *helpful, size_t n);
/* "alert handshake_failure", "the connection is reset", "TLS 1.2, suite": what the server did. */
const char *replay_answer_words(const struct replay_trial *t, struct arena *arena);

#endif
