#include "wire_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flow_messages.h"
#include "tls/record.h"
#include "transcript/builder_internal.h"

enum {
    IP_HEADER = 20,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    LINK_RAW = 101,
    START_S = 1000,
    WORD_MAX = 1024,
};

static void refuse(const char *why, const char *at)
{
    fprintf(stderr, "wire_script: %s at \"%s\"\n", why, at);
    abort();
}

/* --- frames --- */

static void put_be(struct text *out, uint64_t v, unsigned n)
{
    while (n-- > 0) {
        text_putc(out, (char)(v >> (8 * n)));
    }
}

static void put_ip(struct text *out, enum side side, uint8_t protocol, size_t len)
{
    put_be(out, 0x4500, 2);
    put_be(out, IP_HEADER + len, 2);
    put_be(out, 0, 4);
    put_be(out, 64, 1);
    put_be(out, protocol, 1);
    put_be(out, 0, 2);
    put_be(out, side == SIDE_CLIENT ? 0x0a000001 : 0x0a000002, 4);
    put_be(out, side == SIDE_CLIENT ? 0x0a000002 : 0x0a000001, 4);
}

static void put_ports(const struct wire *w, struct text *out, enum side side)
{
    uint32_t client = 40000 + w->connection;
    put_be(out, side == SIDE_CLIENT ? client : w->server_port, 2);
    put_be(out, side == SIDE_CLIENT ? w->server_port : client, 2);
}

static void put_tcp(const struct wire *w, struct text *out, enum side side, uint8_t flags)
{
    put_ports(w, out, side);
    put_be(out, w->seq[w->connection][side], 4);
    put_be(out, w->seq[w->connection][side_other(side)], 4);
    put_be(out, TCP_HEADER / 4 << 4, 1);
    put_be(out, flags, 1);
    put_be(out, 65535, 2);
    put_be(out, 0, 4);
}

struct sending {
    enum side side;
    uint8_t flags;
    bool is_lost;
    size_t snap; /* bytes of payload captured */
};

static void give(struct wire *w, const struct text *frame, size_t captured)
{
    struct err err;
    w->when.frame++;
    w->when.at_ns += NS_PER_MS;
    struct frame f = { w->when.frame, w->when.at_ns, (uint32_t)frame->len, LINK_RAW,
                       bytes_of(frame->p, captured) };
    if (watcher_frame(w->watcher, &f, &err) != ST_OK) {
        refuse(err.text, "a frame");
    }
}

static void send_one(struct wire *w, const struct sending *how, struct bytes payload)
{
    struct text frame = { 0 };
    if (w->is_udp) {
        put_ip(&frame, how->side, 17, UDP_HEADER + payload.len);
        put_ports(w, &frame, how->side);
        put_be(&frame, UDP_HEADER + payload.len, 2);
        put_be(&frame, 0, 2);
    } else {
        put_ip(&frame, how->side, 6, TCP_HEADER + payload.len);
        put_tcp(w, &frame, how->side, how->flags);
    }
    size_t headers = frame.len;
    text_put(&frame, (const char *)payload.p, payload.len);
    if (!how->is_lost) {
        give(w, &frame, headers + (payload.len < how->snap ? payload.len : how->snap));
    }
    text_deinit(&frame);
}

static void advance(struct wire *w, const struct sending *how, size_t len)
{
    bool counts_one = (how->flags & (TCP_SYN | TCP_FIN)) != 0;
    w->seq[w->connection][how->side] += (uint32_t)len + (counts_one ? 1 : 0);
}

void wire_send(struct wire *w, enum side side, uint8_t flags, struct bytes payload)
{
    struct sending how = { side, flags, false, WIRE_PAYLOAD_MAX };
    send_one(w, &how, payload);
    advance(w, &how, payload.len);
}

/* --- records --- */

static void put_record_header(struct wire *w, struct text *out, enum side side, uint8_t type,
                              size_t len)
{
    put_be(out, type, 1);
    put_be(out, w->is_udp ? 0xfefd : 0x0303, 2);
    if (w->is_udp) {
        put_be(out, w->record_seq[side]++, 8);
    }
    put_be(out, len, 2);
}

static void put_record(struct wire *w, struct text *out, enum side side, uint8_t type,
                       struct bytes body)
{
    put_record_header(w, out, side, type, body.len);
    text_put(out, (const char *)body.p, body.len);
}

static void put_message(struct wire *w, struct text *out, enum side side, uint8_t type,
                        const struct text *body)
{
    struct text message = { 0 };
    put_be(&message, type, 1);
    put_be(&message, body->len, 3);
    if (w->is_udp) {
        put_be(&message, w->message_seq[side]++, 2);
        put_be(&message, 0, 3);
        put_be(&message, body->len, 3);
    }
    text_put(&message, body->p, body->len);
    put_record(w, out, side, TLS_HANDSHAKE, bytes_of(message.p, message.len));
    text_deinit(&message);
}

static void put_noise(struct wire *w, struct text *out, enum side side, uint8_t type, size_t len)
{
    put_record_header(w, out, side, type, len);
    for (size_t i = 0; i < len; i++) {
        text_putc(out, (char)(0xe0 + i % 16));
    }
}

/* --- words --- */

struct word {
    char name[32], options[WORD_MAX], text[WORD_MAX];
    size_t text_len, number, piece;
    struct sending how;
    bool waits, is_doubled;
};

static const char *copy_until(const char *p, char end, char *out, size_t *out_len)
{
    *out_len = 0;
    for (; *p != end; p++) {
        if (*p == '\0' || *out_len + 1 == WORD_MAX) {
            refuse("no end", p);
        }
        out[(*out_len)++] = *p;
    }
    out[*out_len] = '\0';
    return p + 1;
}

static const char *read_number(const char *p, size_t *out)
{
    char *end = NULL;
    *out = strtoul(p, &end, 10);
    return end;
}

static const char *read_mark(const char *p, struct word *w)
{
    size_t len = 0;
    switch (*p) {
    case '(':
        return copy_until(p + 1, ')', w->options, &len);
    case '\'':
        return copy_until(p + 1, '\'', w->text, &w->text_len);
    case '=':
        return read_number(p + 1, &w->number);
    case '/':
        return read_number(p + 1, &w->piece);
    case '%':
        return read_number(p + 1, &w->how.snap);
    case '?':
        w->how.is_lost = true;
        return p + 1;
    case '~':
        w->is_doubled = true;
        return p + 1;
    case '&':
        w->waits = true;
        return p + 1;
    default:
        refuse("no such mark", p);
        return p + 1;
    }
}

static const char *read_word(const char *p, struct word *w)
{
    size_t n = 0;
    *w = (struct word){ .piece = WIRE_PAYLOAD_MAX };
    w->how = (struct sending){ .side = *p == 's' ? SIDE_SERVER : SIDE_CLIENT,
                               .flags = TCP_ACK,
                               .snap = WIRE_PAYLOAD_MAX };
    for (p += 2; *p >= 'a' && *p <= 'z' && n + 1 < sizeof w->name; p++) {
        w->name[n++] = *p;
    }
    while (*p != '\0' && *p != ' ') {
        p = read_mark(p, w);
    }
    return p;
}

static const struct {
    const char *name;
    uint8_t flags;
} segments[] = {
    { "syn", TCP_SYN },
    { "synack", TCP_SYN | TCP_ACK },
    { "fin", TCP_FIN | TCP_ACK },
    { "rst", TCP_RST | TCP_ACK },
};

static bool set_flags(struct word *word)
{
    for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
        if (strcmp(segments[i].name, word->name) == 0) {
            word->how.flags = segments[i].flags;
            return true;
        }
    }
    return false;
}

static bool put_simple(struct wire *w, const struct word *word, struct text *out)
{
    enum side side = word->how.side;
    if (strcmp(word->name, "raw") == 0) {
        text_put(out, word->text, word->text_len);
    } else if (strcmp(word->name, "alert") == 0) {
        uint8_t alert[2] = { 2, (uint8_t)word->number };
        put_record(w, out, side, TLS_ALERT, bytes_of(alert, 2));
    } else if (strcmp(word->name, "ccs") == 0) {
        put_record(w, out, side, TLS_CHANGE_CIPHER_SPEC, BYTES("\x01"));
        w->record_seq[side] = UINT64_C(1) << 48; /* the next epoch */
    } else if (strcmp(word->name, "app") == 0) {
        put_noise(w, out, side, TLS_APPLICATION_DATA, word->number);
    } else if (strcmp(word->name, "sealed") == 0) {
        put_noise(w, out, side, TLS_HANDSHAKE, word->number);
    } else if (strcmp(word->name, "sealedalert") == 0) {
        put_noise(w, out, side, TLS_ALERT, word->number);
    } else {
        return false;
    }
    return true;
}

static void put_payload(struct wire *w, const struct word *word, struct text *out)
{
    struct text body = { 0 };
    uint8_t type = 0;
    if (put_simple(w, word, out)) {
        return;
    }
    if (!flow_message(word->name, word->options, &w->form, &type, &body)) {
        refuse("no such word", word->name);
    }
    if (type == HS_SERVER_HELLO && !w->is_udp) {
        char value[16] = "0304";
        flow_option(word->options, "v", value, sizeof value);
        w->form.version = (uint16_t)strtoul(value, NULL, 16);
    }
    put_message(w, out, word->how.side, type, &body);
    text_deinit(&body);
}

static void send_pieces(struct wire *w, const struct word *word, struct bytes payload)
{
    while (payload.len > 0) {
        struct bytes piece = bytes_head(payload, word->piece);
        send_one(w, &word->how, piece);
        if (word->is_doubled) {
            send_one(w, &word->how, piece);
        }
        advance(w, &word->how, piece.len);
        payload = bytes_skip(payload, piece.len);
    }
}

static const char *run_word(struct wire *w, const char *p)
{
    struct word word;
    p = read_word(p, &word);
    if (set_flags(&word)) {
        send_one(w, &word.how, (struct bytes){ NULL, 0 });
        advance(w, &word.how, 0);
        return p;
    }
    put_payload(w, &word, &w->waiting);
    if (!word.waits) {
        send_pieces(w, &word, bytes_of(w->waiting.p, w->waiting.len));
        text_clear(&w->waiting);
    }
    return p;
}

static const char *run_setting(struct wire *w, const char *p)
{
    size_t number = 0;
    if (*p == '+') {
        p = read_number(p + 1, &number);
        w->when.at_ns += (int64_t)number * NS_PER_MS;
    } else if (*p == '@') {
        p = read_number(p + 1, &number);
        w->connection = (unsigned)number % WIRE_CONNECTIONS_MAX;
    } else if (strncmp(p, "port=", 5) == 0) {
        p = read_number(p + 5, &number);
        w->server_port = (uint16_t)number;
    } else if (strncmp(p, "udp", 3) == 0) {
        w->is_udp = w->form.is_dtls = true;
        p += 3;
    } else {
        refuse("no such word", p);
    }
    return p;
}

void wire_run(struct wire *w, const char *script)
{
    for (const char *p = script + strspn(script, " "); *p != '\0'; p += strspn(p, " ")) {
        bool is_event = (*p == 'c' || *p == 's') && p[1] == '.';
        p = is_event ? run_word(w, p) : run_setting(w, p);
    }
}

/* --- what comes out --- */

static void put_transcript(struct wire *w, const struct transcript *t)
{
    text_puts(&w->answer, w->answer.len > 0 ? " | " : "");
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        text_printf(&w->answer, "%s%c:%s", i > 0 ? " " : "", e->side == SIDE_CLIENT ? 'c' : 's',
                    event_name(e));
        if (e->count > 1) {
            text_printf(&w->answer, "*%u", e->count);
        }
    }
    if (w->look != NULL) {
        w->look(t);
    }
}

static bool on_ended(void *arg, const struct transcript *t)
{
    struct wire *w = arg;
    if (w->keep && w->n_kept < WIRE_CONNECTIONS_MAX) {
        return true;
    }
    put_transcript(w, t);
    return false;
}

static void on_kept(void *arg, struct kept_connection *kept)
{
    struct wire *w = arg;
    w->kept[w->n_kept++] = kept;
}

void wire_init(struct wire *w, const struct tcp_limits *limits, struct keylog *keylog)
{
    struct err err;
    *w = (struct wire){ .server_port = 443, .when = { 0, START_S * NS_PER_S } };
    w->form.version = 0x0304;
    for (unsigned i = 0; i < WIRE_CONNECTIONS_MAX; i++) {
        w->seq[i][SIDE_CLIENT] = 1000 * (i + 1);
        w->seq[i][SIDE_SERVER] = 900000 * (i + 1);
    }
    if (x509_store_new(&w->store, &err) != ST_OK) {
        refuse(err.text, "the store");
    }
    struct watcher_options options = { .sink = { on_ended, on_kept, w },
                                       .store = w->store,
                                       .keylog = keylog };
    options.limits = limits != NULL ? *limits : (struct tcp_limits){ 0 };
    if (watcher_new(&options, &w->watcher, &err) != ST_OK ||
        watcher_start_capture(w->watcher, "wire.pcap", &err) != ST_OK) {
        refuse(err.text, "the watcher");
    }
}

const char *wire_finish(struct wire *w)
{
    watcher_finish(w->watcher);
    for (size_t i = 0; i < w->n_kept; i++) {
        put_transcript(w, watcher_unfold(w->watcher, w->kept[i]));
        kept_connection_free(w->kept[i]);
    }
    w->n_kept = 0;
    return text_str(&w->answer);
}

void wire_deinit(struct wire *w)
{
    for (size_t i = 0; i < w->n_kept; i++) {
        kept_connection_free(w->kept[i]);
    }
    watcher_free(w->watcher);
    x509_store_free(w->store);
    text_deinit(&w->answer);
    text_deinit(&w->waiting);
}
