/*
 * hello_pack: ClientHellos as differences from ones seen before.
 *
 * Lossless. The table of templates is bounded; a hello that resembles none of them is stored
 * whole. Packed form: template number, then runs of (bytes that are the same, bytes that differ).
 */
#ifndef HANDFAST_TRANSCRIPT_HELLO_PACK_H
#define HANDFAST_TRANSCRIPT_HELLO_PACK_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/status.h"

enum { HELLO_TEMPLATES_MAX = 1024, HELLO_TEMPLATE_BYTES_MAX = 4096 };

struct hello_templates {
    struct hash_key key;
    uint16_t n;
    uint16_t slots[2 * HELLO_TEMPLATES_MAX]; /* template number + 1, 0: empty */
    struct {
        uint8_t *p;
        uint16_t len;
    } list[HELLO_TEMPLATES_MAX];
};

struct hello_templates *hello_templates_new(void);    /* NULL without memory */
void hello_templates_free(struct hello_templates *t); /* NULL is fine */
/* Writes the packed form to `out`, which has room for `hello.len / 2` bytes. 0 where it would not
 * be at most half the size (the hello is then stored whole, and may serve as a template). */
size_t hello_pack(struct hello_templates *t, struct bytes hello, uint8_t *out);
/* The hello again, in the arena; empty where the arena is full. */
struct bytes hello_unpack(const struct hello_templates *t, struct bytes packed,
                          struct arena *arena);

#endif
