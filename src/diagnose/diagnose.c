#include "diagnose/diagnose.h"

#include "diagnose/answer.h"
#include "diagnose/findings.h"
#include "diagnose/outcome.h"
#include "diagnose/rules.h"

enum cause cause_of_fault(enum x509_fault_kind kind)
{
    static const enum cause causes[X509_N_FAULTS] = {
        [X509_FAULT_MALFORMED] = CAUSE_CERTIFICATE_MALFORMED,
        [X509_FAULT_CHAIN_INCOMPLETE] = CAUSE_CERTIFICATE_CHAIN_INCOMPLETE,
        [X509_FAULT_SELF_SIGNED] = CAUSE_CERTIFICATE_SELF_SIGNED,
        [X509_FAULT_UNTRUSTED_CA] = CAUSE_CERTIFICATE_UNTRUSTED_CA,
        [X509_FAULT_CHAIN_INVALID] = CAUSE_CERTIFICATE_CHAIN_INVALID,
        [X509_FAULT_EXPIRED] = CAUSE_CERTIFICATE_EXPIRED,
        [X509_FAULT_NOT_YET_VALID] = CAUSE_CERTIFICATE_NOT_YET_VALID,
        [X509_FAULT_REVOKED] = CAUSE_CERTIFICATE_REVOKED,
        [X509_FAULT_REVOCATION_UNKNOWN] = CAUSE_CERTIFICATE_REVOCATION_UNKNOWN,
        [X509_FAULT_WRONG_PURPOSE] = CAUSE_CERTIFICATE_WRONG_PURPOSE,
        [X509_FAULT_WEAK] = CAUSE_WEAK_CRYPTO_REFUSED,
        [X509_FAULT_HOSTNAME_MISMATCH] = CAUSE_CERTIFICATE_HOSTNAME_MISMATCH,
        [X509_FAULT_CONSTRAINT] = CAUSE_CERTIFICATE_CHAIN_INVALID,
    };
    return causes[kind];
}

/* Northbound: client to gateway; southbound: gateway to backend. */
static enum direction direction_of(const struct transcript *t,
                                   const struct diagnose_context *context)
{
    for (size_t i = 0; i < context->n_gateways; i++) {
        if (gateway_holds(&context->gateways[i], &t->server)) {
            return DIRECTION_NORTHBOUND;
        }
    }
    for (size_t i = 0; i < context->n_gateways; i++) {
        if (gateway_holds_host(&context->gateways[i], &t->client)) {
            return DIRECTION_SOUTHBOUND;
        }
    }
    return DIRECTION_NONE;
}

static enum actor rejected_by(const struct view *view)
{
    if (view->end == NULL) {
        return ACTOR_NETWORK;
    }
    return actor_of_side(view->end_side);
}

/* Where packets are missing from the evidence, what they held may say otherwise. */
static void cap_confidence(struct judging *j)
{
    bool incomplete = j->t->has_gap || j->t->side[SIDE_CLIENT].is_silent ||
                      j->t->n_events_dropped > 0 ||
                      (j->t->side[SIDE_SERVER].is_silent && j->view->stage != STAGE_CONNECT);
    /* What nobody answered may have been answered in a packet that the capture lost. */
    bool may_be_lost = j->t->capture_dropped && cause_category(j->v->cause) == CATEGORY_TRANSPORT;
    if (may_be_lost) {
        add_fact(j, 0, 0,
                 "the capture itself lost packets: what seems missing may have been there");
    }
    if ((incomplete || may_be_lost) && j->v->confidence == CONFIDENCE_CERTAIN) {
        j->v->confidence = CONFIDENCE_PROBABLE;
    }
}

static void find_cause(struct judging *j)
{
    j->v->rejected_by = rejected_by(j->view);
    j->v->is_inferred = j->view->end != NULL && (j->view->end->flags & EVENT_INFERRED) != 0;
    for (size_t i = 0; i < n_rules; i++) {
        if (rules[i].match(j)) {
            j->v->rule = rules[i].id;
            j->v->source = rules[i].source;
            if (j->t->local != NULL) {
                local_cite(j);
            }
            cap_confidence(j);
            return;
        }
    }
}

static const char *unfinished_because(const struct transcript *t)
{
    if (t->starts_in_middle && t->hello == NULL && t->server_hello == NULL) {
        return "The handshake lies before the capture.";
    }
    if (t->side[0].is_silent || t->side[1].is_silent) {
        return "The capture holds one direction only.";
    }
    if (t->has_gap) {
        return "Packets are missing from the capture.";
    }
    if (t->is_snap_truncated) {
        return "The capture's snap length cut the packets.";
    }
    return t->source == SOURCE_CAPTURE ? "The capture ends during the handshake."
                                       : "The connection was given up during the handshake.";
}

void diagnose(const struct transcript *t, const struct diagnose_context *context,
              struct arena *arena, struct verdict *out)
{
    struct view view;
    memset(out, 0, sizeof *out);
    view_make(t, context, &view);
    struct judging j = { &view, t, arena, out };
    out->outcome = outcome_of(&view);
    out->direction = direction_of(t, context);
    for (int s = 0; s < 2; s++) {
        out->chain[s].is_judged = context->judgement[s] != NULL;
        if (out->chain[s].is_judged) {
            out->chain[s].judgement = *context->judgement[s];
        }
    }
    switch (out->outcome) {
    case OUTCOME_NONE:
        break;
    case OUTCOME_COMPLETED:
        if (t->local != NULL && t->local->answer_error != ANSWER_FINE) {
            answer_trouble(&j);
        } else {
            findings(&j);
        }
        break;
    case OUTCOME_FAILED:
        find_cause(&j);
        break;
    case OUTCOME_UNFINISHED:
        out->sentence = unfinished_because(t);
        break;
    }
}
