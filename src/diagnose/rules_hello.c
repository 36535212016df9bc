#include "base/clock.h"
#include "diagnose/hello_evidence.h"
#include "diagnose/rules.h"
#include "tls/names.h"

/* A ClientHello of more takes two segments (1460 bytes on Ethernet, less what TCP options take). */
enum { LARGE_HELLO_BYTES = 1400 };

/* RFC 7507 section 3: inappropriate_fallback answers TLS_FALLBACK_SCSV. */
bool match_fallback(struct judging *j)
{
    if (!ended_by_alert(j->view, SIDE_SERVER, TLS_ALERT_INAPPROPRIATE_FALLBACK)) {
        return false;
    }
    bool asked =
        j->view->offer != NULL && tls_u16_has(j->view->offer->cipher_suites, TLS_FALLBACK_SCSV);
    set_cause(j, CAUSE_FALLBACK_REFUSED, NULL, asked ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    hello_cite_offer(j);
    hello_cite_end(j);
    say(j,
        "The client retried with %s and said so (TLS_FALLBACK_SCSV); the server supports a newer "
        "version and refused.",
        hello_version_name(j->view->max_version));
    return true;
}

static const struct peer_success *success_with_version_outside(const struct view *view)
{
    for (size_t i = 0; i < view->n_successes; i++) {
        uint16_t v = view->successes[i].version;
        if (v < view->min_version || v > view->max_version) {
            return &view->successes[i];
        }
    }
    return NULL;
}

static void cite_success(struct judging *j, const struct peer_success *s, const char *what)
{
    if (s != NULL) {
        add_fact(j, s->frame, s->at_ns, "in stream %llu the same server accepted %s",
                 (unsigned long long)s->stream, what);
    }
}

/* protocol_version means just that (RFC 8446 6.2). */
bool match_version(struct judging *j)
{
    const struct view *view = j->view;
    bool by_server =
        view->stage <= STAGE_HELLO && ended_by_alert(view, SIDE_SERVER, TLS_ALERT_PROTOCOL_VERSION);
    if (!by_server || view->offer == NULL) {
        return false;
    }
    bool doubtful = j->t->violation != NULL || view->min_version == 0 ||
                    (view->min_version <= 0x0303 && view->max_version >= 0x0304);
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL,
              doubtful ? CONFIDENCE_PROBABLE : CONFIDENCE_CERTAIN);
    hello_cite_offer(j);
    hello_cite_end(j);
    const struct peer_success *s = success_with_version_outside(view);
    cite_success(j, s, s == NULL ? "" : hello_version_name(s->version));
    say(j,
        "The client offers %s, and the server does not accept that: they have no TLS version in "
        "common.",
        hello_offered_versions(j));
    return true;
}

/* A suite that servers took as long as they took those versions: then it is not the suites. */
static bool has_usual_old_suite(const struct tls_client_hello *hello)
{
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(hello->cipher_suites, i));
        bool is_usual = s != NULL && s->mode == TLS_MODE_CBC && s->auth == TLS_AUTH_RSA &&
                        !tls_cipher_suite_is_weak(s->value);
        if (is_usual && (s->kx == TLS_KX_ECDHE || s->kx == TLS_KX_RSA)) {
            return true;
        }
    }
    return false;
}

/* SSL 2.0 hellos, and versions below 1.2 or 1.3 alone, refused without saying so. Playbook and
 * wire-behaviour: old servers answer close_notify, OpenSSL 3 at security level 2 internal_error,
 * GnuTLS and others FIN. */
bool match_version_silent(struct judging *j)
{
    const struct view *view = j->view;
    if (!hello_server_ended(view) || j->t->violation != NULL) {
        return false;
    }
    const struct peer_success *s = success_with_version_outside(view);
    bool is_old = view->max_version <= 0x0302;
    bool is_new = view->min_version == 0x0304;
    bool vague = (!view->end_is_alert && (s != NULL || (is_old && hello_server_left(view)))) ||
                 (view->end_is_alert && (view->end->type == TLS_ALERT_CLOSE_NOTIFY ||
                                         view->end->type == TLS_ALERT_INTERNAL_ERROR ||
                                         view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
                                         view->end->type == TLS_ALERT_INSUFFICIENT_SECURITY));
    bool same_version_works = false;
    for (size_t i = 0; i < view->n_successes; i++) {
        uint16_t v = view->successes[i].version;
        same_version_works =
            same_version_works || (v >= view->min_version && v <= view->max_version);
    }
    /* rustls and wolfSSL say handshake_failure to a hello below TLS 1.2, as RFC 8996 has it
     * refused.
     */
    bool is_plain_handshake_failure =
        ended_by_alert(view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE) && s == NULL &&
        !view->offer->is_sslv2 && !(is_old && has_usual_old_suite(view->offer));
    if (same_version_works || !vague || !(is_old || is_new || view->offer->is_sslv2) ||
        is_plain_handshake_failure || (is_new && s == NULL)) {
        return false;
    }
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL,
              view->end_is_alert || s != NULL ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    hello_cite_offer(j);
    hello_cite_end(j);
    cite_success(j, s, s == NULL ? "" : hello_version_name(s->version));
    add_alternative(j, CAUSE_CIPHER_MISMATCH, CONFIDENCE_POSSIBLE,
                    "a server that takes the version may still refuse every suite");
    say(j,
        "The client offers %s; servers of today refuse that, and this one ended the handshake at "
        "once.",
        hello_offered_versions(j));
    return true;
}

static const char *alpn_list(struct judging *j, struct bytes list)
{
    struct text text = { 0 };
    struct bytes name = { 0 };
    while (tls_alpn_next(&list, &name)) {
        text_puts(&text, text.len > 0 ? ", " : "");
        text_put_safe(&text, name);
    }
    const char *copy = arena_strndup(j->arena, text_str(&text), text.len);
    text_deinit(&text);
    return copy == NULL ? "" : copy;
}

/* TLS 1.3 without keys: the server's first encrypted record is an alert, where EncryptedExtensions
 * would be. What is settled in that message is ALPN (RFC 8446 4.3.1, RFC 7301 3.2); suite, group
 * and key were settled with ServerHello. Go and rustls refuse the protocols there. */
static bool match_alpn_sealed(struct judging *j)
{
    const struct view *view = j->view;
    const struct transcript *t = j->t;
    bool is_first = view->end_is_sealed_alert && view->end_side == SIDE_SERVER &&
                    transcript_is_tls13(t) && t->server_hello != NULL && !t->has_gap &&
                    t->side[SIDE_SERVER].n_application_records == 0 &&
                    !t->side[SIDE_CLIENT].finished;
    if (!is_first || view->offer == NULL ||
        !tls_has(&view->offer->ext, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION)) {
        return false;
    }
    set_cause(j, CAUSE_ALPN_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    const char *list = alpn_list(j, view->offer->ext.alpn);
    add_evidence(j, view->offer_event, "the client offers the application protocols: %s", list);
    add_evidence(
        j, view->end,
        "an encrypted alert in place of EncryptedExtensions, which would name the protocol");
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE, "the alert is encrypted");
    say(j,
        "The server refused the handshake where it chooses the application protocol (ALPN): most "
        "likely it speaks none of %s.",
        list);
    return true;
}

/* RFC 7301 section 3.2. */
bool match_alpn(struct judging *j)
{
    const struct view *view = j->view;
    bool alerted = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_NO_APPLICATION_PROTOCOL) ||
                   ended_by_alert(view, SIDE_CLIENT, TLS_ALERT_NO_APPLICATION_PROTOCOL);
    if (!alerted) {
        return match_alpn_sealed(j);
    }
    bool offered = view->offer != NULL &&
                   tls_has(&view->offer->ext, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION);
    set_cause(j, CAUSE_ALPN_MISMATCH, NULL, offered ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    const char *list = offered ? alpn_list(j, view->offer->ext.alpn) : "none";
    add_evidence(j, view->offer_event, "the client offers the application protocols: %s", list);
    hello_cite_end(j);
    say(j,
        "The client offers only %s as application protocol (ALPN), and the server speaks none of "
        "these.",
        list);
    return true;
}

/* Would that answer have been possible for this hello, names aside? Else the name is not all that
 * differs. */
static bool could_be_ours(const struct view *view, const struct peer_success *s)
{
    const struct tls_client_hello *hello = view->offer;
    return hello != NULL && tls_offers_version(hello, s->version) &&
           tls_u16_has(hello->cipher_suites, s->cipher_suite) &&
           (s->group == 0 || !tls_has(&hello->ext, TLS_EXT_SUPPORTED_GROUPS) ||
            tls_u16_has(hello->ext.supported_groups, s->group));
}

static bool is_known_name(const struct view *view, bool *others_known)
{
    bool known = false;
    *others_known = false;
    for (size_t i = 0; i < view->n_successes; i++) {
        const struct peer_success *s = &view->successes[i];
        bool same =
            view->t->server_name != NULL &&
            bytes_equal(bytes_of_str(s->server_name),
                        bytes_head(bytes_of_str(view->t->server_name), PEER_NAME_BYTES - 1));
        known = known || same || (!s->has_server_name && view->t->server_name == NULL);
        *others_known = *others_known || (s->has_server_name && !same && could_be_ours(view, s));
    }
    return known;
}

static const struct peer_success *success_with_name(const struct view *view)
{
    for (size_t i = 0; i < view->n_successes; i++) {
        if (view->successes[i].has_server_name) {
            return &view->successes[i];
        }
    }
    return NULL;
}

static void say_server_name(struct judging *j)
{
    const struct peer_success *s = success_with_name(j->view);
    if (j->view->offer == NULL) {
        say(j, "The server knows no host by the name that the client asked for (SNI); the "
               "ClientHello was not captured.");
    } else if (j->t->server_name == NULL) {
        say(j, "The client sent no server name (SNI), and the server needs one to choose its "
               "certificate.");
    } else {
        say(j, "The server knows no host named %s (SNI).", j->t->server_name);
    }
    hello_cite_offer(j);
    hello_cite_end(j);
    if (s != NULL) {
        add_fact(j, s->frame, s->at_ns,
                 "in stream %llu the same server answered a ClientHello for %s",
                 (unsigned long long)s->stream, s->server_name);
    }
}

/* unrecognized_name (RFC 6066 section 3), and missing_extension where the name is what is missing
 * (RFC 8446 9.2). */
bool match_server_name(struct judging *j)
{
    const struct view *view = j->view;
    bool others = false;
    bool known = is_known_name(view, &others);
    bool named = j->t->server_name != NULL;
    bool unrecognized = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_UNRECOGNIZED_NAME);
    bool missing = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_MISSING_EXTENSION) && !named &&
                   j->t->violation == NULL;
    bool by_others =
        hello_server_ended(view) && !known && others && j->t->violation == NULL &&
        (!view->end_is_alert || view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
         view->end->type == TLS_ALERT_INTERNAL_ERROR || view->end->type == TLS_ALERT_ACCESS_DENIED);
    if (!unrecognized && !missing && !by_others) {
        return false;
    }
    bool is_unseen = unrecognized && view->offer == NULL;
    set_cause(j, named || is_unseen ? CAUSE_SNI_UNRECOGNIZED : CAUSE_SNI_MISSING, NULL,
              is_unseen      ? CONFIDENCE_POSSIBLE
              : unrecognized ? CONFIDENCE_CERTAIN
                             : CONFIDENCE_PROBABLE);
    if (is_unseen) {
        add_alternative(j, CAUSE_SNI_MISSING, CONFIDENCE_POSSIBLE,
                        "the ClientHello, with or without a name, was not captured");
    }
    say_server_name(j);
    return true;
}

static bool has_only_psk(const struct tls_client_hello *hello)
{
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(hello->cipher_suites, i));
        if (s != NULL && s->auth != TLS_AUTH_PSK && s->kx != TLS_KX_RSA_PSK && !s->needs_tls13 &&
            !tls_cipher_suite_is_scsv(s->value)) {
            return false;
        }
        n += s != NULL && (s->auth == TLS_AUTH_PSK || s->kx == TLS_KX_RSA_PSK);
    }
    return n > 0;
}

/* An external PSK: a TLS 1.3 offer whose identities look like none of a ticket cannot be told; but
 * a refused binder can. */
bool match_psk(struct judging *j)
{
    const struct view *view = j->view;
    bool unknown = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_UNKNOWN_PSK_IDENTITY);
    bool binder = view->stage == STAGE_HELLO && j->t->psk_offered && j->t->violation == NULL &&
                  (ended_by_alert(view, SIDE_SERVER, TLS_ALERT_DECRYPT_ERROR) ||
                   ended_by_alert(view, SIDE_SERVER, TLS_ALERT_ILLEGAL_PARAMETER) ||
                   ended_by_alert(view, SIDE_SERVER, TLS_ALERT_BAD_RECORD_MAC));
    bool only = hello_server_ended(view) && view->end_is_alert &&
                view->end->type == TLS_ALERT_HANDSHAKE_FAILURE &&
                ((j->t->psk_offered && view->min_version == 0x0304 && view->peer == NULL) ||
                 has_only_psk(view->offer));
    if (!unknown && !binder && !only) {
        return false;
    }
    set_cause(j, CAUSE_PSK_UNKNOWN, NULL,
              unknown  ? CONFIDENCE_CERTAIN
              : binder ? CONFIDENCE_PROBABLE
                       : CONFIDENCE_POSSIBLE);
    add_evidence(j, view->offer_event, "the client offers a pre-shared key");
    hello_cite_end(j);
    if (only) {
        add_alternative(j, CAUSE_CIPHER_MISMATCH, CONFIDENCE_POSSIBLE,
                        "the server may lack PSK suites at all");
        add_alternative(
            j, CAUSE_SIGNATURE_MISMATCH, CONFIDENCE_POSSIBLE,
            "the server may fall back to a certificate whose signature the client does not accept");
    }
    say(j, binder ? "The server refused the binder of the client's pre-shared key: the two hold "
                    "different keys under one identity."
                  : "The server does not know the pre-shared key that the client offers.");
    return true;
}

/* Up to TLS 1.2 a wrong key under a known identity shows at Finished (RFC 4279 section 2). */
bool match_psk_key(struct judging *j)
{
    const struct view *view = j->view;
    const struct tls_cipher_suite *s =
        j->t->server_hello == NULL ? NULL : tls_cipher_suite(j->t->cipher_suite);
    bool is_psk =
        s != NULL && !s->needs_tls13 && (s->auth == TLS_AUTH_PSK || s->kx == TLS_KX_RSA_PSK);
    bool ended =
        view->end != NULL && view->stage >= STAGE_SERVER_FLIGHT && view->stage != STAGE_OVER;
    bool alerted = ended && view->end_is_alert &&
                   (view->end->type == TLS_ALERT_BAD_RECORD_MAC ||
                    view->end->type == TLS_ALERT_DECRYPT_ERROR ||
                    view->end->type == TLS_ALERT_DECRYPTION_FAILED ||
                    view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
                    view->end->type == TLS_ALERT_ILLEGAL_PARAMETER);
    if (!is_psk || !alerted) {
        return false;
    }
    set_cause(j, CAUSE_PSK_UNKNOWN, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, j->t->server_hello_event,
                 "the server chose %s: the handshake rests on the pre-shared key", s->name);
    hello_cite_end(j);
    add_alternative(j, CAUSE_INTEGRITY_FAILURE, CONFIDENCE_POSSIBLE,
                    "bytes altered on the way look the same");
    say(j, "The two sides hold different pre-shared keys, or the server does not know the client's "
           "identity: the first message under the new keys did not open.");
    return true;
}

static const struct peer_success *success_of_same_client(const struct view *view)
{
    for (size_t i = 0; i < view->n_successes; i++) {
        const struct peer_success *s = &view->successes[i];
        bool same_name =
            view->t->server_name == NULL
                ? !s->has_server_name
                : bytes_equal(bytes_of_str(s->server_name),
                              bytes_head(bytes_of_str(view->t->server_name), PEER_NAME_BYTES - 1));
        if (endpoint_same_host(&s->client, &view->t->client) && same_name && s->completed) {
            return s;
        }
    }
    return NULL;
}

/* Nothing comes back for this hello, and a smaller or older one of the same client is answered. */
bool match_hello_intolerance(struct judging *j)
{
    const struct view *view = j->view;
    const struct peer_success *s = success_of_same_client(view);
    bool silent = view->stage == STAGE_HELLO && view->offer_event != NULL &&
                  !view->server_answered && !view->end_is_alert &&
                  !view->t->side[SIDE_SERVER].is_silent;
    bool lost = view->end == NULL && view->stalled_retry != NULL;
    bool cut = view->end != NULL && (view->end_side == SIDE_SERVER || view->idle_ns > NS_PER_S);
    if (s == NULL || !silent || !(lost || cut)) {
        return false;
    }
    size_t len = view->offer_event->len;
    bool is_larger = len > (size_t)s->hello_len + 64;
    bool is_newer = view->max_version > s->max_offered;
    if (!is_larger && !is_newer) {
        return false;
    }
    set_cause(j, CAUSE_HELLO_INTOLERANCE,
              is_larger && len > LARGE_HELLO_BYTES ? "large-hello-dropped" : NULL,
              CONFIDENCE_PROBABLE);
    j->v->rejected_by =
        view->end != NULL && view->end_is_reset ? actor_of_side(view->end_side) : ACTOR_NETWORK;
    add_evidence(j, view->offer_event,
                 "a ClientHello of %zu bytes, offering up to %s, that nobody answered", len,
                 hello_version_name(view->max_version));
    add_evidence(j, view->stalled_retry, "sent again, and not acknowledged");
    hello_cite_end(j);
    add_fact(j, s->frame, s->at_ns,
             "in stream %llu the same client got through with a ClientHello of %u bytes, offering "
             "up to %s",
             (unsigned long long)s->stream, s->hello_len, hello_version_name(s->max_offered));
    add_alternative(j, CAUSE_HANDSHAKE_TIMEOUT, CONFIDENCE_POSSIBLE,
                    "the packets may have been lost by chance");
    say(j,
        "The server or a device on the path drops this ClientHello (%zu bytes, up to %s) and takes "
        "another from the same client.",
        len, hello_version_name(view->max_version));
    return true;
}
