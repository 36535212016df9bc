#include "tls/dtls_fragment.h"

#include <stdlib.h>

#include "base/reader.h"
#include "base/status.h"
#include "tls/names.h"

struct range {
    uint32_t start, end;
};

struct dtls_partial {
    uint8_t type;
    uint16_t message_seq;
    uint32_t len;
    uint8_t *data; /* as far as the highest byte that came */
    uint32_t cap;
    size_t n_ranges; /* sorted, disjoint, not touching */
    struct range ranges[DTLS_RANGES_MAX + 1];
};

bool dtls_fragment_next(struct bytes *body, struct dtls_fragment *out)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(*body, &fault);
    *out = (struct dtls_fragment){ 0 };
    out->type = rd_u8(&r, "msg_type");
    out->len = rd_u24(&r, "length");
    out->message_seq = rd_u16(&r, "message_seq");
    out->offset = rd_u24(&r, "fragment_offset");
    uint32_t fragment_len = rd_u24(&r, "fragment_length");
    if (out->offset > out->len || fragment_len > out->len - out->offset) {
        return false;
    }
    out->data = rd_bytes(&r, fragment_len, "fragment");
    *body = bytes_of(r.p, r.left);
    return fault.kind == FAULT_NONE;
}

/* As far as both go: a repetition may be cut differently. */
static bool starts_alike(const struct dtls_seen *seen, const struct dtls_fragment *f)
{
    size_t len = seen->start_len < f->data.len ? seen->start_len : f->data.len;
    return bytes_equal(bytes_of(seen->start, len), bytes_head(f->data, len));
}

static bool is_hello(uint8_t type)
{
    return type == TLS_HANDSHAKE_CLIENT_HELLO || type == TLS_HANDSHAKE_SERVER_HELLO ||
           type == TLS_HANDSHAKE_HELLO_VERIFY_REQUEST;
}

static void drop(struct dtls_stream *s, size_t i)
{
    s->buffered_bytes -= s->partials[i]->cap;
    free(s->partials[i]->data);
    free(s->partials[i]);
    s->partials[i] = NULL;
}

void dtls_partials_free(struct dtls_stream *s)
{
    for (size_t i = 0; i < DTLS_PARTIALS_MAX; i++) {
        if (s->partials[i] != NULL) {
            drop(s, i);
        }
    }
}

/* Was this message handed over before? Fragments that are not its first are told by the type
 * alone. Another hello under a known number starts another handshake. */
static bool is_repetition(struct dtls_stream *s, const struct dtls_fragment *f)
{
    if (f->message_seq >= DTLS_SEEN_MAX || !s->seen[f->message_seq].is_set) {
        return false;
    }
    const struct dtls_seen *seen = &s->seen[f->message_seq];
    bool is_same = seen->type == f->type && (f->offset > 0 || starts_alike(seen, f));
    if (!is_same && is_hello(f->type) && seen->type == f->type && f->offset == 0) {
        dtls_partials_free(s);
        for (size_t i = 0; i < DTLS_SEEN_MAX; i++) {
            s->seen[i] = (struct dtls_seen){ 0 };
        }
    }
    return is_same;
}

static void hand_over(struct dtls_stream *s, const struct dtls_fragment *whole,
                      const struct dtls_sink *sink)
{
    if (whole->message_seq < DTLS_SEEN_MAX) {
        struct dtls_seen *seen = &s->seen[whole->message_seq];
        struct bytes start = bytes_head(whole->data, DTLS_START_BYTES);
        *seen = (struct dtls_seen){ true, whole->type, (uint8_t)start.len, { 0 } };
        bytes_copy(seen->start, sizeof seen->start, start);
    }
    struct dtls_message message = { whole->type, whole->message_seq, whole->data, false };
    sink->message(sink->arg, &message);
}

static size_t find_partial(const struct dtls_stream *s, uint16_t message_seq)
{
    size_t i = 0;
    while (i < DTLS_PARTIALS_MAX &&
           (s->partials[i] == NULL || s->partials[i]->message_seq != message_seq)) {
        i++;
    }
    return i;
}

static size_t find_free(const struct dtls_stream *s)
{
    size_t i = 0;
    while (i < DTLS_PARTIALS_MAX && s->partials[i] != NULL) {
        i++;
    }
    return i;
}

/* Adds start..end to the sorted ranges; false where that would be one too many. */
static bool add_range(struct dtls_partial *p, struct range added)
{
    struct range merged[DTLS_RANGES_MAX + 1];
    size_t n = 0;
    size_t i = 0;
    while (i < p->n_ranges && p->ranges[i].end < added.start) {
        merged[n++] = p->ranges[i++];
    }
    while (i < p->n_ranges && p->ranges[i].start <= added.end) {
        added.start = p->ranges[i].start < added.start ? p->ranges[i].start : added.start;
        added.end = p->ranges[i].end > added.end ? p->ranges[i].end : added.end;
        i++;
    }
    merged[n++] = added;
    while (i < p->n_ranges) {
        merged[n++] = p->ranges[i++];
    }
    if (n > DTLS_RANGES_MAX) {
        return false;
    }
    for (i = 0; i < n; i++) {
        p->ranges[i] = merged[i];
    }
    p->n_ranges = n;
    return true;
}

static bool reserve(struct dtls_stream *s, struct dtls_partial *p, uint32_t need)
{
    if (p->data != NULL && need <= p->cap) {
        return true;
    }
    uint8_t *grown = realloc(p->data, need);
    if (grown == NULL) {
        return false;
    }
    s->buffered_bytes += need - p->cap;
    p->data = grown;
    p->cap = need;
    return true;
}

static bool is_within_limits(const struct dtls_stream *s, const struct dtls_partial *p,
                             uint32_t end)
{
    size_t more = end > p->cap ? end - p->cap : 0;
    return more <= DTLS_BUFFER_LIMIT_BYTES - s->buffered_bytes;
}

/* Stores the fragment in partial i, and hands the message over where that was its last piece. */
static bool store(struct dtls_stream *s, size_t i, const struct dtls_fragment *f,
                  const struct dtls_sink *sink)
{
    struct dtls_partial *p = s->partials[i];
    uint32_t end = f->offset + (uint32_t)f->data.len; /* at most len */
    if (!is_within_limits(s, p, end)) {
        sink->fault(sink->arg, DTLS_LIMIT, bytes_head(f->data, 256));
        return true;
    }
    if (!reserve(s, p, end)) {
        return false;
    }
    if (!add_range(p, (struct range){ f->offset, end })) {
        sink->fault(sink->arg, DTLS_LIMIT, bytes_head(f->data, 256));
        return true;
    }
    bytes_copy(p->data + f->offset, p->cap - f->offset, f->data);
    if (p->n_ranges == 1 && p->ranges[0].start == 0 && p->ranges[0].end == p->len) {
        struct dtls_fragment whole = { p->type, p->len, p->message_seq, 0,
                                       bytes_of(p->data, p->len) };
        hand_over(s, &whole, sink);
        drop(s, i);
    }
    return true;
}

static bool collect(struct dtls_stream *s, const struct dtls_fragment *f,
                    const struct dtls_sink *sink)
{
    if (f->data.len == 0) {
        return true; /* allowed, and nothing in it */
    }
    size_t i = find_partial(s, f->message_seq);
    if (i < DTLS_PARTIALS_MAX &&
        (s->partials[i]->type != f->type || s->partials[i]->len != f->len)) {
        sink->fault(sink->arg, DTLS_BAD_FRAGMENT, bytes_head(f->data, 256));
        drop(s, i);
        i = DTLS_PARTIALS_MAX;
    }
    if (i == DTLS_PARTIALS_MAX) {
        i = find_free(s);
        if (i == DTLS_PARTIALS_MAX || f->len > TLS_MESSAGE_LIMIT_BYTES) {
            sink->fault(sink->arg, DTLS_LIMIT, bytes_head(f->data, 256));
            return true;
        }
        s->partials[i] = calloc(1, sizeof *s->partials[i]);
        if (s->partials[i] == NULL) {
            return false;
        }
        s->partials[i]->type = f->type;
        s->partials[i]->message_seq = f->message_seq;
        s->partials[i]->len = f->len;
    }
    return store(s, i, f, sink);
}

static void report_repetition(const struct dtls_fragment *f, bool is_whole,
                              const struct dtls_sink *sink)
{
    if (f->offset > 0) {
        return; /* said at its first fragment */
    }
    struct dtls_message message = { f->type, f->message_seq, { NULL, 0 }, true };
    if (is_whole) {
        message.body = f->data;
    }
    sink->message(sink->arg, &message);
}

bool dtls_fragment_push(struct dtls_stream *s, const struct dtls_fragment *f,
                        const struct dtls_sink *sink)
{
    bool is_whole = f->offset == 0 && f->data.len == f->len;
    if (is_repetition(s, f)) {
        report_repetition(f, is_whole, sink);
        return true;
    }
    if (!is_whole) {
        return collect(s, f, sink);
    }
    size_t i = find_partial(s, f->message_seq);
    if (i < DTLS_PARTIALS_MAX) {
        drop(s, i);
    }
    hand_over(s, f, sink);
    return true;
}

void dtls_partials_report(const struct dtls_stream *s, const struct dtls_sink *sink)
{
    for (size_t i = 0; i < DTLS_PARTIALS_MAX; i++) {
        const struct dtls_partial *p = s->partials[i];
        if (p != NULL) {
            bool has_start = p->n_ranges > 0 && p->ranges[0].start == 0;
            struct bytes start = { has_start ? p->data : NULL, has_start ? p->ranges[0].end : 0 };
            sink->unfinished(sink->arg, p->type, p->message_seq, p->len, start);
        }
    }
}
