#include "agent/tracefile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/secret_file.h"

enum {
    SEGMENT_BYTES_MAX = 1400,
    TCP_HEADER = 20,
    IP4_HEADER = 20,
    IP6_HEADER = 40,
    PACKET_BYTES_MAX = IP6_HEADER + TCP_HEADER + SEGMENT_BYTES_MAX,
    PROTOCOL_TCP = 6,
    TTL = 64,
    WINDOW = 65535,
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BLOCK_SECRETS = 10,
    SECRETS_TLS_KEYLOG = 0x544c534b,
    LINKTYPE_RAW = 101,
    FLAG_FIN = 1,
    FLAG_SYN = 2,
    FLAG_RST = 4,
    FLAG_PSH = 8,
    FLAG_ACK = 16,
    FIRST_PORT = 49152,
    TLS_PORT = 443,
};

struct tracefile {
    FILE *file;
    bool failed;
    uint32_t n_connections;
};

/* One made-up TCP connection. */
struct wire {
    struct tracefile *file;
    struct endpoint ends[2]; /* by enum side */
    uint32_t next[2];        /* sequence numbers */
};

static void put_bytes(struct tracefile *t, const void *p, size_t len)
{
    t->failed = t->failed || fwrite(p, 1, len, t->file) != len;
}

static void put_u32(struct tracefile *t, uint32_t v)
{
    uint8_t le[4] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };
    put_bytes(t, le, sizeof le);
}

static void put_u16(struct tracefile *t, uint16_t v)
{
    uint8_t le[2] = { (uint8_t)v, (uint8_t)(v >> 8) };
    put_bytes(t, le, sizeof le);
}

static uint32_t padding_of(size_t len)
{
    return (uint32_t)(-len & 3);
}

static void put_padding(struct tracefile *t, size_t len)
{
    static const uint8_t zeros[4];
    put_bytes(t, zeros, padding_of(len));
}

static void put_file_head(struct tracefile *t)
{
    put_u32(t, BLOCK_SECTION);
    put_u32(t, 28);
    put_u32(t, 0x1a2b3c4d);
    put_u16(t, 1);
    put_u16(t, 0);
    put_u32(t, 0xffffffff); /* the section's length: not said */
    put_u32(t, 0xffffffff);
    put_u32(t, 28);

    put_u32(t, BLOCK_INTERFACE);
    put_u32(t, 32);
    put_u16(t, LINKTYPE_RAW);
    put_u16(t, 0);
    put_u32(t, 0); /* no snap length */
    put_u16(t, 9); /* if_tsresol: nanoseconds */
    put_u16(t, 1);
    put_u32(t, 9);
    put_u32(t, 0); /* opt_endofopt */
    put_u32(t, 32);
}

enum status tracefile_open(const char *path, struct tracefile **out, struct err *err)
{
    struct tracefile *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    t->file = secret_file_open(path, false); /* the keys are inside */
    if (t->file == NULL) {
        enum status st = err_sys(err, "%s", path);
        free(t);
        return st;
    }
    put_file_head(t);
    *out = t;
    return ST_OK;
}

bool tracefile_close(struct tracefile *t)
{
    if (t == NULL) {
        return true;
    }
    bool is_whole = fclose(t->file) == 0 && !t->failed;
    free(t);
    return is_whole;
}

/* --- packets --- */

static void store_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    }
}

/* RFC 1071. */
static uint32_t sum_of(struct bytes b, uint32_t sum)
{
    for (size_t i = 0; i + 1 < b.len; i += 2) {
        sum += load_be16(b.p + i);
    }
    return b.len % 2 == 1 ? sum + ((uint32_t)b.p[b.len - 1] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* The header of IP; returns its length, and the sum of the pseudo header for TCP's checksum. */
static size_t put_ip(uint8_t *p, const struct wire *w, enum side from, size_t tcp_len,
                     uint32_t *pseudo)
{
    const struct endpoint *a = &w->ends[from];
    const struct endpoint *b = &w->ends[side_other(from)];
    size_t ip_len = a->family == 6 ? 16 : 4;
    *pseudo = sum_of(bytes_of(a->ip, ip_len), 0);
    *pseudo = sum_of(bytes_of(b->ip, ip_len), *pseudo) + PROTOCOL_TCP + (uint32_t)tcp_len;
    if (a->family == 6) {
        p[0] = 0x60;
        store_be(p + 4, tcp_len, 2);
        p[6] = PROTOCOL_TCP;
        p[7] = TTL;
        bytes_copy(p + 8, 16, bytes_of(a->ip, 16));
        bytes_copy(p + 24, 16, bytes_of(b->ip, 16));
        return IP6_HEADER;
    }
    p[0] = 0x45;
    store_be(p + 2, IP4_HEADER + tcp_len, 2);
    p[6] = 0x40; /* don't fragment */
    p[8] = TTL;
    p[9] = PROTOCOL_TCP;
    bytes_copy(p + 12, 4, bytes_of(a->ip, 4));
    bytes_copy(p + 16, 4, bytes_of(b->ip, 4));
    store_be(p + 10, fold(sum_of(bytes_of(p, IP4_HEADER), 0)), 2);
    return IP4_HEADER;
}

static void put_packet(struct wire *w, enum side from, uint8_t flags, struct bytes data,
                       int64_t at_ns)
{
    uint8_t packet[PACKET_BYTES_MAX] = { 0 };
    uint32_t pseudo = 0;
    enum side to = side_other(from);
    size_t tcp_len = TCP_HEADER + data.len;
    size_t ip_len = put_ip(packet, w, from, tcp_len, &pseudo);
    uint8_t *tcp = packet + ip_len;
    store_be(tcp, w->ends[from].port, 2);
    store_be(tcp + 2, w->ends[to].port, 2);
    store_be(tcp + 4, w->next[from], 4);
    store_be(tcp + 8, (flags & FLAG_ACK) != 0 ? w->next[to] : 0, 4);
    tcp[12] = (TCP_HEADER / 4) << 4;
    tcp[13] = flags;
    store_be(tcp + 14, WINDOW, 2);
    bytes_copy(tcp + TCP_HEADER, SEGMENT_BYTES_MAX, data);
    store_be(tcp + 16, fold(sum_of(bytes_of(tcp, tcp_len), pseudo)), 2);
    w->next[from] += (uint32_t)data.len + ((flags & (FLAG_SYN | FLAG_FIN)) != 0 ? 1 : 0);

    struct tracefile *t = w->file;
    uint32_t len = (uint32_t)(ip_len + tcp_len);
    uint32_t block = 32 + len + padding_of(len);
    put_u32(t, BLOCK_PACKET);
    put_u32(t, block);
    put_u32(t, 0);
    put_u32(t, (uint32_t)((uint64_t)at_ns >> 32));
    put_u32(t, (uint32_t)at_ns);
    put_u32(t, len);
    put_u32(t, len);
    put_bytes(t, packet, len);
    put_padding(t, len);
    put_u32(t, block);
}

static void put_data(struct wire *w, enum side from, struct bytes data, int64_t at_ns)
{
    while (data.len > 0) {
        struct bytes head = bytes_head(data, SEGMENT_BYTES_MAX);
        put_packet(w, from, FLAG_PSH | FLAG_ACK, head, at_ns);
        data = bytes_skip(data, head.len);
    }
}

/* --- connections --- */

static void put_secrets(struct tracefile *t, struct bytes entries)
{
    struct text lines = { 0 };
    struct story_entry e;
    while (story_next(&entries, &e)) {
        if (e.head.kind == NOTE_KEY) {
            text_put(&lines, (const char *)e.body.p, e.body.len);
            text_putc(&lines, '\n');
        }
    }
    if (lines.len > 0 && !lines.failed) {
        uint32_t block = 20 + (uint32_t)lines.len + padding_of(lines.len);
        put_u32(t, BLOCK_SECRETS);
        put_u32(t, block);
        put_u32(t, SECRETS_TLS_KEYLOG);
        put_u32(t, (uint32_t)lines.len);
        put_bytes(t, lines.p, lines.len);
        put_padding(t, lines.len);
        put_u32(t, block);
    }
    text_deinit(&lines);
}

/* 192.0.2.1 speaks to 192.0.2.2 where the program's socket is not known. */
static void name_ends(struct wire *w, const struct story *s)
{
    static const uint8_t documentation[2][4] = { { 192, 0, 2, 1 }, { 192, 0, 2, 2 } };
    bool is_known = s->ends[0].family != 0 && s->ends[0].family == s->ends[1].family;
    for (int side = 0; side < 2; side++) {
        if (is_known) {
            w->ends[side] = s->ends[side];
            continue;
        }
        w->ends[side] = (struct endpoint){ .family = 4 };
        bytes_copy(w->ends[side].ip, 4, bytes_of(documentation[side], 4));
        w->ends[side].port = side == SIDE_SERVER
                                 ? TLS_PORT
                                 : (uint16_t)(FIRST_PORT + w->file->n_connections % 16384);
    }
}

static void put_open(struct wire *w, int64_t at_ns)
{
    struct bytes nothing = { NULL, 0 };
    put_packet(w, SIDE_CLIENT, FLAG_SYN, nothing, at_ns);
    put_packet(w, SIDE_SERVER, FLAG_SYN | FLAG_ACK, nothing, at_ns);
    put_packet(w, SIDE_CLIENT, FLAG_ACK, nothing, at_ns);
}

static void put_end(struct wire *w, const struct story *s, const struct story_entry *e)
{
    struct bytes nothing = { NULL, 0 };
    enum side own = s->local.side;
    bool is_reset = s->local.system_error == ECONNRESET;
    bool by_peer = e->head.type == NOTE_END_EOF || is_reset;
    enum side who = by_peer ? side_other(own) : own;
    if (e->head.type != NOTE_END_DATA && e->head.type != NOTE_END_CONNECT &&
        e->head.type != NOTE_END_ANSWER) {
        put_packet(w, who, is_reset ? FLAG_RST | FLAG_ACK : FLAG_FIN | FLAG_ACK, nothing,
                   e->head.at_ns);
    }
}

void tracefile_put(struct tracefile *t, const struct story *s)
{
    struct wire w = { .file = t, .next = { 1000, 5000 } };
    struct bytes rest = s->entries;
    struct story_entry e;
    bool is_open = false;
    name_ends(&w, s);
    t->n_connections++;
    put_secrets(t, s->entries);
    while (story_next(&rest, &e)) {
        if (e.head.kind == NOTE_WIRE) {
            enum side own = s->local.side;
            if (!is_open) {
                put_open(&w, s->first_ns);
            }
            is_open = true;
            put_data(&w, e.head.from_peer != 0 ? side_other(own) : own, e.body, e.head.at_ns);
        } else if (e.head.kind == NOTE_END && is_open) {
            put_end(&w, s, &e);
        }
    }
    t->failed = fflush(t->file) != 0 || t->failed;
}
