#include "observe/story.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/reader.h"

/* Programs give up after seconds; a peer that closes does so at once, or has a reason to wait. */
#define PATIENCE_NS (2 * NS_PER_S)
/* The year 2116. Differences of times stay numbers, whatever a note says. */
#define TIME_MAX (UINT64_MAX / 4)

enum {
    HS_CLIENT_HELLO = 1,
    HS_SERVER_HELLO = 2,
    HEAD_SIDE_AT = 24,
    HEAD_PID_AT = 20,
};

bool story_next(struct bytes *entries, struct story_entry *out)
{
    struct fault fault = { 0 };
    struct reader r = rd_whole(*entries, &fault);
    out->head.kind = rd_u8(&r, "kind");
    out->head.from_peer = rd_u8(&r, "from_peer") != 0;
    out->head.type = rd_u8(&r, "type");
    out->head.level = rd_u8(&r, "level");
    uint32_t len = rd_u32(&r, "length");
    uint64_t at_ns = rd_u64(&r, "time");
    out->head.at_ns = at_ns <= TIME_MAX ? (int64_t)at_ns : 0;
    out->body = rd_bytes(&r, len, "body");
    if (entries->len == 0 || fault.kind != FAULT_NONE) {
        return false;
    }
    *entries = rd_rest(&r);
    return true;
}

static uint64_t number_of(struct bytes body)
{
    return body.len == 8 ? load_be64(body.p) : 0;
}

static uint32_t u32_at(struct bytes body, size_t at)
{
    return body.len >= at + 4 ? load_be32(body.p + at) : 0;
}

static struct endpoint endpoint_of(struct bytes body)
{
    struct endpoint e = { 0 };
    bool is_whole = (body.len == 7 && body.p[0] == 4) || (body.len == 19 && body.p[0] == 6);
    if (is_whole && bytes_copy(e.ip, sizeof e.ip, bytes_skip(body, 3))) {
        e.family = body.p[0];
        e.port = load_be16(body.p + 1);
    }
    return e;
}

static void keep_place(struct story *s, struct arena *arena, struct bytes path)
{
    struct local_facts *l = &s->local;
    const char *copy = arena_strndup(arena, (const char *)path.p, path.len);
    for (size_t i = 0; copy != NULL && i < l->n_places; i++) {
        if (strcmp(l->places[i], copy) == 0) { /* one call of the library may make another */
            return;
        }
    }
    if (copy != NULL && l->n_places < LOCAL_PLACES_MAX) {
        l->places[l->n_places++] = copy;
    }
}

/* The older way to choose versions, and nginx's: SSL_CTX_set_options(3). */
static void limit_versions(struct local_facts *l, uint64_t options)
{
    static const struct {
        uint64_t off;
        uint16_t version;
    } rows[] = { { SSL_OP_NO_TLSv1, 0x0301 },
                 { SSL_OP_NO_TLSv1_1, 0x0302 },
                 { SSL_OP_NO_TLSv1_2, 0x0303 },
                 { SSL_OP_NO_TLSv1_3, 0x0304 } };
    size_t low = 0;
    size_t high = ARRAY_LEN(rows);
    while (low < high && (options & rows[low].off) != 0) {
        low++;
    }
    while (high > low && (options & rows[high - 1].off) != 0) {
        high--;
    }
    if (low == high) {
        return; /* none is left */
    }
    if (low > 0 && rows[low].version > l->min_version) {
        l->min_version = rows[low].version;
    }
    bool is_lower = l->max_version == 0 || rows[high - 1].version < l->max_version;
    if (high < ARRAY_LEN(rows) && is_lower) {
        l->max_version = rows[high - 1].version;
    }
}

/* Numbers of the policy in force; false: it is none. */
static bool keep_policy(struct local_facts *l, enum note_fact fact, uint64_t v)
{
    if (fact == FACT_MIN_VERSION) {
        l->min_version = (uint16_t)v;
    } else if (fact == FACT_MAX_VERSION) {
        l->max_version = (uint16_t)v;
    } else if (fact == FACT_SECURITY_LEVEL) {
        l->security_level = v <= 5 ? (int)v : -1;
    } else if (fact == FACT_NO_CERTIFICATE) {
        l->has_no_certificate = v != 0;
    } else if (fact == FACT_VERIFY_MODE) {
        l->verify_mode = (unsigned)(v & 0xff);
        l->has_policy = true;
    } else if (fact == FACT_VERIFY_FLAGS) {
        l->verify_flags = v;
    } else if (fact == FACT_TRUST_DEFAULT) {
        l->default_places = true;
    } else if (fact == FACT_N_ANCHORS) {
        l->has_anchor_count = true;
        l->n_anchors = v;
    } else {
        return false;
    }
    return true;
}

/* Facts that are numbers. */
static void keep_number(struct story *s, enum note_fact fact, uint64_t v)
{
    struct local_facts *l = &s->local;
    if (keep_policy(l, fact, v)) {
        return;
    }
    if (fact == FACT_DTLS) {
        s->is_dtls = v != 0;
    } else if (fact == FACT_OPTIONS && !s->is_dtls) {
        limit_versions(l, v);
    } else if (fact == FACT_AGAIN) {
        s->again_version = (uint16_t)v;
    } else if (fact == FACT_WAITED) {
        l->has_waited = v != 0;
    } else if (fact == FACT_TCP_STATE) {
        s->tcp_state = v <= TCP_CLOSING ? (unsigned)v : 0;
    }
}

/* Where a fact that is text is kept; NULL: it is no text. */
static const char **text_of(struct story *s, enum note_fact fact)
{
    if (fact == FACT_PROGRAM) {
        return &s->program;
    }
    if (fact == FACT_LIBRARY) {
        return &s->local.openssl;
    }
    if (fact == FACT_LABEL) {
        return s->n_labels < STORY_LABELS_MAX ? &s->labels[s->n_labels++] : NULL;
    }
    if (fact >= FACT_ID && fact < FACT_LABEL) {
        return &s->annotations[fact - FACT_ID];
    }
    return fact == FACT_CHECKED_HOST ? &s->local.checked_host : NULL;
}

const char *story_annotation(const struct story *s, enum note_fact fact)
{
    bool is_one = fact >= FACT_ID && fact < FACT_LABEL;
    return is_one ? s->annotations[fact - FACT_ID] : NULL;
}

static void keep_fact(struct story *s, struct arena *arena, enum note_fact fact, struct bytes body)
{
    struct local_facts *l = &s->local;
    enum side own = l->side;
    const char **text = text_of(s, fact);
    if (text != NULL) {
        *text = arena_strndup(arena, (const char *)body.p, body.len);
    } else if (fact == FACT_PEER || fact == FACT_LOCAL) {
        s->ends[fact == FACT_LOCAL ? own : side_other(own)] = endpoint_of(body);
    } else if (fact == FACT_TRUST_FILE || fact == FACT_TRUST_DIR) {
        keep_place(s, arena, body);
    } else if (fact == FACT_CIPHERS) {
        l->cipher_suites = body;
    } else if (fact == FACT_ANCHOR && s->n_anchors < STORY_ANCHORS_MAX) {
        s->anchors[s->n_anchors++] = body;
    } else if (body.len == 8) {
        keep_number(s, fact, number_of(body));
    }
}

static void keep_answer(struct local_facts *l, struct bytes body)
{
    uint32_t why = u32_at(body, 0);
    l->answer_error = why < N_ANSWER_ERRORS ? (enum answer_error)why : ANSWER_FINE;
    l->answer_version = (uint16_t)(u32_at(body, 4) >> 16);
    l->answer_suite = (uint16_t)(u32_at(body, 4) & 0xffff);
}

static void keep_end(struct local_facts *l, enum note_end end, struct bytes body)
{
    uint32_t why = u32_at(body, 0);
    if (end == NOTE_END_ANSWER) {
        keep_answer(l, body);
    }
    l->is_given_up = end == NOTE_END_ERROR || end == NOTE_END_SYSTEM || end == NOTE_END_EOF ||
                     end == NOTE_END_CONNECT;
    l->connect_error =
        end == NOTE_END_CONNECT && why < N_CONNECT_ERRORS ? (enum connect_error)why : CONNECT_FINE;
    l->peer_closed = end == NOTE_END_EOF;
    l->system_error = end == NOTE_END_SYSTEM ? (int)u32_at(body, 0) : 0;
}

static void keep_error(struct local_facts *l, uint8_t which, struct bytes body)
{
    struct local_error e = { .lib = u32_at(body, 0), .reason = u32_at(body, 4) };
    if (which == 0) {
        l->oldest = e;
    }
    l->newest = e; /* where there is one only, it is both */
}

static void keep_name(struct local_facts *l, struct arena *arena, bool is_named, struct bytes name)
{
    l->found_name = l->found_name || is_named;
    if (!is_named && l->refused_name == NULL && name.len > 0) {
        l->refused_name = arena_strndup(arena, (const char *)name.p, name.len);
    }
}

static void scan(struct story *s, struct arena *arena)
{
    struct bytes rest = s->entries;
    struct story_entry e;
    while (story_next(&rest, &e)) {
        s->first_ns = s->first_ns == 0 ? e.head.at_ns : s->first_ns;
        s->last_ns = e.head.at_ns > s->last_ns ? e.head.at_ns : s->last_ns;
        switch ((enum note_kind)e.head.kind) {
        case NOTE_FACT:
            keep_fact(s, arena, (enum note_fact)e.head.type, e.body);
            break;
        case NOTE_END:
            keep_end(&s->local, (enum note_end)e.head.type, e.body);
            break;
        case NOTE_ERROR:
            keep_error(&s->local, e.head.type, e.body);
            break;
        case NOTE_DONE:
            s->local.is_done = true;
            s->local.verify_result = (int)u32_at(e.body, 0);
            break;
        case NOTE_NAME:
            keep_name(&s->local, arena, e.head.type != 0, e.body);
            break;
        case NOTE_UNSEEN:
            s->unseen = arena_strndup(arena, (const char *)e.body.p, e.body.len);
            break;
        case NOTE_MESSAGE:
        case NOTE_SSLV2_HELLO:
        case NOTE_ALERT:
        case NOTE_CHANGE_CIPHER_SPEC:
        case NOTE_NOT_TLS:
        case NOTE_DATA:
        case NOTE_VERIFY:
        case NOTE_KEY:
        case NOTE_WIRE:
        case NOTE_LIMIT:
            break;
        }
    }
}

bool story_open(struct bytes note, const uint8_t key[NOTE_KEY_BYTES], struct arena *arena,
                struct story *out)
{
    *out = (struct story){ .local = { .security_level = -1 } };
    if (note.len < NOTE_HEAD_BYTES || !bytes_start_with(note, BYTES("HFN1")) ||
        !bytes_equal(bytes_of(note.p + 4, NOTE_KEY_BYTES), bytes_of(key, NOTE_KEY_BYTES))) {
        return false;
    }
    out->local.pid = load_be32(note.p + HEAD_PID_AT);
    out->local.side = note.p[HEAD_SIDE_AT] != 0 ? SIDE_SERVER : SIDE_CLIENT;
    out->entries = bytes_skip(note, NOTE_HEAD_BYTES);
    scan(out, arena);
    /* A datagram that nobody took comes back as ICMP (RFC 1122 section 4.1.3.3). */
    if (out->is_dtls && out->local.system_error == ECONNREFUSED) {
        out->local.connect_error = CONNECT_UNREACHABLE;
    }
    return true;
}

bool story_has_anchors(const struct story *s)
{
    return s->local.has_anchor_count && s->n_anchors > 0 && s->local.n_anchors == s->n_anchors;
}

/* --- the transcript --- */

struct telling {
    struct story *s;
    struct builder b;
    struct story_told *out;
    bool changed_cipher[2]; /* by side */
};

/* Behind ChangeCipherSpec, in TLS 1.3 behind the ServerHello: encrypted on the wire. */
static bool is_encrypted(const struct telling *g, enum side side)
{
    const struct transcript *t = g->b.t;
    if (g->s->again_version != 0) {
        return true;
    }
    return transcript_is_tls13(t) ? t->server_hello != NULL : g->changed_cipher[side];
}

/* A program dropped its connection, and its socket was gone or unknown: whose turn it was tells.
 * Who waits for an answer drops a connection mostly because the peer did. */
static bool peer_left_first(const struct telling *g, int64_t at_ns)
{
    const struct story *s = g->s;
    const struct transcript *t = g->b.t;
    const struct event *last = t->n_events > 0 ? &t->events[t->n_events - 1] : NULL;
    bool is_waiting = !s->local.is_done && last != NULL && last->side == (uint8_t)s->local.side &&
                      at_ns - last->when.at_ns < PATIENCE_NS; /* else a timer of the program's */
    return s->tcp_state == TCP_CLOSE_WAIT || s->tcp_state == TCP_LAST_ACK ||
           (s->tcp_state == 0 && is_waiting);
}

/* There was none: what the program asked for, and the answer that it met. */
static void tell_no_connection(struct telling *g, const struct story_entry *e)
{
    enum connect_error why = g->s->local.connect_error;
    struct event event = { .kind = EVENT_SYN, .side = SIDE_CLIENT, .count = 1 };
    event.when.at_ns = event.last.at_ns = g->s->first_ns;
    if (why == CONNECT_FINE || why == CONNECT_NO_ADDRESS || why == CONNECT_NONE_LEFT ||
        why == CONNECT_NO_PROCESSOR) {
        return;
    }
    builder_event(&g->b, &event);
    if (why == CONNECT_REFUSED) {
        event.kind = EVENT_RST;
        event.side = SIDE_SERVER;
        event.when.at_ns = event.last.at_ns = e->head.at_ns;
        builder_event(&g->b, &event);
    }
}

/* What the socket tells of a peer that left; it is gone, or the program kept it to itself. */
static enum event_kind kind_of_leaving(struct telling *g)
{
    g->s->local.end_is_guess = g->s->tcp_state == 0;
    return g->s->tcp_state == TCP_CLOSE ? EVENT_RST : EVENT_FIN;
}

static enum event_kind kind_of_system(struct telling *g)
{
    int error = g->s->local.system_error;
    if (error == 0) { /* what reads for OpenSSL did not leave it */
        return kind_of_leaving(g);
    }
    return error == ECONNRESET || error == EPIPE ? EVENT_RST : EVENT_FIN;
}

/* A connection closed, as far as the program could tell. */
static void tell_close(struct telling *g, const struct story_entry *e)
{
    const struct local_facts *l = &g->s->local;
    enum side peer = side_other(l->side);
    struct event event = { .kind = EVENT_FIN, .side = (uint8_t)peer, .count = 1 };
    event.when.at_ns = event.last.at_ns = e->head.at_ns;
    switch ((enum note_end)e->head.type) {
    case NOTE_END_EOF:
        break;
    case NOTE_END_SYSTEM:
        if (l->connect_error != CONNECT_FINE) {
            return;
        }
        event.kind = (uint8_t)kind_of_system(g);
        break;
    case NOTE_END_ERROR:
        event.side = (uint8_t)l->side;
        break;
    case NOTE_END_FREED:
    case NOTE_END_EXIT:
        if (g->s->tcp_state == TCP_CLOSE || peer_left_first(g, e->head.at_ns)) {
            event.kind = (uint8_t)kind_of_leaving(g);
        } else {
            event.side = (uint8_t)l->side;
        }
        break;
    case NOTE_END_DATA:
        return;
    case NOTE_END_CONNECT:
        tell_no_connection(g, e);
        return;
    case NOTE_END_ANSWER:
        if (l->answer_error != ANSWER_CLOSED) {
            return;
        }
        break;
    }
    builder_event(&g->b, &event);
}

static void tell_fault(struct telling *g, const struct story_entry *e)
{
    struct local_facts *l = &g->s->local;
    struct bytes der = bytes_skip(e->body, 8);
    if (e->body.len < 8 || l->n_faults == LOCAL_FAULTS_MAX) {
        return;
    }
    struct local_fault *f = &l->faults[l->n_faults++];
    *f = (struct local_fault){ .error = (int)u32_at(e->body, 0),
                               .depth = (int)(u32_at(e->body, 4) & 0xff),
                               .is_accepted = e->head.type != 0 };
    if (der.len > 0 && g->out->n_chains < STORY_CHAINS_MAX) {
        f->chain = x509_store_chain(g->b.store, &der, 1);
        if (f->chain != NULL) {
            g->out->chains[g->out->n_chains++] = f->chain;
        }
    }
}

static void tell_event(struct telling *g, const struct story_entry *e)
{
    enum side own = g->s->local.side;
    if (e->head.kind == 0 || e->head.kind > NOTE_NAME) {
        return; /* of a newer guest, or nobody's */
    }
    enum side side = e->head.from_peer != 0 ? side_other(own) : own;
    struct event event = { .side = (uint8_t)side,
                           .type = e->head.type,
                           .count = 1,
                           .body = e->body,
                           .len = (uint32_t)e->body.len };
    event.when.at_ns = event.last.at_ns = e->head.at_ns;
    event.flags = is_encrypted(g, side) ? EVENT_ENCRYPTED : 0;
    switch ((enum note_kind)e->head.kind) {
    case NOTE_MESSAGE:
        event.kind = EVENT_HANDSHAKE;
        break;
    case NOTE_SSLV2_HELLO:
        event.kind = EVENT_HANDSHAKE;
        event.type = HS_CLIENT_HELLO;
        event.flags |= EVENT_SSLV2;
        break;
    case NOTE_ALERT:
        event.kind = EVENT_ALERT;
        event.level = e->head.level;
        break;
    case NOTE_CHANGE_CIPHER_SPEC:
        event.kind = EVENT_CHANGE_CIPHER_SPEC;
        event.flags = 0;
        break;
    case NOTE_NOT_TLS:
        event.kind = EVENT_PLAINTEXT;
        break;
    case NOTE_DATA:
        event.kind = EVENT_APPLICATION_DATA;
        event.flags = EVENT_ENCRYPTED;
        break;
    case NOTE_LIMIT:
        event.kind = EVENT_LIMIT;
        event.text = "the observer's memory for one connection";
        break;
    case NOTE_END:
        tell_close(g, e);
        return;
    case NOTE_VERIFY:
        tell_fault(g, e);
        return;
    case NOTE_ERROR:
    case NOTE_DONE:
    case NOTE_FACT:
    case NOTE_KEY:
    case NOTE_WIRE:
    case NOTE_UNSEEN:
    case NOTE_NAME:
        return;
    }
    builder_event(&g->b, &event);
    if (event.kind == EVENT_CHANGE_CIPHER_SPEC) {
        g->changed_cipher[side] = true;
    }
}

static size_t count(struct bytes entries)
{
    struct story_entry e;
    size_t n = 0;
    while (story_next(&entries, &e)) {
        n++;
    }
    return n;
}

/* The parts of the gateway by their names, its own trials by its, and nginx by its own. */
static const char *called(const struct story *s)
{
    const char *direction = s->annotations[FACT_DIRECTION - FACT_ID];
    bool is_trial = s->program != NULL && strcmp(s->program, "handfast gateway") == 0;
    if (is_trial) {
        return "the gateway";
    }
    if (direction == NULL || s->program == NULL || strcmp(s->program, "nginx") != 0) {
        return NULL;
    }
    if (s->annotations[FACT_ORG - FACT_ID] == NULL) {
        return "nginx";
    }
    return strcmp(direction, "southbound") == 0 ? "the Message Processor" : "the Router";
}

const char *story_label(const struct story *s, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < s->n_labels; i++) {
        const char *label = s->labels[i];
        if (label != NULL && strncmp(label, name, len) == 0 && label[len] == '=') {
            return label + len + 1;
        }
    }
    return NULL;
}

/* The target is a target server, or it is of a bundle: a label of the gateway says so. */
static bool is_of_bundle(const struct story *s)
{
    return story_label(s, "endpoint") != NULL || story_label(s, "route") != NULL;
}

static void name_places(struct story *s)
{
    const char **names = s->local.gateway;
    names[GATEWAY_NAME_ORG] = s->annotations[FACT_ORG - FACT_ID];
    names[GATEWAY_NAME_ENV] = s->annotations[FACT_ENV - FACT_ID];
    names[GATEWAY_NAME_VIRTUAL_HOST] = s->annotations[FACT_VHOST - FACT_ID];
    names[GATEWAY_NAME_TARGET_SERVER] =
        is_of_bundle(s) ? NULL : s->annotations[FACT_TARGET - FACT_ID];
}

static void describe(struct telling *g)
{
    const struct story *s = g->s;
    struct transcript *t = g->b.t;
    t->is_dtls = s->is_dtls;
    t->version = s->again_version;
    t->is_renegotiation = s->again_version != 0 && !transcript_is_tls13(t);
    t->tls_starts_in_middle = s->again_version != 0;
    t->client = s->ends[SIDE_CLIENT];
    t->server = s->ends[SIDE_SERVER];
    t->program = s->program;
    g->s->local.called = called(s);
    name_places(g->s);
    g->s->local.sought_host =
        s->local.connect_error == CONNECT_NO_ADDRESS ? story_label(s, "host") : NULL;
    t->local = &s->local;
    t->first.at_ns = s->first_ns;
    t->last.at_ns = s->last_ns;
    /* Whoever has an SSL has a connection. */
    t->side[SIDE_CLIENT].tcp.syn_seen = true;
    t->side[SIDE_SERVER].tcp.syn_ack_seen = s->local.connect_error == CONNECT_FINE;
}

bool story_tell(struct story *s, struct arena *arena, struct x509_store *store,
                struct story_told *out)
{
    struct telling g = { .s = s, .out = out };
    *out = (struct story_told){ 0 };
    s->local.n_faults = 0;
    s->local.end_is_guess = false;
    if (!builder_start(&g.b, arena, store, SOURCE_AGENT, count(s->entries) + 1)) {
        return false;
    }
    describe(&g);
    struct bytes rest = s->entries;
    struct story_entry e;
    while (story_next(&rest, &e)) {
        tell_event(&g, &e);
    }
    for (int side = 0; side < 2; side++) {
        if (g.b.taken[side] != NULL && out->n_chains < STORY_CHAINS_MAX) {
            out->chains[out->n_chains++] = g.b.taken[side];
        }
    }
    out->t = builder_finish(&g.b);
    return true;
}
