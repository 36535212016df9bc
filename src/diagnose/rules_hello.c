#include "diagnose/offers.h"
#include "diagnose/rules.h"
#include "tls/names.h"

enum { TLS_FALLBACK_SCSV = 0x5600, LARGE_HELLO_BYTES = 1400, EXT_ALPN = 16 };

static const char *version_or_unknown(uint16_t version)
{
    const char *name = tls_version_name(version);
    return name == NULL ? "an unknown version" : name;
}

static bool server_ended_at_hello(const struct view *view)
{
    return view->stage == STAGE_HELLO && view->offer != NULL && view->end != NULL &&
           view->end_side == SIDE_SERVER;
}

#define AT_ONCE_NS INT64_C(1000000000)

/* Some servers refuse a hello by closing, without the alert that RFC 8446 6.2 asks for (lighttpd
 * with GnuTLS, Node for a name). */
static bool server_left_at_hello(const struct view *view)
{
    return server_ended_at_hello(view) && view->end->kind == EVENT_FIN && !view->server_answered &&
           view->idle_ns < AT_ONCE_NS && view->t->violation == NULL;
}

static const char *offered_versions(struct judging *j)
{
    const struct view *view = j->view;
    if (view->min_version == 0) {
        return "no version that is known";
    }
    if (!tls_has(&view->offer->ext,
                 TLS_EXT_SUPPORTED_VERSIONS)) { /* the hello names its highest only */
        const char *up_to =
            arena_printf(j->arena, "versions up to %s", version_or_unknown(view->max_version));
        return up_to == NULL ? "several versions" : up_to;
    }
    if (view->min_version == view->max_version) {
        const char *only = arena_printf(j->arena, "%s only", version_or_unknown(view->max_version));
        return only == NULL ? "one version only" : only;
    }
    const char *range = arena_printf(j->arena, "%s to %s", version_or_unknown(view->min_version),
                                     version_or_unknown(view->max_version));
    return range == NULL ? "several versions" : range;
}

/* Signalling values and GREASE are no suites that could be chosen. */
static size_t count_suites(const struct tls_client_hello *hello)
{
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        uint16_t value = tls_u16_at(hello->cipher_suites, i);
        n += !tls_is_grease(value) && !tls_cipher_suite_is_scsv(value);
    }
    return n;
}

static void cite_offer(struct judging *j)
{
    if (j->view->offer == NULL) { /* lost, or before the capture */
        return;
    }
    add_evidence(j, j->view->offer_event, "the client offers %s, %zu cipher suites, %s%s",
                 offered_versions(j), count_suites(j->view->offer),
                 j->t->server_name == NULL ? "no server name" : "server name ",
                 j->t->server_name == NULL ? "" : j->t->server_name);
}

static void cite_end(struct judging *j)
{
    add_evidence(j, j->view->end, "%s", end_words(j));
}

/* RFC 7507 section 3: inappropriate_fallback answers TLS_FALLBACK_SCSV. */
bool match_fallback(struct judging *j)
{
    if (!ended_by_alert(j->view, SIDE_SERVER, ALERT_INAPPROPRIATE_FALLBACK)) {
        return false;
    }
    bool asked =
        j->view->offer != NULL && tls_u16_has(j->view->offer->cipher_suites, TLS_FALLBACK_SCSV);
    set_cause(j, CAUSE_FALLBACK_REFUSED, NULL, asked ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    cite_offer(j);
    cite_end(j);
    say(j,
        "The client retried with %s and said so (TLS_FALLBACK_SCSV); the server supports a newer "
        "version and refused.",
        version_or_unknown(j->view->max_version));
    return true;
}

static const struct peer_success *success_with_version_outside(const struct view *view)
{
    if (view->peer == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < view->peer->n_successes; i++) {
        uint16_t v = view->peer->successes[i].version;
        if (v < view->min_version || v > view->max_version) {
            return &view->peer->successes[i];
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
        view->stage <= STAGE_HELLO && ended_by_alert(view, SIDE_SERVER, ALERT_PROTOCOL_VERSION);
    if (!by_server || view->offer == NULL) {
        return false;
    }
    bool doubtful = j->t->violation != NULL || view->min_version == 0 ||
                    (view->min_version <= 0x0303 && view->max_version >= 0x0304);
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL,
              doubtful ? CONFIDENCE_PROBABLE : CONFIDENCE_CERTAIN);
    cite_offer(j);
    cite_end(j);
    const struct peer_success *s = success_with_version_outside(view);
    cite_success(j, s, s == NULL ? "" : version_or_unknown(s->version));
    say(j,
        "The client offers %s and the server accepts none of it: they have no TLS version in "
        "common.",
        offered_versions(j));
    return true;
}

/* SSL 2.0 hellos, and versions below 1.2 or 1.3 alone, refused without saying so. Playbook and
 * wire-behaviour: old servers answer close_notify, OpenSSL 3 at security level 2 internal_error,
 * GnuTLS and others FIN. */
bool match_version_silent(struct judging *j)
{
    const struct view *view = j->view;
    if (!server_ended_at_hello(view) || j->t->violation != NULL) {
        return false;
    }
    const struct peer_success *s = success_with_version_outside(view);
    bool is_old = view->max_version <= 0x0302;
    bool is_new = view->min_version == 0x0304;
    bool vague = (!view->end_is_alert && (s != NULL || (is_old && server_left_at_hello(view)))) ||
                 (view->end_is_alert && (view->end->type == ALERT_CLOSE_NOTIFY ||
                                         view->end->type == ALERT_INTERNAL_ERROR ||
                                         view->end->type == ALERT_HANDSHAKE_FAILURE ||
                                         view->end->type == ALERT_INSUFFICIENT_SECURITY));
    bool same_version_works = false;
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        uint16_t v = view->peer->successes[i].version;
        same_version_works =
            same_version_works || (v >= view->min_version && v <= view->max_version);
    }
    bool is_plain_handshake_failure = ended_by_alert(view, SIDE_SERVER, ALERT_HANDSHAKE_FAILURE) &&
                                      s == NULL && !view->offer->is_sslv2;
    if (same_version_works || !vague || !(is_old || is_new || view->offer->is_sslv2) ||
        is_plain_handshake_failure || (is_new && s == NULL)) {
        return false;
    }
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL,
              view->end_is_alert || s != NULL ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    cite_offer(j);
    cite_end(j);
    cite_success(j, s, s == NULL ? "" : version_or_unknown(s->version));
    add_alternative(j, CAUSE_CIPHER_MISMATCH, CONFIDENCE_POSSIBLE,
                    "a server that takes the version may still refuse every suite");
    say(j,
        "The client offers %s; servers of today refuse that, and this one ended the handshake at "
        "once.",
        offered_versions(j));
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
    if (!is_first || view->offer == NULL || !tls_has(&view->offer->ext, EXT_ALPN)) {
        return false;
    }
    set_cause(j, CAUSE_ALPN_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    const char *list = alpn_list(j, view->offer->ext.alpn);
    add_evidence(j, view->offer_event, "the client offers the application protocols: %s", list);
    add_evidence(
        j, view->end,
        "an encrypted alert in place of EncryptedExtensions, which would name the protocol");
    add_alternative(j, CAUSE_UNDETERMINED, CONFIDENCE_POSSIBLE, "the alert's text is encrypted");
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
    bool alerted = ended_by_alert(view, SIDE_SERVER, ALERT_NO_APPLICATION_PROTOCOL) ||
                   ended_by_alert(view, SIDE_CLIENT, ALERT_NO_APPLICATION_PROTOCOL);
    if (!alerted) {
        return match_alpn_sealed(j);
    }
    bool offered = view->offer != NULL && tls_has(&view->offer->ext, EXT_ALPN);
    set_cause(j, CAUSE_ALPN_MISMATCH, NULL, offered ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    const char *list = offered ? alpn_list(j, view->offer->ext.alpn) : "none";
    add_evidence(j, view->offer_event, "the client offers the application protocols: %s", list);
    cite_end(j);
    say(j,
        "The client offers only %s as application protocol (ALPN), and the server speaks none of "
        "it.",
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
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        const struct peer_success *s = &view->peer->successes[i];
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
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        if (view->peer->successes[i].has_server_name) {
            return &view->peer->successes[i];
        }
    }
    return NULL;
}

static void say_server_name(struct judging *j)
{
    const struct peer_success *s = success_with_name(j->view);
    if (j->t->server_name == NULL) {
        say(j, "The client sent no server name (SNI), and the server needs one to choose its "
               "certificate.");
    } else {
        say(j, "The server knows no host named %s (SNI).", j->t->server_name);
    }
    cite_offer(j);
    cite_end(j);
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
    bool unrecognized = ended_by_alert(view, SIDE_SERVER, ALERT_UNRECOGNIZED_NAME);
    bool missing = ended_by_alert(view, SIDE_SERVER, ALERT_MISSING_EXTENSION) && !named &&
                   j->t->violation == NULL;
    bool by_others =
        server_ended_at_hello(view) && !known && others && j->t->violation == NULL &&
        (!view->end_is_alert || view->end->type == ALERT_HANDSHAKE_FAILURE ||
         view->end->type == ALERT_INTERNAL_ERROR || view->end->type == ALERT_ACCESS_DENIED);
    if (!unrecognized && !missing && !by_others) {
        return false;
    }
    set_cause(j, named ? CAUSE_SNI_UNRECOGNIZED : CAUSE_SNI_MISSING, NULL,
              unrecognized && view->offer != NULL ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    say_server_name(j);
    return true;
}

static bool has_only_psk(const struct tls_client_hello *hello)
{
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(hello->cipher_suites, i));
        if (s != NULL && s->auth != TLS_AUTH_PSK && s->kx != TLS_KX_RSA_PSK && !s->needs_tls13 &&
            s->value != 0x00ff && s->value != 0x5600) {
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
    bool unknown = ended_by_alert(view, SIDE_SERVER, ALERT_UNKNOWN_PSK_IDENTITY);
    bool binder = view->stage == STAGE_HELLO && j->t->psk_offered && j->t->violation == NULL &&
                  (ended_by_alert(view, SIDE_SERVER, ALERT_DECRYPT_ERROR) ||
                   ended_by_alert(view, SIDE_SERVER, ALERT_ILLEGAL_PARAMETER) ||
                   ended_by_alert(view, SIDE_SERVER, ALERT_BAD_RECORD_MAC));
    bool only = server_ended_at_hello(view) && view->end_is_alert &&
                view->end->type == ALERT_HANDSHAKE_FAILURE &&
                ((j->t->psk_offered && view->min_version == 0x0304 && !view->peer) ||
                 has_only_psk(view->offer));
    if (!unknown && !binder && !only) {
        return false;
    }
    set_cause(j, CAUSE_PSK_UNKNOWN, NULL,
              unknown  ? CONFIDENCE_CERTAIN
              : binder ? CONFIDENCE_PROBABLE
                       : CONFIDENCE_POSSIBLE);
    add_evidence(j, view->offer_event, "the client offers a pre-shared key");
    cite_end(j);
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
    bool alerted =
        view->end_is_alert &&
        (view->end->type == ALERT_BAD_RECORD_MAC || view->end->type == ALERT_DECRYPT_ERROR ||
         view->end->type == ALERT_DECRYPTION_FAILED || view->end->type == ALERT_HANDSHAKE_FAILURE ||
         view->end->type == ALERT_ILLEGAL_PARAMETER);
    if (!is_psk || !ended || !alerted) {
        return false;
    }
    set_cause(j, CAUSE_PSK_UNKNOWN, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, j->t->server_hello_event,
                 "the server chose %s: the handshake rests on the pre-shared key", s->name);
    cite_end(j);
    add_alternative(j, CAUSE_INTEGRITY_FAILURE, CONFIDENCE_POSSIBLE,
                    "bytes altered on the way look the same");
    say(j, "The two sides hold different pre-shared keys, or the server does not know the client's "
           "identity: the first message under the new keys did not open.");
    return true;
}

static const struct peer_success *success_of_same_client(const struct view *view)
{
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        const struct peer_success *s = &view->peer->successes[i];
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
    bool cut =
        view->end != NULL && (view->end_side == SIDE_SERVER || view->idle_ns > INT64_C(1000000000));
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
                 version_or_unknown(view->max_version));
    add_evidence(j, view->stalled_retry, "sent again, and not acknowledged");
    cite_end(j);
    add_fact(j, s->frame, s->at_ns,
             "in stream %llu the same client got through with a ClientHello of %u bytes, offering "
             "up to %s",
             (unsigned long long)s->stream, s->hello_len, version_or_unknown(s->max_offered));
    add_alternative(j, CAUSE_HANDSHAKE_TIMEOUT, CONFIDENCE_POSSIBLE,
                    "the packets may have been lost by chance");
    say(j,
        "The server or a device on the path drops this ClientHello (%zu bytes, up to %s) and takes "
        "another from the same client.",
        len, version_or_unknown(view->max_version));
    return true;
}

/* --- a hello refused without a reason --- */

struct dimension {
    enum cause cause;
    struct oddness oddness;
    bool works; /* another connection shows that this part of the offer is acceptable */
    const struct peer_success *shown_by;
};

static void rule_out_by_peer(const struct view *view, struct dimension d[3])
{
    const struct tls_client_hello *hello = view->offer;
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        const struct peer_success *s = &view->peer->successes[i];
        if (!tls_offers_version(hello, s->version)) {
            continue;
        }
        bool suite = tls_u16_has(hello->cipher_suites, s->cipher_suite);
        bool group = s->group != 0 && tls_u16_has(hello->ext.supported_groups, s->group);
        d[0].works = d[0].works || suite;
        d[0].shown_by = suite || d[0].shown_by == NULL ? s : d[0].shown_by;
        d[1].works = d[1].works || group;
        d[1].shown_by = group || d[1].shown_by == NULL ? s : d[1].shown_by;
    }
    /* No suite that this server was seen to choose is in the offer: that settles it. */
    if (d[0].shown_by != NULL && !d[0].works) {
        d[0].oddness.degree += 2;
    }
    if (d[1].shown_by != NULL && d[1].shown_by->group != 0 && !d[1].works) {
        d[1].oddness.degree += 2;
    }
    d[0].oddness.degree = d[0].works ? 0 : d[0].oddness.degree;
    d[1].oddness.degree = d[1].works ? 0 : d[1].oddness.degree;
}

/* Every answer of this server rests on one key type, and no suite offered here can use it. */
static bool lacks_key_type(const struct view *view)
{
    bool seen[2] = { false, false }; /* RSA, ECDSA */
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(view->peer->successes[i].cipher_suite);
        seen[0] = seen[0] || (s != NULL && s->auth == TLS_AUTH_RSA);
        seen[1] = seen[1] || (s != NULL && s->auth == TLS_AUTH_ECDSA);
    }
    if (seen[0] == seen[1]) {
        return false;
    }
    for (size_t i = 0; i < tls_u16_count(view->offer->cipher_suites); i++) {
        const struct tls_cipher_suite *s =
            tls_cipher_suite(tls_u16_at(view->offer->cipher_suites, i));
        if (s != NULL && (s->needs_tls13 || s->auth == (seen[0] ? TLS_AUTH_RSA : TLS_AUTH_ECDSA))) {
            return false;
        }
    }
    return true;
}

static const struct dimension *oddest(const struct dimension d[3])
{
    const struct dimension *best = &d[0];
    for (size_t i = 1; i < 3; i++) {
        if (d[i].oddness.degree > best->oddness.degree) {
            best = &d[i];
        }
    }
    return best;
}

static void cite_dimension(struct judging *j, const struct dimension *d)
{
    const struct peer_success *s = d->shown_by;
    if (s == NULL) {
        return;
    }
    const char *suite = tls_cipher_suite_name(s->cipher_suite);
    add_fact(j, s->frame, s->at_ns, "in stream %llu the same server chose %s with %s%s%s",
             (unsigned long long)s->stream, version_or_unknown(s->version),
             suite == NULL ? "an unknown suite" : suite, s->group != 0 ? " and group " : "",
             s->group != 0 && tls_group_name(s->group) != NULL ? tls_group_name(s->group) : "");
}

static void list_others(struct judging *j, const struct dimension d[3],
                        const struct dimension *chosen)
{
    for (size_t i = 0; i < 3; i++) {
        if (&d[i] == chosen && j->v->cause == chosen->cause) {
            continue;
        }
        if (d[i].works) {
            add_ruled_out(j, d[i].cause, "stream %llu: the server accepts what is offered here",
                          (unsigned long long)d[i].shown_by->stream);
        } else {
            add_alternative(j, d[i].cause, CONFIDENCE_POSSIBLE,
                            d[i].oddness.degree > 0 ? d[i].oddness.why
                                                    : "the server's own list is not known");
        }
    }
}

static void say_nothing_in_common(struct judging *j, const struct dimension *d)
{
    static const char *const things[] = { "cipher suite", "key-exchange group",
                                          "signature algorithm" };
    const char *thing = d->cause == CAUSE_CIPHER_MISMATCH  ? things[0]
                        : d->cause == CAUSE_GROUP_MISMATCH ? things[1]
                                                           : things[2];
    say(j, "The server refused the ClientHello: most likely the two have no %s in common (%s).",
        thing, d->oddness.why);
}

static bool has_success_with(const struct view *view, uint16_t version)
{
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_successes; i++) {
        if (view->peer->successes[i].version == version) {
            return true;
        }
    }
    return false;
}

static void judge_plain_offer(struct judging *j)
{
    if (j->t->server_name == NULL && j->view->max_version >= 0x0303) {
        set_cause(j, CAUSE_SNI_MISSING, NULL, CONFIDENCE_POSSIBLE);
        say(j, "The server refused an ordinary ClientHello that names no host (SNI): it probably "
               "needs the name.");
        return;
    }
    set_cause(j, CAUSE_UNDETERMINED, NULL, CONFIDENCE_POSSIBLE);
    say(j, "The server refused an ordinary ClientHello without a reason: cipher suites, groups, "
           "signature algorithms, or the name.");
    if (j->t->server_name != NULL) {
        add_alternative(j, CAUSE_SNI_UNRECOGNIZED, CONFIDENCE_POSSIBLE,
                        "the server may not know this name");
    }
    if (j->view->min_version == 0x0304 && !has_success_with(j->view, 0x0304)) {
        /* RFC 8446 4.2.1: it passes over supported_versions and finds no suite it knows. */
        add_alternative(j, CAUSE_PROTOCOL_MISMATCH, CONFIDENCE_POSSIBLE,
                        "a server without TLS 1.3 says the same to a hello for TLS 1.3 only");
    }
}

/* A well-formed ClientHello is what a server waits for: unexpected_message is about what is in it.
 * Java says so where no group is common, and a HelloRetryRequest could name none. */
static bool is_hello_called_unexpected(const struct view *view)
{
    return ended_by_alert(view, SIDE_SERVER, ALERT_UNEXPECTED_MESSAGE) &&
           view->max_version == 0x0304 && view->t->violation == NULL &&
           view->t->hello_retry == NULL;
}

/* handshake_failure, insufficient_security or illegal_parameter: no acceptable set of parameters
 * (RFC 8446 6.2), in one of three dimensions. */
bool match_offer_refused(struct judging *j)
{
    const struct view *view = j->view;
    bool alerted = view->end_is_alert && (view->end->type == ALERT_HANDSHAKE_FAILURE ||
                                          view->end->type == ALERT_INSUFFICIENT_SECURITY);
    bool unexpected = is_hello_called_unexpected(view);
    if (!server_ended_at_hello(view) || (!alerted && !unexpected && !server_left_at_hello(view))) {
        return false;
    }
    struct offer_oddness odd;
    offers_measure(view->offer, view->max_version, &odd);
    struct dimension d[3] = { { .cause = CAUSE_CIPHER_MISMATCH, .oddness = odd.suites },
                              { .cause = CAUSE_GROUP_MISMATCH, .oddness = odd.groups },
                              { .cause = CAUSE_SIGNATURE_MISMATCH, .oddness = odd.signatures } };
    rule_out_by_peer(view, d);
    if (lacks_key_type(view)) {
        d[2].oddness = (struct oddness){ 4, "other connections show that the server's certificate "
                                            "has a key type for which the client offers no suite" };
        d[2].shown_by = &view->peer->successes[0];
    }
    const struct dimension *best = oddest(d);
    if ((!alerted && best->oddness.degree < 2) || (unexpected && best != &d[1])) {
        return false; /* closed at a hello that most servers take: nothing says why */
    }
    cite_offer(j);
    cite_end(j);
    if (best->oddness.degree == 0 && !d[0].works) {
        judge_plain_offer(j);
    } else {
        bool by_key_type = best == &d[2] && best->shown_by != NULL;
        set_cause(j, best->oddness.degree == 0 ? CAUSE_UNDETERMINED : best->cause,
                  by_key_type ? "no-certificate-for-key-type" : NULL,
                  alerted && best->oddness.degree >= 2 ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
        cite_dimension(j, best);
        say_nothing_in_common(j, best);
    }
    list_others(j, d, best);
    if (!view->end_is_alert) {
        add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "no alert says why");
    }
    return true;
}
