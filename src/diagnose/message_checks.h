/*
 * message_checks: the commands that would decide between the causes of a message.
 */
#ifndef HANDFAST_DIAGNOSE_MESSAGE_CHECKS_H
#define HANDFAST_DIAGNOSE_MESSAGE_CHECKS_H

#include "base/arena.h"
#include "diagnose/messages.h"

struct message_check {
    const char *tells;   /* what the outcome says */
    const char *command; /* to be pasted into a shell; in the arena */
};

/* For the causes of `r`, most likely first, each command once; the last one records the handshake
 * and explains it. Returns how many, at most `room`. */
size_t message_checks(const struct message_reading *r, struct arena *arena,
                      struct message_check *out, size_t room);
/* Whether a row says how to check this cause. */
bool message_check_exists(enum cause cause, enum actor party);

#endif
