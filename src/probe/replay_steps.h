/*
 * replay_steps: what is asked after the changes of the table were tried. Internal to replay*.c.
 */
#ifndef HANDFAST_PROBE_REPLAY_STEPS_H
#define HANDFAST_PROBE_REPLAY_STEPS_H

#include "probe/replay_ask.h"

/* Where the server answers without a name: is it happy with one of its certificate's? */
enum status replay_name_by_certificate(struct replay *r, struct err *err) NODISCARD;
/* Each change that added many things and helped is narrowed to the one thing that helps; the wide
 * form is superseded. */
enum status replay_narrow(struct replay *r, struct err *err) NODISCARD;
/* Each helpful change that made the hello shorter is sent again, padded to the length it had: where
 * that is refused, the length is what helps and not what was changed. Likewise for those that made
 * it longer where padding alone helps. */
enum status replay_control_size(struct replay *r, struct err *err) NODISCARD;
/* No single change helps: which parts of the widest offer are needed together. On success the
 * result has its `changed` and its cause. */
enum status replay_mix(struct replay *r, bool *out_found, struct err *err) NODISCARD;
/* The deciding pair again and again, with transcripts: the original fails each time, the change
 * helps each time, and what the size was told by fails as well. */
enum status replay_confirm(struct replay *r, bool *out_holds, struct err *err) NODISCARD;
/* What was refused among many connections at once is asked again, slowly: *out_flipped is what was
 * answered now, NULL where all is as it was. A smaller change could have been missed. */
enum status replay_look_again(struct replay *r, const char **out_flipped,
                              struct err *err) NODISCARD;
/* The sentence, the evidence and the confidence of what was found. */
void replay_tell(struct replay *r);

#endif
