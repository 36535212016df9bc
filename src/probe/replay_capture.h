/*
 * replay_capture: the connection of a capture whose failure is to be proved.
 *
 * "FILE", "FILE:N" or "FILE:stream=N" (the stream as `explain` numbers it), "FILE:frame=N" (any
 * frame of the connection). Without a number: the first failed connection that a replay can prove,
 * else the first failed one. The transcript and its verdict are those of `explain`.
 */
#ifndef HANDFAST_PROBE_REPLAY_CAPTURE_H
#define HANDFAST_PROBE_REPLAY_CAPTURE_H

#include "base/status.h"
#include "diagnose/verdict.h"

struct replay_choice {
    char path[4096];
    bool has_stream, has_frame;
    uint64_t stream, frame;
};

/* A file that is there by the whole name is that file. False where the number is none. */
bool replay_choice_parse(const char *s, struct replay_choice *out);

struct replay_capture_options {
    bool trust_system;
    const char *const *trust_paths;
    size_t n_trust_paths;
};

/* Calls `found` once, for the connection chosen; both are borrowed until it returns. ST_USAGE with
 * a sentence where the capture has no such connection. */
enum status replay_capture_find(const struct replay_choice *choice,
                                const struct replay_capture_options *options,
                                enum status (*found)(void *arg, const struct transcript *t,
                                                     const struct verdict *v, struct err *err),
                                void *arg, struct err *err) NODISCARD;

#endif
