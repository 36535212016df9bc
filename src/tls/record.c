#include "tls/record.h"

#include <stdlib.h>

#include "tls/names.h"

_Static_assert(sizeof(struct tls_record_stream) <= 40, "two of these stand in every connection");

enum state {
    AT_START = 0, /* the first bytes are not judged yet; the buffer holds them */
    AT_HEADER,
    IN_SKIPPED, /* a body that nobody wants */
    IN_KEPT,    /* a body that is handed over whole */
    IN_HANDSHAKE,
    IN_SSLV2,
    LOST,      /* until a push starts with a record header */
    LOST_DATA, /* and some did not */
};

enum {
    HEADER_BYTES = 5,
    MESSAGE_HEADER_BYTES = 4,
    SEEN_BYTES = 256,
    BUFFER_BYTES_MIN = 1024,
};

static bool is_lost(const struct tls_record_stream *s)
{
    return s->state == LOST || s->state == LOST_DATA;
}

static void release(struct tls_record_stream *s)
{
    free(s->buffer);
    s->buffer = NULL;
    s->buffer_len = 0;
    s->buffer_cap = 0;
}

static void drop_message(struct tls_record_stream *s)
{
    release(s);
    s->message_len = 0;
    s->skips_message = false;
}

/* Appends to the buffer, which grows with what arrives, not with what a header announces. */
static bool keep(struct tls_record_stream *s, struct bytes piece)
{
    size_t need = s->buffer_len + piece.len; /* a message and a body: far below 2^32 */
    if (need > s->buffer_cap) {
        size_t cap = s->buffer_cap < BUFFER_BYTES_MIN ? BUFFER_BYTES_MIN : s->buffer_cap;
        while (cap < need) {
            cap *= 2;
        }
        uint8_t *grown = realloc(s->buffer, cap);
        if (grown == NULL) {
            return false;
        }
        s->buffer = grown;
        s->buffer_cap = (uint32_t)cap;
    }
    bytes_copy(s->buffer + s->buffer_len, s->buffer_cap - s->buffer_len, piece);
    s->buffer_len = (uint32_t)need;
    return true;
}

static struct bytes take(struct bytes *data, size_t n)
{
    struct bytes head = bytes_head(*data, n);
    *data = bytes_skip(*data, n);
    return head;
}

/* Is this the header of a handshake message in clear? An encrypted record whose ChangeCipherSpec
 * was not seen often starts with an explicit nonce: a type perhaps, but then zeros. Messages that
 * may be empty are known, and a HelloRequest is a record of its own. */
static bool is_message_header(const struct tls_record_stream *s, const uint8_t *header)
{
    uint8_t type = header[0];
    uint32_t len = load_be24(header + 1);
    if (tls_handshake_type_name(type) == NULL) {
        return false;
    }
    if (len == 0 || type == TLS_HANDSHAKE_HELLO_REQUEST) {
        return s->record_len == MESSAGE_HEADER_BYTES || type == TLS_HANDSHAKE_SERVER_HELLO_DONE ||
               type == TLS_HANDSHAKE_END_OF_EARLY_DATA;
    }
    return s->message_seen || len <= TLS_MESSAGE_LIMIT_BYTES;
}

/* Looks at a message's first 4 bytes; false where the message is not to be collected. */
static bool begin_message(struct tls_record_stream *s, const uint8_t *header,
                          const struct tls_record_sink *sink)
{
    uint32_t len = load_be24(header + 1);
    if (!is_message_header(s, header)) {
        drop_message(s);
        s->state = IN_SKIPPED;
        return false;
    }
    if (len > TLS_MESSAGE_LIMIT_BYTES) {
        sink->fault(sink->arg, TLS_RECORD_MESSAGE_TOO_LONG, bytes_of(header, MESSAGE_HEADER_BYTES));
        drop_message(s);
        s->skips_message = true;
        s->message_len = len;
        return false;
    }
    return true;
}

/* A message that lies whole in `data` goes out from there. */
static bool message_from_data(struct tls_record_stream *s, struct bytes *data,
                              const struct tls_record_sink *sink)
{
    if (data->len >= MESSAGE_HEADER_BYTES) {
        if (!begin_message(s, data->p, sink)) {
            *data = bytes_skip(*data, MESSAGE_HEADER_BYTES);
            return true;
        }
        size_t len = load_be24(data->p + 1);
        if (data->len - MESSAGE_HEADER_BYTES >= len) {
            struct bytes header = take(data, MESSAGE_HEADER_BYTES);
            s->message_seen = true;
            sink->message(sink->arg, header.p[0], take(data, len), false);
            return true;
        }
    }
    struct bytes piece = take(data, data->len);
    s->message_len = (uint32_t)piece.len;
    return keep(s, piece);
}

/* Goes on with the message that the buffer holds the start of. */
static bool message_from_buffer(struct tls_record_stream *s, struct bytes *data,
                                const struct tls_record_sink *sink)
{
    if (s->message_len < MESSAGE_HEADER_BYTES) {
        struct bytes piece = take(data, MESSAGE_HEADER_BYTES - s->message_len);
        if (!keep(s, piece)) {
            return false;
        }
        s->message_len += (uint32_t)piece.len;
        if (s->message_len < MESSAGE_HEADER_BYTES) {
            return true;
        }
        uint8_t header[MESSAGE_HEADER_BYTES];
        bytes_copy(header, sizeof header, bytes_of(s->buffer, MESSAGE_HEADER_BYTES));
        if (!begin_message(s, header, sink)) {
            return true;
        }
    }
    uint32_t total = MESSAGE_HEADER_BYTES + load_be24(s->buffer + 1);
    struct bytes piece = take(data, total - s->message_len);
    if (!keep(s, piece)) {
        return false;
    }
    s->message_len += (uint32_t)piece.len;
    if (s->message_len == total) {
        s->message_seen = true;
        sink->message(sink->arg, s->buffer[0],
                      bytes_of(s->buffer + MESSAGE_HEADER_BYTES, total - MESSAGE_HEADER_BYTES),
                      false);
        drop_message(s);
    }
    return true;
}

static void skip_message(struct tls_record_stream *s, size_t n)
{
    s->message_len -= (uint32_t)n;
    s->skips_message = s->message_len > 0;
}

static bool eat_message(struct tls_record_stream *s, struct bytes *data,
                        const struct tls_record_sink *sink)
{
    if (s->skips_message) {
        skip_message(s, take(data, s->message_len).len);
        return true;
    }
    return s->message_len > 0 ? message_from_buffer(s, data, sink)
                              : message_from_data(s, data, sink);
}

/* `data` is the next part of a handshake record's body. */
static bool eat_handshake(struct tls_record_stream *s, struct bytes data,
                          const struct tls_record_sink *sink)
{
    bool has_memory = true;
    while (has_memory && data.len > 0 && s->state == IN_HANDSHAKE) {
        has_memory = eat_message(s, &data, sink);
    }
    return has_memory;
}

/* The record's last byte was seen. */
static void end_record(struct tls_record_stream *s, struct bytes body,
                       const struct tls_record_sink *sink)
{
    bool is_sslv2 = s->state == IN_SSLV2;
    s->state = AT_HEADER;
    if (is_sslv2) {
        sink->message(sink->arg, TLS_HANDSHAKE_CLIENT_HELLO, body, true);
        return;
    }
    if (s->record_type == TLS_ALERT && body.len == 2) {
        sink->alert(sink->arg, body.p[0], body.p[1]);
    }
    sink->record(sink->arg, s->record_type, s->record_version, s->record_len, body, true);
}

/* The buffer holds an unfinished message's bytes before those of the body. */
static uint32_t kept_message_len(const struct tls_record_stream *s)
{
    return s->skips_message ? 0 : s->message_len;
}

static bool eat_kept(struct tls_record_stream *s, struct bytes piece,
                     const struct tls_record_sink *sink)
{
    uint32_t before = kept_message_len(s);
    if (s->body_left == 0 && s->buffer_len == before) {
        end_record(s, piece, sink);
        return true;
    }
    if (!keep(s, piece)) {
        return false;
    }
    if (s->body_left == 0) {
        end_record(s, bytes_of(s->buffer + before, s->buffer_len - before), sink);
        s->buffer_len = before;
        if (before == 0) {
            release(s);
        }
    }
    return true;
}

static bool eat_body(struct tls_record_stream *s, struct bytes *data,
                     const struct tls_record_sink *sink)
{
    struct bytes piece = take(data, s->body_left);
    s->body_left = (uint16_t)(s->body_left - piece.len);
    if (s->state == IN_KEPT || s->state == IN_SSLV2) {
        return eat_kept(s, piece, sink);
    }
    if (s->state == IN_HANDSHAKE && !eat_handshake(s, piece, sink)) {
        return false;
    }
    if (s->body_left == 0) {
        end_record(s, (struct bytes){ NULL, 0 }, sink);
    }
    return true;
}

static bool is_header(const uint8_t *header)
{
    return header[0] >= TLS_CHANGE_CIPHER_SPEC && header[0] <= TLS_HEARTBEAT && header[1] == 3;
}

static void report_not_tls(struct tls_record_stream *s, const uint8_t *header, struct bytes rest,
                           const struct tls_record_sink *sink)
{
    uint8_t seen[SEEN_BYTES];
    bytes_copy(seen, sizeof seen, bytes_of(header, HEADER_BYTES));
    rest = bytes_head(rest, sizeof seen - HEADER_BYTES);
    bytes_copy(seen + HEADER_BYTES, sizeof seen - HEADER_BYTES, rest);
    drop_message(s);
    s->dead = true;
    sink->fault(sink->arg, TLS_RECORD_NOT_TLS, bytes_of(seen, HEADER_BYTES + rest.len));
}

static enum state body_state(const struct tls_record_stream *s, const struct tls_record_sink *sink)
{
    if (s->record_len > TLS_RECORD_LIMIT_BYTES) {
        return IN_SKIPPED;
    }
    if (s->record_type == TLS_HANDSHAKE && !s->encrypted) {
        return IN_HANDSHAKE;
    }
    if (s->record_type == TLS_ALERT && !s->encrypted && s->record_len == 2) {
        return IN_KEPT;
    }
    if (sink->want_body == NULL) {
        return IN_SKIPPED;
    }
    return sink->want_body(sink->arg, s->record_type, s->record_len) ? IN_KEPT : IN_SKIPPED;
}

static void begin_record(struct tls_record_stream *s, const uint8_t *header,
                         const struct tls_record_sink *sink)
{
    s->record_type = header[0];
    s->record_version = load_be16(header + 1);
    s->record_len = load_be16(header + 3);
    s->body_left = s->record_len;
    s->started = true;
    if (s->encrypted && (s->message_len > 0 || s->skips_message)) {
        drop_message(s); /* it will not be finished in clear */
    }
    if (s->record_len > TLS_RECORD_LIMIT_BYTES) {
        sink->fault(sink->arg, TLS_RECORD_TOO_LONG, bytes_of(header, HEADER_BYTES));
    }
    if (s->record_len == 0 && s->record_type <= TLS_HANDSHAKE) {
        sink->fault(sink->arg, TLS_RECORD_EMPTY, bytes_of(header, HEADER_BYTES));
    }
    s->state = (uint8_t)body_state(s, sink);
    if (s->record_len == 0) {
        end_record(s, (struct bytes){ NULL, 0 }, sink);
    }
}

static void eat_header(struct tls_record_stream *s, struct bytes *data,
                       const struct tls_record_sink *sink)
{
    uint8_t header[HEADER_BYTES] = { 0 };
    bytes_copy(header, sizeof header, bytes_of(s->header, s->header_len));
    struct bytes piece = take(data, sizeof header - s->header_len);
    bytes_copy(header + s->header_len, sizeof header - s->header_len, piece);
    s->header_len = (uint8_t)(s->header_len + piece.len);
    if (s->header_len < HEADER_BYTES) {
        bytes_copy(s->header, sizeof s->header, bytes_of(header, s->header_len));
        return;
    }
    s->header_len = 0;
    if (is_header(header)) {
        begin_record(s, header, sink);
    } else {
        report_not_tls(s, header, *data, sink);
    }
}

static bool eat(struct tls_record_stream *s, struct bytes data, const struct tls_record_sink *sink)
{
    while (data.len > 0 && !s->dead) {
        if (s->state == AT_HEADER) {
            eat_header(s, &data, sink);
        } else if (!eat_body(s, &data, sink)) {
            return false;
        }
    }
    return true;
}

/* The first bytes passed the hard test. */
static bool eat_start(struct tls_record_stream *s, struct bytes data,
                      const struct tls_record_sink *sink)
{
    s->state = AT_HEADER;
    if ((data.p[0] & 0x80) != 0) {
        s->started = true;
        s->state = IN_SSLV2;
        s->body_left = load_be16(take(&data, 2).p) & 0x7fffU;
        s->record_len = s->body_left;
    }
    return eat(s, data, sink);
}

/* Until the first bytes are judged they wait in the buffer. */
static bool judge_start(struct tls_record_stream *s, struct bytes data,
                        const struct tls_record_sink *sink)
{
    uint8_t start[SEEN_BYTES];
    struct bytes first = data;
    size_t waiting = s->buffer_len;
    if (waiting > 0) {
        bytes_copy(start, sizeof start, bytes_of(s->buffer, waiting));
        struct bytes more = bytes_head(data, sizeof start - waiting);
        bytes_copy(start + waiting, sizeof start - waiting, more);
        first = bytes_of(start, waiting + more.len);
        data = bytes_skip(data, more.len);
    } else {
        data = (struct bytes){ NULL, 0 };
    }
    int verdict = tls_looks_like(first);
    if (verdict == 0) {
        s->buffer_len = 0;
        return keep(s, first); /* a few bytes decide */
    }
    release(s);
    if (verdict < 0) {
        s->dead = true;
        sink->fault(sink->arg, TLS_RECORD_NOT_TLS, bytes_head(first, SEEN_BYTES));
        return true;
    }
    return eat_start(s, first, sink) && eat(s, data, sink);
}

/* After a gap: does this push start with a record? */
static bool resumes(const struct tls_record_stream *s, struct bytes data)
{
    if (!s->started || data.len < HEADER_BYTES) {
        return !s->started && tls_looks_like(data) == 1;
    }
    unsigned len = load_be16(data.p + 3);
    unsigned version = load_be16(data.p + 1);
    /* The record of a first ClientHello may say TLS 1.0 where all others say TLS 1.2 (RFC
     * 8446 5.1).
     */
    bool is_version = version == s->record_version ||
                      (s->record_version == 0x0301 && version >= 0x0301 && version <= 0x0303);
    return is_header(data.p) && is_version && len > 0 && len <= TLS_RECORD_LIMIT_BYTES;
}

static void lose(struct tls_record_stream *s, const struct tls_record_sink *sink)
{
    if (s->state == LOST) {
        s->state = LOST_DATA;
        sink->fault(sink->arg, TLS_RECORD_LOST, (struct bytes){ NULL, 0 });
    }
}

static bool push(struct tls_record_stream *s, struct bytes data, const struct tls_record_sink *sink)
{
    if (is_lost(s)) {
        if (!resumes(s, data)) {
            lose(s, sink);
            return true;
        }
        s->state = s->started ? AT_HEADER : AT_START;
    }
    if (s->state == AT_START && s->started) { /* the owner knows that a record starts here */
        s->state = AT_HEADER;
    }
    if (s->state == AT_START) {
        return judge_start(s, data, sink);
    }
    return eat(s, data, sink);
}

bool tls_record_push(struct tls_record_stream *s, struct bytes data,
                     const struct tls_record_sink *sink)
{
    if (s->dead || data.len == 0) {
        return true;
    }
    if (s->state == IN_SKIPPED && data.len < s->body_left) { /* bulk data: nearly every segment */
        s->body_left = (uint16_t)(s->body_left - data.len);
        return true;
    }
    if (push(s, data, sink)) {
        return true;
    }
    drop_message(s);
    s->dead = true; /* without the bytes that found no memory nothing fits any more */
    return false;
}

/* What the gap did to a handshake body: the message it hit is dropped, and where its length is
 * known the next one is found. */
static void gap_in_handshake(struct tls_record_stream *s, uint32_t len)
{
    uint32_t left = 0;
    if (s->skips_message) {
        left = s->message_len;
    } else if (s->message_len >= MESSAGE_HEADER_BYTES) {
        left = MESSAGE_HEADER_BYTES + load_be24(s->buffer + 1) - s->message_len;
    }
    drop_message(s);
    if (left >= len) {
        s->message_len = left - len;
        s->skips_message = s->message_len > 0;
    } else {
        s->state = IN_SKIPPED;
    }
}

void tls_record_gap(struct tls_record_stream *s, uint32_t len, const struct tls_record_sink *sink)
{
    if (s->dead || is_lost(s) || len == 0) {
        return;
    }
    bool in_body = s->state != AT_START && s->state != AT_HEADER && s->state != IN_SSLV2;
    if (!in_body || len > s->body_left) {
        drop_message(s);
        s->header_len = 0;
        s->state = LOST;
        return;
    }
    if (s->state == IN_HANDSHAKE) {
        gap_in_handshake(s, len);
    } else if (s->state == IN_KEPT) {
        s->buffer_len = kept_message_len(s);
        s->state = IN_SKIPPED;
    }
    s->body_left = (uint16_t)(s->body_left - len);
    if (s->body_left == 0) {
        end_record(s, (struct bytes){ NULL, 0 }, sink);
    }
}

static void report_unfinished(const struct tls_record_stream *s, const struct tls_record_sink *sink)
{
    struct bytes kept = bytes_of(s->buffer, s->buffer_len);
    if (s->state == AT_START) {
        if (kept.len > 0) {
            sink->record(sink->arg, kept.p[0], 0, 0, kept, false);
        }
    } else if (s->state != AT_HEADER) {
        uint8_t type = s->state == IN_SSLV2 ? TLS_HANDSHAKE : s->record_type;
        struct bytes body = s->state == IN_KEPT ? bytes_skip(kept, kept_message_len(s)) : kept;
        sink->record(sink->arg, type, s->record_version, s->record_len, body, false);
    } else if (s->header_len > 0) {
        sink->record(sink->arg, s->header[0], s->record_version, 0, kept, false);
    } else if (s->message_len > 0) {
        sink->record(sink->arg, TLS_HANDSHAKE, s->record_version, s->record_len, kept, false);
    }
}

void tls_record_finish(struct tls_record_stream *s, const struct tls_record_sink *sink)
{
    if (!s->dead && !is_lost(s)) {
        report_unfinished(s, sink);
    }
    drop_message(s);
    s->dead = true;
}

void tls_record_deinit(struct tls_record_stream *s)
{
    release(s);
    *s = (struct tls_record_stream){ 0 };
}
