/*
 * A hello refused without a reason: suites, groups, signature algorithms or the name, weighed by
 * how unusual the offer is and by what other connections show.
 */
#include "diagnose/hello_evidence.h"
#include "diagnose/offers.h"
#include "diagnose/rules.h"
#include "tls/names.h"

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
             (unsigned long long)s->stream, hello_version_name(s->version),
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
    return ended_by_alert(view, SIDE_SERVER, TLS_ALERT_UNEXPECTED_MESSAGE) &&
           view->max_version == 0x0304 && view->t->violation == NULL &&
           view->t->hello_retry == NULL;
}

/* handshake_failure, insufficient_security or illegal_parameter: no acceptable set of parameters
 * (RFC 8446 6.2), in one of three dimensions. */
bool match_offer_refused(struct judging *j)
{
    const struct view *view = j->view;
    bool alerted = view->end_is_alert && (view->end->type == TLS_ALERT_HANDSHAKE_FAILURE ||
                                          view->end->type == TLS_ALERT_INSUFFICIENT_SECURITY);
    bool unexpected = is_hello_called_unexpected(view);
    if (!hello_server_ended(view) || (!alerted && !unexpected && !hello_server_left(view))) {
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
    hello_cite_offer(j);
    hello_cite_end(j);
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
