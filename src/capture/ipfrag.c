#include "capture/ipfrag.h"

#include <stdlib.h>

#include "base/clock.h"

enum {
    MAX_DATAGRAMS = 256,
    MAX_RANGES = 32, /* islands of one datagram; in order there is only one */
    MAX_DATAGRAM_BYTES = 65535,
    MIN_ALLOCATION = 4096,
    TIMEOUT_S = 30, /* what Linux waits; identifications come round again */
};

enum datagram_state { DATAGRAM_FREE = 0, DATAGRAM_OPEN, DATAGRAM_GIVEN };

struct range {
    uint32_t from, to; /* to is after the last byte */
};

struct datagram {
    enum datagram_state state;
    struct endpoint src, dst;
    uint32_t id;
    uint8_t proto;
    bool end_known;
    uint32_t end;
    int64_t first_at_ns;
    uint64_t order; /* of its first fragment: the smallest is the oldest */
    uint64_t n_fragments;
    struct range ranges[MAX_RANGES]; /* sorted, disjoint, not touching */
    size_t n_ranges;
    uint8_t *data; /* kept for the next datagram in this place */
    size_t cap;
};

struct ipfrag_table {
    struct datagram datagrams[MAX_DATAGRAMS];
    size_t n_open, n_given;
    uint64_t next_order;
    uint64_t n_dropped;
};

enum status ipfrag_table_new(struct ipfrag_table **out, struct err *err)
{
    struct ipfrag_table *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(err, ST_NOMEM, "no memory for IP fragments");
    }
    *out = t;
    return ST_OK;
}

void ipfrag_table_free(struct ipfrag_table *t)
{
    if (t == NULL) {
        return;
    }
    for (size_t i = 0; i < MAX_DATAGRAMS; i++) {
        free(t->datagrams[i].data);
    }
    free(t);
}

void ipfrag_begin(struct ipfrag_table *t)
{
    for (size_t i = 0; t->n_given > 0 && i < MAX_DATAGRAMS; i++) {
        if (t->datagrams[i].state == DATAGRAM_GIVEN) {
            t->datagrams[i].state = DATAGRAM_FREE;
            t->n_given--;
        }
    }
}

void ipfrag_drop(struct ipfrag_table *t)
{
    t->n_dropped++;
}

uint64_t ipfrag_n_dropped(const struct ipfrag_table *t)
{
    return t->n_dropped;
}

static void give_up(struct ipfrag_table *t, struct datagram *d)
{
    t->n_dropped += d->n_fragments;
    t->n_open--;
    d->state = DATAGRAM_FREE;
}

static bool is_same(const struct datagram *d, const struct ipfrag *piece)
{
    return d->id == piece->id && endpoint_same_host(&d->src, &piece->src) &&
           endpoint_same_host(&d->dst, &piece->dst) &&
           (piece->src.family == 6 || d->proto == piece->proto);
}

static struct datagram *find(struct ipfrag_table *t, const struct ipfrag *piece)
{
    struct datagram *found = NULL;
    for (size_t i = 0; t->n_open > 0 && i < MAX_DATAGRAMS; i++) {
        struct datagram *d = &t->datagrams[i];
        if (d->state != DATAGRAM_OPEN) {
            continue;
        }
        if (piece->at_ns - d->first_at_ns > TIMEOUT_S * NS_PER_S) {
            give_up(t, d);
        } else if (is_same(d, piece)) {
            found = d;
        }
    }
    return found;
}

/* A free place, or the oldest one's. Only NULL when all hold datagrams given in this frame. */
static struct datagram *take_place(struct ipfrag_table *t)
{
    struct datagram *oldest = NULL;
    for (size_t i = 0; i < MAX_DATAGRAMS; i++) {
        struct datagram *d = &t->datagrams[i];
        if (d->state == DATAGRAM_FREE) {
            return d;
        }
        if (d->state == DATAGRAM_OPEN && (oldest == NULL || d->order < oldest->order)) {
            oldest = d;
        }
    }
    if (oldest != NULL) {
        give_up(t, oldest);
    }
    return oldest;
}

static struct datagram *start(struct ipfrag_table *t, const struct ipfrag *piece)
{
    struct datagram *d = take_place(t);
    if (d == NULL) {
        return NULL;
    }
    *d = (struct datagram){
        .state = DATAGRAM_OPEN,
        .src = piece->src,
        .dst = piece->dst,
        .id = piece->id,
        .proto = piece->proto,
        .first_at_ns = piece->at_ns,
        .order = t->next_order,
        .data = d->data,
        .cap = d->cap,
    };
    t->next_order++;
    t->n_open++;
    return d;
}

static bool reserve(struct datagram *d, size_t need)
{
    if (need <= d->cap) {
        return true;
    }
    size_t cap = d->cap > 0 ? d->cap : MIN_ALLOCATION;
    while (cap < need) {
        cap *= 2;
    }
    uint8_t *larger = realloc(d->data, cap);
    if (larger == NULL) {
        return false;
    }
    d->data = larger;
    d->cap = cap;
    return true;
}

static void copy_part(struct datagram *d, const struct ipfrag *piece, uint32_t from, uint32_t to)
{
    struct bytes part = bytes_head(bytes_skip(piece->bytes, from - piece->offset), to - from);
    (void)bytes_copy(d->data + from, d->cap - from, part); /* reserve() made the room */
}

/* The bytes of `piece` that no range covers yet. */
static void copy_new(struct datagram *d, const struct ipfrag *piece, uint32_t to)
{
    uint32_t at = piece->offset;
    for (size_t i = 0; i < d->n_ranges && at < to; i++) {
        const struct range *r = &d->ranges[i];
        if (r->to <= at) {
            continue;
        }
        if (r->from > at) {
            copy_part(d, piece, at, r->from < to ? r->from : to);
        }
        at = r->to;
    }
    if (at < to) {
        copy_part(d, piece, at, to);
    }
}

/* Merges [from, to) into the ranges; false when there are too many islands. */
static bool cover(struct datagram *d, uint32_t from, uint32_t to)
{
    size_t first = 0;
    while (first < d->n_ranges && d->ranges[first].to < from) {
        first++;
    }
    size_t after = first; /* ranges[first..after) touch the new one */
    while (after < d->n_ranges && d->ranges[after].from <= to) {
        from = d->ranges[after].from < from ? d->ranges[after].from : from;
        to = d->ranges[after].to > to ? d->ranges[after].to : to;
        after++;
    }
    if (first == after && d->n_ranges == MAX_RANGES) {
        return false;
    }
    memmove(&d->ranges[first + 1], &d->ranges[after], (d->n_ranges - after) * sizeof d->ranges[0]);
    d->ranges[first] = (struct range){ from, to };
    d->n_ranges = d->n_ranges - (after - first) + 1;
    return true;
}

static bool is_whole(const struct datagram *d)
{
    return d->end_known && d->n_ranges == 1 && d->ranges[0].from == 0 && d->ranges[0].to >= d->end;
}

/* False: the datagram cannot be put together. */
static bool add(struct datagram *d, const struct ipfrag *piece, uint32_t to)
{
    if (!piece->has_more && !d->end_known) {
        d->end_known = true;
        d->end = to;
    }
    if (piece->offset == 0 && d->src.family == 6) {
        d->proto = piece->proto; /* RFC 8200 section 4.5 */
    }
    if (!reserve(d, to)) {
        return false;
    }
    copy_new(d, piece, to);
    return cover(d, piece->offset, to);
}

bool ipfrag_push(struct ipfrag_table *t, const struct ipfrag *piece, struct bytes *out_whole,
                 uint8_t *out_proto)
{
    if (piece->bytes.len == 0 || piece->offset > MAX_DATAGRAM_BYTES ||
        piece->bytes.len > MAX_DATAGRAM_BYTES - piece->offset) {
        ipfrag_drop(t);
        return false;
    }
    struct datagram *d = find(t, piece);
    if (d == NULL) {
        d = start(t, piece);
    }
    if (d == NULL) {
        ipfrag_drop(t);
        return false;
    }
    d->n_fragments++;
    if (!add(d, piece, piece->offset + (uint32_t)piece->bytes.len)) {
        give_up(t, d);
        return false;
    }
    if (!is_whole(d)) {
        return false;
    }
    d->state = DATAGRAM_GIVEN;
    t->n_open--;
    t->n_given++;
    *out_whole = bytes_of(d->data, d->end);
    *out_proto = d->proto;
    return true;
}
