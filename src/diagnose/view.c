#include "diagnose/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/status.h"

static bool both_finished(const struct transcript *t)
{
    return t->side[SIDE_CLIENT].finished && t->side[SIDE_SERVER].finished;
}

static bool server_flight_is_whole(const struct transcript *t)
{
    if (t->server_hello_done || t->client_key_exchange || t->side[SIDE_CLIENT].has_certificate) {
        return true;
    }
    if (transcript_is_tls13(t)) {
        return t->is_decrypted ? t->side[SIDE_SERVER].finished
                               : t->side[SIDE_SERVER].n_application_records > 0;
    }
    return t->is_resumed && t->side[SIDE_SERVER].finished;
}

static enum stage stage_before_tls(const struct transcript *t)
{
    bool has_data =
        t->side[SIDE_CLIENT].last_data != NULL || t->side[SIDE_SERVER].last_data != NULL;
    bool is_up = t->side[SIDE_SERVER].tcp.syn_ack_seen || t->side[SIDE_SERVER].last_data != NULL;
    if (has_data) {
        return STAGE_PRELUDE;
    }
    return is_up ? STAGE_SILENT : STAGE_CONNECT;
}

static enum stage stage_of(const struct transcript *t)
{
    bool has_tls = t->side[SIDE_CLIENT].sent_tls || t->side[SIDE_SERVER].sent_tls;
    if (both_finished(t)) {
        return STAGE_OVER;
    }
    if (!has_tls || (t->hello == NULL && t->server_hello == NULL)) {
        return has_tls ? STAGE_HELLO : stage_before_tls(t);
    }
    if (t->server_hello == NULL) {
        return STAGE_HELLO;
    }
    if (t->side[SIDE_CLIENT].finished) {
        return STAGE_SERVER_FINISH;
    }
    return server_flight_is_whole(t) ? STAGE_CLIENT_FLIGHT : STAGE_SERVER_FLIGHT;
}

static bool carries_bytes(const struct event *e)
{
    switch ((enum event_kind)e->kind) {
    case EVENT_SYN:
    case EVENT_SYN_ACK:
    case EVENT_FIN:
    case EVENT_RST:
    case EVENT_GAP:
    case EVENT_RETRANSMISSION:
    case EVENT_ICMP:
    case EVENT_LIMIT:
    case EVENT_UNOPENED:
    case EVENT_N_KINDS:
        return false;
    case EVENT_PRELUDE:
    case EVENT_PLAINTEXT:
    case EVENT_HANDSHAKE:
    case EVENT_ALERT:
    case EVENT_SEALED_ALERT:
    case EVENT_SEALED_HANDSHAKE:
    case EVENT_CHANGE_CIPHER_SPEC:
    case EVENT_APPLICATION_DATA:
    case EVENT_HEARTBEAT:
    case EVENT_RECORD_FAULT:
    case EVENT_PARTIAL_RECORD:
    case EVENT_MALFORMED:
        return true;
    }
    return false;
}

static bool is_end(const struct transcript *t, const struct event *e)
{
    switch (e->kind) {
    case EVENT_FIN:
    case EVENT_RST:
    case EVENT_SEALED_ALERT:
        return true;
    case EVENT_ALERT:
        return e->type == TLS_ALERT_CLOSE_NOTIFY || e == t->side[e->side].fatal_alert;
    default:
        return false;
    }
}

/* Events before a SYN are of an attempt that was given up (a reset that answers a stray packet). */
static size_t start_of_attempt(const struct transcript *t)
{
    size_t start = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        bool is_syn = t->events[i].kind == EVENT_SYN || t->events[i].kind == EVENT_SYN_ACK;
        start = is_syn ? i : start;
    }
    return start;
}

static void find_end(struct view *view)
{
    const struct transcript *t = view->t;
    for (size_t i = start_of_attempt(t); i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (is_end(t, e)) {
            view->end = e;
            break;
        }
        /* A record that never became whole is written down when all is over. */
        if (carries_bytes(e) && e->kind != EVENT_PARTIAL_RECORD) {
            view->last_before_end = e;
        }
    }
    if (view->end != NULL) {
        view->end_side = (enum side)view->end->side;
        view->end_is_alert = view->end->kind == EVENT_ALERT;
        view->end_is_sealed_alert = view->end->kind == EVENT_SEALED_ALERT;
        view->end_is_reset = view->end->kind == EVENT_RST;
    }
}

static void measure_idle(struct view *view)
{
    const struct transcript *t = view->t;
    int64_t until = view->end != NULL ? view->end->when.at_ns : t->last.at_ns;
    const struct event *syn = t->n_events > 0 ? &t->events[0] : NULL;
    int64_t from = view->last_before_end != NULL ? view->last_before_end->last.at_ns
                   : syn != NULL                 ? syn->when.at_ns
                                                 : until;
    view->idle_ns = until > from ? until - from : 0;
}

static void find_retries(struct view *view)
{
    const struct transcript *t = view->t;
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (e->kind == EVENT_RETRANSMISSION) {
            view->stalled_retry = e;
        } else if (carries_bytes(e) && view->stalled_retry != NULL &&
                   e->side != view->stalled_retry->side) {
            view->stalled_retry = NULL;
        }
    }
}

void view_make(const struct transcript *t, const struct diagnose_context *context, struct view *out)
{
    *out = (struct view){ .t = t, .context = context };
    out->offer = t->retry_hello != NULL ? t->retry_hello : t->hello;
    out->offer_event = t->retry_hello != NULL ? t->retry_hello_event : t->hello_event;
    if (out->offer != NULL) {
        tls_offered_versions(out->offer, &out->min_version, &out->max_version);
    }
    out->stage = stage_of(t);
    out->server_answered = t->side[SIDE_SERVER].last_data != NULL;
    find_end(out);
    measure_idle(out);
    find_retries(out);
    if (context->peers != NULL) {
        out->peer = peers_server(context->peers, &t->server);
        out->successes = out->peer == NULL ? NULL : out->peer->successes;
        out->n_successes = out->peer == NULL ? 0 : out->peer->n_successes;
        out->clock_is_doubtful = peers_clock_is_doubtful(context->peers);
    }
}

static bool is_within(struct bytes name, const struct x509_chain *chain)
{
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        struct bytes der = x509_chain_der(chain, i);
        if (memmem(der.p, der.len, name.p, name.len) != NULL) {
            return true;
        }
    }
    return false;
}

/* The server named the CAs that it takes (RFC 5246 section 7.4.4, RFC 8446 section 4.2.4), and the
 * client's chain leads to none of them. */
static bool is_of_no_named_ca(const struct transcript *t)
{
    const struct x509_chain *chain = t->side[SIDE_CLIENT].chain;
    struct bytes name = { NULL, 0 };
    bool is_any = false;
    if (chain == NULL || t->certificate_request == NULL) {
        return false;
    }
    struct bytes list = t->certificate_request->authorities;
    while (tls_authority_next(&list, &name)) {
        is_any = is_any || name.len > 0;
        if (name.len > 0 && is_within(name, chain)) {
            return false;
        }
    }
    return is_any;
}

/* From inside a program its own trust is known: it says nothing of what the peer trusts. */
static bool trust_counts(const struct view *view, enum side owner)
{
    const struct local_facts *local = view->t->local;
    if (owner == SIDE_CLIENT && is_of_no_named_ca(view->t)) {
        return true;
    }
    return view->context->trust_is_given && (local == NULL || owner != local->side);
}

static bool is_hard(const struct view *view, enum side owner, enum x509_fault_kind kind)
{
    switch (kind) {
    case X509_FAULT_WEAK:
    case X509_FAULT_REVOCATION_UNKNOWN:
        return false;
    case X509_FAULT_CHAIN_INCOMPLETE:
    case X509_FAULT_SELF_SIGNED:
    case X509_FAULT_UNTRUSTED_CA:
        return trust_counts(view, owner);
    case X509_FAULT_EXPIRED:
    case X509_FAULT_NOT_YET_VALID:
        return !view->clock_is_doubtful;
    case X509_FAULT_MALFORMED:
    case X509_FAULT_CHAIN_INVALID:
    case X509_FAULT_REVOKED:
    case X509_FAULT_WRONG_PURPOSE:
    case X509_FAULT_HOSTNAME_MISMATCH:
    case X509_FAULT_CONSTRAINT:
        return true;
    case X509_N_FAULTS:
        break;
    }
    return false;
}

const struct x509_fault *view_hard_fault(const struct view *view, enum side owner)
{
    const struct x509_judgement *judgement = view->context->judgement[owner];
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        if (is_hard(view, owner, judgement->faults[i].kind)) {
            return &judgement->faults[i];
        }
    }
    return NULL;
}

const struct x509_fault *view_wrong_name(const struct view *view)
{
    const struct x509_judgement *judgement = view->context->judgement[SIDE_SERVER];
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        if (judgement->faults[i].kind == X509_FAULT_HOSTNAME_MISMATCH) {
            return &judgement->faults[i];
        }
    }
    return NULL;
}

bool ended_by_alert(const struct view *view, enum side side, enum tls_alert_description alert)
{
    return view->end_is_alert && view->end_side == side && view->end->type == alert;
}

const char *view_host(const struct judging *j)
{
    const struct transcript *t = j->t;
    if (t->server_name != NULL) {
        return t->server_name;
    }
    if (t->proxied_host != NULL) {
        return t->proxied_host;
    }
    struct text text = { 0 };
    endpoint_put(&text, &t->server);
    const char *copy = arena_strndup(j->arena, text_str(&text), text.len);
    text_deinit(&text);
    return copy == NULL ? "the server" : copy;
}

__attribute__((format(printf, 2, 0))) static const char *vprint(struct arena *arena,
                                                                const char *fmt, va_list args)
{
    char buffer[1024];
    int len = vsnprintf(buffer, sizeof buffer, fmt, args);
    if (len < 0) {
        return "";
    }
    size_t n = (size_t)len < sizeof buffer ? (size_t)len : sizeof buffer - 1;
    const char *copy = arena_strndup(arena, buffer, n);
    return copy == NULL ? "" : copy;
}

void say(struct judging *j, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    j->v->sentence = vprint(j->arena, fmt, args);
    va_end(args);
}

void set_cause(struct judging *j, enum cause cause, const char *detail, enum confidence confidence)
{
    j->v->cause = cause;
    j->v->detail = detail;
    j->v->confidence = confidence;
}

static void put_evidence(struct judging *j, const struct evidence *evidence)
{
    if (j->v->n_evidence < EVIDENCE_MAX) {
        j->v->evidence[j->v->n_evidence++] = *evidence;
    }
}

void add_evidence(struct judging *j, const struct event *e, const char *fmt, ...)
{
    if (e == NULL) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    put_evidence(j, &(struct evidence){ .frame = e->when.frame,
                                        .at_ns = e->when.at_ns,
                                        .side = actor_of_side((enum side)e->side),
                                        .message = event_name(e),
                                        .sentence = vprint(j->arena, fmt, args) });
    va_end(args);
}

void add_fact(struct judging *j, uint64_t frame, int64_t at_ns, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    put_evidence(j, &(struct evidence){
                        .frame = frame, .at_ns = at_ns, .sentence = vprint(j->arena, fmt, args) });
    va_end(args);
}

void add_alternative(struct judging *j, enum cause cause, enum confidence confidence,
                     const char *why)
{
    struct verdict *v = j->v;
    for (size_t i = 0; i < v->n_alternatives; i++) {
        if (v->alternatives[i].cause == cause) {
            return;
        }
    }
    if (v->n_alternatives < ALTERNATIVES_MAX && cause != v->cause) {
        v->alternatives[v->n_alternatives++] = (struct alternative){ cause, NULL, confidence, why };
    }
}

void add_ruled_out(struct judging *j, enum cause cause, const char *fmt, ...)
{
    if (j->v->n_ruled_out == RULED_OUT_MAX) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    j->v->ruled_out[j->v->n_ruled_out++] = (struct ruled_out){ cause, vprint(j->arena, fmt, args) };
    va_end(args);
}

void add_finding(struct judging *j, const char *id, enum cause cause, enum actor party,
                 const char *fmt, ...)
{
    if (j->v->n_findings == FINDINGS_MAX) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    j->v->findings[j->v->n_findings++] =
        (struct finding){ id, cause, party, vprint(j->arena, fmt, args) };
    va_end(args);
}

const char *leaving_word(const struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l != NULL && l->end_is_guess && j->view->end_side != l->side) {
        return "closed or reset";
    }
    return j->view->end_is_reset ? "reset" : "closed";
}

const char *end_words(const struct judging *j)
{
    const struct view *view = j->view;
    if (view->end == NULL) {
        return "nobody ended the connection";
    }
    const char *who = side_name(view->end_side);
    const char *words = NULL;
    if (view->end_is_alert) {
        const char *name = tls_alert_name(view->end->type);
        words = arena_printf(j->arena, "the %s sent alert %s", who,
                             name == NULL ? "of an unknown kind" : name);
    } else if (view->end_is_sealed_alert) {
        words = arena_printf(j->arena, "the %s sent an encrypted alert", who);
    } else {
        words = arena_printf(j->arena, "the %s %s the connection", who, leaving_word(j));
    }
    return words == NULL ? "the connection ended" : words;
}
