#include "flow_script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flow_messages.h"
#include "transcript/builder_internal.h"

#define START_NS (MAKE_CERT_NOW * NS_PER_S)
enum { ARENA_BYTES = 4 << 20, WORD_MAX = 512, DAY_S = 86400 };

static void refuse(const char *why, const char *at)
{
    fprintf(stderr, "flow_script: %s at \"%s\"\n", why, at);
    abort();
}

/* --- one word --- */

struct word {
    char name[32];
    char options[WORD_MAX];
    char text[WORD_MAX];
    size_t text_len;
    enum side side;
    bool has_number, is_encrypted;
    uint32_t number, count;
};

static const char *read_until(const char *p, char end, char *out, size_t *out_len)
{
    size_t n = 0;
    for (; *p != end; p++) {
        if (*p == '\0' || n + 1 == WORD_MAX) {
            refuse("no end", p);
        }
        out[n++] = *p;
    }
    out[n] = '\0';
    *out_len = n;
    return p + 1;
}

static const char *read_number(const char *p, uint32_t *out)
{
    char *end = NULL;
    *out = (uint32_t)strtoul(p, &end, 10);
    if (end == p) {
        refuse("no number", p);
    }
    return end;
}

static const char *read_name(const char *p, struct word *w)
{
    size_t n = 0;
    w->side = *p == 's' ? SIDE_SERVER : SIDE_CLIENT;
    for (p += 2; *p >= 'a' && *p <= 'z'; p++) {
        if (n + 1 == sizeof w->name) {
            refuse("a long name", p);
        }
        w->name[n++] = *p;
    }
    return p;
}

static const char *read_word(const char *p, struct word *w)
{
    size_t len = 0;
    *w = (struct word){ .count = 1 };
    p = read_name(p, w);
    while (*p != '\0' && *p != ' ') {
        switch (*p) {
        case '(':
            p = read_until(p + 1, ')', w->options, &len);
            break;
        case '\'':
            p = read_until(p + 1, '\'', w->text, &w->text_len);
            break;
        case '=':
            w->has_number = true;
            p = read_number(p + 1, &w->number);
            break;
        case '*':
            p = read_number(p + 1, &w->count);
            break;
        case '!':
            w->is_encrypted = true;
            p++;
            break;
        default:
            refuse("no such mark", p);
        }
    }
    return p;
}

/* --- events --- */

static const struct {
    const char *name;
    uint8_t kind;
    uint8_t type;
} simple[] = {
    { "syn", EVENT_SYN, 0 },
    { "synack", EVENT_SYN_ACK, 0 },
    { "fin", EVENT_FIN, 0 },
    { "rst", EVENT_RST, 0 },
    { "gap", EVENT_GAP, 0 },
    { "again", EVENT_RETRANSMISSION, 0 },
    { "icmp", EVENT_ICMP, 0 },
    { "big", EVENT_ICMP, 1 },
    { "ccs", EVENT_CHANGE_CIPHER_SPEC, 0 },
    { "app", EVENT_APPLICATION_DATA, 0 },
    { "sealed", EVENT_SEALED_HANDSHAKE, 0 },
    { "sealedalert", EVENT_SEALED_ALERT, 0 },
    { "plain", EVENT_PLAINTEXT, 0 },
    { "heartbeat", EVENT_HEARTBEAT, 0 },
    { "fault", EVENT_RECORD_FAULT, 0 },
    { "partial", EVENT_PARTIAL_RECORD, 22 },
    { "malformed", EVENT_MALFORMED, 1 },
    { "unopened", EVENT_UNOPENED, 0 },
    { "limit", EVENT_LIMIT, 0 },
    { "alert", EVENT_ALERT, 0 },
    { "warn", EVENT_ALERT, 0 },
    { "prelude", EVENT_PRELUDE, 0 },
};

static void keep_stats(struct flow *f, const struct event *e)
{
    struct tcp_side_stats *stats = &f->t->side[e->side].tcp;
    struct tcp_side_stats *other = &f->t->side[side_other((enum side)e->side)].tcp;
    stats->syn_seen = stats->syn_seen || e->kind == EVENT_SYN;
    stats->syn_ack_seen = stats->syn_ack_seen || e->kind == EVENT_SYN_ACK;
    stats->fin_seen = stats->fin_seen || e->kind == EVENT_FIN;
    stats->rst_seen = stats->rst_seen || e->kind == EVENT_RST;
    if (e->kind == EVENT_RETRANSMISSION) {
        stats->retransmissions++;
        stats->unacked_retransmissions++;
    } else if (e->kind >= EVENT_PRELUDE && e->kind < EVENT_UNOPENED) {
        other->unacked_retransmissions = 0;
    }
}

static void give(struct flow *f, struct event e)
{
    f->now.frame++;
    f->now.at_ns += NS_PER_MS;
    e.when = f->now;
    e.last = f->now;
    if (f->now.frame == 1) {
        f->t->first = f->now;
    }
    f->t->last = f->now;
    if (e.kind == EVENT_SYN && f->t->side[e.side].tcp.syn_seen) {
        e.flags |= EVENT_REPEAT;
    }
    builder_event(&f->builder, &e);
    keep_stats(f, &e);
}

static uint32_t option_number(const struct word *w, const char *key)
{
    char value[WORD_MAX];
    return flow_option(w->options, key, value, sizeof value) ? (uint32_t)strtoul(value, NULL, 10)
                                                             : 0;
}

static void set_numbers(struct event *e, const struct word *w)
{
    if (e->kind == EVENT_ALERT || e->kind == EVENT_RECORD_FAULT) {
        e->type = (uint8_t)w->number;
        e->level = e->kind != EVENT_ALERT ? 0 : w->name[0] == 'w' ? 1 : 2;
    } else if (e->kind == EVENT_PRELUDE) {
        e->type = (uint8_t)option_number(w, "step");
        e->level = (uint8_t)option_number(w, "kind");
    } else {
        e->len = w->has_number ? w->number : (uint32_t)w->text_len;
    }
}

static bool give_simple(struct flow *f, const struct word *w, struct event e)
{
    for (size_t i = 0; i < ARRAY_LEN(simple); i++) {
        if (strcmp(simple[i].name, w->name) == 0) {
            e.kind = simple[i].kind;
            e.type = simple[i].type;
            e.text = e.kind == EVENT_MALFORMED ? "a message contradicts its format" : NULL;
            e.body = arena_copy(&f->arena, bytes_of(w->text, w->text_len));
            set_numbers(&e, w);
            give(f, e);
            return true;
        }
    }
    return false;
}

static const char *give_event(struct flow *f, const char *p)
{
    struct word w;
    struct text body = { 0 };
    p = read_word(p, &w);
    struct event e = { .side = (uint8_t)w.side,
                       .count = w.count,
                       .flags = w.is_encrypted ? EVENT_ENCRYPTED : 0 };
    if (give_simple(f, &w, e)) {
        return p;
    }
    e.kind = EVENT_HANDSHAKE;
    e.flags |= strcmp(w.name, "sslv") == 0 ? EVENT_SSLV2 : 0;
    if (!flow_message(w.name, w.options, f->t, &e.type, &body)) {
        refuse("no such event", w.name);
    }
    e.body = arena_copy(&f->arena, bytes_of(body.p, body.len));
    e.len = (uint32_t)e.body.len;
    text_deinit(&body);
    give(f, e);
    return p;
}

/* --- the connection, and what diagnose() is told --- */

static enum side side_of(const char *value)
{
    return value[0] == 's' ? SIDE_SERVER : SIDE_CLIENT;
}

static void judged(struct flow *f, enum side side)
{
    if (f->context.judgement[side] == NULL) {
        f->judgement[side].trust_is_known = true;
        f->judgement[side].is_valid = true;
        f->judgement[side].valid_until_s = INT64_MAX / NS_PER_S;
        f->context.judgement[side] = &f->judgement[side];
    }
}

static void set_ok(struct flow *f, const char *value)
{
    judged(f, side_of(value));
}

static void set_anchored(struct flow *f, const char *value)
{
    judged(f, side_of(value));
    f->judgement[side_of(value)].has_anchor = true;
}

static void set_until(struct flow *f, const char *value)
{
    judged(f, side_of(value));
    f->judgement[side_of(value)].valid_until_s =
        MAKE_CERT_NOW + DAY_S * strtol(value + 2, NULL, 10);
}

static bool is_fault(enum x509_fault_kind kind, const char *id)
{
    const char *name = x509_fault_id(kind);
    return strcmp(name, id) == 0 || strcmp(name + strlen("certificate-"), id) == 0;
}

static void set_fault(struct flow *f, const char *value)
{
    struct x509_judgement *judgement = &f->judgement[side_of(value)];
    judged(f, side_of(value));
    for (int kind = 0; kind < X509_N_FAULTS; kind++) {
        if (is_fault((enum x509_fault_kind)kind, value + 2)) {
            judgement->is_valid = false;
            judgement->faults[judgement->n_faults++] = (struct x509_fault){
                .kind = (enum x509_fault_kind)kind,
                .detail = x509_fault_summary((enum x509_fault_kind)kind),
            };
            return;
        }
    }
    refuse("no such fault", value);
}

/* The issuer of what is untrusted is known by its name only. */
static void set_unseen(struct flow *f, const char *value)
{
    f->judgement[side_of(value)].unseen_issuer = "CN=unseen";
}

static void set_gateway(struct flow *f, const char *value)
{
    f->context.gateways = f->gateways;
    if (!gateway_parse(value, &f->gateways[f->context.n_gateways++])) {
        refuse("no gateway", value);
    }
}

static void set_port(struct flow *f, const char *value)
{
    f->t->server.port = (uint16_t)strtoul(value, NULL, 10);
}

static void set_client(struct flow *f, const char *value)
{
    if (!endpoint_parse(value, &f->t->client)) {
        refuse("no address", value);
    }
}

static void set_server(struct flow *f, const char *value)
{
    if (!endpoint_parse(value, &f->t->server)) {
        refuse("no address", value);
    }
}

static void set_stream(struct flow *f, const char *value)
{
    f->t->stream = strtoul(value, NULL, 10);
}

static void set_silent(struct flow *f, const char *value)
{
    f->t->side[side_of(value)].is_silent = true;
    f->t->side[side_of(value)].tcp.packets = 0;
}

static const struct {
    const char *name;
    void (*set)(struct flow *f, const char *value);
} settings[] = {
    { "ok=", set_ok },         { "anchored=", set_anchored }, { "until=", set_until },
    { "fault=", set_fault },   { "gateway=", set_gateway },   { "port=", set_port },
    { "client=", set_client }, { "server=", set_server },     { "stream=", set_stream },
    { "silent=", set_silent }, { "unseen=", set_unseen },
};

static bool set_value(struct flow *f, const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        size_t len = strlen(settings[i].name);
        if (strncmp(word, settings[i].name, len) == 0) {
            settings[i].set(f, word + len);
            return true;
        }
    }
    return false;
}

static void set_flag(struct flow *f, const char *word)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {
        { "middle", &f->t->starts_in_middle }, { "dropped", &f->t->capture_dropped },
        { "snap", &f->t->is_snap_truncated },  { "dtls", &f->t->is_dtls },
        { "guess", &f->t->client_is_guess },   { "trust", &f->context.trust_is_given },
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        if (strcmp(flags[i].name, word) == 0) {
            *flags[i].flag = true;
            return;
        }
    }
    if (strcmp(word, "inside") != 0) {
        refuse("no such word", word);
    }
    f->t->source = SOURCE_AGENT;
}

static const char *take_setting(struct flow *f, const char *p)
{
    char word[WORD_MAX] = "";
    size_t n = strcspn(p, " ");
    if (!bytes_copy(word, sizeof word - 1, bytes_of(p, n))) {
        refuse("a long word", p);
    }
    word[n] = '\0';
    if (word[0] == '+') {
        f->now.at_ns += strtol(word + 1, NULL, 10) * NS_PER_MS;
        f->t->last.at_ns = f->now.at_ns;
    } else if (!set_value(f, word)) {
        set_flag(f, word);
    }
    return p + n;
}

static void run(struct flow *f, const char *script)
{
    for (const char *p = script + strspn(script, " "); *p != '\0'; p += strspn(p, " ")) {
        bool is_event = (*p == 'c' || *p == 's') && p[1] == '.';
        p = is_event ? give_event(f, p) : take_setting(f, p);
    }
    builder_finish(&f->builder);
}

struct flow *flow_new(const char *script)
{
    struct flow *f = calloc(1, sizeof *f);
    if (f == NULL || x509_store_new(&f->store, NULL) != ST_OK) {
        refuse("no memory", script);
    }
    f->arena.limit_bytes = ARENA_BYTES;
    f->now.at_ns = START_NS;
    if (!builder_start(&f->builder, &f->arena, f->store, SOURCE_CAPTURE, TRANSCRIPT_EVENTS_MAX)) {
        refuse("no memory", script);
    }
    f->t = f->builder.t;
    f->t->side[0].tcp.packets = f->t->side[1].tcp.packets = 1;
    set_client(f, "192.0.2.10:40000");
    set_server(f, "198.51.100.20:443");
    run(f, script);
    return f;
}

void flow_free(struct flow *f)
{
    arena_deinit(&f->arena);
    x509_store_free(f->store);
    free(f);
}

void flow_diagnose(struct flow *f, const struct peers *peers)
{
    f->context.peers = peers;
    diagnose(f->t, &f->context, &f->arena, &f->v);
}

char *flow_words(const struct verdict *v)
{
    struct text out = { 0 };
    text_puts(&out, v->outcome == OUTCOME_NONE ? "none" : outcome_id(v->outcome));
    if (v->cause != CAUSE_NONE) {
        text_printf(&out, " %s", cause_id(v->cause));
    }
    if (v->detail != NULL) {
        text_printf(&out, "/%s", v->detail);
    }
    if (v->party != ACTOR_NONE) {
        text_printf(&out, " of %s", actor_id(v->party));
    }
    if (v->rejected_by != ACTOR_NONE) {
        text_printf(&out, " by %s", actor_id(v->rejected_by));
    }
    if (v->confidence != CONFIDENCE_NONE) {
        text_printf(&out, " %s", confidence_id(v->confidence));
    }
    if (v->rule != NULL) {
        text_printf(&out, " %s", v->rule);
    }
    return out.p;
}

/* Chains that were learnt belong to the stores of these flows: they end after the peers. */
struct history {
    struct flow *flows[FLOW_STREAMS_MAX];
    size_t n;
};

static void learn(struct history *h, struct peers *peers, const char *before)
{
    char *copy = strdup(before);
    char *rest = copy;
    for (char *one = strsep(&rest, "|"); one != NULL; one = strsep(&rest, "|")) {
        if (h->n == FLOW_STREAMS_MAX) {
            refuse("too many connections", before);
        }
        struct flow *f = flow_new(one);
        f->t->stream = h->n;
        flow_diagnose(f, NULL);
        peers_learn(peers, f->t, &f->v);
        h->flows[h->n++] = f;
    }
    free(copy);
}

char *flow_verdict(const char *before, const char *script)
{
    struct history history = { 0 };
    struct peers *peers = peers_new();
    if (peers == NULL) {
        refuse("no memory", script);
    }
    if (before != NULL) {
        learn(&history, peers, before);
    }
    struct flow *f = flow_new(script);
    flow_diagnose(f, peers);
    char *words = flow_words(&f->v);
    flow_free(f);
    peers_free(peers);
    for (size_t i = 0; i < history.n; i++) {
        flow_free(history.flows[i]);
    }
    return words;
}
