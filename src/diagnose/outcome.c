#include "diagnose/outcome.h"

#include "base/clock.h"
#include "base/status.h"
#include "tls/record.h"

/* Retransmissions back off (RFC 6298 section 5.5): a second of them is more than one lost packet.
 */
#define STALLED_AFTER_NS NS_PER_S

bool diagnose_is_tls_port(uint16_t port)
{
    static const uint16_t ports[] = { 261,  443,  448,  465,  563,   614,   636,   684,  695,
                                      832,  853,  854,  989,  990,   992,   993,   994,  995,
                                      2083, 2087, 2376, 2484, 3269,  4433,  4443,  5061, 5223,
                                      5269, 5349, 5671, 5986, 6443,  6514,  6697,  8243, 8443,
                                      8883, 9091, 9093, 9443, 10443, 11214, 16993, 20003 };
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}

static enum outcome of_connect(const struct view *view)
{
    const struct transcript *t = view->t;
    bool attempted = t->side[SIDE_CLIENT].tcp.syn_seen && diagnose_is_tls_port(t->server.port);
    if (!attempted || t->starts_in_middle) {
        return OUTCOME_NONE;
    }
    bool answered = t->side[SIDE_SERVER].rst != NULL;
    for (size_t i = 0; i < t->n_events && !answered; i++) {
        answered = t->events[i].kind == EVENT_ICMP ||
                   (t->events[i].kind == EVENT_SYN && (t->events[i].flags & EVENT_REPEAT) != 0);
    }
    return answered ? OUTCOME_FAILED : OUTCOME_UNFINISHED;
}

static bool contains(struct bytes text, const char *words)
{
    return text.len > 0 && memmem(text.p, text.len, words, strlen(words)) != NULL;
}

/* Plain text from the client is a failed handshake only where the server wanted TLS. */
static bool server_wanted_tls(const struct transcript *t)
{
    if (t->side[SIDE_SERVER].sent_tls) {
        return true;
    }
    const struct event *plain = t->side[SIDE_SERVER].plaintext;
    if (plain == NULL) {
        return false;
    }
    /* What nginx, Apache, Go, Tomcat and lighttpd answer to HTTP on a port for TLS. */
    static const char *const words[] = { "sent to HTTPS port", "SSL-enabled server port",
                                         "HTTP request to an HTTPS server", "requires TLS",
                                         "HTTPS server" };
    bool is_error =
        plain->body.len > 12 && memcmp(plain->body.p, "HTTP/", 5) == 0 && plain->body.p[9] == '4';
    for (size_t i = 0; is_error && i < ARRAY_LEN(words); i++) {
        if (contains(plain->body, words[i])) {
            return true;
        }
    }
    return false;
}

/* HTTP's "400 Bad Request" for bytes that were no HTTP, on a port for TLS: the server's way of
 * saying that it expected a TLS record. */
static bool is_answered_in_http(const struct transcript *t)
{
    const struct event *client = t->side[SIDE_CLIENT].plaintext;
    const struct event *server = t->side[SIDE_SERVER].plaintext;
    bool is_http = client != NULL && contains(client->body, " HTTP/");
    return !is_http && server != NULL && diagnose_is_tls_port(t->server.port) &&
           bytes_start_with(server->body, BYTES("HTTP/1.1 400 "));
}

/* A proxy asked for a way through is no attempt at TLS by itself; one to a port for TLS is. */
static bool is_attempt(const struct event *request)
{
    bool is_proxy = request->level == PRELUDE_HTTP_CONNECT || request->level == PRELUDE_SOCKS ||
                    request->level == PRELUDE_PROXY;
    return !is_proxy || diagnose_is_tls_port(request->version);
}

static enum outcome of_upgrade(const struct view *view, const struct event *request)
{
    const struct transcript *t = view->t;
    if (request != NULL && !is_attempt(request)) {
        return OUTCOME_NONE;
    }
    if (t->prelude_refusal != NULL || t->prelude_not_offered != NULL) {
        return OUTCOME_FAILED;
    }
    /* A request answered by another protocol altogether was none. */
    bool misread = t->prelude_accepted == NULL && t->side[SIDE_SERVER].plaintext != NULL;
    if (request == NULL || misread) {
        return OUTCOME_NONE;
    }
    return view->end != NULL ? OUTCOME_FAILED : OUTCOME_UNFINISHED;
}

/* What comes from the middle of a connection may be the rest of a record, and looks like nothing at
 * all; an alert in clear says that the server was still waiting for a ClientHello. */
static bool may_be_torn(const struct transcript *t)
{
    const struct event *plain = t->side[SIDE_CLIENT].plaintext;
    return t->starts_in_middle && t->side[SIDE_SERVER].fatal_alert == NULL &&
           prelude_name_plaintext(plain->body) == NULL;
}

static enum outcome of_prelude(const struct view *view)
{
    const struct transcript *t = view->t;
    const struct event *request =
        t->prelude_request != NULL ? t->prelude_request : t->prelude_accepted;
    if (request != NULL || t->prelude_refusal != NULL || t->prelude_not_offered != NULL) {
        return of_upgrade(view, request);
    }
    if (t->side[SIDE_CLIENT].plaintext != NULL) {
        if (may_be_torn(t)) {
            return t->side[SIDE_SERVER].sent_tls ? OUTCOME_UNFINISHED : OUTCOME_NONE;
        }
        bool closed = view->end != NULL && view->end_side == SIDE_SERVER &&
                      t->side[SIDE_SERVER].last_data == NULL &&
                      diagnose_is_tls_port(t->server.port) && !t->starts_in_middle;
        return server_wanted_tls(t) || closed || is_answered_in_http(t) ? OUTCOME_FAILED
                                                                        : OUTCOME_NONE;
    }
    return OUTCOME_NONE;
}

/* A verifier that runs after the handshake is done by then; later ends have other reasons. */
#define LATE_REFUSAL_NS (2 * NS_PER_S)
/* Nobody who waits for an answer gives up so soon. */
#define AT_ONCE_NS (NS_PER_S / 4)

static bool server_refuses_client(const struct view *view)
{
    const struct transcript *t = view->t;
    const struct side_facts *client = &t->side[SIDE_CLIENT];
    const struct side_facts *server = &t->side[SIDE_SERVER];
    if (server->sent_application_data || !client->has_certificate) {
        return false;
    }
    /* Up to TLS 1.2 the server's Finished comes after it took the client's certificate. */
    bool may_refuse_late = transcript_is_tls13(t) || !view->end_is_sealed_alert;
    bool has_reason = client->certificate_is_empty || client->certificate_unreadable ||
                      view_hard_fault(view, SIDE_CLIENT) != NULL;
    /* Who sends an empty Certificate was asked for one (RFC 8446 4.4.2), also where the request is
     * encrypted. A server that goes on to send tickets took it. */
    bool was_asked = t->certificate_request != NULL || (transcript_is_tls13(t) && !t->has_ticket);
    bool is_at_once = view->idle_ns < LATE_REFUSAL_NS;
    bool left_at_once = client->certificate_is_empty && was_asked && is_at_once;
    bool spoke_up = view->end_is_sealed_alert ||
                    (view_hard_fault(view, SIDE_CLIENT) != NULL && is_at_once) || left_at_once;
    return may_refuse_late && has_reason && spoke_up;
}

/* TLS 1.3: an alert is all that the server says after the client's Finished. Whoever means to close
 * a connection that stands has sent a ticket or data, or waits for the client (RFC 8446 4.6.1, 6).
 */
static bool server_refuses_finished(const struct view *view)
{
    const struct transcript *t = view->t;
    return transcript_is_tls13(t) && view->end_is_sealed_alert && !t->has_ticket &&
           !t->is_decrypted && view->idle_ns < LATE_REFUSAL_NS;
}

/* After both Finished: does the end refuse what the handshake showed? */
static bool is_late_refusal(const struct view *view)
{
    const struct transcript *t = view->t;
    if (view->end == NULL || t->side[view->end_side].sent_application_data) {
        return false;
    }
    if (view->end_is_alert && view->end->type != TLS_ALERT_CLOSE_NOTIFY) {
        return true;
    }
    if (view->end_side == SIDE_SERVER) {
        /* What is concluded from sizes and order needs all the records. */
        return !t->has_gap && (server_refuses_client(view) || server_refuses_finished(view));
    }
    /* Who verifies after the handshake does so at once; a spare connection closed later says
     * nothing. */
    return view->idle_ns < LATE_REFUSAL_NS && view_hard_fault(view, SIDE_SERVER) != NULL;
}

/* A second handshake that went through: each side changed its cipher once more. */
static bool renegotiation_worked(const struct transcript *t)
{
    unsigned changes[2] = { 0, 0 };
    for (size_t i = 0; i < t->n_events; i++) {
        changes[t->events[i].side] += t->events[i].kind == EVENT_CHANGE_CIPHER_SPEC;
    }
    const struct event *last = NULL;
    for (size_t i = 0; i < t->n_events; i++) {
        last = t->events[i].kind == EVENT_APPLICATION_DATA ? &t->events[i] : last;
    }
    return (changes[0] > 1 && changes[1] > 1) || (last != NULL && last > t->renegotiation_event);
}

static enum outcome of_finished(const struct view *view)
{
    const struct transcript *t = view->t;
    if (t->is_renegotiation && !renegotiation_worked(t)) {
        return view->end != NULL ? OUTCOME_FAILED : OUTCOME_COMPLETED;
    }
    return is_late_refusal(view) ? OUTCOME_FAILED : OUTCOME_COMPLETED;
}

static bool data_flowed(const struct transcript *t)
{
    unsigned least = transcript_is_tls13(t) ? 3 : 1;
    return t->side[SIDE_CLIENT].n_application_records >= least &&
           t->side[SIDE_SERVER].n_application_records >= least;
}

/* The smallest Finished on the wire: record header, message and MAC under RC4 with MD5. */
enum { SMALLEST_FINISHED = 5 + 16 + 16 };

static uint64_t missing_from(const struct transcript *t, enum side side)
{
    uint64_t missing = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        if (t->events[i].kind == EVENT_GAP && t->events[i].side == side) {
            missing += t->events[i].len;
        }
    }
    return missing;
}

/* A gap hit a record's header: what came behind it was not read either. */
static bool lost_its_records(const struct transcript *t, enum side side)
{
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (e->kind == EVENT_RECORD_FAULT && e->side == side && e->type == TLS_RECORD_LOST) {
            return true;
        }
    }
    return false;
}

/* One direction only, or packets missing: what is there must speak for itself. */
static enum outcome of_partial(const struct view *view)
{
    const struct transcript *t = view->t;
    bool one_sided = t->side[SIDE_CLIENT].is_silent || t->side[SIDE_SERVER].is_silent;
    if (!one_sided && data_flowed(t)) {
        return OUTCOME_COMPLETED;
    }
    bool alerted = view->end_is_alert && view->end->type != TLS_ALERT_CLOSE_NOTIFY;
    /* What is missing of the client is too small to hold its Finished: it never came. */
    bool cannot_be = !one_sided && view->end != NULL && !t->side[SIDE_CLIENT].finished &&
                     t->side[SIDE_CLIENT].sent_tls && !t->is_snap_truncated &&
                     !lost_its_records(t, SIDE_CLIENT) &&
                     missing_from(t, SIDE_CLIENT) < SMALLEST_FINISHED;
    return alerted || cannot_be ? OUTCOME_FAILED : OUTCOME_UNFINISHED;
}

static bool is_stalled(const struct view *view)
{
    const struct transcript *t = view->t;
    bool unacked =
        t->side[0].tcp.unacked_retransmissions > 0 || t->side[1].tcp.unacked_retransmissions > 0;
    int64_t since_ns =
        view->last_before_end != NULL ? view->last_before_end->when.at_ns : t->first.at_ns;
    return view->end == NULL && view->stalled_retry != NULL && unacked &&
           t->last.at_ns - since_ns >= STALLED_AFTER_NS;
}

/* TCP is up and nobody spoke. */
static enum outcome of_silence(const struct view *view)
{
    const struct transcript *t = view->t;
    bool may_come = view->end == NULL && diagnose_is_tls_port(t->server.port);
    return may_come && !t->starts_in_middle ? OUTCOME_UNFINISHED : OUTCOME_NONE;
}

/* The client never said a word: what the server sent on its own is no handshake. */
static enum outcome of_server_alone(const struct transcript *t)
{
    return t->starts_in_middle && t->side[SIDE_SERVER].sent_tls ? OUTCOME_UNFINISHED : OUTCOME_NONE;
}

static bool is_partial(const struct transcript *t)
{
    return t->side[SIDE_CLIENT].is_silent || t->side[SIDE_SERVER].is_silent || t->has_gap ||
           t->is_snap_truncated;
}

static enum outcome of_begun(const struct view *view)
{
    if (view->stage == STAGE_OVER) {
        return of_finished(view);
    }
    if (is_partial(view->t)) {
        return of_partial(view);
    }
    return view->end != NULL || is_stalled(view) ? OUTCOME_FAILED : OUTCOME_UNFINISHED;
}

static bool said_goodbye(const struct transcript *t, enum side side)
{
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (e->kind == EVENT_ALERT && e->side == side && e->type == TLS_ALERT_CLOSE_NOTIFY) {
            return true;
        }
    }
    return false;
}

bool view_left_unserved(const struct view *view)
{
    const struct transcript *t = view->t;
    enum side own = t->local->side;
    if (view->end == NULL || view->end_side != own || view->idle_ns >= LATE_REFUSAL_NS) {
        return false;
    }
    if (!t->side[own].sent_application_data) {
        return true;
    }
    return own == SIDE_CLIENT && !t->side[SIDE_SERVER].sent_application_data &&
           view->idle_ns < AT_ONCE_NS && !said_goodbye(t, own);
}

/* After a handshake that was let pass: the program looked at the verification's result, or at the
 * name, and left. */
static bool program_left(const struct view *view)
{
    const struct local_facts *l = view->t->local;
    bool asked = view->t->side[SIDE_CLIENT].sent_application_data;
    bool has_reason = l->verify_result != 0 || local_refused_name(l) != NULL ||
                      (l->side == SIDE_CLIENT && asked && view_wrong_name(view) != NULL);
    return has_reason && view_left_unserved(view);
}

/* Both Finished of the second handshake were seen, and the library says that it is over. */
static bool has_renegotiated(const struct transcript *t)
{
    return t->is_renegotiation && t->side[SIDE_CLIENT].finished && t->side[SIDE_SERVER].finished;
}

/* From inside the library itself says what became of it. */
static enum outcome of_local(const struct view *view)
{
    const struct local_facts *l = view->t->local;
    if (l->answer_error != ANSWER_FINE) {
        return OUTCOME_COMPLETED;
    }
    if (!l->is_done) {
        return l->is_given_up || view->end != NULL ? OUTCOME_FAILED : OUTCOME_UNFINISHED;
    }
    /* Asked for a certificate later: data come in between (RFC 8446 section 4.6.2). */
    bool is_goodbye = view->end_is_alert && view->end->type == TLS_ALERT_CLOSE_NOTIFY;
    if (view->t->tls_starts_in_middle && view->end_is_alert && !is_goodbye) {
        return OUTCOME_FAILED;
    }
    if (is_goodbye && has_renegotiated(view->t) && !program_left(view)) {
        return OUTCOME_COMPLETED;
    }
    return program_left(view) ? OUTCOME_FAILED : of_finished(view);
}

enum outcome outcome_of(const struct view *view)
{
    const struct transcript *t = view->t;
    if (t->local != NULL) {
        return of_local(view);
    }
    const struct side_facts *client = &t->side[SIDE_CLIENT];
    bool has_tls = client->sent_tls || t->side[SIDE_SERVER].sent_tls;
    if (view->stage == STAGE_CONNECT) {
        return of_connect(view);
    }
    if (view->stage == STAGE_SILENT) {
        return of_silence(view);
    }
    bool said_nothing = client->last_data == NULL && missing_from(t, SIDE_CLIENT) == 0;
    if (said_nothing && !client->is_silent) {
        return of_server_alone(t);
    }
    if (!client->sent_tls && (view->stage == STAGE_PRELUDE || client->plaintext != NULL)) {
        return of_prelude(view);
    }
    if (has_tls && t->hello == NULL && t->starts_in_middle) {
        return OUTCOME_UNFINISHED;
    }
    return of_begun(view);
}
