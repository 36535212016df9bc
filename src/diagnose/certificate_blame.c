#include "diagnose/certificate_blame.h"
#include "tls/names.h"

/* --- what a refusal says --- */

bool alert_is_about_certificate(uint8_t code)
{
    switch (code) {
    case TLS_ALERT_BAD_CERTIFICATE:
    case TLS_ALERT_UNSUPPORTED_CERTIFICATE:
    case TLS_ALERT_CERTIFICATE_REVOKED:
    case TLS_ALERT_CERTIFICATE_EXPIRED:
    case TLS_ALERT_CERTIFICATE_UNKNOWN:
    case TLS_ALERT_UNKNOWN_CA:
    case TLS_ALERT_ACCESS_DENIED:
    case TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE:
    case TLS_ALERT_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

/* Alerts that some stack sends for a certificate fault: GnuTLS and lighttpd access_denied, OpenSSL
 * and Java handshake_failure or illegal_parameter for key usage, Chromium illegal_parameter,
 * several internal_error. */
bool alert_may_be_about_certificate(uint8_t code)
{
    return alert_is_about_certificate(code) || code == TLS_ALERT_HANDSHAKE_FAILURE ||
           code == TLS_ALERT_ILLEGAL_PARAMETER || code == TLS_ALERT_INTERNAL_ERROR ||
           code == TLS_ALERT_INSUFFICIENT_SECURITY || code == TLS_ALERT_USER_CANCELED;
}

/* Which faults an alert names by its definition (RFC 8446 6.2). */
bool alert_names_fault(uint8_t code, enum x509_fault_kind fault)
{
    switch (fault) {
    case X509_FAULT_EXPIRED:
        return code == TLS_ALERT_CERTIFICATE_EXPIRED;
    case X509_FAULT_NOT_YET_VALID:
        return code == TLS_ALERT_CERTIFICATE_EXPIRED || code == TLS_ALERT_BAD_CERTIFICATE;
    case X509_FAULT_REVOKED:
        return code == TLS_ALERT_CERTIFICATE_REVOKED ||
               code == TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
    case X509_FAULT_REVOCATION_UNKNOWN:
        return code == TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE ||
               code == TLS_ALERT_CERTIFICATE_UNKNOWN;
    case X509_FAULT_CHAIN_INCOMPLETE:
    case X509_FAULT_SELF_SIGNED:
    case X509_FAULT_UNTRUSTED_CA:
        return code == TLS_ALERT_UNKNOWN_CA;
    case X509_FAULT_CHAIN_INVALID:
    case X509_FAULT_CONSTRAINT:
        return code == TLS_ALERT_UNKNOWN_CA || code == TLS_ALERT_BAD_CERTIFICATE ||
               code == TLS_ALERT_DECRYPT_ERROR;
    case X509_FAULT_WRONG_PURPOSE:
        return code == TLS_ALERT_UNSUPPORTED_CERTIFICATE;
    case X509_FAULT_WEAK: /* Mbed TLS: unsupported_certificate for a key that is too small */
        return code == TLS_ALERT_BAD_CERTIFICATE || code == TLS_ALERT_UNSUPPORTED_CERTIFICATE;
    case X509_FAULT_HOSTNAME_MISMATCH:
    case X509_FAULT_MALFORMED:
        return code == TLS_ALERT_BAD_CERTIFICATE;
    case X509_N_FAULTS:
        break;
    }
    return false;
}

/* Alerts that say one thing only: they contradict every other fault. */
static bool is_specific(uint8_t code)
{
    return code == TLS_ALERT_CERTIFICATE_EXPIRED || code == TLS_ALERT_CERTIFICATE_REVOKED ||
           code == TLS_ALERT_UNKNOWN_CA || code == TLS_ALERT_UNSUPPORTED_CERTIFICATE ||
           code == TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
}

/* What an alert stands for where the certificate itself could not be read, or shows no fault. */
static enum cause cause_of_alert(uint8_t code)
{
    switch (code) {
    case TLS_ALERT_CERTIFICATE_EXPIRED:
        return CAUSE_CERTIFICATE_EXPIRED;
    case TLS_ALERT_CERTIFICATE_REVOKED:
        return CAUSE_CERTIFICATE_REVOKED;
    case TLS_ALERT_UNKNOWN_CA:
        return CAUSE_CERTIFICATE_UNTRUSTED_CA;
    case TLS_ALERT_UNSUPPORTED_CERTIFICATE:
        return CAUSE_CERTIFICATE_WRONG_PURPOSE;
    case TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE:
        return CAUSE_CERTIFICATE_REVOKED;
    default:
        return CAUSE_CERTIFICATE_REJECTED;
    }
}

static const char *detail_of(const struct x509_fault *fault, const struct x509_chain *chain)
{
    if (fault->kind != X509_FAULT_WEAK) {
        return NULL;
    }
    size_t i = fault->culprit > 0 ? (size_t)fault->culprit : 0;
    const struct x509_facts *facts = i < x509_chain_n(chain) ? x509_chain_facts(chain, i) : NULL;
    return facts != NULL && facts->signature_is_weak ? "signature-digest-too-weak"
                                                     : "certificate-key-too-small";
}

/* --- choosing among faults --- */

static bool is_about_trust(enum x509_fault_kind kind)
{
    return kind == X509_FAULT_CHAIN_INCOMPLETE || kind == X509_FAULT_SELF_SIGNED ||
           kind == X509_FAULT_UNTRUSTED_CA;
}

/* How much a fault explains this alert: what the alert names first; then what needs no guess about
 * the anchors that the refusing side has, or about the clock. */
static unsigned weigh(const struct judging *j, const struct x509_fault *fault)
{
    const struct view *view = j->view;
    bool named = alert_names_fault(view->end->type, fault->kind);
    bool is_date = fault->kind == X509_FAULT_EXPIRED || fault->kind == X509_FAULT_NOT_YET_VALID;
    bool is_guess = (is_date && view->clock_is_doubtful) ||
                    (is_about_trust(fault->kind) && !view->context->trust_is_given);
    bool is_doubtful_date = is_date && view->clock_is_doubtful;
    if (named && is_specific(view->end->type) && !is_doubtful_date) {
        return fault->kind == X509_FAULT_NOT_YET_VALID ? 3 : 4; /* "expired" is said of both */
    }
    if (is_guess) {
        return 0;
    }
    return named && !view->context->trust_is_given ? 2 : 1;
}

/* Among several the one that weighs most, else the first in a verifier's order. Who leaves
 * without a word does so for a fault that needs none of the policies nobody here knows. */
const struct x509_fault *certificate_choose_fault(const struct judging *j, enum side owner)
{
    const struct view *view = j->view;
    const struct x509_judgement *judgement = view->context->judgement[owner];
    bool in_words = view->end_is_alert && view->end->type != TLS_ALERT_CLOSE_NOTIFY;
    if (judgement == NULL || judgement->n_faults == 0 || !in_words) {
        return judgement == NULL ? NULL : view_hard_fault(view, owner);
    }
    const struct x509_fault *best = &judgement->faults[0];
    for (size_t i = 1; i < judgement->n_faults; i++) {
        if (weigh(j, &judgement->faults[i]) > weigh(j, best)) {
            best = &judgement->faults[i];
        }
    }
    /* An alert that says one thing, and a chain that shows another: the verifier knows better. */
    return is_specific(view->end->type) && weigh(j, best) < 3 ? NULL : best;
}

/* A chain that other connections showed for this server and name. */
static const struct peer_chain *chain_seen_elsewhere(const struct view *view)
{
    for (size_t i = 0; view->peer != NULL && i < view->peer->n_chains; i++) {
        const struct peer_chain *c = &view->peer->chains[i];
        struct bytes name =
            view->t->server_name == NULL
                ? (struct bytes){ NULL, 0 }
                : bytes_head(bytes_of_str(view->t->server_name), PEER_NAME_BYTES - 1);
        if (bytes_equal(bytes_of_str(c->server_name), name)) {
            return c;
        }
    }
    return NULL;
}

static void list_other_faults(struct judging *j, enum side owner, const struct x509_fault *chosen)
{
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    for (size_t i = 0; i < judgement->n_faults; i++) {
        const struct x509_fault *fault = &judgement->faults[i];
        if (fault != chosen) {
            add_alternative(j, cause_of_fault(fault->kind), CONFIDENCE_POSSIBLE, fault->detail);
            add_finding(j, x509_fault_id(fault->kind), cause_of_fault(fault->kind),
                        actor_of_side(owner), "%s", fault->detail);
        }
    }
}

static void cite_certificate(struct judging *j, enum side owner, const struct x509_fault *fault)
{
    const struct side_facts *side = &j->t->side[owner];
    const struct x509_facts *leaf = x509_chain_facts(side->chain, 0);
    size_t n = x509_chain_n(side->chain);
    add_evidence(j, side->certificate_event, "the %s sent %zu certificate%s: %s, issued by %s",
                 side_name(owner), n, n == 1 ? "" : "s", leaf->subject, leaf->issuer);
    if (fault != NULL) {
        add_evidence(j, side->certificate_event, "%s", fault->detail);
    }
    add_evidence(j, j->view->end, "%s", end_words(j));
}

/* --- confidence --- */

/* Trust-related faults rest on which anchors the refusing side had: what was given is taken for it,
 * which an alert that names the fault confirms. */
static enum confidence confidence_of(const struct judging *j, enum side owner,
                                     const struct x509_fault *fault)
{
    const struct view *view = j->view;
    const struct x509_judgement *judgement = view->context->judgement[owner];
    if (!view->end_is_alert) {
        return view->stage == STAGE_OVER ? CONFIDENCE_POSSIBLE : CONFIDENCE_PROBABLE;
    }
    uint8_t code = view->end->type;
    bool named = alert_names_fault(code, fault->kind);
    bool alone = judgement->n_faults == 1;
    bool by_date = fault->kind == X509_FAULT_EXPIRED || fault->kind == X509_FAULT_REVOKED;
    bool by_bytes = fault->kind == X509_FAULT_SELF_SIGNED;
    if (named && is_specific(code) && (by_date || (by_bytes && alone))) {
        return CONFIDENCE_CERTAIN;
    }
    return CONFIDENCE_PROBABLE;
}

static void say_fault(struct judging *j, enum side owner, const struct x509_fault *fault)
{
    const char *refuser = side_name(side_other(owner));
    say(j, "The %s refused the %s's certificate: %s.", refuser, side_name(owner), fault->detail);
}

/* decrypt_error means a signature that did not verify (RFC 8446 6.2), whoever altered it. */
static bool is_bad_signature(const struct judging *j, const struct x509_fault *fault)
{
    return fault->kind == X509_FAULT_CHAIN_INVALID && j->view->end_is_alert &&
           j->view->end->type == TLS_ALERT_DECRYPT_ERROR;
}

bool certificate_blame_fault(struct judging *j, enum side owner, const struct x509_fault *fault)
{
    enum cause cause =
        is_bad_signature(j, fault) ? CAUSE_INTEGRITY_FAILURE : cause_of_fault(fault->kind);
    set_cause(j, cause, detail_of(fault, j->t->side[owner].chain), confidence_of(j, owner, fault));
    /* A signature that was altered says nothing of whose certificate is at fault. */
    j->v->party = cause == CAUSE_INTEGRITY_FAILURE ? ACTOR_NONE : actor_of_side(owner);
    cite_certificate(j, owner, fault);
    if (cause != cause_of_fault(fault->kind)) {
        add_alternative(j, cause_of_fault(fault->kind), CONFIDENCE_PROBABLE,
                        "the certificate may have been issued like this");
    }
    list_other_faults(j, owner, fault);
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    if (fault->kind == X509_FAULT_UNTRUSTED_CA && judgement->unseen_issuer != NULL) {
        add_alternative(j, CAUSE_CERTIFICATE_CHAIN_INCOMPLETE, CONFIDENCE_POSSIBLE,
                        "nobody here has seen the issuer: it may be an intermediate CA");
    }
    if (is_about_trust(fault->kind) && !j->view->context->trust_is_given && j->view->end_is_alert &&
        j->view->end->type == TLS_ALERT_HANDSHAKE_FAILURE) {
        add_alternative(j, CAUSE_SIGNATURE_MISMATCH, CONFIDENCE_POSSIBLE,
                        "the alert stands for parameters that do not suit, a signature algorithm "
                        "of the chain or of the key exchange among them");
    }
    if (j->v->confidence != CONFIDENCE_CERTAIN) {
        add_alternative(j, CAUSE_CERTIFICATE_REJECTED, CONFIDENCE_POSSIBLE,
                        "the verifier may have refused it for a reason of its own");
    }
    say_fault(j, owner, fault);
    return true;
}

static void say_alert(struct judging *j, enum side owner, uint8_t code, bool in_order)
{
    const char *name = tls_alert_name(code);
    const char *certificate = in_order ? "; judged by the anchors given here it is in order" : "";
    if (j->t->side[owner].chain == NULL) {
        certificate = "; the certificate itself is encrypted";
    }
    say(j, "The %s refused the %s's certificate with alert %s%s.", side_name(side_other(owner)),
        side_name(owner), name == NULL ? "of an unknown kind" : name, certificate);
}

static void cite_alert(struct judging *j, enum side owner, bool in_order)
{
    if (j->t->side[owner].chain == NULL) {
        add_evidence(j, j->view->end, "%s", end_words(j));
        return;
    }
    cite_certificate(j, owner, NULL);
    if (in_order && owner == SIDE_SERVER && j->t->server_name != NULL) {
        add_ruled_out(j, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, "the certificate names the host");
    }
    if (in_order) {
        add_ruled_out(j, CAUSE_CERTIFICATE_EXPIRED, "every certificate is within its dates");
    } else if (j->view->context->judgement[owner] != NULL) {
        list_other_faults(j, owner, NULL);
    }
}

/* The certificate shows no fault that the alert could mean, or cannot be read: what the alert says
 * is all there is. */
bool certificate_blame_by_alert(struct judging *j, enum side owner, uint8_t code)
{
    const struct x509_judgement *judgement = j->view->context->judgement[owner];
    bool judged = judgement != NULL;
    bool in_order = judged && judgement->n_faults == 0;
    enum cause cause = cause_of_alert(code);
    if (code == TLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE && judged) {
        cause = CAUSE_CERTIFICATE_REVOCATION_UNKNOWN; /* nothing readable says revoked */
    }
    /* The chain leads to the anchors given: whoever says unknown_ca, or certificate_unknown, trusts
     * others. */
    bool trusts_others = judged && judgement->trust_is_known && judgement->has_anchor;
    /* Revocation is known to the verifier, not to the chain; other faults would show in it. */
    bool is_named =
        cause == CAUSE_CERTIFICATE_REVOKED || (cause != CAUSE_CERTIFICATE_REJECTED && !judged);
    set_cause(j, cause, NULL, is_named ? CONFIDENCE_PROBABLE : CONFIDENCE_POSSIBLE);
    j->v->party = actor_of_side(owner);
    cite_alert(j, owner, in_order);
    if (cause == CAUSE_CERTIFICATE_UNTRUSTED_CA) {
        j->v->confidence = CONFIDENCE_PROBABLE;
        add_alternative(j, CAUSE_CERTIFICATE_CHAIN_INCOMPLETE, CONFIDENCE_POSSIBLE,
                        "an intermediate that was not sent gives the same alert");
        add_alternative(j, CAUSE_CERTIFICATE_SELF_SIGNED, CONFIDENCE_POSSIBLE,
                        "a self-signed certificate gives the same alert");
    } else if (!is_specific(code)) {
        add_alternative(j, CAUSE_CERTIFICATE_UNTRUSTED_CA, CONFIDENCE_POSSIBLE,
                        trusts_others
                            ? "the refusing side may trust other CAs than those given here"
                            : "many stacks send the same alert for every certificate fault");
        if (owner == SIDE_SERVER && !in_order) {
            add_alternative(j, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, CONFIDENCE_POSSIBLE,
                            "a wrong name gives bad_certificate in several stacks");
        }
    }
    say_alert(j, owner, code, in_order);
    return true;
}

/* The first fault, in a verifier's order, of a chain seen elsewhere that this alert names. */
static bool fault_seen_elsewhere(const struct peer_chain *chain, uint8_t code,
                                 bool clock_is_doubtful, enum x509_fault_kind *out)
{
    for (unsigned kind = 0; chain != NULL && kind < X509_N_FAULTS; kind++) {
        bool is_date = kind == X509_FAULT_EXPIRED || kind == X509_FAULT_NOT_YET_VALID;
        if (is_date && clock_is_doubtful) {
            continue;
        }
        if ((chain->faults & (1U << kind)) != 0 &&
            alert_names_fault(code, (enum x509_fault_kind)kind)) {
            *out = (enum x509_fault_kind)kind;
            return true;
        }
    }
    return false;
}

bool certificate_blame_seen_elsewhere(struct judging *j, uint8_t code)
{
    const struct peer_chain *chain = chain_seen_elsewhere(j->view);
    enum x509_fault_kind kind = X509_N_FAULTS;
    certificate_blame_by_alert(j, SIDE_SERVER, code);
    if (chain == NULL) {
        return true;
    }
    add_fact(j, chain->frame, 0,
             "stream %llu shows in clear the certificate that this server sends for this name: %s",
             (unsigned long long)chain->stream, x509_chain_facts(chain->chain, 0)->subject);
    if (fault_seen_elsewhere(chain, code, j->view->clock_is_doubtful, &kind)) {
        set_cause(j, cause_of_fault(kind), NULL, CONFIDENCE_PROBABLE);
        say(j, "The client refused the server's certificate, which another connection shows: %s.",
            cause_summary(cause_of_fault(kind)));
    }
    return true;
}
