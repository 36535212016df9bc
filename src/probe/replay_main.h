/*
 * replay_main: `probe --replay`: a capture, a server that the user named, and the proof as output.
 *
 * The command line is read by the caller; everything is borrowed until replay_main() returns.
 */
#ifndef HANDFAST_PROBE_REPLAY_MAIN_H
#define HANDFAST_PROBE_REPLAY_MAIN_H

#include <stdio.h>

#include "probe/replay.h"
#include "probe/replay_capture.h"

struct replay_options {
    const char *capture; /* FILE[:stream=N|:frame=N] */
    /* The server the user named. With the port 0 and STARTTLS unset those of the capture stand. */
    struct dial_target target;
    struct replay_capture_options trust;
    unsigned parallel, timeout_ms; /* 0: replay.h */
    bool use_json;
    struct report_style style;
    FILE *out;
};

/* As dial_parse_target(), with the port 0 where none is named: then the capture's stands. */
bool replay_target_parse(const char *s, struct dial_target *out, char *storage, size_t room);
/* Proves one failure of a transcript at hand, to the target: for `explain --prove --to`. */
enum status replay_prove(const struct replay_options *options, const struct transcript *t,
                         const struct verdict *v, enum replay_outcome *out_outcome,
                         struct err *err) NODISCARD;
/* Finds the connection in the capture and proves it. *out_outcome says how it went. */
enum status replay_main(const struct replay_options *options, enum replay_outcome *out_outcome,
                        struct err *err) NODISCARD;

#endif
