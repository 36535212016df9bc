#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK_MIN = 4096 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    alignas(max_align_t) uint8_t data[];
};

static bool add_chunk(struct arena *a, size_t need)
{
    size_t size = CHUNK_MIN;
    if (a->head != NULL && a->head->size < ((size_t)1 << 20)) {
        size = a->head->size * 2;
    }
    if (size < need) {
        size = need;
    }
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        a->failed = true;
        return false;
    }
    *chunk = (struct arena_chunk){ .next = a->head, .size = size, .used = 0 };
    a->head = chunk;
    return true;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > a->limit_bytes - a->used) {
        return NULL;
    }
    size_t need = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (a->head == NULL || a->head->size - a->head->used < need) {
        if (!add_chunk(a, need)) {
            return NULL;
        }
    }
    void *at = a->head->data + a->head->used;
    memset(at, 0, size);
    a->head->used += need;
    a->used += size;
    return at;
}

void *arena_alloc_array(struct arena *a, size_t n, size_t size)
{
    if (size != 0 && n > SIZE_MAX / size) {
        return NULL;
    }
    return arena_alloc(a, n * size);
}

struct bytes arena_copy(struct arena *a, struct bytes v)
{
    uint8_t *to = v.len == 0 ? NULL : arena_alloc(a, v.len);
    if (to == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    memcpy(to, v.p, v.len);
    return (struct bytes){ to, v.len };
}

char *arena_strndup(struct arena *a, const char *s, size_t len)
{
    char *to = len == SIZE_MAX ? NULL : arena_alloc(a, len + 1);
    if (to != NULL && len > 0) {
        memcpy(to, s, len);
    }
    return to;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
    if (to != NULL) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
    }
    va_end(again);
    return to;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = a->head; /* chunks only grow, so the newest is the largest */
    if (keep != NULL) {
        struct arena_chunk *rest = keep->next;
        while (rest != NULL) {
            struct arena_chunk *next = rest->next;
            free(rest);
            rest = next;
        }
        keep->next = NULL;
        keep->used = 0;
    }
    a->used = 0;
}

void arena_deinit(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    a->head = NULL;
}
