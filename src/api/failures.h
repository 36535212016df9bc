/*
 * failures: who failed to log in how often, in a table of fixed size.
 *
 * Keys are hashed with a key of their own, so that nobody can choose whose place they take; where
 * the table is full the oldest goes.
 */
#ifndef HANDFAST_API_FAILURES_H
#define HANDFAST_API_FAILURES_H

#include <stdint.h>

#include "base/hash.h"

enum { FAILURES_SLOTS = 4096, FAILURES_WAYS = 8 };

struct failures {
    struct hash_key key;
    unsigned window_s;
    struct failure {
        uint64_t who;
        int64_t since_ns; /* of the first in this window; 0: free */
        unsigned n;
    } slots[FAILURES_SLOTS];
};

void failures_init(struct failures *f, unsigned window_s);
/* Seconds to wait where there were `most` or more within the window; 0: none. */
unsigned failures_wait(const struct failures *f, struct bytes who, unsigned most, int64_t now_ns);
void failures_add(struct failures *f, struct bytes who, int64_t now_ns);
/* One that was added was none. */
void failures_take(struct failures *f, struct bytes who);
void failures_forget(struct failures *f, struct bytes who);

#endif
