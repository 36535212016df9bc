#include "base/clock.h"
#include "diagnose/diagnose.h"
#include "diagnose/rules.h"
#include "tls/record.h"

/* The upgrade was asked for and refused, or asked about and not offered. */
bool match_starttls_refused(struct judging *j)
{
    const struct transcript *t = j->t;
    const struct event *e =
        t->prelude_refusal != NULL ? t->prelude_refusal : t->prelude_not_offered;
    if (e == NULL || t->side[SIDE_SERVER].sent_tls) {
        return false;
    }
    bool is_refusal = t->prelude_refusal != NULL;
    const char *protocol = prelude_kind_name((enum prelude_kind)e->level);
    set_cause(j, CAUSE_STARTTLS_REFUSED, NULL,
              is_refusal && j->view->end != NULL ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    add_evidence(j, t->prelude_request, "the client asked for TLS");
    add_evidence(j, e,
                 is_refusal ? "the server said no: %.*s" : "the server does not offer TLS: %.*s",
                 (int)e->body.len, (const char *)e->body.p);
    add_evidence(j, j->view->end, "%s", end_words(j));
    /* Binary upgrades are over with the server's answer, whatever the peers do next in clear. */
    bool is_final = is_refusal && (e->level == PRELUDE_POSTGRESQL || e->level == PRELUDE_MYSQL ||
                                   e->level == PRELUDE_TDS || e->level == PRELUDE_RDP);
    j->v->rejected_by = is_final || j->view->end == NULL ? ACTOR_SERVER : j->v->rejected_by;
    say(j, "The server %s the upgrade to TLS in %s.", is_refusal ? "refused" : "never offered",
        protocol);
    return true;
}

/* Of a record that nobody read to its end: alert or handshake, RFC 8446 section 5.1. */
static bool begins_as_record(const struct event *e)
{
    return e != NULL && e->body.len > 1 &&
           (e->body.p[0] == TLS_ALERT || e->body.p[0] == TLS_HANDSHAKE) && e->body.p[1] == 3;
}

static const struct event *find_proxy_header(const struct transcript *t)
{
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (e->kind == EVENT_PRELUDE && e->side == SIDE_CLIENT && e->level == PRELUDE_PROXY) {
            return e;
        }
    }
    return NULL;
}

/* A PROXY header is the start of the connection for a server that does not expect one: no TLS
 * (The PROXY protocol, section 2). Many then close without a word, as OpenSSL's programs do. */
static bool match_proxy_header(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct event *header = find_proxy_header(t);
    bool left = view->end != NULL && view->end_side == SIDE_SERVER && !view->end_is_alert &&
                !view->server_answered && view->idle_ns < NS_PER_S;
    if (header == NULL || !left || view->stage != STAGE_HELLO || t->has_gap) {
        return false;
    }
    set_cause(j, CAUSE_PLAINTEXT_CLIENT, NULL, CONFIDENCE_POSSIBLE);
    add_evidence(j, header, "before its ClientHello the client sent a PROXY header");
    add_evidence(j, view->end, "%s without an answer", end_words(j));
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "no alert says why");
    say(j, "The client sent a PROXY header before its ClientHello, and the server closed at once: "
           "it may not expect the PROXY protocol there.");
    return true;
}

/* The client's bytes are no TLS, and the server answered as TLS does, or said so in HTTP. */
bool match_plaintext_client(struct judging *j)
{
    const struct transcript *t = j->t;
    const struct event *plain = t->side[SIDE_CLIENT].plaintext;
    if (plain == NULL || t->hello != NULL) {
        return match_proxy_header(j);
    }
    const char *name = prelude_name_plaintext(plain->body);
    bool answered = t->side[SIDE_SERVER].sent_tls || t->side[SIDE_SERVER].plaintext != NULL;
    set_cause(j, CAUSE_PLAINTEXT_CLIENT, NULL,
              t->side[SIDE_SERVER].sent_tls && !t->starts_in_middle ? CONFIDENCE_CERTAIN
              : answered                                            ? CONFIDENCE_PROBABLE
                                                                    : CONFIDENCE_POSSIBLE);
    add_evidence(j, plain, "the client's first bytes are no TLS record (%s)",
                 name == NULL ? "an unknown protocol" : name);
    add_evidence(j, t->side[SIDE_SERVER].first_alert, "the server answered with a TLS alert");
    add_evidence(j, t->side[SIDE_SERVER].plaintext, "the server answered %s",
                 begins_as_record(t->side[SIDE_SERVER].plaintext)
                     ? "with what begins as a TLS record"
                     : "in clear that TLS was expected");
    add_evidence(j, j->view->end, "%s", end_words(j));
    if (!answered && !diagnose_is_tls_port(t->server.port)) {
        add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
                        "a server that speaks plain text may close without an answer too");
        say(j,
            "The client does not speak TLS (its first bytes: %s), and the server on port %u closed "
            "without an answer: it may expect TLS.",
            name == NULL ? "an unknown protocol" : name, t->server.port);
        return true;
    }
    say(j, "The client does not speak TLS (its first bytes: %s), and the server on port %u does.",
        name == NULL ? "an unknown protocol" : name, t->server.port);
    return true;
}

/* Known from inside: the client was about to begin. */
static bool spoke_first(const struct transcript *t)
{
    return t->local != NULL && t->local->side == SIDE_CLIENT && !t->side[SIDE_CLIENT].sent_tls &&
           t->side[SIDE_CLIENT].plaintext == NULL;
}

bool match_plaintext_server(struct judging *j)
{
    const struct transcript *t = j->t;
    const struct event *plain = t->side[SIDE_SERVER].plaintext;
    bool is_first = spoke_first(t);
    if (plain == NULL || t->side[SIDE_SERVER].sent_tls ||
        !(t->side[SIDE_CLIENT].sent_tls || is_first)) {
        return false;
    }
    const char *name = prelude_name_plaintext(plain->body);
    bool is_certain = (t->hello != NULL || is_first) && name != NULL;
    set_cause(j, CAUSE_PLAINTEXT_SERVER, NULL,
              is_certain ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    add_evidence(j, t->hello_event, "the client began a TLS handshake");
    add_evidence(j, plain, "the server's bytes are no TLS record (%s)",
                 name == NULL ? "an unknown protocol" : name);
    add_evidence(j, j->view->end, "%s", end_words(j));
    say(j, "The server %s something other than TLS (%s): port %u does not speak TLS.",
        is_first ? "began, before any ClientHello, with" : "answered the ClientHello with",
        name == NULL ? "an unknown protocol" : name, t->server.port);
    return true;
}
