#include "diagnose/offers.h"
#include "diagnose/rules.h"
#include "tls/names.h"

enum { DH_BITS_TODAY = 2048 }; /* RFC 9325 section 4.4 */

static bool client_ended_at_answer(const struct view *view)
{
    return view->t->server_hello != NULL && view->t->server_hello_fault.kind == FAULT_NONE &&
           view->stage < STAGE_OVER && view->end != NULL && view->end_side == SIDE_CLIENT;
}

static void cite(struct judging *j)
{
    add_evidence(j, j->view->end, "%s", end_words(j));
}

/* The client refuses the version that the server chose. */
bool match_version_answer(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    if (t->server_hello == NULL || !ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_PROTOCOL_VERSION)) {
        return false;
    }
    const char *name = tls_version_name(t->version_on_wire);
    /* A version that does not exist, or above the offer, is the server's violation (RFC
     * 8446 4.1.3). */
    bool above = view->max_version != 0 && t->version > view->max_version;
    if (name == NULL || above) {
        return false;
    }
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL,
              t->violation == NULL ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    add_evidence(j, t->server_hello_event, "the server chose %s", name);
    cite(j);
    say(j, "The server answered with %s, and the client does not accept that version.", name);
    return true;
}

static bool lacks_renegotiation_info(const struct transcript *t)
{
    return t->server_hello != NULL && t->version < 0x0304 && t->version >= 0x0300 &&
           !tls_has(&t->server_hello->ext, TLS_EXT_RENEGOTIATION_INFO);
}

static bool client_signals_renegotiation_info(const struct tls_client_hello *hello)
{
    return tls_has(&hello->ext, TLS_EXT_RENEGOTIATION_INFO) ||
           tls_u16_has(hello->cipher_suites, TLS_EMPTY_RENEGOTIATION_INFO_SCSV);
}

static bool is_odd_offer(const struct view *view)
{
    enum { TELLING = 2 };
    struct offer_oddness odd;
    offers_measure(view->offer, view->max_version, &odd);
    return odd.suites.degree >= TELLING || odd.groups.degree >= TELLING ||
           odd.signatures.degree >= TELLING;
}

/* RFC 5746 sections 3.4, 4.1: a peer that does not know secure renegotiation may be refused with
 * handshake_failure; OpenSSL 3 clients do so by default. */
bool match_legacy_renegotiation(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    bool by_client = lacks_renegotiation_info(t) && client_ended_at_answer(view) &&
                     ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_HANDSHAKE_FAILURE) &&
                     view->offer != NULL && client_signals_renegotiation_info(view->offer);
    bool by_server = view->stage == STAGE_HELLO && view->offer != NULL &&
                     ended_by_alert(view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE) &&
                     !client_signals_renegotiation_info(view->offer) &&
                     view->max_version == 0x0303 && t->violation == NULL;
    /* Servers refuse such clients only where they are set to (RFC 5746 3.6 leaves it to them), and
     * some clients never signal it (wolfSSL): an offer that is odd otherwise says more. */
    if (!by_client && (!by_server || is_odd_offer(view))) {
        return false;
    }
    set_cause(j, CAUSE_RENEGOTIATION_REFUSED, "insecure-renegotiation",
              by_client ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    add_evidence(
        j, by_client ? t->server_hello_event : view->offer_event,
        "without renegotiation_info: this side does not know secure renegotiation (RFC 5746)");
    cite(j);
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE,
                    "handshake_failure may stand for other parameters");
    if (by_server) {
        add_alternative(j, CAUSE_CIPHER_MISMATCH, CONFIDENCE_POSSIBLE,
                        "the server's own list is not known");
    }
    say(j,
        "The %s does not support secure renegotiation (RFC 5746), and the %s refuses such peers.",
        by_client ? "server" : "client", by_client ? "client" : "server");
    return true;
}

/* Always a warning: the end may come behind it, from who asked. */
static const struct event *find_no_renegotiation(const struct transcript *t)
{
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        if (e->kind == EVENT_ALERT && e->type == TLS_ALERT_NO_RENEGOTIATION) {
            return e;
        }
    }
    return NULL;
}

/* A second handshake on a connection that stood, refused: no_renegotiation, handshake_failure, or
 * the end. */
bool match_renegotiation(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct event *warning = find_no_renegotiation(t);
    bool alerted = warning != NULL;
    if (!alerted && !(t->is_renegotiation && view->stage == STAGE_OVER)) {
        return false;
    }
    set_cause(j, CAUSE_RENEGOTIATION_REFUSED, NULL,
              alerted ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    add_evidence(
        j, t->renegotiation_event, "the %s began another handshake on the established connection",
        t->renegotiation_event == NULL ? "client"
                                       : side_name((enum side)t->renegotiation_event->side));
    cite(j);
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
                    "the refusal itself is encrypted");
    /* no_renegotiation is always a warning (RFC 5246 7.2.2): who asked then ends the connection. */
    enum side asker = warning != NULL                  ? side_other((enum side)warning->side)
                      : t->renegotiation_event == NULL ? SIDE_CLIENT
                                                       : (enum side)t->renegotiation_event->side;
    bool warned = (view->end_is_sealed_alert && view->end_side != asker &&
                   t->side[asker].sealed_alert != NULL) ||
                  (warning != NULL && warning != view->end);
    j->v->rejected_by = warned ? actor_of_side(asker) : j->v->rejected_by;
    say(j, "A renegotiation was begun after the first handshake, and the other side refused it.");
    return true;
}

/* DHE with a small prime: OpenSSL, Java, NSS and GnuTLS clients refuse it with handshake_failure,
 * insufficient_security or illegal_parameter once they read ServerKeyExchange. */
bool match_weak_dh(struct judging *j)
{
    const struct view *view = j->view;
    const struct tls_server_key_exchange *ske = j->t->server_key_exchange;
    if (ske == NULL || ske->dh_bits == 0 || ske->dh_bits >= DH_BITS_TODAY ||
        !client_ended_at_answer(view) || view->stage >= STAGE_SERVER_FINISH) {
        return false;
    }
    bool alerted = view->end_is_alert && (view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
                                          view->end->type == TLS_ALERT_INSUFFICIENT_SECURITY ||
                                          view->end->type == TLS_ALERT_ILLEGAL_PARAMETER ||
                                          view->end->type == TLS_ALERT_INTERNAL_ERROR);
    if (!alerted) {
        return false;
    }
    set_cause(j, CAUSE_WEAK_CRYPTO_REFUSED, "dh-key-too-small", CONFIDENCE_PROBABLE);
    add_evidence(j, j->t->server_key_exchange_event,
                 "the server's Diffie-Hellman group has %u bits", ske->dh_bits);
    cite(j);
    say(j, "The server's Diffie-Hellman key has %u bits, fewer than the client accepts.",
        ske->dh_bits);
    return true;
}

/* TLS 1.3 without keys: after EncryptedExtensions, too short to hold a certificate, comes an alert,
 * or within the first three records of the flight. What the server could not make there is
 * Certificate or CertificateVerify, which rest on signature_algorithms (RFC 8446 4.4.2.2, 4.4.3).
 * Java refuses them at the one, rustls at the other. */
static bool match_signature_sealed(struct judging *j)
{
    /* EncryptedExtensions, CertificateRequest, Certificate; CertificateVerify would be the next. */
    enum { SHORTEST_CERTIFICATE = 300, BEFORE_VERIFY_MAX = 3 };
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct side_facts *server = &t->side[SIDE_SERVER];
    bool is_within = view->end_is_sealed_alert && view->end_side == SIDE_SERVER &&
                     transcript_is_tls13(t) && !t->has_gap && view->offer != NULL &&
                     t->side[SIDE_CLIENT].n_application_records == 0 &&
                     server->n_application_records > 0 &&
                     (server->application_bytes < SHORTEST_CERTIFICATE ||
                      server->n_application_records <= BEFORE_VERIFY_MAX);
    struct offer_oddness odd = { 0 };
    if (is_within) {
        offers_measure(view->offer, view->max_version, &odd);
    }
    if (odd.signatures.degree < 2) {
        return false;
    }
    set_cause(j, CAUSE_SIGNATURE_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, view->offer_event, "%s", odd.signatures.why);
    add_evidence(j, view->end,
                 "an encrypted alert where the server's certificate or its signature would come");
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE, "the alert is encrypted");
    say(j,
        "The server ended the handshake where its certificate or its signature would come: most "
        "likely it has none for the signature algorithms that the client accepts (%s).",
        odd.signatures.why);
    return true;
}

/* A HelloRetryRequest that asks for no change is one that the client must refuse with
 * illegal_parameter (RFC 8446 4.1.4). A server that has no group in common, and should end with
 * handshake_failure (4.1.1), has none to name: wolfSSL sends it so. */
bool match_retry_without_group(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct tls_server_hello *retry = t->hello_retry;
    bool is_empty = retry != NULL && t->retry_hello == NULL && t->server_hello == NULL &&
                    !tls_has(&retry->ext, TLS_EXT_KEY_SHARE) &&
                    !tls_has(&retry->ext, TLS_EXT_COOKIE);
    if (!is_empty || view->offer == NULL ||
        !ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_ILLEGAL_PARAMETER)) {
        return false;
    }
    set_cause(j, CAUSE_GROUP_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, t->hello_retry_event, "it names no group: it asks for nothing new");
    cite(j);
    add_alternative(j, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_POSSIBLE,
                    "a HelloRetryRequest must ask for some change (RFC 8446 4.1.4)");
    say(j, "The server wants another key share than the client sent and names no group for it: "
           "most likely the two have none in common.");
    return true;
}

/* Up to TLS 1.2: the server chose a suite with a signed key exchange, sent its certificate, and
 * could not go on. What comes next needs a group and a signature algorithm that the client offers
 * (RFC 5246 7.4.3, RFC 8422 5.4). Go refuses them there. */
bool match_no_key_exchange(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct tls_cipher_suite *s =
        t->server_hello == NULL ? NULL : tls_cipher_suite(t->cipher_suite);
    bool is_due = s != NULL && (s->kx == TLS_KX_ECDHE || s->kx == TLS_KX_DHE) &&
                  t->side[SIDE_SERVER].has_certificate && t->server_key_exchange == NULL &&
                  t->server_key_exchange_event == NULL && !t->server_hello_done && !t->has_gap;
    bool alerted = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE) ||
                   ended_by_alert(view, SIDE_SERVER, TLS_ALERT_INTERNAL_ERROR);
    if (!is_due || !alerted || view->offer == NULL || view->stage != STAGE_SERVER_FLIGHT) {
        return false;
    }
    struct offer_oddness odd;
    offers_measure(view->offer, view->max_version, &odd);
    bool by_group = odd.groups.degree > odd.signatures.degree;
    const struct oddness *why = by_group ? &odd.groups : &odd.signatures;
    bool is_odd = why->degree > 0;
    set_cause(j, by_group ? CAUSE_GROUP_MISMATCH : CAUSE_SIGNATURE_MISMATCH, NULL,
              why->degree >= 2 ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    if (is_odd) {
        add_evidence(j, view->offer_event, "%s", why->why);
    }
    add_evidence(j, view->end, "%s where its ServerKeyExchange would come", end_words(j));
    add_alternative(j, by_group ? CAUSE_SIGNATURE_MISMATCH : CAUSE_GROUP_MISMATCH,
                    CONFIDENCE_POSSIBLE, "the key exchange needs both");
    say(j,
        "The server could not make its key exchange: most likely the two have no %s in common%s%s.",
        by_group ? "group" : "signature algorithm", is_odd ? ", as " : "", is_odd ? why->why : "");
    return true;
}

/* The server signed its key exchange with an algorithm that the client did not offer (RFC
 * 5246 7.4.3). */
bool match_answer_signature(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    const struct tls_server_key_exchange *ske = t->server_key_exchange;
    if (!client_ended_at_answer(view) || !view->end_is_alert || view->offer == NULL) {
        return match_signature_sealed(j);
    }
    uint16_t used =
        ske != NULL ? ske->signature_algorithm : t->side[SIDE_SERVER].certificate_verify_algorithm;
    bool listed = used == 0 || tls_u16_has(view->offer->ext.signature_algorithms, used);
    bool alerted = view->end->type == TLS_ALERT_ILLEGAL_PARAMETER ||
                   view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
                   view->end->type == TLS_ALERT_INSUFFICIENT_SECURITY;
    if (listed || !alerted) {
        return false;
    }
    const char *name = tls_signature_algorithm_name(used);
    set_cause(j, CAUSE_SIGNATURE_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j,
                 t->server_key_exchange_event != NULL ? t->server_key_exchange_event
                                                      : t->side[SIDE_SERVER].certificate_event,
                 "the server signed with %s, which the client did not offer",
                 name == NULL ? "an unknown algorithm" : name);
    cite(j);
    say(j, "The server signed its key exchange with %s, which the client does not accept.",
        name == NULL ? "an unknown algorithm" : name);
    return true;
}

/* RFC 7627 section 5.3: a client may abort where the server does not know extended_master_secret.
 */
bool match_extended_master_secret(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    bool missing = t->server_hello != NULL && t->version < 0x0304 && view->offer != NULL &&
                   tls_has(&view->offer->ext, TLS_EXT_EXTENDED_MASTER_SECRET) &&
                   !tls_has(&t->server_hello->ext, TLS_EXT_EXTENDED_MASTER_SECRET);
    /* The server's flight is there whole before the client reads its first message: what counts is
     * that the client went no further. */
    bool went_on = t->client_key_exchange || t->side[SIDE_CLIENT].has_certificate ||
                   t->side[SIDE_CLIENT].finished;
    if (!missing || !client_ended_at_answer(view) || went_on) {
        return false;
    }
    bool says_so = ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_INSUFFICIENT_SECURITY);
    if (!says_so && !ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_HANDSHAKE_FAILURE)) {
        return false;
    }
    add_evidence(j, t->server_hello_event,
                 "the server does not support extended_master_secret (RFC 7627)");
    cite(j);
    if (!says_so) { /* handshake_failure stands for anything; few clients require RFC 7627 */
        set_cause(j, CAUSE_UNDETERMINED, NULL, CONFIDENCE_POSSIBLE);
        add_alternative(j, CAUSE_WEAK_CRYPTO_REFUSED, CONFIDENCE_POSSIBLE,
                        "the server does not support the extended master secret (RFC 7627)");
        say(j, "The client refused the server's answer with handshake_failure, and nothing "
               "observable says why.");
        return true;
    }
    set_cause(j, CAUSE_WEAK_CRYPTO_REFUSED, "no-extended-master-secret", CONFIDENCE_PROBABLE);
    say(j, "The server does not support the extended master secret (RFC 7627), and the client "
           "requires it.");
    return true;
}

/* RFC 9849 section 6.1.6: a client whose ECH was not taken ends with ech_required. */
bool match_ech(struct judging *j)
{
    if (!ended_by_alert(j->view, SIDE_CLIENT, TLS_ALERT_ECH_REQUIRED)) {
        return false;
    }
    set_cause(j, CAUSE_SNI_UNRECOGNIZED, "ech-refused", CONFIDENCE_PROBABLE);
    add_evidence(j, j->view->offer_event,
                 "the client hides its server name with Encrypted Client Hello");
    cite(j);
    say(j, "The server could not open the client's Encrypted Client Hello (stale ECH "
           "configuration), and the client gave up.");
    return true;
}
