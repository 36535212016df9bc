#include "transcript/hello_pack.h"

#include <stdlib.h>

#include "base/varint.h"

enum {
    SAME_ENOUGH = 4, /* a 32-bit word; shorter runs of equal bytes cost more than they save */
    RANDOMS =
        2 + 32 + 1 + 32, /* legacy_version, random, session id: what follows is the client's own */
    SHAPE_BYTES = 96,
};

struct hello_templates *hello_templates_new(void)
{
    struct hello_templates *t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->key = hash_key_random();
    }
    return t;
}

void hello_templates_free(struct hello_templates *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        free(t->list[i].p);
    }
    free(t);
}

/* The slot of a hello of this shape: same length, same bytes after the random fields. */
static uint16_t *find_slot(struct hello_templates *t, struct bytes hello)
{
    struct bytes shape = bytes_head(bytes_skip(hello, RANDOMS), SHAPE_BYTES);
    uint64_t h = hash_bytes(&t->key, shape) ^ (hello.len * 0x9e3779b97f4a7c15U);
    for (size_t probe = 0; probe < ARRAY_LEN(t->slots); probe++) {
        uint16_t *slot = &t->slots[(h + probe) % ARRAY_LEN(t->slots)];
        if (*slot == 0) {
            return slot;
        }
        struct bytes known = bytes_of(t->list[*slot - 1].p, t->list[*slot - 1].len);
        struct bytes known_shape = bytes_head(bytes_skip(known, RANDOMS), SHAPE_BYTES);
        if (known.len == hello.len && bytes_equal(known_shape, shape)) {
            return slot;
        }
    }
    return NULL; /* never: the table is at most half full */
}

static void keep_template(struct hello_templates *t, uint16_t *slot, struct bytes hello)
{
    if (t->n == HELLO_TEMPLATES_MAX || hello.len > HELLO_TEMPLATE_BYTES_MAX) {
        return;
    }
    uint8_t *p = malloc(hello.len);
    if (p == NULL || !bytes_copy(p, hello.len, hello)) {
        free(p);
        return;
    }
    t->list[t->n].p = p;
    t->list[t->n].len = (uint16_t)hello.len;
    t->n++;
    *slot = t->n;
}

/* The length of the run of differing bytes at `from`: up to SAME_ENOUGH equal ones in a row. */
static size_t differing_run(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;
    while (len - i >= SAME_ENOUGH) {
        uint32_t differ = load_le32(a + i) ^ load_le32(b + i);
        if (differ == 0) {
            return i;
        }
        i += (size_t)(31 - __builtin_clz(differ)) / 8 + 1; /* behind the last byte that differs */
    }
    return len;
}

static size_t equal_run(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        uint64_t differ = load_be64(a + i) ^ load_be64(b + i);
        if (differ != 0) {
            return i + (size_t)__builtin_clzll(differ) / 8; /* the first byte that differs */
        }
    }
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

static size_t pack_against(const uint8_t *known, struct bytes hello, uint16_t number, uint8_t *out)
{
    const uint8_t *end = out + hello.len / 2;
    uint8_t *p = varint_put(out, number);
    for (size_t at = 0; at < hello.len;) {
        size_t same = equal_run(known + at, hello.p + at, hello.len - at);
        at += same;
        size_t differ = differing_run(known + at, hello.p + at, hello.len - at);
        if ((size_t)(end - p) < differ + 4) {
            return 0;
        }
        p = varint_put(p, same);
        p = varint_put(p, differ);
        bytes_copy(p, differ, bytes_of(hello.p + at, differ));
        p += differ;
        at += differ;
    }
    return (size_t)(p - out);
}

size_t hello_pack(struct hello_templates *t, struct bytes hello, uint8_t *out)
{
    if (hello.len <= RANDOMS || hello.len > HELLO_TEMPLATE_BYTES_MAX) {
        return 0;
    }
    uint16_t *slot = find_slot(t, hello);
    if (slot == NULL) {
        return 0;
    }
    if (*slot == 0) {
        keep_template(t, slot, hello);
        return 0;
    }
    return pack_against(t->list[*slot - 1].p, hello, *slot, out);
}

struct bytes hello_unpack(const struct hello_templates *t, struct bytes packed, struct arena *arena)
{
    uint64_t number = 0;
    const uint8_t *p = varint_get(packed.p, &number);
    struct bytes known = bytes_of(t->list[number - 1].p, t->list[number - 1].len);
    uint8_t *out = arena_alloc(arena, known.len);
    if (out == NULL) {
        return (struct bytes){ NULL, 0 };
    }
    bytes_copy(out, known.len, known);
    for (size_t at = 0; p < packed.p + packed.len;) {
        uint64_t same = 0;
        uint64_t differ = 0;
        p = varint_get(p, &same);
        p = varint_get(p, &differ);
        at += same;
        bytes_copy(out + at, known.len - at, bytes_of(p, differ));
        at += differ;
        p += differ;
    }
    return bytes_of(out, known.len);
}
