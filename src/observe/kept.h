/*
 * kept: memory of one size that comes and goes with each handshake, kept for the next. Not for
 * other areas.
 *
 * A hole in the heap, now there and now not, costs the program more than what the observer does:
 * malloc() splits and joins what lies beside it. So some are not given back. Thread-safe; who finds
 * another at it does without, as after fork() that other may be gone for ever.
 */
#ifndef HANDFAST_OBSERVE_KEPT_H
#define HANDFAST_OBSERVE_KEPT_H

#include <stdatomic.h>
#include <stddef.h>

enum { KEPT_MAX = 32 };

/* KEPT_NONE is a valid empty one. */
struct kept {
    atomic_flag is_taken;
    void *p[KEPT_MAX];
    size_t n;
};

#define KEPT_NONE                                                                                  \
    {                                                                                              \
        .is_taken = ATOMIC_FLAG_INIT                                                               \
    }

/* One that was given, else malloc(size): its bytes are anything. The same size each time. */
void *kept_take(struct kept *k, size_t size);
/* NULL is none. */
void kept_give(struct kept *k, void *p);

#endif
