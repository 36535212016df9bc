#include "tls/prelude_protocol.h"

#include "tls/record.h"

#include <stdlib.h>

enum {
    FIRST_BUFFER_BYTES = 256,
    OTHER_BYTES_MAX = 2048,
    N_PRELUDES_MAX = 8,
    N_STEPS_MAX = 500,
};

static const struct prelude_protocol *const protocols[] = {
    &prelude_proxy_header, &prelude_connect,    &prelude_socks, &prelude_line, &prelude_xmpp,
    &prelude_ldap,         &prelude_postgresql, &prelude_mysql, &prelude_rdp,  &prelude_tds,
};

static const char *const kind_names[PRELUDE_N_KINDS] = {
    [PRELUDE_NONE] = "none",
    [PRELUDE_PROXY] = "PROXY protocol",
    [PRELUDE_HTTP_CONNECT] = "HTTP CONNECT",
    [PRELUDE_SOCKS] = "SOCKS",
    [PRELUDE_SMTP] = "SMTP",
    [PRELUDE_LMTP] = "LMTP",
    [PRELUDE_IMAP] = "IMAP",
    [PRELUDE_POP3] = "POP3",
    [PRELUDE_FTP] = "FTP",
    [PRELUDE_XMPP] = "XMPP",
    [PRELUDE_LDAP] = "LDAP",
    [PRELUDE_NNTP] = "NNTP",
    [PRELUDE_SIEVE] = "ManageSieve",
    [PRELUDE_IRC] = "IRC",
    [PRELUDE_POSTGRESQL] = "PostgreSQL",
    [PRELUDE_MYSQL] = "MySQL",
    [PRELUDE_RDP] = "RDP",
    [PRELUDE_TDS] = "TDS",
};

const char *prelude_kind_name(enum prelude_kind kind)
{
    return (size_t)kind < PRELUDE_N_KINDS ? kind_names[kind] : "none";
}

struct prelude *prelude_new(uint16_t server_port)
{
    struct prelude *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->server_port = server_port;
    }
    return p;
}

static void drop_buffer(struct direction *d)
{
    free(d->buffer);
    d->buffer = NULL;
    d->len = 0;
    d->cap = 0;
}

static void drop_first(struct direction *d)
{
    free(d->first);
    d->first = NULL;
    d->first_len = 0;
    d->owes_first = false;
}

void prelude_free(struct prelude *p)
{
    if (p == NULL) {
        return;
    }
    for (int s = 0; s < 2; s++) {
        drop_buffer(&p->dir[s]);
        drop_first(&p->dir[s]);
    }
    free(p);
}

/* ---- events ---- */

struct prelude_event prelude_event(const struct prelude_turn *turn, enum prelude_step step,
                                   struct bytes seen)
{
    return (struct prelude_event){
        .kind = (enum prelude_kind)turn->p->kind,
        .step = step,
        .side = turn->side,
        .seen = bytes_head(seen, PRELUDE_SEEN_MAX),
    };
}

void prelude_send(const struct prelude_turn *turn, const struct prelude_event *event)
{
    if (turn->sink->event != NULL) {
        turn->sink->event(turn->sink->arg, event);
    }
}

void prelude_emit(const struct prelude_turn *turn, enum prelude_step step, struct bytes seen)
{
    struct prelude_event event = prelude_event(turn, step, seen);
    prelude_send(turn, &event);
}

void prelude_requested(const struct prelude_turn *turn, struct bytes seen)
{
    turn->p->request_pending = true;
    turn->p->was_requested = true;
    prelude_emit(turn, PRELUDE_REQUEST, seen);
}

void prelude_accepted(const struct prelude_turn *turn, struct bytes seen)
{
    turn->p->request_pending = false;
    turn->p->phase = PHASE_DECIDED;
    prelude_emit(turn, PRELUDE_ACCEPTED, seen);
}

/* A client that did not wait for the answer speaks TLS already: the server's next bytes tell. */
void prelude_refused(const struct prelude_turn *turn, struct bytes seen)
{
    turn->p->request_pending = false;
    if (turn->p->dir[SIDE_CLIENT].state == DIRECTION_TLS) {
        turn->p->phase = PHASE_DECIDED;
    }
    prelude_emit(turn, PRELUDE_REFUSED, seen);
}

void prelude_clear(const struct prelude_turn *turn, struct bytes seen)
{
    prelude_emit(turn, PRELUDE_CLEAR, seen);
    prelude_over(turn->p);
}

void prelude_over(struct prelude *p)
{
    p->phase = PHASE_OVER;
}

void prelude_restart(struct prelude *p)
{
    bool is_tls = p->dir[SIDE_CLIENT].state == DIRECTION_TLS;
    p->n_preludes++;
    p->phase = is_tls || p->n_preludes >= N_PRELUDES_MAX ? PHASE_DECIDED : PHASE_START;
    p->protocol = NULL;
    p->kind = PRELUDE_NONE;
    p->request_pending = false;
    p->was_requested = false;
    memset(&p->u, 0, sizeof p->u);
    drop_first(&p->dir[SIDE_CLIENT]);
    drop_first(&p->dir[SIDE_SERVER]);
}

/* ---- bytes ---- */

static struct bytes pending(const struct direction *d)
{
    return bytes_of(d->buffer, d->len);
}

/* Keeps what fits; the number of bytes taken, 0 without memory. */
static size_t append(struct direction *d, struct bytes data)
{
    struct bytes part = bytes_head(data, PRELUDE_BUFFER_MAX - d->len);
    if (d->cap - d->len < part.len) {
        uint32_t cap = d->cap == 0 ? FIRST_BUFFER_BYTES : d->cap;
        while (cap - d->len < part.len) {
            cap *= 2;
        }
        uint8_t *bigger = realloc(d->buffer, cap);
        if (bigger == NULL) {
            return 0;
        }
        d->buffer = bigger;
        d->cap = cap;
    }
    (void)bytes_copy(d->buffer + d->len, d->cap - d->len, part);
    d->len += (uint32_t)part.len;
    return part.len;
}

static void keep_first(struct direction *d, struct bytes eaten)
{
    if (d->first == NULL) {
        d->first = malloc(PRELUDE_FIRST_MAX);
    }
    if (d->first != NULL) {
        struct bytes part = bytes_head(eaten, PRELUDE_FIRST_MAX - d->first_len);
        (void)bytes_copy(d->first + d->first_len, PRELUDE_FIRST_MAX - d->first_len, part);
        d->first_len += (uint32_t)part.len;
    }
}

static void eat(struct direction *d, size_t n)
{
    d->len -= (uint32_t)n;
    memmove(d->buffer, d->buffer + n, d->len);
    if (d->len == 0) {
        drop_buffer(d);
    }
}

static void give_other(struct prelude *p, enum side side, struct bytes data,
                       const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    struct bytes part = bytes_head(data, OTHER_BYTES_MAX - d->n_other);
    d->n_other += (uint32_t)part.len;
    if (part.len > 0 && sink->other != NULL) {
        sink->other(sink->arg, side, part);
    }
}

/* Bytes of a direction whose meaning is known. */
static void deliver(struct prelude *p, enum side side, struct bytes data,
                    const struct prelude_sink *sink)
{
    switch ((enum direction_state)p->dir[side].state) {
    case DIRECTION_TLS:
        if (data.len > 0) {
            sink->tls(sink->arg, side, data);
        }
        break;
    case DIRECTION_TDS:
        if (!prelude_tds_unwrap(&p->dir[side].tds, side, data, sink)) {
            p->dir[side].state = DIRECTION_IGNORED; /* plain TDS after an encrypted login */
        }
        break;
    case DIRECTION_OTHER:
        give_other(p, side, data, sink);
        break;
    case DIRECTION_OPEN:
    case DIRECTION_IGNORED:
        break;
    }
}

/* The direction's meaning is known now: what waited goes there. */
static void settle(struct prelude *p, enum side side, enum direction_state state,
                   const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    d->state = (uint8_t)state;
    if (state == DIRECTION_OTHER && d->owes_first) {
        give_other(p, side, bytes_of(d->first, d->first_len), sink);
    }
    deliver(p, side, pending(d), sink);
    drop_first(d);
    drop_buffer(d);
}

/* ---- the driver ---- */

/* TLS at a boundary. Where nobody had asked for it, or the server starts by itself, what the
 * other side said was no prelude but plaintext. */
static void become_tls(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    bool answer_is_due = p->phase == PHASE_PROTOCOL && p->request_pending && side == SIDE_CLIENT;
    struct direction *other = &p->dir[side_other(side)];
    if (p->phase == PHASE_PROTOCOL && !answer_is_due) {
        other->owes_first = !p->was_requested || side == SIDE_SERVER;
    }
    if (!answer_is_due) {
        p->phase = PHASE_DECIDED;
    }
    settle(p, side, DIRECTION_TLS, sink);
}

static void become_other(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    p->phase = PHASE_DECIDED;
    settle(p, side, DIRECTION_OTHER, sink);
}

static bool step_start(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    enum prelude_match best = MATCH_NO;
    for (size_t i = 0; i < ARRAY_LEN(protocols) && best != MATCH_YES; i++) {
        enum prelude_match m =
            protocols[i]->identify(p, side, pending(d), pending(&p->dir[side_other(side)]));
        if (m == MATCH_YES) {
            p->protocol = protocols[i];
        }
        best = m > best ? m : best;
    }
    if (best == MATCH_YES) {
        p->phase = PHASE_PROTOCOL;
        if (p->protocol->start != NULL) {
            p->protocol->start(p);
        }
        return true;
    }
    if (best == MATCH_NO || d->len == PRELUDE_BUFFER_MAX) {
        become_other(p, side, sink);
        return true;
    }
    return false;
}

static bool step_protocol(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    struct prelude_turn turn = { .p = p, .sink = sink, .side = side, .in = pending(d) };
    enum prelude_progress progress = p->protocol->step(&turn);
    if (progress == STEP_USED) {
        size_t n = turn.used < d->len ? turn.used : d->len;
        if (p->phase == PHASE_PROTOCOL) {
            keep_first(d, bytes_head(turn.in, n));
        }
        d->skip = (uint32_t)(turn.used - n);
        eat(d, n);
        if (!turn.is_filler && ++p->n_steps >= N_STEPS_MAX) {
            prelude_over(p);
        }
        return true;
    }
    if (progress == STEP_FOREIGN || d->len == PRELUDE_BUFFER_MAX) {
        become_other(p, side, sink);
        return true;
    }
    return false;
}

static enum direction_state tls_state(const struct prelude *p)
{
    return p->kind == PRELUDE_TDS && p->phase == PHASE_DECIDED ? DIRECTION_TDS : DIRECTION_TLS;
}

/* After the prelude: TDS packets that carry TLS are known by their type. */
static int starts_tls(const struct prelude *p, struct bytes in)
{
    if (tls_state(p) == DIRECTION_TDS && prelude_tds_starts_tls(in)) {
        return 1;
    }
    return tls_looks_like(in);
}

/* One step of one side; false where it can do nothing before more bytes come. */
static bool step_side(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    if (d->state != DIRECTION_OPEN) {
        return false;
    }
    if (p->phase == PHASE_OVER) {
        settle(p, side, DIRECTION_IGNORED, sink);
        return true;
    }
    if (d->len == 0) {
        return false;
    }
    int tls = d->inside_unit ? -1 : starts_tls(p, pending(d));
    if (tls == 1 && tls_state(p) == DIRECTION_TDS) {
        settle(p, side, DIRECTION_TDS, sink);
        return true;
    }
    if (tls == 1) {
        become_tls(p, side, sink);
        return true;
    }
    if (tls == 0) {
        return false;
    }
    switch ((enum prelude_phase)p->phase) {
    case PHASE_START:
        return step_start(p, side, sink);
    case PHASE_PROTOCOL:
        return step_protocol(p, side, sink);
    case PHASE_DECIDED:
        become_other(p, side, sink);
        return true;
    case PHASE_OVER:
        break;
    }
    return false;
}

/* After each unit the other side goes first, as it would have if the bytes had come one by one. */
static void run(struct prelude *p, enum side side, const struct prelude_sink *sink)
{
    while (step_side(p, side_other(side), sink) || step_side(p, side, sink)) {
    }
}

static enum prelude_state state_of(const struct prelude *p, enum side side)
{
    switch ((enum direction_state)p->dir[side].state) {
    case DIRECTION_TLS:
    case DIRECTION_TDS:
        return PRELUDE_TLS;
    case DIRECTION_OTHER:
        return PRELUDE_NOT_TLS;
    case DIRECTION_IGNORED:
        return PRELUDE_OVER;
    case DIRECTION_OPEN:
        break;
    }
    return PRELUDE_WAITING;
}

/* Takes what can be taken of the bytes at once; how many that were. */
static size_t take_part(struct prelude *p, enum side side, struct bytes data,
                        const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    if (d->skip > 0) {
        struct bytes part = bytes_head(data, d->skip);
        d->skip -= (uint32_t)part.len;
        if (p->phase == PHASE_PROTOCOL) {
            keep_first(d, part);
        }
        return part.len;
    }
    size_t n = append(d, data);
    if (n == 0) { /* no memory: this connection is given up */
        prelude_over(p);
    }
    run(p, side, sink);
    return n;
}

enum prelude_state prelude_push(struct prelude *p, enum side side, struct bytes data,
                                const struct prelude_sink *sink)
{
    struct direction *d = &p->dir[side];
    if (d->state == DIRECTION_OPEN && p->phase == PHASE_START && d->len == 0 && d->skip == 0 &&
        tls_looks_like(data) == 1) {
        become_tls(p, side, sink); /* the common case keeps nothing */
        deliver(p, side, data, sink);
        run(p, side, sink);
        return state_of(p, side);
    }
    while (data.len > 0 && d->state == DIRECTION_OPEN) {
        data = bytes_skip(data, take_part(p, side, data, sink));
    }
    deliver(p, side, data, sink);
    return state_of(p, side);
}

void prelude_finish(struct prelude *p, const struct prelude_sink *sink)
{
    if (p->phase == PHASE_PROTOCOL) {
        if (p->protocol->finish != NULL) {
            struct prelude_turn turn = { .p = p, .sink = sink, .side = SIDE_CLIENT };
            p->protocol->finish(&turn);
        }
        return;
    }
    for (int s = 0; s < 2; s++) {
        if (p->dir[s].state == DIRECTION_OPEN) {
            settle(p, (enum side)s, DIRECTION_OTHER, sink);
        }
    }
}

bool prelude_is_transparent(const struct prelude *p)
{
    return p->dir[SIDE_CLIENT].state == DIRECTION_TLS && p->dir[SIDE_SERVER].state == DIRECTION_TLS;
}
