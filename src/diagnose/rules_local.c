/* What a program's own TLS library says: seen from inside the process only. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "base/status.h"
#include "diagnose/certificate_blame.h"
#include "diagnose/rules.h"

enum { PLACES_SHOWN_MAX = 3 };

/* --- in force --- */

static const char *version_or(uint16_t version, const char *otherwise)
{
    const char *name = version == 0 ? NULL : tls_version_name(version);
    return name == NULL ? otherwise : name;
}

/* Who sees this from inside, within a sentence, and at its start. */
static const char *us(const struct judging *j)
{
    const char *called = j->t->local->called;
    return called == NULL ? "the program" : called;
}

static const char *us_first(struct judging *j)
{
    const char *words = us(j);
    char *first = words[0] == 't' ? arena_strndup(j->arena, words, strlen(words)) : NULL;
    if (first == NULL) {
        return words;
    }
    first[0] = 'T';
    return first;
}

static void cite_policy(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (!l->has_policy) {
        return;
    }
    const char *level = l->security_level < 0
                            ? ""
                            : arena_printf(j->arena, ", security level %d", l->security_level);
    add_fact(j, 0, 0, "in force in %s: %s to %s%s, %s", us(j),
             version_or(l->min_version, "the library's lowest version"),
             version_or(l->max_version, "its highest"), level == NULL ? "" : level,
             (l->verify_mode & SSL_VERIFY_PEER) != 0 ? "the library verifies the peer"
                                                     : "the library does not insist on a valid "
                                                       "certificate");
}

/* "/etc/ssl/certs (143 certificates)" */
static void cite_trust(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    struct text words = { 0 };
    for (size_t i = 0; i < l->n_places && i < PLACES_SHOWN_MAX; i++) {
        text_printf(&words, "%s%s", words.len > 0 ? ", " : "", l->places[i]);
    }
    if (l->default_places) {
        text_printf(&words, "%sthe library's default places", words.len > 0 ? ", " : "");
    }
    if (l->has_anchor_count) {
        text_printf(&words, "%s%llu certificate%s in its store", words.len > 0 ? "; " : "",
                    (unsigned long long)l->n_anchors, l->n_anchors == 1 ? "" : "s");
    }
    if (words.len > 0) {
        add_fact(j, 0, 0, "trust of %s: %s", us(j), text_str(&words));
    }
    text_deinit(&words);
}

void local_cite(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    cite_policy(j);
    if (cause_category(j->v->cause) == CATEGORY_CERTIFICATE &&
        j->v->party == actor_of_side(side_other(l->side))) {
        cite_trust(j);
        if (l->checked_host != NULL) {
            add_fact(j, 0, 0, "%s told its library to check the name %s", us(j), l->checked_host);
        }
    }
}

/* --- the verification of the peer's certificate --- */

static const struct {
    int error;
    enum x509_fault_kind kind;
    const char *what;
} faults_of_errors[] = {
#define X509_ERROR(code, kind, what) { X509_V_ERR_##code, X509_FAULT_##kind, what },
#include "x509/errors.def"
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_FAULT_SELF_SIGNED,
      "is its own issuer and not trusted" },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_FAULT_UNTRUSTED_CA,
      "is a root that is not trusted" },
    { X509_V_ERR_CERT_HAS_EXPIRED, X509_FAULT_EXPIRED, "is past its notAfter" },
    { X509_V_ERR_CERT_NOT_YET_VALID, X509_FAULT_NOT_YET_VALID, "is before its notBefore" },
    { X509_V_ERR_HOSTNAME_MISMATCH, X509_FAULT_HOSTNAME_MISMATCH,
      "does not name the host that is checked" },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, X509_FAULT_HOSTNAME_MISMATCH,
      "does not name the address that is checked" },
};

static bool fault_of_error(int error, enum x509_fault_kind *kind, const char **what)
{
    for (size_t i = 0; i < ARRAY_LEN(faults_of_errors); i++) {
        if (faults_of_errors[i].error == error) {
            *kind = faults_of_errors[i].kind;
            *what = faults_of_errors[i].what;
            return true;
        }
    }
    return false;
}

/* The issuer was not found: an intermediate that was not sent, or a root that is not trusted? The
 * chain tells, judged by the program's own trust anchors. */
static bool is_missing_issuer(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE;
}

static const struct x509_fault *find_fault(const struct judging *j, enum side owner,
                                           enum x509_fault_kind kind)
{
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        if (judgement->faults[i].kind == kind) {
            return &judgement->faults[i];
        }
    }
    return NULL;
}

static const struct x509_fault *judged_link(const struct judging *j, enum side owner)
{
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    const struct x509_chain *sent = j->t->side[owner].chain;
    const struct x509_fault *wrong = find_fault(j, owner, X509_FAULT_CHAIN_INVALID);
    if (wrong != NULL && sent != NULL && x509_chain_n(sent) > 1) {
        return wrong; /* what was sent in the place of the issuer does not link */
    }
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        enum x509_fault_kind kind = judgement->faults[i].kind;
        if (kind == X509_FAULT_CHAIN_INCOMPLETE || kind == X509_FAULT_UNTRUSTED_CA ||
            kind == X509_FAULT_CHAIN_INVALID || kind == X509_FAULT_SELF_SIGNED) {
            return &judgement->faults[i];
        }
    }
    return NULL;
}

/* What the verification came to. */
struct refusal {
    int error;                       /* X509_V_ERR_* */
    const struct local_fault *fault; /* NULL where only the result is known */
    enum x509_fault_kind kind;
    bool is_known;    /* kind is what the error says */
    bool is_doubtful; /* another kind gives the same error */
    const char *words;
};

static void read_refusal(const struct judging *j, struct refusal *r)
{
    enum side peer = side_other(j->t->local->side);
    r->is_known = fault_of_error(r->error, &r->kind, &r->words);
    if (!is_missing_issuer(r->error)) {
        return;
    }
    const struct x509_fault *link = judged_link(j, peer);
    const struct x509_judgement *judgement = j->view->context->judgement[peer];
    bool is_unseen = judgement != NULL && judgement->unseen_issuer != NULL;
    r->is_known = true;
    r->kind = link != NULL ? link->kind : X509_FAULT_UNTRUSTED_CA;
    /* Who has not seen the issuer cannot tell an intermediate from a private root. */
    r->is_doubtful = link == NULL || is_unseen || !j->view->context->trust_is_given ||
                     r->kind == X509_FAULT_CHAIN_INVALID || r->kind == X509_FAULT_CHAIN_INCOMPLETE;
    r->words = "has an issuer that was neither sent nor is among what the program trusts";
}

static const char *culprit_name(struct judging *j, const struct refusal *r)
{
    const struct x509_chain *sent = j->t->side[side_other(j->t->local->side)].chain;
    const struct x509_facts *facts =
        r->fault != NULL && r->fault->chain != NULL ? x509_chain_facts(r->fault->chain, 0)
        : sent != NULL && x509_chain_n(sent) > 0    ? x509_chain_facts(sent, 0)
                                                    : NULL;
    const char *subject = facts == NULL ? NULL : facts->subject;
    const char *name =
        subject == NULL ? NULL : arena_printf(j->arena, "the certificate %.200s", subject);
    return name == NULL ? "the certificate" : name;
}

static enum cause cause_of_refusal(const struct refusal *r)
{
    return r->is_known ? cause_of_fault(r->kind) : CAUSE_CERTIFICATE_REJECTED;
}

static void cite_refusal(struct judging *j, const struct refusal *r)
{
    enum side peer = side_other(j->t->local->side);
    const char *words = X509_verify_cert_error_string(r->error);
    add_evidence(j, j->t->side[peer].certificate_event, "the %s's certificate was verified here",
                 side_name(peer));
    if (r->fault != NULL) {
        add_fact(j, 0, 0, "verification failed with %d (%s) at depth %d: %s", r->error, words,
                 r->fault->depth, culprit_name(j, r));
    } else {
        add_fact(j, 0, 0, "verification ended with %d (%s)", r->error, words);
    }
    add_evidence(j, j->view->end, "%s", end_words(j));
}

static void list_rest(struct judging *j, const struct refusal *r)
{
    enum side peer = side_other(j->t->local->side);
    const struct x509_judgement *judgement = j->view->context->judgement[peer];
    for (size_t i = 0; judgement != NULL && i < judgement->n_faults; i++) {
        const struct x509_fault *fault = &judgement->faults[i];
        if (cause_of_fault(fault->kind) != j->v->cause) {
            add_finding(j, x509_fault_id(fault->kind), cause_of_fault(fault->kind),
                        actor_of_side(peer), "%s", fault->detail);
        }
    }
    if (r->is_doubtful) {
        bool is_incomplete = j->v->cause == CAUSE_CERTIFICATE_CHAIN_INCOMPLETE;
        add_alternative(
            j, is_incomplete ? CAUSE_CERTIFICATE_UNTRUSTED_CA : CAUSE_CERTIFICATE_CHAIN_INCOMPLETE,
            CONFIDENCE_POSSIBLE, "OpenSSL says the same of both");
    }
}

static const char *detail_of_weak(const struct refusal *r)
{
    if (r->kind != X509_FAULT_WEAK || !r->is_known) {
        return NULL;
    }
    return r->error == X509_V_ERR_CA_MD_TOO_WEAK ? "signature-digest-too-weak"
                                                 : "certificate-key-too-small";
}

static const char *words_of(struct judging *j, const struct refusal *r)
{
    const char *host = j->t->local->checked_host;
    const char *named = NULL;
    if (r->is_known && r->kind == X509_FAULT_HOSTNAME_MISMATCH && host != NULL) {
        named = arena_printf(j->arena, "does not name %.256s, which %s checks", host, us(j));
    }
    if (named != NULL) {
        return named;
    }
    return r->is_known ? r->words : X509_verify_cert_error_string(r->error);
}

static bool blame(struct judging *j, struct refusal *r, enum confidence confidence)
{
    enum side peer = side_other(j->t->local->side);
    read_refusal(j, r);
    if (r->is_doubtful && confidence == CONFIDENCE_CERTAIN) {
        confidence = CONFIDENCE_PROBABLE;
    }
    set_cause(j, cause_of_refusal(r), detail_of_weak(r), confidence);
    j->v->party = actor_of_side(peer);
    cite_refusal(j, r);
    list_rest(j, r);
    const struct x509_fault *link = is_missing_issuer(r->error) ? judged_link(j, peer) : NULL;
    const char *what = link != NULL
                           ? link->detail
                           : arena_printf(j->arena, "%s %s", culprit_name(j, r), words_of(j, r));
    const char *how = confidence == CONFIDENCE_POSSIBLE
                          ? "left right after the handshake, and may have refused"
                          : "refused";
    say(j, "%s %s the %s's certificate: %s.", us_first(j), how, side_name(peer),
        what == NULL ? "it does not verify" : what);
    return true;
}

static bool has_reason(const struct local_facts *l, uint32_t reason)
{
    return (l->oldest.lib == ERR_LIB_SSL && l->oldest.reason == reason) ||
           (l->newest.lib == ERR_LIB_SSL && l->newest.reason == reason);
}

/* The last fault that nobody accepted: OpenSSL stops at the first such. */
static const struct local_fault *refused_fault(const struct local_facts *l)
{
    for (size_t i = l->n_faults; i > 0; i--) {
        if (!l->faults[i - 1].is_accepted) {
            return &l->faults[i - 1];
        }
    }
    return NULL;
}

/* The library had nothing to say against the certificate; the program's verify callback refused it,
 * and left no error that says why (OpenVPN's --verify-x509-name). */
static bool refused_by_program(struct judging *j, const struct refusal *r)
{
    enum side peer = side_other(j->t->local->side);
    const struct x509_fault *name = peer == SIDE_SERVER ? view_wrong_name(j->view) : NULL;
    set_cause(j, name != NULL ? CAUSE_CERTIFICATE_HOSTNAME_MISMATCH : CAUSE_CERTIFICATE_REJECTED,
              NULL, CONFIDENCE_PROBABLE);
    j->v->party = actor_of_side(peer);
    add_evidence(j, j->t->side[peer].certificate_event, "the %s's certificate was verified here",
                 side_name(peer));
    add_fact(j, 0, 0,
             "the library found no fault; a check of the program's own refused, at depth %d, %s",
             r->fault->depth, culprit_name(j, r));
    add_evidence(j, j->view->end, "%s", end_words(j));
    list_rest(j, r);
    if (name != NULL) {
        say(j, "%s refused the %s's certificate by a check of its own: %s.", us_first(j),
            side_name(peer), name->detail);
    } else {
        say(j,
            "%s refused the %s's certificate by a check of its own (%s), and its TLS library does "
            "not know why: its own log may say.",
            us_first(j), side_name(peer), culprit_name(j, r));
    }
    return true;
}

/* The library verified the peer's certificate, and said no. */
bool match_local_verify(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l == NULL || l->is_done || !has_reason(l, SSL_R_CERTIFICATE_VERIFY_FAILED)) {
        return false;
    }
    struct refusal r = { .fault = refused_fault(l) };
    if (r.fault != NULL && r.fault->error == X509_V_OK) {
        return refused_by_program(j, &r);
    }
    r.error = r.fault != NULL ? r.fault->error : l->verify_result;
    return r.error != X509_V_OK && blame(j, &r, CONFIDENCE_CERTAIN);
}

/* The chain is good, and the program asked for something and left before it was answered. */
static bool left_for_name(struct judging *j)
{
    const struct x509_fault *name = view_wrong_name(j->view);
    if (j->t->local->side != SIDE_CLIENT || name == NULL ||
        !j->t->side[SIDE_CLIENT].sent_application_data) {
        return false;
    }
    set_cause(j, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    j->v->party = ACTOR_SERVER;
    add_evidence(j, j->t->side[SIDE_SERVER].certificate_event, "%s", name->detail);
    add_evidence(j, j->view->end, "%s, before its request was answered", end_words(j));
    add_alternative(j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE, "it does not say why");
    say(j, "%s left right after the handshake: %s.", us_first(j), name->detail);
    return true;
}

/* It asked its library for a name, was told that the certificate lacks it, and left. */
static bool refused_name(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    enum side peer = side_other(l->side);
    const char *name = local_refused_name(l);
    if (name == NULL) {
        return false;
    }
    /* Who lets a bad chain pass may let a wrong name pass too, and leave for something else. */
    bool is_plain = l->verify_result == X509_V_OK && !j->t->side[l->side].sent_application_data;
    set_cause(j, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, NULL,
              is_plain ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE);
    j->v->party = actor_of_side(peer);
    add_evidence(j, j->t->side[peer].certificate_event,
                 "%s asked whether this certificate names %.256s: it does not", us(j), name);
    add_evidence(j, j->view->end, "%s", end_words(j));
    struct refusal rest = { .is_known = true };
    list_rest(j, &rest);
    const struct x509_fault *fault = view_wrong_name(j->view);
    say(j, "%s looked for the name %.256s in the %s's certificate and left: %s.", us_first(j), name,
        side_name(peer), fault != NULL ? fault->detail : "it is not there");
    return true;
}

/* The handshake was let pass, and then the program looked at the result and left: Node, nginx. */
bool match_local_late(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l == NULL || !l->is_done || !view_left_unserved(j->view)) {
        return false;
    }
    if (refused_name(j)) {
        return true;
    }
    if (l->verify_result == X509_V_OK) {
        return left_for_name(j);
    }
    struct refusal r = { .error = l->verify_result };
    for (size_t i = 0; i < l->n_faults; i++) {
        if (l->faults[i].error == l->verify_result) {
            r.fault = &l->faults[i];
        }
    }
    bool insists = !l->has_policy || l->called != NULL || (l->verify_mode & SSL_VERIFY_PEER) != 0;
    blame(j, &r, insists ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    if (!insists) { /* nginx looks at the result by itself, `openssl s_client` and scanners do not
                     */
        add_alternative(
            j, CAUSE_CONNECTION_CLOSED, CONFIDENCE_POSSIBLE,
            "its library was told not to insist on a valid certificate: the program may "
            "have wanted no more than the handshake");
    }
    return true;
}

/* --- the error queue --- */

static const struct {
    uint32_t reason;
    enum cause cause;
    const char *detail;
    const char *words;
} reasons[] = {
#define LOCAL_REASON(reason, cause, detail, words) { SSL_R_##reason, CAUSE_##cause, detail, words },
#include "diagnose/local_reasons.def"
};

static void cite_error(struct judging *j, uint32_t reason)
{
    const char *words = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
    const struct local_facts *l = j->t->local;
    add_fact(j, 0, 0, "the TLS library of %s (%s) says: %s", us(j),
             l->openssl == NULL ? "OpenSSL" : l->openssl, words == NULL ? "an error" : words);
}

/* What both sides could do; 0 where there is nothing. */
static size_t shared_suites(const struct judging *j)
{
    struct bytes own = j->t->local->cipher_suites;
    struct bytes offered = j->view->offer->cipher_suites;
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(offered); i++) {
        n += tls_u16_has(own, tls_u16_at(offered, i));
    }
    return n;
}

/* "no shared cipher" is said of suites, and of suites that no key or group here can serve. */
static bool no_shared_cipher(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    bool is_known = j->view->offer != NULL && !j->view->offer->is_sslv2 && l->side == SIDE_SERVER &&
                    l->cipher_suites.len > 0;
    if (!has_reason(l, SSL_R_NO_SHARED_CIPHER) || !is_known || shared_suites(j) > 0) {
        return false; /* the rules on the offer weigh the rest */
    }
    set_cause(j, CAUSE_CIPHER_MISMATCH, NULL, CONFIDENCE_CERTAIN);
    add_evidence(j, j->view->offer_event,
                 "none of the client's suites is among the %zu that %s allows",
                 tls_u16_count(l->cipher_suites), us(j));
    cite_error(j, SSL_R_NO_SHARED_CIPHER);
    add_evidence(j, j->view->end, "%s", end_words(j));
    say(j, "The client offers none of the cipher suites that %s allows.", us(j));
    return true;
}

/* TLS 1.0 and 1.1 sign with MD5 and SHA-1 together, which OpenSSL 3 takes at security level 0 only:
 * at others it offers these versions and cannot go through with them
 * (SSL_CTX_set_security_level(3)).
 */
static bool old_version_at_level(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    bool is_signature = has_reason(l, SSL_R_WRONG_SIGNATURE_TYPE) ||
                        has_reason(l, SSL_R_LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED) ||
                        has_reason(l, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM);
    /* A server finds that out before its ServerHello, of the best that the client offers. */
    uint16_t version = j->t->version != 0 ? j->t->version : j->view->max_version;
    if (!is_signature || l->security_level < 1 || version == 0 || version >= 0x0303 ||
        j->t->is_dtls) {
        return false;
    }
    enum side peer = side_other(l->side);
    set_cause(j, CAUSE_PROTOCOL_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, j->t->server_hello != NULL ? j->t->server_hello_event : j->view->offer_event,
                 "the %s does not go beyond %s", side_name(peer),
                 version_or(version, "an old version"));
    add_fact(j, 0, 0, "security level %d of %s allows no signature of that version",
             l->security_level, us(j));
    add_evidence(j, j->view->end, "%s", end_words(j));
    add_alternative(j, CAUSE_SIGNATURE_MISMATCH, CONFIDENCE_POSSIBLE,
                    "the TLS library speaks of a signature algorithm");
    say(j,
        "The %s does not go beyond %s, whose signatures security level %d of "
        "%s refuses: in effect it takes TLS 1.2 and later only.",
        side_name(peer), version_or(version, "an old version"), l->security_level, us(j));
    return true;
}

/* A server without any certificate can only go on with a pre-shared key that it knows. */
static bool nothing_to_show(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    bool is_it = l->side == SIDE_SERVER && l->has_no_certificate &&
                 (has_reason(l, SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM) ||
                  has_reason(l, SSL_R_NO_SHARED_CIPHER));
    if (!is_it) {
        return false;
    }
    bool has_key = j->t->psk_offered;
    set_cause(j, has_key ? CAUSE_PSK_UNKNOWN : CAUSE_SIGNATURE_MISMATCH, NULL, CONFIDENCE_PROBABLE);
    add_evidence(j, j->view->offer_event, "the client's offer");
    add_fact(j, 0, 0, "%s has no certificate that it could show", us(j));
    cite_error(j, l->newest.reason);
    add_evidence(j, j->view->end, "%s", end_words(j));
    add_alternative(j, has_key ? CAUSE_SIGNATURE_MISMATCH : CAUSE_PSK_UNKNOWN, CONFIDENCE_POSSIBLE,
                    has_key ? "it was meant to have a certificate to fall back to"
                            : "it was meant for clients that have a pre-shared key");
    say(j, "%s has no certificate%s.", us_first(j),
        has_key ? ", and does not know the pre-shared key that the client offers"
                : ", and the client offers no pre-shared key");
    return true;
}

/* Up to TLS 1.2 a wrong pre-shared key shows as bytes that do not decrypt (RFC 4279 section 2). */
static bool may_be_wrong_key(const struct judging *j, enum cause cause)
{
    const struct tls_cipher_suite *s =
        j->t->server_hello == NULL ? NULL : tls_cipher_suite(j->t->cipher_suite);
    return cause == CAUSE_INTEGRITY_FAILURE && s != NULL && !s->needs_tls13 &&
           (s->auth == TLS_AUTH_PSK || s->kx == TLS_KX_RSA_PSK);
}

bool match_local_error(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l == NULL || l->is_done || !l->is_given_up) {
        return false;
    }
    if (old_version_at_level(j) || nothing_to_show(j)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (!has_reason(l, reasons[i].reason)) {
            continue;
        }
        if (may_be_wrong_key(j, reasons[i].cause)) {
            return false;
        }
        set_cause(j, reasons[i].cause, reasons[i].detail, CONFIDENCE_CERTAIN);
        j->v->party =
            reasons[i].cause == CAUSE_CLIENT_CERTIFICATE_MISSING ? ACTOR_CLIENT : ACTOR_NONE;
        add_evidence(j, j->view->offer_event, "the client's offer");
        cite_error(j, reasons[i].reason);
        add_evidence(j, j->view->end, "%s", end_words(j));
        say(j, "The TLS library of %s gave up: %s.", us(j), reasons[i].words);
        return true;
    }
    return no_shared_cipher(j);
}

/* --- no connection --- */

/* clang-format off: a table reads by columns */
static const struct no_connection {
    enum cause cause;
    enum confidence confidence;
    enum actor rejected_by;
    const char *head, *tail; /* around the port; no tail: without it */
    const char *detail;      /* NULL: none */
} no_connections[N_CONNECT_ERRORS] = {
    [CONNECT_REFUSED] = { CAUSE_CONNECTION_REFUSED, CONFIDENCE_CERTAIN, ACTOR_SERVER,
                          "Nothing accepted the connection on port ",
                          ": it was answered by a reset.", NULL },
    [CONNECT_UNREACHABLE] = { CAUSE_CONNECTION_REFUSED, CONFIDENCE_PROBABLE, ACTOR_NETWORK,
                              "The server cannot be reached on port ",
                              ": the network says so, or there is no route.", NULL },
    [CONNECT_TIMEOUT] = { CAUSE_CONNECTION_TIMEOUT, CONFIDENCE_CERTAIN, ACTOR_NETWORK,
                          "The server never answered: no connection to port ",
                          " in the time allowed for it (a firewall drops it, the host is down, or "
                          "the route is wrong).",
                          NULL },
    [CONNECT_NO_ADDRESS] = { CAUSE_UNDETERMINED, CONFIDENCE_CERTAIN, ACTOR_UNKNOWN,
                             "The server's host name has no address: nothing was connected to.",
                             NULL, "no-address" },
    [CONNECT_NONE_LEFT] = { CAUSE_UNDETERMINED, CONFIDENCE_CERTAIN, ACTOR_UNKNOWN,
                            "No server of the target is in use at the moment, so nothing was "
                            "connected to: each is disabled, or has failed as often as it may, "
                            "and then earlier verdicts say why.",
                            NULL, "no-target-in-use" },
    [CONNECT_NO_PROCESSOR] = { CAUSE_CONNECTION_REFUSED, CONFIDENCE_CERTAIN, ACTOR_SERVER,
                               "The Router could not pass the request on: its Message Processor "
                               "was not there, was being restarted, or ended before it had "
                               "answered. No backend was asked, or none is known of.",
                               NULL, "message-processor-down" },
};
/* clang-format on */

bool match_local_connect(struct judging *j)
{
    const struct local_facts *l = j->t->local;
    if (l == NULL || l->connect_error == CONNECT_FINE) {
        return false;
    }
    const struct no_connection *row = &no_connections[l->connect_error];
    const struct event *asked = j->t->n_events > 0 ? &j->t->events[0] : NULL;
    set_cause(j, row->cause, row->detail, row->confidence);
    j->v->rejected_by = row->rejected_by;
    add_evidence(j, asked, "%s asked for a connection", us(j));
    add_evidence(j, j->view->end, "%s", end_words(j));
    if (l->connect_error == CONNECT_NO_ADDRESS && l->sought_host != NULL) {
        say(j, "The server's host name %s has no address: nothing was connected to.",
            l->sought_host);
    } else if (row->tail == NULL) {
        say(j, "%s", row->head);
    } else {
        say(j, "%s%u%s", row->head, j->t->server.port, row->tail);
    }
    return true;
}
