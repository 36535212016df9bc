#include "probe/replay_framing.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/status.h"
#include "capture/capture.h"
#include "capture/packet.h"
#include "tls/names.h"
#include "tls/record.h"

enum {
    STREAM_LIMIT_BYTES = 1 << 18, /* of a client, up to the end of its hello */
    SEGMENTS_MAX = 256,
    RECORD_HEADER_BYTES = 5,
    MESSAGE_HEADER_BYTES = 4,
    /* A first segment as long as an MSS may be (RFC 9293 section 3.7.1) was cut by the stack, which
     * cuts it again; a shorter one by the client, or by what stands before it. */
    SEGMENT_CUT_BYTES = 1200,
    GAP_MIN_MS = 40, /* so that no stack joins the two */
    GAP_MAX_MS = 1500,
};

/* --- records --- */

/* Takes the records at the start of `stream` off the message until it is whole. */
static size_t match_records(struct bytes stream, struct bytes message, uint16_t fragments[],
                            size_t *out_n)
{
    struct bytes left = stream;
    *out_n = 0;
    while (message.len > 0) {
        size_t len = left.len < RECORD_HEADER_BYTES ? 0 : load_be16(left.p + 3);
        bool is_record = len > 0 && left.p[0] == TLS_HANDSHAKE && left.p[1] == 3 &&
                         len <= left.len - RECORD_HEADER_BYTES && len <= message.len;
        if (!is_record || *out_n == HELLO_FRAGMENTS_MAX ||
            !bytes_equal(bytes_head(bytes_skip(left, RECORD_HEADER_BYTES), len),
                         bytes_head(message, len))) {
            return 0;
        }
        fragments[(*out_n)++] = (uint16_t)len;
        left = bytes_skip(left, RECORD_HEADER_BYTES + len);
        message = bytes_skip(message, len);
    }
    return stream.len - left.len;
}

static bool put_fragments(struct hello_carriage *out, const uint16_t *fragments, size_t n,
                          struct arena *arena)
{
    uint16_t *copy = arena_alloc_array(arena, n, sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        copy[i] = fragments[i];
    }
    out->fragments = copy;
    out->n_fragments = n - 1; /* the last takes what is left */
    return true;
}

bool replay_framing_of(struct bytes stream, struct bytes hello, struct arena *arena,
                       struct hello_carriage *out, size_t *out_at, size_t *out_len)
{
    uint16_t fragments[HELLO_FRAGMENTS_MAX];
    struct bytes message = hello_message(hello, arena);
    for (size_t at = 0; message.p != NULL && at < stream.len; at++) {
        struct bytes here = bytes_skip(stream, at);
        size_t n = 0;
        size_t len = here.p[0] == TLS_HANDSHAKE ? match_records(here, message, fragments, &n) : 0;
        if (len > 0 && put_fragments(out, fragments, n, arena)) {
            out->record_version = load_be16(here.p + 1);
            *out_at = at;
            *out_len = len;
            return true;
        }
    }
    return false;
}

/* --- the capture again --- */

struct segment {
    size_t end; /* in the stream */
    int64_t at_ns;
};

struct rereading {
    const struct transcript *t;
    uint64_t last_frame; /* the hello ends in it */
    struct text stream;
    size_t n_segments;
    struct segment segments[SEGMENTS_MAX];
};

static void on_data(void *arg, struct tcp_conn *c, enum side side, struct bytes data,
                    struct when when)
{
    struct rereading *r = arg;
    struct endpoint storage;
    bool is_it = tcp_conn_stream(c) == r->t->stream && when.frame >= r->t->first.frame &&
                 endpoint_equal(tcp_conn_end(c, side, &storage), &r->t->client);
    if (!is_it || r->n_segments == SEGMENTS_MAX || data.len > STREAM_LIMIT_BYTES - r->stream.len) {
        return;
    }
    text_put(&r->stream, (const char *)data.p, data.len);
    r->segments[r->n_segments++] = (struct segment){ r->stream.len, when.at_ns };
}

static void on_syn(void *arg, struct tcp_conn *c, enum side side, struct tcp_syn syn,
                   struct when when)
{
    (void)arg, (void)c, (void)side, (void)syn, (void)when;
}

static void on_gap(void *arg, struct tcp_conn *c, enum side side, uint32_t len, struct when when)
{
    (void)arg, (void)c, (void)side, (void)len, (void)when;
}

static void on_fin(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    (void)arg, (void)c, (void)side, (void)when;
}

static void on_rst(void *arg, struct tcp_conn *c, enum side side, struct when when,
                   uint8_t hop_limit)
{
    (void)arg, (void)c, (void)side, (void)when, (void)hop_limit;
}

static void on_icmp(void *arg, struct tcp_conn *c, enum side side, bool is_too_big,
                    struct when when)
{
    (void)arg, (void)c, (void)side, (void)is_too_big, (void)when;
}

static void on_end(void *arg, struct tcp_conn *c, enum tcp_end_reason reason)
{
    (void)arg, (void)c, (void)reason;
}

struct tools {
    struct capture *capture;
    struct packet_decoder *decoder;
    struct tcp_table *tcp;
};

static enum status reread(struct tools *tools, struct rereading *r, struct err *err)
{
    struct capture_options options = { .idle_ms = 200 };
    struct tcp_sink sink = { .arg = r,
                             .syn = on_syn,
                             .data = on_data,
                             .gap = on_gap,
                             .fin = on_fin,
                             .rst = on_rst,
                             .retransmission = on_fin,
                             .icmp_error = on_icmp,
                             .end = on_end };
    struct tcp_limits limits = { 0 };
    struct frame frame;
    TRY(capture_open(r->t->capture, &options, &tools->capture, err));
    TRY(packet_decoder_new(&tools->decoder, err));
    TRY(tcp_table_new(&sink, &limits, &tools->tcp, err));
    while (capture_next(tools->capture, &frame, err) == CAPTURE_FRAME &&
           frame.number <= r->last_frame) {
        struct packet packet;
        if (packet_decode(tools->decoder, &frame, &packet) == PACKET_TCP) {
            TRY(tcp_push(tools->tcp, &packet, (struct when){ frame.number, frame.at_ns }, err));
        }
    }
    return ST_OK;
}

static bool is_file(const struct transcript *t)
{
    return t->source == SOURCE_CAPTURE && t->capture != NULL && strcmp(t->capture, "-") != 0 &&
           access(t->capture, R_OK) == 0;
}

/* Was the hello cut within its records, and how long did the rest wait? */
static void put_segment(const struct rereading *r, size_t at, size_t len,
                        struct hello_carriage *out)
{
    for (size_t i = 0; i + 1 < r->n_segments; i++) {
        size_t end = r->segments[i].end;
        if (end <= at) {
            continue;
        }
        if (end - at < len && end - at < SEGMENT_CUT_BYTES) {
            int64_t gap_ms = (r->segments[i + 1].at_ns - r->segments[i].at_ns) / NS_PER_MS;
            gap_ms = gap_ms < GAP_MIN_MS ? GAP_MIN_MS : gap_ms;
            out->segment_at = end - at;
            out->gap_ms = (unsigned)(gap_ms > GAP_MAX_MS ? GAP_MAX_MS : gap_ms);
        }
        return;
    }
}

bool replay_framing_find(const struct transcript *t, const struct event *hello, struct arena *arena,
                         struct hello_carriage *out)
{
    struct tools tools = { 0 };
    struct err err = { 0 };
    struct rereading *r = arena_alloc(arena, sizeof *r);
    size_t at = 0;
    size_t len = 0;
    if (r == NULL || !is_file(t)) {
        return false;
    }
    r->t = t;
    r->last_frame = hello->when.frame;
    bool is_found =
        reread(&tools, r, &err) == ST_OK &&
        replay_framing_of(bytes_of(r->stream.p, r->stream.len), hello->body, arena, out, &at, &len);
    if (is_found) {
        put_segment(r, at, len, out);
    }
    text_deinit(&r->stream);
    tcp_table_free(tools.tcp);
    packet_decoder_free(tools.decoder);
    capture_free(tools.capture);
    return is_found;
}
