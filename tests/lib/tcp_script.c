#include "tcp_script.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_PAYLOAD = 4096 };

struct run {
    const struct tcp_script *script;
    struct text out;
    struct tcp_table *table;
    struct when when;
};

struct line {
    struct packet packet;
    char payload[MAX_PAYLOAD];
    uint32_t n_times;
};

static void fail(const char *why, const char *at)
{
    fprintf(stderr, "tcp_script: %s at \"%s\"\n", why, at);
    abort();
}

/* -- what comes out -- */

static void put(struct run *r, const struct tcp_conn *c, const char *what)
{
    if (r->out.len > 0) {
        text_putc(&r->out, ' ');
    }
    if (tcp_conn_stream(c) != 0) {
        text_put_u64(&r->out, tcp_conn_stream(c));
        text_putc(&r->out, '/');
    }
    text_puts(&r->out, what);
}

static void put_side(struct run *r, const struct tcp_conn *c, enum side side, const char *what)
{
    put(r, c, side == SIDE_CLIENT ? "c" : "s");
    text_puts(&r->out, what);
}

static void on_syn(void *arg, struct tcp_conn *c, enum side side, struct tcp_syn syn,
                   struct when when)
{
    struct run *r = arg;
    (void)when;
    put_side(r, c, side, syn.is_ack ? ".synack" : ".syn");
    text_puts(&r->out, syn.is_repeat ? "!" : "");
    text_puts(&r->out, syn.seq_differs ? "~" : "");
}

static void on_data(void *arg, struct tcp_conn *c, enum side side, struct bytes data,
                    struct when when)
{
    struct run *r = arg;
    (void)when;
    put_side(r, c, side, "'");
    text_put(&r->out, (const char *)data.p, data.len);
    text_putc(&r->out, '\'');
    if (r->script->ignore_at_data) {
        tcp_conn_ignore_data(c);
    }
}

static void on_gap(void *arg, struct tcp_conn *c, enum side side, uint32_t len, struct when when)
{
    struct run *r = arg;
    (void)when;
    put_side(r, c, side, "");
    text_printf(&r->out, "[%u]", len);
}

static void on_fin(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    (void)when;
    put_side(arg, c, side, ".fin");
}

static void on_rst(void *arg, struct tcp_conn *c, enum side side, struct when when,
                   uint8_t hop_limit)
{
    (void)when;
    (void)hop_limit;
    put_side(arg, c, side, ".rst");
}

static void on_retransmission(void *arg, struct tcp_conn *c, enum side side, struct when when)
{
    (void)when;
    put_side(arg, c, side, ".again");
}

static void on_icmp_error(void *arg, struct tcp_conn *c, enum side side, bool is_too_big,
                          struct when when)
{
    (void)when;
    put_side(arg, c, side, is_too_big ? ".big" : ".icmp");
}

static void put_stats(struct run *r, const struct tcp_conn *c, enum side side)
{
    struct tcp_side_stats s = tcp_conn_stats(c, side);
    text_printf(&r->out, " %c:b%up%ur%uo%ug%uu%u", side == SIDE_CLIENT ? 'c' : 's',
                (unsigned)s.bytes, s.packets, s.retransmissions, s.out_of_order, s.gaps,
                s.unacked_retransmissions);
    text_puts(&r->out, s.syn_seen ? "S" : "");
    text_puts(&r->out, s.syn_ack_seen ? "A" : "");
    text_puts(&r->out, s.fin_seen ? "F" : "");
    text_puts(&r->out, s.rst_seen ? "R" : "");
    text_puts(&r->out, s.snap_truncated ? "T" : "");
    text_puts(&r->out, tcp_conn_all_acked(c, side_other(side)) ? "." : "");
}

static void on_end(void *arg, struct tcp_conn *c, enum tcp_end_reason reason)
{
    static const char *const names[] = {
        [TCP_END_CLOSED] = "end.closed",   [TCP_END_IDLE] = "end.idle",
        [TCP_END_REUSED] = "end.reused",   [TCP_END_CAPTURE] = "end.capture",
        [TCP_END_EVICTED] = "end.evicted",
    };
    struct run *r = arg;
    put(r, c, names[reason]);
    if (r->script->show_ends) {
        struct endpoint storage;
        text_putc(&r->out, ' ');
        endpoint_put(&r->out, tcp_conn_end(c, SIDE_CLIENT, &storage));
        text_puts(&r->out, tcp_conn_client_is_guess(c) ? "?>" : ">");
        endpoint_put(&r->out, tcp_conn_end(c, SIDE_SERVER, &storage));
    }
    if (r->script->show_stats) {
        put_stats(r, c, SIDE_CLIENT);
        put_stats(r, c, SIDE_SERVER);
    }
}

/* -- what goes in -- */

static struct endpoint parse_end(const char *text)
{
    struct endpoint end;
    if (!endpoint_parse(text, &end)) {
        fail("no endpoint", text);
    }
    return end;
}

/* clang-format off: a table reads by columns */
static const struct {
    char letter;
    const char *src, *dst;
} senders[] = {
    { 'c', "10.0.0.1:40000", "10.0.0.2:443" },
    { 's', "10.0.0.2:443", "10.0.0.1:40000" },
    { 'C', "[2001:db8::1]:40000", "[2001:db8::2]:443" },
    { 'S', "[2001:db8::2]:443", "[2001:db8::1]:40000" },
    { 't', "10.0.0.3:39999", "10.0.0.1:40000" }, /* neither is known to serve */
    { 'u', "10.0.0.2:8443", "10.0.0.1:2000" },   /* the higher port serves */
    { 'v', "10.0.0.2:443", "10.0.0.1:40000" },   /* to call from the wrong port */
};
/* clang-format on */

static void parse_side(const char *word, struct packet *p)
{
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        if (word[0] == senders[i].letter) {
            uint16_t nth = (uint16_t)strtoul(word + 1, NULL, 10);
            p->src = parse_end(senders[i].src);
            p->dst = parse_end(senders[i].dst);
            struct endpoint *client = p->src.port >= 40000 ? &p->src : &p->dst;
            client->port = (uint16_t)(client->port + nth);
            return;
        }
    }
    fail("no such side", word);
}

static void parse_flags(const char *word, struct packet *p)
{
    for (; *word != '\0' && *word != '-'; word++) {
        p->flags |= *word == 'S' ? TCP_SYN : 0;
        p->flags |= *word == 'A' ? TCP_ACK : 0;
        p->flags |= *word == 'F' ? TCP_FIN : 0;
        p->flags |= *word == 'R' ? TCP_RST : 0;
    }
}

static void parse_field(const char *word, struct line *line)
{
    struct packet *p = &line->packet;
    if (word[0] == '\'') {
        size_t len = strlen(word) - 2;
        if (!bytes_copy(line->payload, sizeof line->payload, bytes_of(word + 1, len))) {
            fail("too much payload", word);
        }
        p->payload = bytes_of(line->payload, len);
        p->payload_len += (uint32_t)len;
    } else if (strncmp(word, "a=", 2) == 0) {
        p->ack = (uint32_t)strtoul(word + 2, NULL, 10);
    } else if (strncmp(word, "cut=", 4) == 0) {
        p->payload_len += (uint32_t)strtoul(word + 4, NULL, 10);
    } else if (strncmp(word, "x=", 2) == 0) {
        line->n_times = (uint32_t)strtoul(word + 2, NULL, 10);
    } else if (strcmp(word, "icmp") == 0 || strcmp(word, "big") == 0) {
        p->kind = PACKET_ICMP_ERROR;
        p->quotes_tcp = true;
        p->is_too_big = word[0] == 'b';
    } else if (strcmp(word, "drop") == 0) {
        p->src.family = 0;
    } else {
        fail("no such field", word);
    }
}

static void parse_word(const char *word, size_t i, struct line *line)
{
    if (i == 0) {
        parse_side(word, &line->packet);
    } else if (i == 1) {
        parse_flags(word, &line->packet);
    } else if (i == 2) {
        line->packet.seq = (uint32_t)strtoul(word, NULL, 10);
    } else {
        parse_field(word, line);
    }
}

static void push_line(struct run *r, struct line *line)
{
    for (uint32_t i = 0; i < line->n_times; i++) {
        struct err err;
        r->when.frame++;
        if (tcp_push(r->table, &line->packet, r->when, &err) != ST_OK) {
            fail("push", err.text);
        }
    }
}

/* One packet or step of the clock, `len` characters. */
static void run_line(struct run *r, const char *at, size_t len)
{
    struct line line = { .packet = { .kind = PACKET_TCP }, .n_times = 1 };
    char word[MAX_PAYLOAD];
    size_t n_words = 0;
    const char *end = at + len;
    while (at < end) {
        size_t n = strcspn(at, " ;");
        if (n == 0) {
            at++;
            continue;
        }
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (n_words == 0 && (word[0] == '+' || word[0] == '-')) {
            r->when.at_ns += strtoll(word, NULL, 10) * NS_PER_MS;
            return;
        }
        if (strcmp(word, "advance") == 0) {
            tcp_advance(r->table, r->when.at_ns);
            return;
        }
        parse_word(word, n_words++, &line);
        at += n;
    }
    if (n_words > 0) {
        push_line(r, &line);
    }
}

char *tcp_script_run(const struct tcp_script *script)
{
    struct run r = { .script = script, .when = { 0, 1000 * NS_PER_S } };
    struct tcp_sink sink = {
        .arg = &r,
        .syn = on_syn,
        .data = on_data,
        .gap = on_gap,
        .fin = on_fin,
        .rst = on_rst,
        .retransmission = on_retransmission,
        .icmp_error = on_icmp_error,
        .end = on_end,
    };
    struct err err;
    if (tcp_table_new(&sink, &script->limits, &r.table, &err) != ST_OK) {
        fail("table", err.text);
    }
    for (const char *at = script->packets; *at != '\0';) {
        size_t len = strcspn(at, ";");
        run_line(&r, at, len);
        at += len + (at[len] == ';');
    }
    tcp_finish(r.table);
    tcp_table_free(r.table);
    text_puts(&r.out, "");
    return r.out.p;
}
