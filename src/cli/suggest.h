/*
 * suggest: how far a mistyped word is from one that exists.
 */
#ifndef HANDFAST_CLI_SUGGEST_H
#define HANDFAST_CLI_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_TOO_FAR = 4 };

/* Letters to insert, leave out, replace or swap with their neighbour to make `typed` into `name`;
 * 0 where `typed` is the start of `name`; SUGGEST_TOO_FAR where `name` is no sensible suggestion.
 */
size_t suggest_distance(const char *typed, const char *name);

#endif
