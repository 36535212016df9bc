/*
 * A hello refused without a reason: suites, groups, signature algorithms or the name, weighed by
 * how unusual the offer is and by what other connections show.
 */
#include "diagnose/hello_evidence.h"
#include "diagnose/offers.h"
#include "diagnose/rules.h"
#include "tls/names.h"

enum { SUITES, GROUPS, SIGNATURES, N_DIMENSIONS };

/* One part of an offer in which client and server need something in common. */
struct dimension {
    enum cause cause;
    const char *thing; /* "cipher suite" */
    struct oddness oddness;
    bool works; /* another connection shows that this part of the offer is acceptable */
    const struct peer_success *shown_by;
};

static void note_success(struct dimension *d, const struct peer_success *s, bool works)
{
    d->works = d->works || works;
    if (works || d->shown_by == NULL) {
        d->shown_by = s;
    }
}

/* Nothing that this server was seen to choose is in the offer: that settles it, nearly. */
static void weigh_successes(struct dimension *d, bool is_shown)
{
    if (d->works) {
        d->oddness.degree = 0;
    } else if (is_shown) {
        d->oddness.degree += 2;
    }
}

static void learn_from_peer(const struct view *view, struct dimension d[N_DIMENSIONS])
{
    const struct tls_client_hello *hello = view->offer;
    for (size_t i = 0; i < view->n_successes; i++) {
        const struct peer_success *s = &view->successes[i];
        if (tls_offers_version(hello, s->version)) {
            bool group = s->group != 0 && tls_u16_has(hello->ext.supported_groups, s->group);
            note_success(&d[SUITES], s, tls_u16_has(hello->cipher_suites, s->cipher_suite));
            note_success(&d[GROUPS], s, group);
        }
    }
    weigh_successes(&d[SUITES], d[SUITES].shown_by != NULL);
    weigh_successes(&d[GROUPS], d[GROUPS].shown_by != NULL && d[GROUPS].shown_by->group != 0);
}

/* Every answer of this server rests on one key type, and no suite offered here can use it. */
static bool lacks_key_type(const struct view *view)
{
    bool seen[2] = { false, false }; /* RSA, ECDSA */
    for (size_t i = 0; i < view->n_successes; i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(view->successes[i].cipher_suite);
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

static const struct dimension *oddest(const struct dimension d[N_DIMENSIONS])
{
    const struct dimension *best = &d[SUITES];
    for (size_t i = 1; i < N_DIMENSIONS; i++) {
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
             (unsigned long long)s->stream, hello_version_name(s->version),
             suite == NULL ? "an unknown suite" : suite, s->group != 0 ? " and group " : "",
             s->group != 0 && tls_group_name(s->group) != NULL ? tls_group_name(s->group) : "");
}

static void list_others(struct judging *j, const struct dimension d[N_DIMENSIONS],
                        const struct dimension *chosen)
{
    for (size_t i = 0; i < N_DIMENSIONS; i++) {
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

static bool has_success_with(const struct view *view, uint16_t version)
{
    for (size_t i = 0; i < view->n_successes; i++) {
        if (view->successes[i].version == version) {
            return true;
        }
    }
    return false;
}

static void judge_plain_offer(struct judging *j)
{
    if (j->t->server_name == NULL && j->view->max_version >= 0x0303) {
        set_cause(j, CAUSE_SNI_MISSING, NULL, CONFIDENCE_POSSIBLE);
        say(j, "The server refused an ordinary ClientHello that names no host (SNI): it may need "
               "the name.");
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

/* Every OpenSSL that can be observed knows TLS 1.3 and TLS 1.2: one without the other is somebody's
 * setting. */
static bool is_version_limited(const struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l == NULL || l->side != SIDE_CLIENT || !l->has_policy) {
        return false;
    }
    bool is_low = l->max_version != 0 && l->max_version < 0x0304;
    return (is_low && !has_success_with(j->view, l->max_version)) ||
           (l->min_version == 0x0304 && !has_success_with(j->view, 0x0304));
}

/* GnuTLS says handshake_failure, not protocol_version, to a hello below the versions it takes; and
 * a server without TLS 1.3 passes over supported_versions and finds no suite it knows (RFC 8446
 * section 4.2.1). */
static void judge_limited_version(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    const char *called = l->called == NULL ? "the program" : l->called;
    const char *limit = tls_version_name(l->max_version);
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    if (l->min_version == 0x0304) {
        say(j,
            "%c%s is set to offer TLS 1.3 only, and the server refused its otherwise ordinary "
            "ClientHello: it most likely does not speak TLS 1.3.",
            called[0] == 't' ? 'T' : called[0], called + 1);
    } else {
        say(j,
            "%c%s is set to offer nothing above %s, and the server refused its otherwise ordinary "
            "ClientHello: it most likely takes newer versions only.",
            called[0] == 't' ? 'T' : called[0], called + 1,
            limit == NULL ? "an old version" : limit);
    }
    if (j->t->server_name == NULL) {
        add_alternative(j, CAUSE_SNI_MISSING, CONFIDENCE_POSSIBLE,
                        "the server may need a name, and none was sent");
    }
}

/* A well-formed ClientHello is what a server waits for: unexpected_message is about what is in it.
 * Java says so where no group is common, and a HelloRetryRequest could name none. */
static bool is_hello_called_unexpected(const struct view *view)
{
    return ended_by_alert(view, SIDE_SERVER, TLS_ALERT_UNEXPECTED_MESSAGE) &&
           view->max_version == 0x0304 && view->t->violation == NULL &&
           view->t->hello_retry == NULL;
}

static void weigh_offer(const struct view *view, struct dimension d[N_DIMENSIONS])
{
    struct offer_oddness odd;
    offers_measure(view->offer, view->max_version, &odd);
    d[SUITES] = (struct dimension){ .cause = CAUSE_CIPHER_MISMATCH,
                                    .thing = "cipher suite",
                                    .oddness = odd.suites };
    d[GROUPS] = (struct dimension){ .cause = CAUSE_GROUP_MISMATCH,
                                    .thing = "key-exchange group",
                                    .oddness = odd.groups };
    d[SIGNATURES] = (struct dimension){ .cause = CAUSE_SIGNATURE_MISMATCH,
                                        .thing = "signature algorithm",
                                        .oddness = odd.signatures };
    learn_from_peer(view, d);
    if (lacks_key_type(view)) {
        d[SIGNATURES].oddness =
            (struct oddness){ 4, "other connections show that the server's certificate "
                                 "has a key type for which the client offers no suite" };
        d[SIGNATURES].shown_by = &view->successes[0];
    }
}

static void judge_odd_offer(struct judging *j, const struct dimension *best, bool alerted)
{
    unsigned degree = best->oddness.degree;
    bool by_key_type = best->cause == CAUSE_SIGNATURE_MISMATCH && best->shown_by != NULL;
    set_cause(j, degree == 0 ? CAUSE_UNDETERMINED : best->cause,
              by_key_type ? "no-certificate-for-key-type" : NULL,
              alerted && degree >= 2 ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    cite_dimension(j, best);
    say(j, "The server refused the ClientHello: most likely the two have no %s in common (%s).",
        best->thing, best->oddness.why);
}

/* handshake_failure or insufficient_security, or the end without a word: no acceptable set of
 * parameters (RFC 8446 6.2), in one of three dimensions. */
bool match_offer_refused(struct judging *j)
{
    const struct view *view = j->view;
    bool alerted = ended_by_alert(view, SIDE_SERVER, TLS_ALERT_HANDSHAKE_FAILURE) ||
                   ended_by_alert(view, SIDE_SERVER, TLS_ALERT_INSUFFICIENT_SECURITY);
    bool unexpected = is_hello_called_unexpected(view);
    if (!hello_server_ended(view) || (!alerted && !unexpected && !hello_server_left(view))) {
        return false;
    }
    struct dimension d[N_DIMENSIONS];
    weigh_offer(view, d);
    const struct dimension *best = oddest(d);
    if ((!alerted && best->oddness.degree < 2) || (unexpected && best != &d[GROUPS])) {
        return false; /* closed at a hello that most servers take: nothing says why */
    }
    hello_cite_offer(j);
    hello_cite_end(j);
    if (best->oddness.degree == 0 && is_version_limited(j)) {
        judge_limited_version(j);
    } else if (best->oddness.degree == 0 && !d[SUITES].works) {
        judge_plain_offer(j);
    } else {
        judge_odd_offer(j, best, alerted);
    }
    list_others(j, d, best);
    if (!view->end_is_alert) {
        add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "no alert says why");
    }
    return true;
}
