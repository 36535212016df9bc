#include "tcp/table.h"

#include <stdlib.h>

#include "base/hash.h"

enum { CHUNK_BITS = 10, CHUNK_ENTRIES = 1 << CHUNK_BITS, FIRST_SLOTS = 1024, CACHE_LINE = 64 };

void table_init_hash(struct tcp_table *t)
{
    struct hash_key seed = hash_key_random();
    for (uint64_t i = 0; i < ARRAY_LEN(t->hash_keys); i++) {
        t->hash_keys[i] = hash_bytes(&seed, bytes_of(&i, sizeof i));
    }
}

static inline uint32_t hash_words(const struct tcp_table *t, const uint8_t *key, size_t len)
{
    uint64_t sum = t->hash_keys[0];
    for (size_t i = 0; i < len / 4; i++) {
        sum += t->hash_keys[i + 1] * load_le32(key + 4 * i);
    }
    return (uint32_t)(sum >> 32);
}

static uint32_t hash_key_bytes(const struct tcp_table *t, const uint8_t *key, size_t len)
{
    return len == KEY_LEN_IPV4 ? hash_words(t, key, KEY_LEN_IPV4) : hash_words(t, key, len);
}

/* The lower port first, then the lower address. */
static bool is_low(const struct endpoint *a, const struct endpoint *b)
{
    if (a->port != b->port) {
        return a->port < b->port;
    }
    return memcmp(a->ip, b->ip, sizeof a->ip) <= 0;
}

static inline void key_write(struct tcp_key *out, const struct endpoint *low,
                             const struct endpoint *high, size_t ip_len)
{
    uint8_t *at = out->bytes;
    bytes_copy(at, ip_len, bytes_of(low->ip, ip_len));
    bytes_copy(at + ip_len, ip_len, bytes_of(high->ip, ip_len));
    at += 2 * ip_len;
    at[0] = (uint8_t)(low->port >> 8);
    at[1] = (uint8_t)low->port;
    at[2] = (uint8_t)(high->port >> 8);
    at[3] = (uint8_t)high->port;
    out->len = (uint8_t)(2 * ip_len + 4);
}

void table_key(const struct tcp_table *t, const struct endpoint *src, const struct endpoint *dst,
               struct tcp_key *out)
{
    out->len = 0;
    if (src->family != dst->family) {
        return;
    }
    out->dir = is_low(src, dst) ? 0 : 1;
    const struct endpoint *low = out->dir == 0 ? src : dst;
    const struct endpoint *high = out->dir == 0 ? dst : src;
    if (src->family == 4) {
        key_write(out, low, high, 4);
    } else if (src->family == 6) {
        key_write(out, low, high, 16);
    }
    out->hash = hash_key_bytes(t, out->bytes, out->len);
}

struct endpoint key_end(const struct tcp_conn *c, unsigned dir)
{
    bool is_ipv6 = (c->ref & REF_IPV6) != 0;
    size_t ip_len = is_ipv6 ? 16 : 4;
    struct endpoint end = { .family = is_ipv6 ? 6 : 4 };
    bytes_copy(end.ip, sizeof end.ip, bytes_of(c->key + dir * ip_len, ip_len));
    end.port = load_be16(c->key + 2 * ip_len + (size_t)dir * 2);
    return end;
}

static struct tcp_conn *slab_at(const struct slab *s, uint32_t i)
{
    uint8_t *entry = s->chunks[i >> CHUNK_BITS] + (size_t)(i & (CHUNK_ENTRIES - 1)) * s->stride;
    return (struct tcp_conn *)(void *)entry;
}

struct tcp_conn *table_at(const struct tcp_table *t, uint32_t ref)
{
    return slab_at(&t->slabs[(ref & REF_IPV6) != 0], (ref & (REF_IPV6 - 1)) - 1);
}

static size_t key_len(const struct tcp_conn *c)
{
    return (c->ref & REF_IPV6) != 0 ? KEY_LEN_IPV6 : KEY_LEN_IPV4;
}

/* A slot: 8 bits of hash that the place does not use for tables of up to 2^24 slots. */
static uint32_t slot_tag(uint32_t hash)
{
    return hash & ~(uint32_t)REF_MASK;
}

static bool has_key(const struct tcp_conn *c, const struct tcp_key *key)
{
    if (key_len(c) != key->len) {
        return false;
    }
    return key->len == KEY_LEN_IPV4 ? memcmp(c->key, key->bytes, KEY_LEN_IPV4) == 0
                                    : memcmp(c->key, key->bytes, KEY_LEN_IPV6) == 0;
}

struct tcp_conn *table_find(const struct tcp_table *t, const struct tcp_key *key)
{
    uint32_t tag = slot_tag(key->hash);
    if (t->slots == NULL) {
        return NULL;
    }
    for (uint32_t i = key->hash & t->slot_mask; t->slots[i] != 0; i = (i + 1) & t->slot_mask) {
        if (slot_tag(t->slots[i]) != tag) {
            continue;
        }
        struct tcp_conn *c = table_at(t, t->slots[i] & REF_MASK);
        if (has_key(c, key)) {
            return c;
        }
    }
    return NULL;
}

void table_expect_slot(const struct tcp_table *t, const struct tcp_key *key)
{
    if (t->slots != NULL) {
        __builtin_prefetch(&t->slots[key->hash & t->slot_mask]);
    }
}

void entry_prefetch(const struct tcp_conn *c)
{
    __builtin_prefetch(c, 1);
    __builtin_prefetch((const uint8_t *)c + CACHE_LINE, 1); /* the directions and the key */
}

struct tcp_conn *table_expect(const struct tcp_table *t, const struct tcp_key *key)
{
    uint32_t tag = slot_tag(key->hash);
    if (t->slots == NULL) {
        return NULL;
    }
    for (uint32_t i = key->hash & t->slot_mask; t->slots[i] != 0; i = (i + 1) & t->slot_mask) {
        if (slot_tag(t->slots[i]) == tag) {
            struct tcp_conn *c = table_at(t, t->slots[i] & REF_MASK);
            entry_prefetch(c);
            return c;
        }
    }
    return NULL;
}

static void put_slot(struct tcp_table *t, uint32_t hash, uint32_t ref)
{
    uint32_t i = hash & t->slot_mask;
    while (t->slots[i] != 0) {
        i = (i + 1) & t->slot_mask;
    }
    t->slots[i] = slot_tag(hash) | ref;
}

/* At most three quarters full: short probes, no more than 11 bytes a connection. */
static bool make_room(struct tcp_table *t)
{
    uint32_t n_old = t->slots == NULL ? 0 : t->slot_mask + 1;
    if (t->n_slots_used < n_old / 4 * 3) {
        return true;
    }
    uint32_t n_new = n_old == 0 ? FIRST_SLOTS : n_old * 2;
    uint32_t *old = t->slots;
    uint32_t *slots = calloc(n_new, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    t->slots = slots;
    t->slot_mask = n_new - 1;
    for (uint32_t i = 0; i < n_old; i++) {
        if (old[i] != 0) {
            const struct tcp_conn *c = table_at(t, old[i] & REF_MASK);
            put_slot(t, hash_key_bytes(t, c->key, key_len(c)), c->ref);
        }
    }
    free(old);
    return true;
}

static bool slab_grow(struct slab *s)
{
    if (s->n_used < s->n_chunks * CHUNK_ENTRIES) {
        return true;
    }
    uint8_t **chunks = realloc(s->chunks, (s->n_chunks + 1) * sizeof *chunks);
    if (chunks == NULL) {
        return false;
    }
    s->chunks = chunks;
    uint8_t *chunk = aligned_alloc(CACHE_LINE, (size_t)CHUNK_ENTRIES * s->stride);
    if (chunk == NULL) {
        return false;
    }
    s->chunks[s->n_chunks++] = chunk;
    return true;
}

static struct tcp_conn *slab_take(struct tcp_table *t, struct slab *s)
{
    struct tcp_conn *c;
    uint32_t ref = s->free;
    if (ref != 0) {
        c = table_at(t, ref);
        s->free = (uint32_t)c->newer;
    } else {
        if (s->n_used >= REF_IPV6 - 1 || !slab_grow(s)) {
            return NULL;
        }
        c = slab_at(s, s->n_used++);
        ref = s->n_used | s->ref_bit;
    }
    memset(c, 0, s->stride);
    c->ref = ref;
    return c;
}

struct tcp_conn *table_add(struct tcp_table *t, const struct tcp_key *key)
{
    if (!make_room(t)) {
        return NULL;
    }
    struct slab *s = &t->slabs[key->len == KEY_LEN_IPV6];
    if (s->stride == 0) {
        size_t align = _Alignof(struct tcp_conn);
        size_t size = offsetof(struct tcp_conn, key) + key->len;
        s->stride = (uint32_t)((size + align - 1) / align * align);
        s->ref_bit = key->len == KEY_LEN_IPV6 ? REF_IPV6 : 0;
    }
    struct tcp_conn *c = slab_take(t, s);
    if (c == NULL) {
        return NULL;
    }
    bytes_copy(c->key, key->len, bytes_of(key->bytes, key->len));
    put_slot(t, key->hash, c->ref);
    t->n_slots_used++;
    return c;
}

/* Closes the hole at `i`: what probed past it moves up, so that no marks of the dead are left. */
static void close_slot(struct tcp_table *t, uint32_t i)
{
    uint32_t mask = t->slot_mask;
    for (uint32_t j = (i + 1) & mask; t->slots[j] != 0; j = (j + 1) & mask) {
        const struct tcp_conn *c = table_at(t, t->slots[j] & REF_MASK);
        uint32_t home = hash_key_bytes(t, c->key, key_len(c)) & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            t->slots[i] = t->slots[j];
            i = j;
        }
    }
    t->slots[i] = 0;
}

void table_remove(struct tcp_table *t, struct tcp_conn *c)
{
    struct slab *s = &t->slabs[(c->ref & REF_IPV6) != 0];
    uint32_t i = hash_key_bytes(t, c->key, key_len(c)) & t->slot_mask;
    while ((t->slots[i] & REF_MASK) != c->ref) {
        i = (i + 1) & t->slot_mask;
    }
    close_slot(t, i);
    t->n_slots_used--;
    c->newer = s->free & REF_MASK;
    s->free = c->ref;
    c->ref = 0;
}

struct tcp_conn *table_each(const struct tcp_table *t, uint32_t *cursor)
{
    uint32_t i = (*cursor)++;
    if (i < t->slabs[0].n_used) {
        return slab_at(&t->slabs[0], i);
    }
    i -= t->slabs[0].n_used;
    return i < t->slabs[1].n_used ? slab_at(&t->slabs[1], i) : NULL;
}

void table_deinit(struct tcp_table *t)
{
    for (size_t i = 0; i < ARRAY_LEN(t->slabs); i++) {
        for (uint32_t j = 0; j < t->slabs[i].n_chunks; j++) {
            free(t->slabs[i].chunks[j]);
        }
        free(t->slabs[i].chunks);
    }
    free(t->slots);
}
