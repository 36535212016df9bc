#include "transcript/journal.h"

#include <stdlib.h>

#include "base/varint.h"

/* One event: a head byte, a byte that says which fields follow, times as differences, fields. */
enum {
    HEAD_KIND = 0x1f,
    HEAD_SERVER = 0x20,
    HEAD_MORE = 0x40, /* a mask byte follows */

    HAS_FLAGS = 0x01,
    HAS_TYPE = 0x02,
    HAS_LEVEL = 0x04,
    HAS_VERSION = 0x08,
    HAS_LEN = 0x10,
    HAS_SERIES = 0x20,
    HAS_POINTERS = 0x40,
    HAS_BODY = 0x80,

    HEADER_MAX = 2 + 4 * VARINT_MAX_BYTES + 3 + 3 * VARINT_MAX_BYTES + 2 * 8 + VARINT_MAX_BYTES,
    CLIENT_HELLO = 1,
};

static bool reserve(struct journal *j, size_t more)
{
    size_t need = j->len + more;
    if (need > JOURNAL_LIMIT_BYTES) {
        return false;
    }
    if (need <= j->cap) {
        return true;
    }
    /* Most open connections are small: grow by little at first. Chunks of malloc are 16 n + 8. */
    size_t cap = need < 256 ? ((need + 71) & ~(size_t)63) - 8 : need * 2;
    cap = cap < JOURNAL_LIMIT_BYTES ? cap : JOURNAL_LIMIT_BYTES;
    uint8_t *p = realloc(j->p, cap);
    if (p == NULL) {
        return false;
    }
    j->p = p;
    j->cap = (uint32_t)cap;
    return true;
}

static unsigned mask_of(const struct event *e)
{
    unsigned mask = 0;
    mask |= e->flags != 0 ? HAS_FLAGS : 0;
    mask |= e->type != 0 ? HAS_TYPE : 0;
    mask |= e->level != 0 ? HAS_LEVEL : 0;
    mask |= e->version != 0 ? HAS_VERSION : 0;
    mask |= e->len != 0 ? HAS_LEN : 0;
    mask |= e->count > 1 ? HAS_SERIES : 0;
    mask |= e->chain != NULL || e->text != NULL ? HAS_POINTERS : 0;
    mask |= e->body.len > 0 ? HAS_BODY : 0;
    return mask;
}

/* Times are what a capture says, however far apart: differences are taken modulo 2^64. */
static uint8_t *put_when(uint8_t *p, struct when from, struct when to)
{
    p = varint_put(p, zigzag((int64_t)(to.frame - from.frame)));
    return varint_put(p, zigzag((int64_t)((uint64_t)to.at_ns - (uint64_t)from.at_ns)));
}

static uint8_t *put_pointer(uint8_t *p, const void *pointer)
{
    bytes_copy(p, sizeof pointer, bytes_of(&pointer, sizeof pointer));
    return p + sizeof pointer;
}

static uint8_t *put_fields(uint8_t *p, const struct event *e, unsigned mask)
{
    if ((mask & HAS_FLAGS) != 0) {
        *p++ = e->flags;
    }
    if ((mask & HAS_TYPE) != 0) {
        *p++ = e->type;
    }
    if ((mask & HAS_LEVEL) != 0) {
        *p++ = e->level;
    }
    if ((mask & HAS_VERSION) != 0) {
        p = varint_put(p, e->version);
    }
    if ((mask & HAS_LEN) != 0) {
        p = varint_put(p, e->len);
    }
    if ((mask & HAS_SERIES) != 0) {
        p = put_when(varint_put(p, e->count), e->when, e->last);
    }
    if ((mask & HAS_POINTERS) != 0) {
        p = put_pointer(put_pointer(p, e->chain), e->text);
    }
    return p;
}

/* A body is length * 2 + (1: packed), then the bytes. */
static uint8_t *put_body(uint8_t *p, const struct event *e, struct hello_templates *templates)
{
    size_t packed = 0;
    uint8_t *to = p + 3; /* room for the length of any body up to 2 MiB */
    bool is_hello = e->kind == EVENT_HANDSHAKE && e->type == CLIENT_HELLO && e->body.len > 64;
    if (is_hello && templates != NULL) {
        packed = hello_pack(templates, e->body, to);
    }
    if (packed == 0) {
        p = varint_put(p, (uint64_t)e->body.len << 1);
        bytes_copy(p, e->body.len, e->body);
        return p + e->body.len;
    }
    uint8_t *start = varint_put(p, (uint64_t)packed << 1 | 1);
    memmove(start, to, packed);
    return start + packed;
}

bool journal_put(struct journal *j, const struct event *e, struct hello_templates *templates)
{
    size_t body_room = e->body.len > 0 ? e->body.len + 4 : 0;
    uint8_t scratch[HEADER_MAX + 1024];
    bool is_small =
        body_room <= 1024; /* written aside, so that the journal grows by no more than it needs */
    if (!is_small && !reserve(j, HEADER_MAX + body_room)) {
        return false;
    }
    uint8_t *start = is_small ? scratch : j->p + j->len;
    uint8_t *p = start + 1;
    unsigned mask = mask_of(e);
    *start = (uint8_t)(e->kind | (e->side == SIDE_SERVER ? HEAD_SERVER : 0));
    if (mask != 0) {
        *start |= HEAD_MORE;
        *p++ = (uint8_t)mask;
    }
    p = put_fields(put_when(p, j->last, e->when), e, mask);
    if ((mask & HAS_BODY) != 0) {
        p = put_body(p, e, templates);
    }
    size_t len = (size_t)(p - start);
    if (is_small) {
        if (!reserve(j, len)) {
            return false;
        }
        bytes_copy(j->p + j->len, len, bytes_of(scratch, len));
    }
    j->len += (uint32_t)len;
    j->last = e->when;
    return true;
}

void journal_deinit(struct journal *j)
{
    free(j->p);
    *j = (struct journal){ 0 };
}

struct journal_reader journal_read(const struct journal *j, const struct hello_templates *templates,
                                   struct arena *arena)
{
    return (struct journal_reader){ j->p, j->len, { 0, 0 }, templates, arena };
}

static const uint8_t *get_when(const uint8_t *p, struct when from, struct when *to)
{
    uint64_t v = 0;
    p = varint_get(p, &v);
    to->frame = from.frame + (uint64_t)unzigzag(v);
    p = varint_get(p, &v);
    to->at_ns = (int64_t)((uint64_t)from.at_ns + (uint64_t)unzigzag(v));
    return p;
}

static const uint8_t *get_pointer(const uint8_t *p, const void **out)
{
    bytes_copy(out, sizeof *out, bytes_of(p, sizeof *out));
    return p + sizeof *out;
}

static const uint8_t *get_numbers(const uint8_t *p, struct event *out, unsigned mask)
{
    uint64_t v = 0;
    if ((mask & HAS_VERSION) != 0) {
        p = varint_get(p, &v);
        out->version = (uint16_t)v;
    }
    if ((mask & HAS_LEN) != 0) {
        p = varint_get(p, &v);
        out->len = (uint32_t)v;
    }
    if ((mask & HAS_SERIES) != 0) {
        p = varint_get(p, &v);
        out->count = (uint32_t)v;
        p = get_when(p, out->when, &out->last);
    }
    return p;
}

static const uint8_t *get_fields(const uint8_t *p, struct event *out, unsigned mask)
{
    if ((mask & HAS_FLAGS) != 0) {
        out->flags = *p++;
    }
    if ((mask & HAS_TYPE) != 0) {
        out->type = *p++;
    }
    if ((mask & HAS_LEVEL) != 0) {
        out->level = *p++;
    }
    p = get_numbers(p, out, mask);
    if ((mask & HAS_POINTERS) != 0) {
        const void *chain = NULL;
        const void *text = NULL;
        p = get_pointer(get_pointer(p, &chain), &text);
        out->chain = chain;
        out->text = text;
    }
    return p;
}

static const uint8_t *get_body(const uint8_t *p, struct journal_reader *r, struct event *out)
{
    uint64_t v = 0;
    p = varint_get(p, &v);
    struct bytes stored = bytes_of(p, (size_t)(v >> 1));
    out->body = (v & 1) != 0 ? hello_unpack(r->templates, stored, r->arena) : stored;
    return p + stored.len;
}

bool journal_next(struct journal_reader *r, struct event *out)
{
    if (r->left == 0) {
        return false;
    }
    const uint8_t *start = r->p;
    const uint8_t *p = start + 1;
    unsigned mask = (*start & HEAD_MORE) != 0 ? *p++ : 0;
    *out = (struct event){ .kind = *start & HEAD_KIND,
                           .side = (*start & HEAD_SERVER) != 0 ? SIDE_SERVER : SIDE_CLIENT,
                           .count = 1 };
    p = get_when(p, r->last, &out->when);
    out->last = out->when;
    p = get_fields(p, out, mask);
    if ((mask & HAS_BODY) != 0) {
        p = get_body(p, r, out);
    }
    r->left -= (uint32_t)(p - start);
    r->p = p;
    r->last = out->when;
    return true;
}
