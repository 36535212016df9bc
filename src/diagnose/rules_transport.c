#include <inttypes.h>

#include "base/clock.h"
#include "diagnose/rules.h"

/* Who sent so many SYNs has given up: tcp_syn_retries of Linux is 6; others try less often. */
enum { SYN_RETRIES = 5 };

#define RETRY_NS (NS_PER_S / 5)
#define STALL_NS (5 * NS_PER_S) /* nothing moved for 5 s or more */
/* A ClientHello was acknowledged and not one byte came back, for longer than TCP's own first retry
 * and any server's thinking: who closes then does so on a timer (RFC 6298 section 2: 1 s). */
#define SILENCE_NS (INT64_C(3) * 500000000)

static const struct event *first_of(const struct transcript *t, enum event_kind kind,
                                    enum side side)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (t->events[i].kind == kind && t->events[i].side == side) {
            return &t->events[i];
        }
    }
    return NULL;
}

static unsigned count_of(const struct transcript *t, enum event_kind kind, enum side side)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        n += t->events[i].kind == kind && t->events[i].side == side;
    }
    return n;
}

/* A SYN answered by RST (RFC 9293 3.5.2), or by an ICMP error. */
bool match_refused(struct judging *j)
{
    const struct transcript *t = j->t;
    const struct event *icmp = first_of(t, EVENT_ICMP, SIDE_SERVER);
    icmp = icmp == NULL ? first_of(t, EVENT_ICMP, SIDE_CLIENT) : icmp;
    const struct event *rst = t->side[SIDE_SERVER].rst;
    if (j->view->stage != STAGE_CONNECT || (rst == NULL && icmp == NULL)) {
        return false;
    }
    set_cause(j, CAUSE_CONNECTION_REFUSED, NULL,
              rst != NULL ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    j->v->rejected_by = rst != NULL ? ACTOR_SERVER : ACTOR_NETWORK;
    add_evidence(j, first_of(t, EVENT_SYN, SIDE_CLIENT), "the client asked for a connection");
    add_evidence(
        j, rst,
        "the server refused it with a reset: nothing listens on this port, or a firewall rejects");
    if (rst == NULL) {
        add_evidence(j, icmp, "the network answered that the server cannot be reached");
    }
    say(j, "Nothing accepted the connection on port %u: the SYN was answered by %s.",
        t->server.port, rst != NULL ? "a reset" : "an ICMP error");
    return true;
}

bool match_connect_timeout(struct judging *j)
{
    const struct transcript *t = j->t;
    if (j->view->stage != STAGE_CONNECT) {
        return false;
    }
    unsigned n = count_of(t, EVENT_SYN, SIDE_CLIENT);
    set_cause(j, CAUSE_CONNECTION_TIMEOUT, NULL,
              n > SYN_RETRIES && !t->capture_dropped ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    j->v->rejected_by = ACTOR_NETWORK;
    add_evidence(j, first_of(t, EVENT_SYN, SIDE_CLIENT),
                 "the client asked for a connection, %u time%s in all; no answer was captured", n,
                 n == 1 ? "" : "s");
    say(j,
        "The server never answered: %u SYN%s to port %u without a reply (a firewall drops it, the "
        "host is down, or the route is wrong).",
        n, n == 1 ? "" : "s", t->server.port);
    return true;
}

static bool was_never_acknowledged(const struct transcript *t)
{
    return t->side[0].tcp.unacked_retransmissions > 0 || t->side[1].tcp.unacked_retransmissions > 0;
}

static bool too_big_seen(const struct transcript *t)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (t->events[i].kind == EVENT_ICMP && t->events[i].type == 1) {
            return true;
        }
    }
    return false;
}

/* From inside a server: a client began, and no whole ClientHello came. */
static bool is_cut_short(const struct view *view)
{
    const struct local_facts *l = view->t->local;
    return l != NULL && l->side == SIDE_SERVER && view->stage == STAGE_SILENT;
}

static void describe_stall(struct judging *j)
{
    const struct view *view = j->view;
    if (is_cut_short(view)) {
        add_evidence(j, view->end, "%s", end_words(j));
        say(j, "The client began and never sent a whole ClientHello, until %s.", end_words(j));
        return;
    }
    const struct event *last = view->last_before_end;
    bool client_spoke_last = last == NULL || last->side == SIDE_CLIENT;
    add_evidence(j, last, "the last message that moved the handshake");
    add_evidence(j, view->end, "%s, %.1f s later", end_words(j), (double)view->idle_ns / 1e9);
    say(j, "The handshake stalled for %.1f s after the %s's %s: the %s never answered.",
        (double)view->idle_ns / 1e9, client_spoke_last ? "client" : "server",
        last == NULL ? "connection" : event_name(last), client_spoke_last ? "server" : "client");
}

/* TCP stands and nothing moves. */
bool match_stalled(struct judging *j)
{
    const struct view *view = j->view;
    /* A packet seen twice is none sent twice: that takes 200 ms, or longer (RFC 6298 section 2.4).
     */
    bool lost = view->stalled_retry != NULL && was_never_acknowledged(j->t) &&
                (view->end == NULL || view->idle_ns >= RETRY_NS);
    bool silent = view->stage == STAGE_HELLO && view->offer != NULL && !view->server_answered &&
                  view->end_side == SIDE_CLIENT && !view->end_is_reset &&
                  view->idle_ns >= SILENCE_NS;
    bool waited = j->t->local != NULL && j->t->local->has_waited;
    if (view->end_is_alert || (view->idle_ns < STALL_NS && !lost && !silent && !waited)) {
        return false;
    }
    if (view->end == NULL && !lost) {
        return false;
    }
    /* ICMP says so where it is not filtered: full segments do not get through (RFC 1191, RFC 2923).
     */
    const char *detail = too_big_seen(j->t) ? "mtu-black-hole" : NULL;
    set_cause(j, CAUSE_HANDSHAKE_TIMEOUT, detail,
              waited ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    describe_stall(j);
    if (silent && !waited) {
        add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
                        "the client may have been cancelled");
    }
    if (lost) {
        add_evidence(j, view->stalled_retry, "retransmitted, and never acknowledged");
        j->v->rejected_by = view->end == NULL ? ACTOR_NETWORK : j->v->rejected_by;
    }
    if (!is_cut_short(view)) {
        add_alternative(j, CAUSE_HELLO_INTOLERANCE, CONFIDENCE_POSSIBLE,
                        "a middlebox or server may drop this ClientHello and take another");
    }
    return true;
}

static const char *where(const struct view *view)
{
    switch (view->stage) {
    case STAGE_SILENT:
        return is_cut_short(view) ? "before a whole ClientHello had come" : "before TLS began";
    case STAGE_CONNECT:
    case STAGE_PRELUDE:
        return "before TLS began";
    case STAGE_HELLO:
        return "right after the ClientHello";
    case STAGE_SERVER_FLIGHT:
        return "within the server's flight";
    case STAGE_CLIENT_FLIGHT:
        return "after the server's flight";
    case STAGE_SERVER_FINISH:
        return "after the client's Finished";
    case STAGE_OVER:
        return "after both Finished";
    }
    return "";
}

static const char *detail_of_close(const struct judging *j)
{
    const struct view *view = j->view;
    bool cancelled = view->end_side == SIDE_CLIENT && !view->server_answered && view->offer != NULL;
    return cancelled ? "client-cancelled" : NULL;
}

static uint64_t missing_bytes(const struct transcript *t, enum side side)
{
    uint64_t missing = 0;
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        missing += e->kind == EVENT_GAP && e->side == side ? e->len : 0;
    }
    return missing;
}

/* The capture lacks bytes: an alert may have been among them. */
static void doubt_missing(struct judging *j, enum side side)
{
    uint64_t missing = j->t->has_gap ? missing_bytes(j->t, side) : 0;
    if (missing > 0) {
        j->v->confidence = CONFIDENCE_POSSIBLE;
        add_fact(j, 0, 0,
                 "%" PRIu64 " bytes of the %s are missing from the capture: an alert may have been "
                 "among them",
                 missing, side_name(side));
    }
}

static bool match_cut(struct judging *j, enum cause cause)
{
    const struct view *view = j->view;
    set_cause(j, cause, detail_of_close(j), CONFIDENCE_PROBABLE);
    add_evidence(j, view->last_before_end, "the last message before the end");
    add_evidence(j, view->end, "%s %s, without a fatal alert before", end_words(j), where(view));
    doubt_missing(j, view->end_side);
    doubt_missing(j, side_other(view->end_side));
    say(j, "The %s %s the connection %s and gave no reason.", side_name(view->end_side),
        leaving_word(j), where(view));
    if (j->t->local != NULL && j->t->local->end_is_guess) {
        add_alternative(j, CAUSE_CONNECTION_RESET, CONFIDENCE_POSSIBLE,
                        "the program handles its socket by itself: which of the two it was is not "
                        "known");
    }
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE, "no alert says why");
    return true;
}

bool match_reset(struct judging *j)
{
    return j->view->end_is_reset && match_cut(j, CAUSE_CONNECTION_RESET);
}

bool match_closed(struct judging *j)
{
    const struct view *view = j->view;
    bool is_close =
        view->end != NULL && (view->end->kind == EVENT_FIN ||
                              (view->end_is_alert && view->end->type == TLS_ALERT_CLOSE_NOTIFY));
    return is_close && match_cut(j, CAUSE_CONNECTION_CLOSED);
}

bool match_anything(struct judging *j)
{
    set_cause(j, CAUSE_UNDETERMINED, NULL, CONFIDENCE_POSSIBLE);
    add_evidence(j, j->view->last_before_end, "the last message before the end");
    add_evidence(j, j->view->end, "%s %s", end_words(j), where(j->view));
    say(j, "The handshake failed %s: %s, and nothing observable says why.", where(j->view),
        end_words(j));
    return true;
}
