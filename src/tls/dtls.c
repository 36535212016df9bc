#include "tls/dtls.h"

#include "base/reader.h"
#include "base/status.h"
#include "tls/dtls_fragment.h"
#include "tls/names.h"

enum {
    HEADER_BYTES = 13,
    CID_GUESS_MAX = 32,
    SEALED_BYTES_MIN = 16,
    UNIFIED_MASK = 0xe0, /* RFC 9147 section 4: 001CSLEE */
    UNIFIED_BITS = 0x20,
    UNIFIED_CID = 0x10,
    UNIFIED_LONG_SEQUENCE = 0x08,
    UNIFIED_LENGTH = 0x04,
    UNIFIED_EPOCH = 0x03,
    SEEN_BYTES = 256,
};

static bool is_version(uint16_t version)
{
    return version == 0xfeff || version == 0xfefd || version == 0xfefc || version == 0x0100;
}

static bool is_unified(uint8_t first)
{
    return (first & UNIFIED_MASK) == UNIFIED_BITS;
}

/* How long is the connection id, `fixed` bytes into the record? Without the hello that said so: as
 * long as it takes for the length after it to end with the datagram. */
static size_t connection_id_len(const struct dtls_stream *s, struct bytes record, size_t fixed,
                                size_t until_length)
{
    if (s->connection_id_known) {
        return s->connection_id_len;
    }
    for (size_t len = 1; len <= CID_GUESS_MAX; len++) {
        struct bytes rest = bytes_skip(record, fixed + len + until_length);
        if (rest.len >= 2 && load_be16(rest.p) == rest.len - 2) {
            return len;
        }
    }
    return 0;
}

/* RFC 6347 section 4.1, RFC 9146 section 4. */
static void read_header(const struct dtls_stream *s, struct bytes record, struct reader *r,
                        struct dtls_record *out)
{
    out->type = rd_u8(r, "type");
    out->version = rd_u16(r, "version");
    out->epoch = rd_u16(r, "epoch");
    out->sequence = (uint64_t)rd_u16(r, "sequence_number") << 32;
    out->sequence |= rd_u32(r, "sequence_number");
    if (out->type == TLS_TLS12_CID) {
        out->connection_id = rd_bytes(r, connection_id_len(s, record, 11, 0), "cid");
    }
    out->len = rd_u16(r, "length");
}

/* RFC 9147 section 4. Without a length the record is the rest of the datagram. */
static void read_unified(const struct dtls_stream *s, struct bytes record, struct reader *r,
                         struct dtls_record *out)
{
    uint8_t bits = rd_u8(r, "unified_hdr");
    size_t sequence_len = (bits & UNIFIED_LONG_SEQUENCE) != 0 ? 2 : 1;
    bool has_length = (bits & UNIFIED_LENGTH) != 0;
    out->is_unified = true;
    out->type = TLS_APPLICATION_DATA;
    out->epoch = bits & UNIFIED_EPOCH;
    if ((bits & UNIFIED_CID) != 0 && (has_length || s->connection_id_known)) {
        size_t len = connection_id_len(s, record, 1, sequence_len);
        out->connection_id = rd_bytes(r, len, "connection_id");
    }
    rd_bytes(r, sequence_len, "sequence_number");
    out->len = has_length ? rd_u16(r, "length") : (uint32_t)rd_left(r);
}

static bool is_plausible(const struct dtls_stream *s, const struct dtls_record *record)
{
    if (record->is_unified) {
        return s->started; /* RFC 9147: never the first record of a direction */
    }
    return record->type >= TLS_CHANGE_CIPHER_SPEC && record->type <= TLS_RETURN_ROUTABILITY_CHECK &&
           is_version(record->version);
}

static bool eat_handshake(struct dtls_stream *s, struct bytes body, const struct dtls_sink *sink)
{
    bool has_memory = true;
    while (body.len > 0) {
        struct bytes here = body;
        struct dtls_fragment fragment;
        if (!dtls_fragment_next(&body, &fragment)) {
            sink->fault(sink->arg, DTLS_BAD_FRAGMENT, bytes_head(here, SEEN_BYTES));
            break;
        }
        has_memory = dtls_fragment_push(s, &fragment, sink) && has_memory;
    }
    return has_memory;
}

static bool eat_record(struct dtls_stream *s, const struct dtls_record *record, struct bytes body,
                       const struct dtls_sink *sink)
{
    bool is_clear = record->epoch == 0 && !record->is_unified;
    bool is_whole = body.len == record->len;
    bool has_memory = true;
    s->started = true;
    if (record->len == 0 && record->type <= TLS_HANDSHAKE) {
        sink->fault(sink->arg, DTLS_EMPTY, body);
    }
    if (is_clear && record->type == TLS_HANDSHAKE) {
        has_memory = eat_handshake(s, body, sink);
    } else if (is_clear && record->type == TLS_ALERT && body.len == 2 && is_whole) {
        sink->alert(sink->arg, body.p[0], body.p[1]);
    }
    sink->record(sink->arg, record, body, is_whole);
    return has_memory;
}

static void report_stranger(struct dtls_stream *s, struct bytes seen, const struct dtls_sink *sink)
{
    if (!s->fault_reported) {
        s->fault_reported = true;
        sink->fault(sink->arg, DTLS_NOT_DTLS, bytes_head(seen, SEEN_BYTES));
    }
}

bool dtls_push(struct dtls_stream *s, struct bytes datagram, const struct dtls_sink *sink)
{
    bool has_memory = true;
    while (datagram.len > 0) {
        struct fault fault = { 0 };
        struct reader r = rd_whole(datagram, &fault);
        struct dtls_record record = { 0 };
        if (is_unified(datagram.p[0])) {
            read_unified(s, datagram, &r, &record);
        } else {
            read_header(s, datagram, &r, &record);
        }
        if (fault.kind != FAULT_NONE || !is_plausible(s, &record)) {
            report_stranger(s, datagram, sink);
            break;
        }
        if (record.len > TLS_RECORD_LIMIT_BYTES) {
            sink->fault(sink->arg, DTLS_TOO_LONG, bytes_head(datagram, HEADER_BYTES));
            break;
        }
        datagram = bytes_of(r.p, r.left);
        struct bytes body = bytes_head(datagram, record.len);
        has_memory = eat_record(s, &record, body, sink) && has_memory;
        datagram = bytes_skip(datagram, body.len);
    }
    return has_memory;
}

void dtls_finish(struct dtls_stream *s, const struct dtls_sink *sink)
{
    dtls_partials_report(s, sink);
    dtls_partials_free(s);
}

void dtls_deinit(struct dtls_stream *s)
{
    dtls_partials_free(s);
    *s = (struct dtls_stream){ 0 };
}

static bool starts_message(struct bytes body)
{
    struct dtls_fragment fragment;
    return dtls_fragment_next(&body, &fragment) && tls_handshake_type_name(fragment.type) != NULL &&
           fragment.len <= TLS_MESSAGE_LIMIT_BYTES;
}

bool dtls_looks_like(struct bytes datagram)
{
    struct dtls_stream fresh = { 0 };
    struct dtls_record record = { 0 };
    struct fault fault = { 0 };
    struct reader r = rd_whole(datagram, &fault);
    read_header(&fresh, datagram, &r, &record);
    struct bytes body = rd_bytes(&r, record.len, "fragment");
    if (fault.kind != FAULT_NONE || !is_plausible(&fresh, &record) ||
        record.len > TLS_RECORD_LIMIT_BYTES) {
        return false;
    }
    if (record.epoch > 0) {
        return record.len >= SEALED_BYTES_MIN;
    }
    switch (record.type) {
    case TLS_HANDSHAKE:
        return starts_message(body);
    case TLS_ALERT:
        return body.len == 2 && (body.p[0] == 1 || body.p[0] == 2);
    case TLS_CHANGE_CIPHER_SPEC:
        return body.len == 1 && body.p[0] == 1;
    default:
        return false;
    }
}
