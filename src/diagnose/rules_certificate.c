#include <openssl/ssl.h>

#include "diagnose/certificate_blame.h"
#include "diagnose/rules.h"
#include "tls/names.h"

static bool answers_missing_certificate(const struct view *view)
{
    if (!view->end_is_alert) {
        return true; /* Node and lighttpd close without an alert */
    }
    uint8_t code = view->end->type;
    return code == TLS_ALERT_HANDSHAKE_FAILURE || code == TLS_ALERT_BAD_CERTIFICATE ||
           code == TLS_ALERT_NO_CERTIFICATE || code == TLS_ALERT_DECODE_ERROR ||
           code == TLS_ALERT_ACCESS_DENIED || code == TLS_ALERT_CERTIFICATE_UNKNOWN ||
           code == TLS_ALERT_CERTIFICATE_REQUIRED || code == TLS_ALERT_UNEXPECTED_MESSAGE ||
           code == TLS_ALERT_INTERNAL_ERROR ||
           code == TLS_ALERT_CLOSE_NOTIFY; /* nginx's stream module leaves politely */
}

/* RFC 5246 7.4.6 and RFC 8446 4.4.2.4: an empty Certificate, and a server that requires one. */
/* From inside a server: its library was told to ask, and to go on without (SSL_set_verify(3)). What
 * nginx says of itself is known to be about the certificate. */
static bool let_pass_without_certificate(const struct transcript *t)
{
    const struct local_facts *l = t->local;
    return l != NULL && l->side == SIDE_SERVER && l->is_done && l->has_policy &&
           l->called == NULL && (l->verify_mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0;
}

bool match_client_certificate_missing(struct judging *j)
{
    const struct view *view = j->view;
    const struct side_facts *client = &j->t->side[SIDE_CLIENT];
    bool required = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_CERTIFICATE_REQUIRED);
    bool empty = client->has_certificate && client->certificate_is_empty;
    /* SSL 3.0: a no_certificate warning instead of an empty message. */
    bool warned =
        client->first_alert != NULL && client->first_alert->type == TLS_ALERT_NO_CERTIFICATE;
    bool ended = view->end != NULL && view->end_side == SIDE_SERVER && (empty || warned) &&
                 answers_missing_certificate(view);
    if (!required && !ended) {
        return false;
    }
    bool is_read = empty &&
                   (client->certificate_event == NULL ||
                    (client->certificate_event->flags & EVENT_INFERRED) == 0) &&
                   j->t->certificate_request != NULL;
    /* OpenSSL says handshake_failure, Java bad_certificate; others, less to the point, more. */
    bool says_missing = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE) ||
                        ended_by_alert(view, SIDE_SERVER, TLS_ALERT_BAD_CERTIFICATE);
    bool is_certain = required || (is_read && says_missing);
    bool is_open = !required && !says_missing && let_pass_without_certificate(j->t);
    set_cause(j, CAUSE_CLIENT_CERTIFICATE_MISSING, NULL,
              is_certain ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    j->v->party = ACTOR_CLIENT;
    add_evidence(j, j->t->certificate_request_event, "the server asked for a client certificate");
    add_evidence(j, client->certificate_event, "the client sent none%s",
                 is_read ? "" : " (by the size of its encrypted messages)");
    add_evidence(j, view->end, "%s", end_words(j));
    if (is_open) {
        add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
                        "the server's library does not insist on a certificate: the program may "
                        "have left for something else");
        say(j, "The server asked for a client certificate, got none, and left right after the "
               "handshake.");
    } else {
        say(j, "The server requires a client certificate and the client sent none.");
    }
    return true;
}

static bool ends_after_client_certificate(const struct view *view)
{
    const struct side_facts *client = &view->t->side[SIDE_CLIENT];
    return client->has_certificate && !client->certificate_is_empty && view->end != NULL &&
           view->end_side == SIDE_SERVER;
}

/* Whose certificate an alert is about needs no more than the alert: the other side's. */
static bool is_not_all_seen(const struct transcript *t, enum side side)
{
    return t->side[side].is_silent || t->has_gap || t->is_snap_truncated;
}

/* The server refuses the client's certificate. */
bool match_client_certificate(struct judging *j)
{
    const struct view *view = j->view;
    const struct side_facts *client = &j->t->side[SIDE_CLIENT];
    bool alert_is_about = view->end_is_alert && alert_is_about_certificate(view->end->type) &&
                          view->end_side == SIDE_SERVER;
    if (!ends_after_client_certificate(view) &&
        !(alert_is_about &&
          (view->stage >= STAGE_CLIENT_FLIGHT || is_not_all_seen(j->t, SIDE_CLIENT)))) {
        return false;
    }
    uint8_t code = view->end_is_alert ? view->end->type : 0;
    const struct x509_fault *fault = certificate_choose_fault(j, SIDE_CLIENT);
    bool fits = view->end_is_alert ? alert_may_be_about_certificate(code) ||
                                         (fault != NULL && alert_names_fault(code, fault->kind))
                                   : true;
    if (!fits) {
        return false;
    }
    if (fault != NULL) {
        return certificate_blame_fault(j, SIDE_CLIENT, fault);
    }
    if (view->end_is_alert && alert_is_about_certificate(code)) {
        return certificate_blame_by_alert(j, SIDE_CLIENT, code);
    }
    if (client->certificate_unreadable && view->stage == STAGE_OVER) {
        set_cause(j, CAUSE_CERTIFICATE_REJECTED, NULL, CONFIDENCE_POSSIBLE);
        j->v->party = ACTOR_CLIENT;
        j->v->is_inferred = true;
        add_evidence(j, client->certificate_event,
                     "the client's encrypted flight is large enough for a certificate");
        add_evidence(j, view->end, "%s, and sent no application data", end_words(j));
        say(j, "The server ended the connection right after the client's certificate: it most "
               "likely refused it (the reason is encrypted).");
        return true;
    }
    return false;
}

static bool ends_after_server_certificate(const struct view *view)
{
    return view->t->side[SIDE_SERVER].has_certificate && view->end != NULL &&
           view->end_side == SIDE_CLIENT;
}

/* rustls: decode_error for a name in the certificate that it does not take (*.test). What was sent
 * is whole and well-formed, so the certificate is what is left to mind. */
static bool refuses_to_decode(const struct view *view)
{
    return ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_DECODE_ERROR) && !view->t->has_gap &&
           view->t->violation == NULL && view->stage == STAGE_CLIENT_FLIGHT &&
           !view->t->client_key_exchange && view->t->side[SIDE_SERVER].chain != NULL;
}

/* What was sent is not enough to build a path, whatever the client trusts but this very
 * certificate. */
static const struct x509_fault *unbuildable(const struct view *view)
{
    const struct x509_judgement *judgement = view->context->judgement[SIDE_SERVER];
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        enum x509_fault_kind kind = judgement->faults[i].kind;
        if (kind == X509_FAULT_CHAIN_INCOMPLETE || kind == X509_FAULT_SELF_SIGNED) {
            return &judgement->faults[i];
        }
    }
    return NULL;
}

/* Seen from inside the server, who knows its chain whole. Node and Java's HttpClient may leave
 * without an alert where a client verifies: when they have read the server's flight, and before
 * they have answered it. Browsers that are told to stop reset connections there. */
static bool match_left_at_flight(struct judging *j)
{
    const struct view *view = j->view;
    const struct side_facts *client = &j->t->side[SIDE_CLIENT];
    bool is_own = j->t->local != NULL && j->t->local->side == SIDE_SERVER;
    bool is_silent = is_own && view->end != NULL && view->end->kind == EVENT_FIN &&
                     view->stage == STAGE_CLIENT_FLIGHT && view->idle_ns < INT64_C(2000000000);
    bool has_answered = client->finished || client->has_certificate || j->t->client_key_exchange;
    const struct x509_fault *fault = unbuildable(view);
    if (!is_silent || has_answered || j->t->certificate_request != NULL || fault == NULL) {
        return false;
    }
    certificate_blame_fault(j, SIDE_SERVER, fault);
    j->v->confidence = CONFIDENCE_POSSIBLE;
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "no alert says why");
    return true;
}

/* The client refuses the server's certificate, in words or by leaving. */
bool match_server_certificate(struct judging *j)
{
    const struct view *view = j->view;
    bool seen = ends_after_server_certificate(view);
    bool alert_is_about = view->end_is_alert && view->end_side == SIDE_CLIENT &&
                          alert_is_about_certificate(view->end->type) &&
                          (j->t->server_hello != NULL || is_not_all_seen(j->t, SIDE_SERVER));
    if (!seen && !alert_is_about) {
        return false;
    }
    uint8_t code = view->end_is_alert ? view->end->type : 0;
    const struct x509_fault *fault = certificate_choose_fault(j, SIDE_SERVER);
    if (view->end_is_alert && code != TLS_ALERT_CLOSE_NOTIFY && !refuses_to_decode(view) &&
        !alert_may_be_about_certificate(code) &&
        !(fault != NULL && alert_names_fault(code, fault->kind))) {
        return false;
    }
    if (fault != NULL && view->idle_ns > INT64_C(5000000000) && !view->end_is_alert) {
        return false;
    }
    if (fault != NULL && !(code == TLS_ALERT_HANDSHAKE_FAILURE && fault->kind == X509_FAULT_WEAK &&
                           view->stage < STAGE_CLIENT_FLIGHT)) {
        return certificate_blame_fault(j, SIDE_SERVER, fault);
    }
    if (alert_is_about) {
        return j->t->side[SIDE_SERVER].chain != NULL
                   ? certificate_blame_by_alert(j, SIDE_SERVER, code)
                   : certificate_blame_seen_elsewhere(j, code);
    }
    return fault == NULL && match_left_at_flight(j);
}

/* TLS 1.3 without keys: the client's first encrypted record after the server's flight is an alert.
 */
bool match_certificate_sealed(struct judging *j)
{
    const struct view *view = j->view;
    bool is_refusal = view->end_is_sealed_alert && view->end_side == SIDE_CLIENT &&
                      transcript_is_tls13(j->t) && !j->t->side[SIDE_CLIENT].finished &&
                      j->t->side[SIDE_SERVER].n_application_records > 0 && !j->t->psk_accepted;
    if (!is_refusal) {
        return false;
    }
    set_cause(j, CAUSE_CERTIFICATE_REJECTED, NULL, CONFIDENCE_POSSIBLE);
    j->v->party = ACTOR_SERVER;
    j->v->is_inferred = true;
    add_evidence(j, j->t->server_hello_event, "TLS 1.3: the certificate is encrypted");
    add_evidence(j, view->end,
                 "the client's first encrypted record has the size of an alert (%u bytes)",
                 view->end->len);
    add_alternative(j, CAUSE_CERTIFICATE_UNTRUSTED_CA, CONFIDENCE_POSSIBLE,
                    "the alert is encrypted");
    add_alternative(j, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, CONFIDENCE_POSSIBLE,
                    "the alert is encrypted");
    add_alternative(j, CAUSE_CERTIFICATE_EXPIRED, CONFIDENCE_POSSIBLE, "the alert is encrypted");
    say(j, "The client answered the server's encrypted flight with an encrypted alert: it most "
           "likely refused the certificate (a key log would tell why).");
    return true;
}

/* A client that is asked for a certificate and leaves instead of answering, with nothing wrong
 * about the server's: Chromium and other browsers do so to let the user choose, and come back with
 * one or with none (RFC 5246 7.4.4, RFC 8446 4.3.2). */
bool match_certificate_asked(struct judging *j)
{
    const struct view *view = j->view;
    const struct side_facts *client = &j->t->side[SIDE_CLIENT];
    bool left = view->end != NULL && view->end->kind == EVENT_FIN &&
                view->end_side == SIDE_CLIENT && view->stage == STAGE_CLIENT_FLIGHT &&
                view->idle_ns < INT64_C(5000000000);
    if (!left || j->t->certificate_request == NULL || client->has_certificate ||
        j->t->client_key_exchange || view_hard_fault(view, SIDE_SERVER) != NULL) {
        return false;
    }
    set_cause(j, CAUSE_CLIENT_CERTIFICATE_MISSING, NULL, CONFIDENCE_POSSIBLE);
    j->v->party = ACTOR_CLIENT;
    add_evidence(j, j->t->certificate_request_event, "the server asked for a client certificate");
    add_evidence(j, view->end, "%s without an answer", end_words(j));
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "no alert says why");
    add_alternative(j, CAUSE_CERTIFICATE_REJECTED, CONFIDENCE_POSSIBLE,
                    "the client may have refused the server's certificate for a reason of its own");
    say(j, "The client left when the server asked for a client certificate: it most likely has "
           "none, or lets its user choose one first.");
    return true;
}
