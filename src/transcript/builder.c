#include "transcript/builder.h"

#include "tls/names.h"
#include "tls/record.h"
#include "transcript/builder_internal.h"
#include "transcript/infer.h"
#include "transcript/violations.h"

enum { ALERT_FATAL = 2, ALERT_CLOSE_NOTIFY = 0 };

bool builder_start(struct builder *b, struct arena *arena, struct x509_store *store,
                   enum transcript_source source, size_t n_events_hint)
{
    *b = (struct builder){ .arena = arena, .store = store };
    b->t = arena_alloc(arena, sizeof *b->t);
    if (b->t == NULL) {
        return false;
    }
    b->t->source = source;
    size_t cap = n_events_hint < TRANSCRIPT_EVENTS_MAX ? n_events_hint : TRANSCRIPT_EVENTS_MAX;
    b->t->events = arena_alloc_array(arena, cap, sizeof(struct event));
    b->cap = b->t->events == NULL ? 0 : cap;
    return b->cap > 0;
}

static struct event *keep(struct builder *b, const struct event *e)
{
    struct transcript *t = b->t;
    if (t->n_events == b->cap) {
        t->n_events_dropped++;
        return NULL;
    }
    struct event *kept = &t->events[t->n_events++];
    *kept = *e;
    return kept;
}

static void note_end(struct transcript *t, const struct event *e)
{
    if (t->first_end == NULL) {
        t->first_end = e;
    }
}

static void on_alert(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    side->sent_tls = true;
    if (side->first_alert == NULL) {
        side->first_alert = e;
    }
    if (e->type == ALERT_CLOSE_NOTIFY) {
        side->close_notify = true;
        return;
    }
    /* SSL 3.0's no_certificate is a warning that stands for an empty Certificate (RFC 6101 5.4). In
     * TLS 1.3 every alert but close_notify and user_canceled ends the connection whatever its level
     * says (RFC 8446 6). */
    bool is_fatal = e->level == ALERT_FATAL || (transcript_is_tls13(b->t) && e->type != 90);
    if (is_fatal && side->fatal_alert == NULL) {
        side->fatal_alert = e;
        note_end(b->t, e);
    }
}

static void on_sealed_alert(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    side->sent_tls = true;
    if (side->sealed_alert == NULL) {
        side->sealed_alert = e;
    }
}

static void on_fin(struct builder *b, struct event *e)
{
    b->t->side[e->side].fin = b->t->side[e->side].fin == NULL ? e : b->t->side[e->side].fin;
    note_end(b->t, e);
}

static void on_rst(struct builder *b, struct event *e)
{
    b->t->side[e->side].rst = b->t->side[e->side].rst == NULL ? e : b->t->side[e->side].rst;
    note_end(b->t, e);
}

static void on_change_cipher_spec(struct builder *b, struct event *e)
{
    b->t->side[e->side].sent_tls = true;
    violations_change_cipher_spec(b, e);
}

static void on_sealed_handshake(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    side->sent_tls = true;
    if (!side->finished && !b->handshake_over[e->side]) {
        /* The first handshake record after ChangeCipherSpec is Finished (RFC 5246 7.4.9). */
        side->finished = side->finished_is_inferred = true;
        b->handshake_over[e->side] = true;
        return;
    }
    if (b->t->side[0].finished && b->t->side[1].finished && b->t->renegotiation_event == NULL) {
        b->t->is_renegotiation = true;
        b->t->renegotiation_event = e;
    }
}

static void on_application_data(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    side->sent_tls = true;
    side->n_application_records += e->count;
    side->application_bytes += e->len;
}

static void on_plaintext(struct builder *b, struct event *e)
{
    struct side_facts *side = &b->t->side[e->side];
    if (side->plaintext == NULL) {
        side->plaintext = e;
    }
}

static void on_gap(struct builder *b, struct event *e)
{
    (void)e;
    if (!b->t->side[0].finished || !b->t->side[1].finished) {
        b->t->has_gap = true;
    }
}

static void on_record_fault(struct builder *b, struct event *e)
{
    if (e->type == TLS_RECORD_NOT_TLS && !b->t->side[e->side].sent_tls) {
        on_plaintext(b, e);
        return;
    }
    violations_record_fault(b, e);
}

static void on_malformed(struct builder *b, struct event *e)
{
    violations_note(b->t, e, e->text);
}

static void on_partial_record(struct builder *b, struct event *e)
{
    b->t->side[e->side].sent_tls = true;
}

static void on_unopened(struct builder *b, struct event *e)
{
    (void)e;
    b->t->keys_failed = true;
}

/* Whom the proxy speaks for (PROXY protocol), or what it was asked to reach (CONNECT, SOCKS). */
static void keep_proxied(struct builder *b, const struct event *e)
{
    struct transcript *t = b->t;
    bool is_request = e->type == PRELUDE_REQUEST && e->body.len > 0;
    if (e->level == PRELUDE_PROXY && e->body.len > 0) {
        const char *client = arena_strndup(b->arena, (const char *)e->body.p, e->body.len);
        struct endpoint proxied = { 0 };
        if (client != NULL && endpoint_parse(client, &proxied)) {
            t->proxied_client = proxied;
        }
    } else if (is_request && (e->level == PRELUDE_HTTP_CONNECT || e->level == PRELUDE_SOCKS)) {
        t->proxied_host = arena_strndup(b->arena, (const char *)e->body.p, e->body.len);
    }
}

static void on_prelude(struct builder *b, struct event *e)
{
    struct transcript *t = b->t;
    const struct event **slot[] = {
        [PRELUDE_GREETING] = NULL,
        [PRELUDE_CAPABILITIES] = NULL,
        [PRELUDE_REQUEST] = &t->prelude_request,
        [PRELUDE_ACCEPTED] = &t->prelude_accepted,
        [PRELUDE_REFUSED] = &t->prelude_refusal,
        [PRELUDE_NOT_OFFERED] = &t->prelude_not_offered,
        [PRELUDE_CLEAR] = &t->prelude_clear,
    };
    t->prelude = (enum prelude_kind)e->level;
    keep_proxied(b, e);
    if (e->type == PRELUDE_ACCEPTED) {
        t->prelude_refusal =
            NULL; /* of a first try: AUTH SSL before AUTH TLS, CONNECT before its password */
    }
    if (e->type < ARRAY_LEN(slot) && slot[e->type] != NULL) {
        *slot[e->type] = e;
    }
}

/* What was before belongs to an attempt that was given up. */
static void on_syn(struct builder *b, struct event *e)
{
    (void)e;
    for (int s = 0; s < 2; s++) {
        b->t->side[s].fin = b->t->side[s].rst = NULL;
    }
    b->t->first_end = NULL;
}

static void on_nothing(struct builder *b, struct event *e)
{
    (void)b;
    (void)e;
}

typedef void on_event(struct builder *b, struct event *e);

static on_event *const handlers[EVENT_N_KINDS] = {
    [EVENT_SYN] = on_syn,
    [EVENT_SYN_ACK] = on_syn,
    [EVENT_FIN] = on_fin,
    [EVENT_RST] = on_rst,
    [EVENT_GAP] = on_gap,
    [EVENT_RETRANSMISSION] = on_nothing,
    [EVENT_ICMP] = on_nothing,
    [EVENT_PRELUDE] = on_prelude,
    [EVENT_PLAINTEXT] = on_plaintext,
    [EVENT_HANDSHAKE] = builder_handshake,
    [EVENT_ALERT] = on_alert,
    [EVENT_SEALED_ALERT] = on_sealed_alert,
    [EVENT_SEALED_HANDSHAKE] = on_sealed_handshake,
    [EVENT_CHANGE_CIPHER_SPEC] = on_change_cipher_spec,
    [EVENT_APPLICATION_DATA] = on_application_data,
    [EVENT_HEARTBEAT] = on_nothing,
    [EVENT_RECORD_FAULT] = on_record_fault,
    [EVENT_PARTIAL_RECORD] = on_partial_record,
    [EVENT_MALFORMED] = on_malformed,
    [EVENT_UNOPENED] = on_unopened,
    [EVENT_LIMIT] = on_nothing,
};

static bool carries_bytes(const struct event *e)
{
    return e->kind >= EVENT_PRELUDE && e->kind <= EVENT_UNOPENED;
}

/* Without a SYN, and without a ClientHello before it: what came earlier nobody knows. */
static void note_start(struct transcript *t, const struct event *e)
{
    bool is_tls = e->kind >= EVENT_HANDSHAKE && e->kind <= EVENT_HEARTBEAT;
    bool is_hello = e->kind == EVENT_HANDSHAKE && e->type == HS_CLIENT_HELLO;
    bool is_first = !t->side[SIDE_CLIENT].sent_tls && !t->side[SIDE_SERVER].sent_tls;
    if (t->starts_in_middle && is_first && is_tls && !is_hello) {
        t->tls_starts_in_middle = true;
    }
}

void builder_event(struct builder *b, const struct event *e)
{
    struct event *kept = keep(b, e);
    if (kept == NULL) {
        return;
    }
    note_start(b->t, kept);
    handlers[kept->kind](b, kept);
    if (carries_bytes(kept)) {
        b->t->side[kept->side].last_data = kept;
    }
}

const struct transcript *builder_finish(struct builder *b)
{
    infer(b->t);
    return b->t;
}
