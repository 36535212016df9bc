/*
 * Which of the changes that help is the cause.
 *
 * A change that adds what the server then uses proves that the two had nothing in common there: the
 * versions, suites and so on around it are in common, since they stayed as they were. So the inner
 * cause comes before the outer one (a group before a suite, a suite before a version), and what
 * adds before what takes away: leaving out TLS 1.3 also helps where only its groups do not match. A
 * change that is part of another leaves the other unneeded. What then remains of several causes is
 * probable, not proved.
 */
#include "base/status.h"
#include "probe/replay_ask.h"
#include "tls/names.h"

enum rank {
    RANK_NAME,
    RANK_SIGNAL,
    RANK_ALPN,
    RANK_GROUP,
    RANK_SIGNATURE,
    RANK_SUITE,
    RANK_SUITE_WIDE, /* of another kind of key, weak ones, rare ones */
    RANK_VERSION,
    RANK_SESSION,
    RANK_LESS, /* something is left out */
    RANK_FRAMING
};

struct candidate {
    struct replay_trial *trial;
    enum cause cause;
    const char *detail;
    enum rank rank;
    bool is_doubtful;  /* another cause would explain it too */
    enum cause doubt;  /* which */
    bool is_dominated; /* another candidate explains it */
};

enum { CANDIDATES_MAX = 64, ALERT_UNRECOGNIZED_NAME = 112, ALERT_NO_PROTOCOL = 120 };

/* --- one candidate --- */

static bool row_is(const struct mutant *m, const char *id)
{
    return m->row != NULL && strcmp(m->row->id, id) == 0;
}

static bool adds(const struct hello_changes *changes, enum hello_part part, uint16_t value)
{
    for (size_t i = 0; i < changes->n; i++) {
        const struct hello_change *c = &changes->list[i];
        if (c->is_added && c->part == part && c->value == value) {
            return true;
        }
    }
    return false;
}

static bool touches(const struct mutant *m, enum hello_part part)
{
    return (m->row->parts & (1U << part)) != 0;
}

static enum rank rank_of(const struct mutant *m)
{
    if (row_is(m, "server-name-removed")) {
        return RANK_LESS;
    }
    switch (m->row->kind) {
    case MUTATION_FRAMING: /* how the client cut it comes before what it then need not say */
        return row_is(m, "in-one-record") || row_is(m, "in-one-segment") ? RANK_SIGNAL
                                                                         : RANK_FRAMING;
    case MUTATION_NAME:
        return RANK_NAME;
    case MUTATION_SESSION:
        return RANK_SESSION;
    case MUTATION_TAKES:
        return m->row->cause == CAUSE_FALLBACK_REFUSED ? RANK_SIGNAL : RANK_LESS;
    case MUTATION_ADDS:
        break;
    }
    if (m->row->cause == CAUSE_HELLO_INTOLERANCE) {
        return RANK_LESS;
    }
    if (touches(m, PART_VERSION)) {
        return RANK_VERSION;
    }
    if (m->row->cause == CAUSE_RENEGOTIATION_REFUSED ||
        m->row->cause == CAUSE_WEAK_CRYPTO_REFUSED) {
        return RANK_SIGNAL;
    }
    if (touches(m, PART_SUITE)) {
        return row_is(m, "suites-added") ? RANK_SUITE : RANK_SUITE_WIDE;
    }
    return touches(m, PART_ALPN) ? RANK_ALPN : touches(m, PART_GROUP) ? RANK_GROUP : RANK_SIGNATURE;
}

/* Did the server use what the change added? Where it cannot be seen: yes. */
static bool uses_what_was_added(const struct replay *r, const struct replay_trial *t)
{
    const struct hello_changes *changes = t->mutant->changes;
    switch (rank_of(t->mutant)) {
    case RANK_GROUP:
        return adds(changes, PART_GROUP, t->group);
    case RANK_SUITE:
    case RANK_SUITE_WIDE:
        return t->end == PROBE_RETRY || adds(changes, PART_SUITE, t->cipher_suite);
    case RANK_VERSION:
        return !hello_form_offers_version(&r->base.form, tls_format_version(t->version));
    case RANK_SIGNATURE:
        return t->signature == 0 || adds(changes, PART_SIGNATURE, t->signature) ||
               row_is(t->mutant, "signatures-cert-added");
    case RANK_NAME:
    case RANK_SIGNAL:
    case RANK_ALPN:
    case RANK_SESSION:
    case RANK_LESS:
    case RANK_FRAMING:
        return true;
    }
    return true;
}

static bool another_helps(const struct candidate *list, size_t n, const char *const *ids,
                          size_t n_ids)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n_ids; k++) {
            if (row_is(list[i].trial->mutant, ids[k])) {
                return true;
            }
        }
    }
    return false;
}

/* Without a name, or without ALPN: the server may not know the one sent, or not stand the
 * extension; its alert or another value that helps tells. */
static void weigh_removal(struct candidate *c, const struct replay_trial *original,
                          const struct candidate *list, size_t n)
{
    static const char *const names[] = { "server-name-changed", "server-name-plain" };
    static const char *const protocols[] = { "alpn-extended" };
    bool is_name = row_is(c->trial->mutant, "server-name-removed");
    bool is_alpn = row_is(c->trial->mutant, "alpn-removed");
    uint8_t alert = is_name ? ALERT_UNRECOGNIZED_NAME : ALERT_NO_PROTOCOL;
    bool is_told = original->has_alert && original->alert == alert;
    bool helps = is_name ? another_helps(list, n, names, ARRAY_LEN(names))
                         : another_helps(list, n, protocols, ARRAY_LEN(protocols));
    if ((is_name || is_alpn) && !is_told && !helps && c->cause != CAUSE_HELLO_INTOLERANCE) {
        c->is_doubtful = true;
        c->doubt = CAUSE_HELLO_INTOLERANCE;
    }
}

static void make_candidate(const struct replay *r, struct replay_trial *t, struct candidate *out)
{
    const struct mutation *row = t->mutant->row;
    *out = (struct candidate){
        .trial = t, .cause = row->cause, .detail = row->detail, .rank = rank_of(t->mutant)
    };
    if (t->is_by_size) {
        bool is_large = r->base.body.len >= 1000;
        out->cause = CAUSE_HELLO_INTOLERANCE;
        out->detail = is_large ? "large-hello-dropped" : NULL;
        out->rank = RANK_LESS;
    } else if (!uses_what_was_added(r, t)) {
        out->is_doubtful = true;
        out->doubt = CAUSE_HELLO_INTOLERANCE;
        out->rank = RANK_LESS;
    }
}

/* --- one against another --- */

static bool dominates(const struct candidate *a, const struct candidate *b)
{
    const struct hello_changes *x = a->trial->mutant->changes;
    const struct hello_changes *y = b->trial->mutant->changes;
    bool is_part = x->n_total > 0 && x->n_total < y->n_total && hello_changes_within(x, y);
    if (is_part) {
        return true;
    }
    if (a->is_doubtful || a->rank > RANK_VERSION || a->rank >= b->rank) {
        return false;
    }
    bool is_outer = b->rank >= RANK_SUITE && b->rank <= RANK_VERSION;
    bool is_less = b->rank == RANK_LESS && b->trial->mutant->row->kind == MUTATION_TAKES;
    return is_outer || is_less;
}

static void find_dominated(struct candidate *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            if (i != k && dominates(&list[k], &list[i])) {
                list[i].is_dominated = true;
            }
        }
    }
}

/* Is `a` the better one to speak of? */
static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if (a->is_dominated != b->is_dominated) {
        return b->is_dominated;
    }
    if (a->is_doubtful != b->is_doubtful) {
        return b->is_doubtful;
    }
    if (a->cause != b->cause || (a->rank == RANK_FRAMING) != (b->rank == RANK_FRAMING)) {
        return a->rank < b->rank;
    }
    size_t x = a->trial->mutant->changes->n_total;
    size_t y = b->trial->mutant->changes->n_total;
    return x < y; /* equal: the order of the table */
}

static void sort_best_first(struct candidate *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct candidate c = list[i];
        size_t k = i;
        for (; k > 0 && is_better(&c, &list[k - 1]); k--) {
            list[k] = list[k - 1];
        }
        list[k] = c;
    }
}

/* --- the verdict --- */

static void add_alternative(struct verdict *v, enum cause cause, const char *why)
{
    bool is_known = cause == v->cause;
    for (size_t i = 0; i < v->n_alternatives; i++) {
        is_known = is_known || v->alternatives[i].cause == cause;
    }
    if (!is_known && v->n_alternatives < ALTERNATIVES_MAX) {
        v->alternatives[v->n_alternatives++] = (struct alternative){
            .cause = cause, .confidence = CONFIDENCE_POSSIBLE, .why = why != NULL ? why : ""
        };
    }
}

static void add_alternatives(struct replay *r, const struct candidate *list, size_t n)
{
    struct verdict *v = &r->result->verdict;
    v->n_alternatives = 0;
    if (list[0].is_doubtful) {
        add_alternative(v, list[0].doubt,
                        "the server may refuse that it is there at all, whatever it holds");
    }
    for (size_t i = 1; i < n; i++) {
        if (!list[i].is_dominated) {
            add_alternative(
                v, list[i].cause,
                arena_printf(r->arena, "%s the server answers too", list[i].trial->what));
        }
    }
}

void replay_choose(struct replay *r, struct replay_trial *const *helpful, size_t n)
{
    struct candidate list[CANDIDATES_MAX] = { { .trial = helpful[0] } };
    struct replay_result *result = r->result;
    n = n < CANDIDATES_MAX ? n : CANDIDATES_MAX;
    for (size_t i = 0; i < n; i++) {
        make_candidate(r, helpful[i], &list[i]);
    }
    for (size_t i = 0; i < n; i++) {
        weigh_removal(&list[i], result->original, list, n);
    }
    find_dominated(list, n);
    sort_best_first(list, n);
    result->changed = list[0].trial;
    result->verdict.cause = list[0].cause;
    result->verdict.detail = list[0].detail;
    for (size_t i = 0; i < n && i < ARRAY_LEN(result->helpful); i++) {
        result->helpful[i] = list[i].trial;
        result->n_helpful = i + 1;
    }
    add_alternatives(r, list, n);
    result->outcome = result->verdict.n_alternatives == 0 ? REPLAY_PROVED : REPLAY_PROBABLE;
}
