/*
 * arena: everything one connection or one verdict allocates, gone in one call.
 *
 * The limit is what one hostile peer can cost. Memory is zeroed and aligned for any type.
 * All-zero with a limit set is a valid empty arena. arena_reset() keeps the largest chunk, so a
 * reused arena settles without calls to malloc.
 */
#ifndef HANDFAST_BASE_ARENA_H
#define HANDFAST_BASE_ARENA_H

#include "base/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    size_t used;
    size_t limit_bytes;
    bool failed; /* the system had no memory for it, once at least: not the limit */
};

/* NULL at the limit or without memory: the caller records that and stops storing. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t n, size_t size);
/* A copy that lives as long as the arena; p == NULL when it did not fit (or was empty). */
struct bytes arena_copy(struct arena *a, struct bytes v);
/* A NUL-terminated copy, or NULL. */
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);
void arena_deinit(struct arena *a);

#endif
