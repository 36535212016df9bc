/* No single change helps: which parts of the widest offer are needed together. */
#include "base/status.h"
#include "probe/replay_steps.h"
#include "tls/names.h"

static enum status ask_mix(struct replay *r, unsigned shares, struct replay_trial **out,
                           struct err *err)
{
    struct mutant *m = arena_alloc(r->arena, sizeof *m);
    *out = NULL;
    if (m == NULL || !mutant_mix(&r->base, &r->hints, shares, r->arena, m)) {
        return ST_OK;
    }
    struct replay_trial *t = replay_plan(r, m);
    if (t != NULL) {
        TRY(replay_ask(r, t, 1, 1, false, err));
        *out = t->is_answered ? t : NULL;
    }
    return ST_OK;
}

/* Takes one part after the other back to what was captured, as long as the server still answers. */
static enum status reduce(struct replay *r, unsigned *shares, struct replay_trial **best,
                          struct err *err)
{
    static const unsigned order[] = { SHARE_COMPRESSION, SHARE_EXTENSIONS, SHARE_SESSION,
                                      SHARE_ALPN,        SHARE_SIGNATURES, SHARE_GROUPS,
                                      SHARE_SUITES,      SHARE_VERSIONS,   SHARE_NAME };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        struct replay_trial *t = NULL;
        unsigned fewer = *shares & ~order[i];
        if (fewer == 0) {
            continue;
        }
        TRY(ask_mix(r, fewer, &t, err));
        if (t != NULL) {
            *shares = fewer;
            *best = t;
        }
    }
    return ST_OK;
}

/* Do the offered suites take this one's kind of certificate? */
static bool takes_auth(struct bytes suites, enum tls_auth auth)
{
    for (size_t i = 0; i < tls_u16_count(suites); i++) {
        const struct tls_cipher_suite *s = tls_cipher_suite(tls_u16_at(suites, i));
        if (s != NULL && s->auth == auth) {
            return true;
        }
    }
    return false;
}

static enum cause cause_of_versions(const struct replay *r, const struct replay_trial *t)
{
    bool is_new = !hello_form_offers_version(&r->base.form, tls_format_version(t->version));
    return is_new ? CAUSE_PROTOCOL_MISMATCH : CAUSE_HELLO_INTOLERANCE;
}

static enum cause cause_of_groups(const struct replay *r, const struct replay_trial *t)
{
    struct bytes groups = hello_form_u16_list(&r->base.form, TLS_EXT_SUPPORTED_GROUPS);
    bool is_new = t->group != 0 && !tls_u16_has(groups, t->group);
    return is_new ? CAUSE_GROUP_MISMATCH : CAUSE_HELLO_INTOLERANCE;
}

static enum cause cause_of_suites(const struct replay *r, const struct replay_trial *t)
{
    const struct tls_cipher_suite *s = tls_cipher_suite(t->cipher_suite);
    bool is_new = !tls_u16_has(r->base.form.cipher_suites, t->cipher_suite);
    if (!is_new || s == NULL) {
        return CAUSE_HELLO_INTOLERANCE;
    }
    bool is_other_key = s->kx != TLS_KX_TLS13 && !takes_auth(r->base.form.cipher_suites, s->auth);
    return is_other_key ? CAUSE_SIGNATURE_MISMATCH : CAUSE_CIPHER_MISMATCH;
}

static enum cause cause_of_share(const struct replay *r, const struct replay_trial *t,
                                 unsigned share)
{
    switch ((enum hello_share)share) {
    case SHARE_NAME:
        return hello_form_has(&r->base.form, TLS_EXT_SERVER_NAME) ? CAUSE_SNI_UNRECOGNIZED
                                                                  : CAUSE_SNI_MISSING;
    case SHARE_VERSIONS:
        return cause_of_versions(r, t);
    case SHARE_SUITES:
        return cause_of_suites(r, t);
    case SHARE_GROUPS:
        return cause_of_groups(r, t);
    case SHARE_SIGNATURES:
        return CAUSE_SIGNATURE_MISMATCH;
    case SHARE_ALPN:
        return CAUSE_ALPN_MISMATCH;
    case SHARE_SESSION:
        return CAUSE_PSK_UNKNOWN;
    case SHARE_EXTENSIONS:
    case SHARE_COMPRESSION:
    case SHARE_ALL:
        return CAUSE_HELLO_INTOLERANCE;
    }
    return CAUSE_HELLO_INTOLERANCE;
}

/* Each part that is left is needed. One is the cause; of several the first in this order is named,
 * and the others beside it. A version that was not offered brings its suites and signature
 * algorithms with it, and they prove nothing of their own. */
static void judge_mix(struct replay *r, const struct replay_trial *t, unsigned shares)
{
    static const unsigned order[] = { SHARE_NAME,    SHARE_VERSIONS,   SHARE_SUITES,
                                      SHARE_GROUPS,  SHARE_SIGNATURES, SHARE_ALPN,
                                      SHARE_SESSION, SHARE_EXTENSIONS, SHARE_COMPRESSION };
    struct verdict *v = &r->result->verdict;
    unsigned of_version = SHARE_VERSIONS | SHARE_SUITES | SHARE_GROUPS | SHARE_SIGNATURES;
    bool is_version = (shares & SHARE_VERSIONS) != 0 && (shares & ~of_version) == 0 &&
                      cause_of_versions(r, t) == CAUSE_PROTOCOL_MISMATCH;
    v->cause = CAUSE_NONE;
    v->detail = NULL;
    v->n_alternatives = 0;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if ((shares & order[i]) == 0) {
            continue;
        }
        enum cause cause = cause_of_share(r, t, order[i]);
        if (v->cause == CAUSE_NONE) {
            v->cause = cause;
        } else if (cause != v->cause && !is_version && v->n_alternatives < ALTERNATIVES_MAX) {
            v->alternatives[v->n_alternatives++] =
                (struct alternative){ .cause = cause,
                                      .confidence = CONFIDENCE_PROBABLE,
                                      .why = "both must change before the server answers" };
        }
    }
    r->result->outcome = is_version || v->n_alternatives == 0 ? REPLAY_PROVED : REPLAY_PROBABLE;
}

enum status replay_mix(struct replay *r, bool *out_found, struct err *err)
{
    static const unsigned wholes[] = { SHARE_ALL, SHARE_ALL & ~SHARE_NAME };
    struct replay_trial *best = NULL;
    unsigned shares = 0;
    for (size_t i = 0; i < ARRAY_LEN(wholes) && best == NULL; i++) {
        shares = wholes[i];
        TRY(ask_mix(r, shares, &best, err));
    }
    *out_found = best != NULL;
    if (best == NULL) {
        return ST_OK;
    }
    TRY(reduce(r, &shares, &best, err));
    r->result->changed = best;
    r->result->helpful[0] = best;
    r->result->n_helpful = 1;
    judge_mix(r, best, shares);
    return ST_OK;
}
