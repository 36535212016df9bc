/*
 * Two promises of the table of connections.
 *
 * Even first byte: however a stream is cut, repeated and shuffled, its bytes come out in order,
 * once, at their place; what did not is a gap of the right length; and where everything was sent
 * and nothing acknowledged too early, there is no gap.
 *
 * Odd first byte: whatever the packets, what a connection delivered and skipped is what its
 * counters say, it ends once, in stream order at the end of the capture, and nothing stays open.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/reader.h"
#include "tcp/tcp.h"

#define NOTHING ((struct bytes){ NULL, 0 })

enum { STREAM_BYTES = 4096, ISN_SERVER = 77 };

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What was seen of one connection. */
struct tally {
    uint64_t delivered[2], skipped[2]; /* by side */
};

struct run {
    bool is_stream; /* the first promise: the client's bytes are stream_byte() */
    bool is_finishing;
    uint64_t n_begun, n_ended, last_ended;
    struct tally last_tally;
    uint8_t interest; /* the layer above loses it after so many bytes; 0: never */
};

/* Differs from its neighbours, and has no short period. */
static uint8_t stream_byte(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7);
}

static struct tally *tally_of(struct run *r, struct tcp_conn *c)
{
    void **user = tcp_conn_user(c);
    if (*user == NULL) {
        *user = calloc(1, sizeof(struct tally));
        require(*user != NULL);
        r->n_begun++;
    }
    return *user;
}

static void on_syn(void *arg, struct tcp_conn *c, enum side side, struct tcp_syn syn,
                   struct when when)
{
    (void)side, (void)syn, (void)when;
    tally_of(arg, c);
}

static void on_data(void *arg, struct tcp_conn *c, enum side side, struct bytes data,
                    struct when when)
{
    struct run *r = arg;
    struct tally *tally = tally_of(r, c);
    (void)when;
    require(data.len > 0);
    uint64_t at = tally->delivered[side] + tally->skipped[side];
    for (size_t i = 0; r->is_stream && i < data.len; i++) {
        require(data.p[i] == stream_byte(at + i));
    }
    tally->delivered[side] += data.len;
    if (r->interest != 0 && tally->delivered[side] >= r->interest) {
        tcp_conn_ignore_data(c);
    }
}

static void on_gap(void *arg, struct tcp_conn *c, enum side side, uint32_t len, struct when when)
{
    (void)when;
    require(len > 0);
    tally_of(arg, c)->skipped[side] += len;
}

static void on_event(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    (void)side, (void)when;
    tally_of(arg, c);
}

static void on_rst(void *arg, struct tcp_conn *c, enum side side, struct when when,
                   uint8_t hop_limit)
{
    (void)hop_limit;
    on_event(arg, c, side, when);
}

static void on_icmp_error(void *arg, struct tcp_conn *c, enum side side, bool is_too_big,
                          struct when when)
{
    (void)is_too_big;
    on_event(arg, c, side, when);
}

static void on_end(void *arg, struct tcp_conn *c, enum tcp_end_reason reason)
{
    struct run *r = arg;
    struct tally *tally = tally_of(r, c);
    for (int i = 0; i < 2; i++) {
        enum side side = (enum side)i;
        uint64_t seen = tally->delivered[side] + tally->skipped[side];
        uint64_t counted = tcp_conn_stats(c, side).bytes & 0xffffffffffff;
        require(r->interest == 0 ? seen == counted : seen <= counted);
    }
    if (r->is_finishing) {
        require(reason == TCP_END_CAPTURE || reason == TCP_END_CLOSED);
        require(r->last_ended <= tcp_conn_stream(c));
    }
    r->last_ended = tcp_conn_stream(c);
    r->last_tally = *tally;
    r->n_ended++;
    free(tally);
}

static struct tcp_table *start(struct run *r, const struct tcp_limits *limits)
{
    struct tcp_sink sink = {
        .arg = r,
        .syn = on_syn,
        .data = on_data,
        .gap = on_gap,
        .fin = on_event,
        .rst = on_rst,
        .retransmission = on_event,
        .icmp_error = on_icmp_error,
        .end = on_end,
    };
    struct tcp_table *t;
    require(tcp_table_new(&sink, limits, &t, NULL) == ST_OK);
    return t;
}

static void finish(struct run *r, struct tcp_table *t)
{
    r->is_finishing = true;
    r->last_ended = 0;
    tcp_finish(t);
    require(tcp_n_open(t) == 0);
    require(r->n_begun == r->n_ended);
    tcp_table_free(t);
}

static void push(struct tcp_table *t, const struct packet *p, struct when *when)
{
    when->frame++;
    require(tcp_push(t, p, *when, NULL) == ST_OK);
}

static struct packet packet_of(enum side side, uint8_t flags, uint32_t seq, uint32_t ack,
                               struct bytes payload)
{
    struct endpoint client = { { 10, 0, 0, 1 }, 40000, 4 };
    struct endpoint server = { { 10, 0, 0, 2 }, 443, 4 };
    return (struct packet){
        .kind = PACKET_TCP,
        .src = side == SIDE_CLIENT ? client : server,
        .dst = side == SIDE_CLIENT ? server : client,
        .flags = flags,
        .seq = seq,
        .ack = ack,
        .payload = payload,
        .payload_len = (uint32_t)payload.len,
    };
}

/* Input: the initial number, then for each segment its place, its length and what else is done. */
static void check_stream(struct reader *in)
{
    enum { ACKS = 1, WAITS = 2 };
    uint8_t stream[STREAM_BYTES];
    for (size_t i = 0; i < sizeof stream; i++) {
        stream[i] = stream_byte(i);
    }
    struct run run = { .is_stream = true };
    struct tcp_table *t = start(&run, NULL);
    struct when when = { 0, NS_PER_S };
    uint32_t isn = rd_u32(in, "isn");
    bool may_gap = false;
    struct packet p = packet_of(SIDE_CLIENT, TCP_SYN, isn, 0, NOTHING);
    push(t, &p, &when);
    p = packet_of(SIDE_SERVER, TCP_SYN | TCP_ACK, ISN_SERVER, isn + 1, NOTHING);
    push(t, &p, &when);
    while (rd_left(in) > 0) {
        size_t at = rd_u16(in, "at") % STREAM_BYTES;
        size_t len = rd_u8(in, "len");
        uint8_t what = rd_u8(in, "what");
        struct bytes segment = bytes_head(bytes_skip(bytes_of(stream, sizeof stream), at), len);
        p = packet_of(SIDE_CLIENT, TCP_ACK, isn + 1 + (uint32_t)at, ISN_SERVER + 1, segment);
        push(t, &p, &when);
        if ((what & ACKS) != 0) {
            may_gap = true;
            p = packet_of(SIDE_SERVER, TCP_ACK, ISN_SERVER + 1, isn + 1 + what * 16U, NOTHING);
            push(t, &p, &when);
        }
        when.at_ns += (what & WAITS) != 0 ? 100 * NS_PER_MS : 0;
    }
    p = packet_of(SIDE_CLIENT, TCP_ACK | TCP_FIN, isn + 1, ISN_SERVER + 1,
                  bytes_of(stream, sizeof stream));
    push(t, &p, &when);
    finish(&run, t);
    uint64_t delivered = run.last_tally.delivered[SIDE_CLIENT];
    require(run.n_ended == 1);
    require(delivered + run.last_tally.skipped[SIDE_CLIENT] == STREAM_BYTES);
    require(may_gap || delivered == STREAM_BYTES);
}

static struct packet any_packet(struct reader *in)
{
    uint8_t who = rd_u8(in, "who");
    struct packet p = packet_of((who & 1) != 0 ? SIDE_SERVER : SIDE_CLIENT, 0, 0, 0, NOTHING);
    struct endpoint *client = (who & 1) != 0 ? &p.dst : &p.src;
    client->port = (uint16_t)(client->port + ((who >> 1) & 7));
    if ((who & 0x10) != 0) {
        p.src.family = 6;
        p.dst.family = 6;
    }
    if ((who & 0xe0) == 0xe0) {
        p.kind = PACKET_ICMP_ERROR;
        p.quotes_tcp = true;
    }
    p.flags = rd_u8(in, "flags");
    p.seq = rd_u8(in, "seq") * 3U - 100U;
    p.ack = rd_u8(in, "ack") * 3U - 100U;
    uint8_t size = rd_u8(in, "size");
    if ((size & 0x80) != 0) { /* far away */
        p.seq += (uint32_t)size << 24;
    }
    p.payload = rd_bytes(in, size & 7, "payload");
    p.payload_len = (uint32_t)p.payload.len + ((size >> 3) & 3);
    return p;
}

/* Input: limits, then packets. */
static void check_any(struct reader *in)
{
    uint8_t few = rd_u8(in, "limits");
    struct run run = { .interest = rd_u8(in, "interest") };
    struct tcp_limits limits = {
        .max_connections = few & 7,
        .waiting_bytes = (few & 8) != 0 ? 200 : 0,
        .waiting_bytes_total = (few & 16) != 0 ? 300 : 0,
        .idle_ns = (few & 32) != 0 ? 5 * NS_PER_S : 0,
    };
    struct tcp_table *t = start(&run, &limits);
    struct when when = { 0, NS_PER_S };
    while (rd_left(in) > 0) {
        uint8_t step = rd_u8(in, "time");
        when.at_ns += (int64_t)(int8_t)step * 50 * NS_PER_MS;
        struct packet p = any_packet(in);
        push(t, &p, &when);
        require(limits.max_connections == 0 || tcp_n_open(t) <= limits.max_connections);
    }
    finish(&run, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fault fault = { 0 };
    struct reader in = rd_whole(bytes_of(data, size), &fault);
    if ((rd_u8(&in, "promise") & 1) == 0) {
        check_stream(&in);
    } else {
        check_any(&in);
    }
    return 0;
}
