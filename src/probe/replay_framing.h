/*
 * replay_framing: how a captured ClientHello was cut: into TLS records, and its first TCP segment.
 *
 * A transcript has the message; its capture is read again for the bytes around it, up to the frame
 * that ends it. Where that cannot be done (standard input, an interface, a file that changed), the
 * message goes in one record of version 0x0301, at once.
 */
#ifndef HANDFAST_PROBE_REPLAY_FRAMING_H
#define HANDFAST_PROBE_REPLAY_FRAMING_H

#include "probe/mutate.h"
#include "transcript/transcript.h"

/* Fills record_version, the fragments and the segment of `out`; what lives longer is in the arena.
 * False leaves it as it is. `hello` is an event of `t`. */
bool replay_framing_find(const struct transcript *t, const struct event *hello, struct arena *arena,
                         struct hello_carriage *out);
/* Where in these bytes of a client the records begin that carry this message; false where they do
 * not. Fills record_version and the fragments alone; *out_at and *out_len are of the records. */
bool replay_framing_of(struct bytes stream, struct bytes hello, struct arena *arena,
                       struct hello_carriage *out, size_t *out_at, size_t *out_len);

#endif
