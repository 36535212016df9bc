#include "diagnose/rules.h"
#include "tls/names.h"

static bool is_about_protocol(uint8_t code)
{
    return code == TLS_ALERT_UNEXPECTED_MESSAGE || code == TLS_ALERT_RECORD_OVERFLOW ||
           code == TLS_ALERT_ILLEGAL_PARAMETER || code == TLS_ALERT_DECODE_ERROR ||
           code == TLS_ALERT_MISSING_EXTENSION || code == TLS_ALERT_UNSUPPORTED_EXTENSION;
}

/* One side sent what the protocol forbids, and the other ended it. */
bool match_violation(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    if (t->violation == NULL || view->end == NULL || view->stage == STAGE_OVER) {
        return false;
    }
    bool by_other = view->end_side != t->violation_side;
    bool after = t->violation <= view->end;
    if (!after || (!by_other && view->end_is_alert)) {
        return false;
    }
    uint8_t code = view->end_is_alert ? view->end->type : 0;
    bool confirmed = view->end_is_alert && is_about_protocol(code);
    bool vague = !view->end_is_alert || code == TLS_ALERT_HANDSHAKE_FAILURE ||
                 code == TLS_ALERT_PROTOCOL_VERSION || code == TLS_ALERT_INTERNAL_ERROR ||
                 code == TLS_ALERT_BAD_CERTIFICATE || code == TLS_ALERT_CLOSE_NOTIFY;
    /* Where packets are missing, what seems out of order need not be. */
    bool is_partial = t->has_gap || t->side[0].is_silent || t->side[1].is_silent;
    if (!confirmed && (!vague || is_partial)) {
        return false;
    }
    set_cause(j, CAUSE_PROTOCOL_VIOLATION, NULL,
              confirmed && !is_partial ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    add_evidence(j, t->violation, "%s", t->violation_text);
    add_evidence(j, view->end, "%s", end_words(j));
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE, "the end may have another reason");
    say(j, "The %s broke the protocol (%s), and %s.", side_name(t->violation_side),
        t->violation_text, end_words(j));
    return true;
}

/* bad_record_mac and decrypt_error (RFC 8446 6.2): a MAC, signature or Finished did not verify. */
bool match_integrity(struct judging *j)
{
    const struct view *view = j->view;
    if (!view->end_is_alert || view->stage == STAGE_CONNECT) {
        return false;
    }
    uint8_t code = view->end->type;
    if (code != TLS_ALERT_BAD_RECORD_MAC && code != TLS_ALERT_DECRYPT_ERROR &&
        code != TLS_ALERT_DECRYPTION_FAILED) {
        return false;
    }
    set_cause(j, CAUSE_INTEGRITY_FAILURE, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, view->last_before_end, "the last message before the alert");
    add_evidence(j, view->end, "%s: what the other side sent did not verify", end_words(j));
    say(j,
        "A signature, MAC or Finished of the %s did not verify: bytes were altered on the way, or "
        "its key does not fit its certificate.",
        side_name(side_other(view->end_side)));
    return true;
}

static const struct {
    uint8_t code;
    enum cause cause;
    enum confidence confidence;
    const char *words;
} meanings[] = {
    { TLS_ALERT_UNEXPECTED_MESSAGE, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_PROBABLE,
      "a message that may not come at this point" },
    { TLS_ALERT_RECORD_OVERFLOW, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_PROBABLE,
      "a record that is too long" },
    { TLS_ALERT_ILLEGAL_PARAMETER, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_POSSIBLE,
      "a field out of range or inconsistent with others" },
    { TLS_ALERT_DECODE_ERROR, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_PROBABLE,
      "a message that does not parse" },
    { TLS_ALERT_MISSING_EXTENSION, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_PROBABLE,
      "a message without an extension that it must have" },
    { TLS_ALERT_UNSUPPORTED_EXTENSION, CAUSE_PROTOCOL_VIOLATION, CONFIDENCE_PROBABLE,
      "an extension that was not asked for" },
    { TLS_ALERT_INTERNAL_ERROR, CAUSE_PEER_INTERNAL_ERROR, CONFIDENCE_PROBABLE,
      "an error of its own" },
    { TLS_ALERT_USER_CANCELED, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
      "that the user cancelled" },
    { TLS_ALERT_NO_RENEGOTIATION, CAUSE_RENEGOTIATION_REFUSED, CONFIDENCE_PROBABLE,
      "that it does not renegotiate" },
    { TLS_ALERT_INSUFFICIENT_SECURITY, CAUSE_WEAK_CRYPTO_REFUSED, CONFIDENCE_PROBABLE,
      "parameters weaker than it accepts" },
    { TLS_ALERT_EXPORT_RESTRICTION, CAUSE_WEAK_CRYPTO_REFUSED, CONFIDENCE_PROBABLE,
      "export-grade parameters" },
    { TLS_ALERT_PROTOCOL_VERSION, CAUSE_PROTOCOL_MISMATCH, CONFIDENCE_PROBABLE,
      "a version that it does not accept" },
    { TLS_ALERT_UNKNOWN_PSK_IDENTITY, CAUSE_PSK_UNKNOWN, CONFIDENCE_PROBABLE,
      "an unknown pre-shared key" },
    { TLS_ALERT_UNRECOGNIZED_NAME, CAUSE_SNI_UNRECOGNIZED, CONFIDENCE_PROBABLE,
      "an unknown server name" },
};

/* OpenSSL 3 answers the end of the other side's bytes with decode_error, where they end without
 * close_notify (SSL_OP_IGNORE_UNEXPECTED_EOF): an end that was not captured, perhaps. */
static bool may_be_reaction(const struct view *view)
{
    const struct transcript *t = view->t;
    return view->end->type == TLS_ALERT_DECODE_ERROR &&
           (t->has_gap || t->side[side_other(view->end_side)].is_silent);
}

static bool match_reaction(struct judging *j)
{
    const struct view *view = j->view;
    enum side other = side_other(view->end_side);
    set_cause(j, CAUSE_PROTOCOL_VIOLATION, NULL, CONFIDENCE_POSSIBLE);
    add_evidence(j, view->last_before_end, "the last message before the alert");
    add_evidence(j, view->end, "%s", end_words(j));
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
                    "it may have met the end of the connection, which was not captured");
    say(j,
        "The %s ended the handshake with decode_error: for a message that does not parse, or for "
        "the end of what the %s sent; the capture does not hold all of that.",
        side_name(view->end_side), side_name(other));
    return true;
}

/* Go, and what is made with it (Caddy, Traefik), says internal_error where it has no certificate
 * for the name: crypto/tls, Config.GetCertificate. */
static void suspect_name(struct judging *j)
{
    bool is_at_hello = ended_by_alert(j->view, SIDE_SERVER, TLS_ALERT_INTERNAL_ERROR) &&
                       j->view->stage == STAGE_HELLO;
    if (is_at_hello && j->t->server_name == NULL) {
        add_alternative(j, CAUSE_SNI_MISSING, CONFIDENCE_POSSIBLE,
                        "servers in Go say the same where no name was sent and they need one");
    } else if (is_at_hello) {
        add_alternative(j, CAUSE_SNI_UNRECOGNIZED, CONFIDENCE_POSSIBLE,
                        "servers in Go say the same where they have no certificate for the name");
    }
}

/* An alert, and nothing else to weigh it with. */
bool match_peer_alert(struct judging *j)
{
    const struct view *view = j->view;
    if (!view->end_is_alert) {
        return false;
    }
    if (may_be_reaction(view)) {
        return match_reaction(j);
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].code == view->end->type) {
            set_cause(j, meanings[i].cause, NULL, meanings[i].confidence);
            add_evidence(j, view->last_before_end, "the last message before the alert");
            add_evidence(j, view->end, "%s", end_words(j));
            suspect_name(j);
            add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE,
                            "nothing but the alert points there");
            say(j, "The %s ended the handshake and reported %s.", side_name(view->end_side),
                meanings[i].words);
            return true;
        }
    }
    return false;
}
