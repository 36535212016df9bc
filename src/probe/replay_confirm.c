/*
 * Does it hold? A server may refuse every second connection, one in three, or all of them for a
 * while: what is called proved must not be its rhythm.
 */
#include "base/status.h"
#include "probe/replay_steps.h"

enum { LOOKS_AT_ONCE = 2 };

/* The Thue-Morse sequence: no server that counts its connections up to five, or alternates, follows
 * it by its count alone. */
static const char *const order = "abbabaab";

static enum status ask_one(struct replay *r, const struct mutant *mutant, struct replay_trial **out,
                           struct err *err)
{
    *out = replay_plan(r, mutant);
    return *out == NULL ? err_set(err, ST_NOMEM, "no room for the deciding pair")
                        : replay_ask(r, *out, 1, 1, true, err);
}

/* Where the size is what was proved, the change without the smaller size must fail again. */
static enum status confirm_control(struct replay *r, const struct replay_trial *changed,
                                   bool *out_holds, struct err *err)
{
    struct replay_trial *t = NULL;
    if (!changed->is_by_size || changed->control == NULL) {
        return ST_OK;
    }
    TRY(ask_one(r, changed->control->mutant, &t, err));
    *out_holds = replay_was_asked(t) && !t->is_answered;
    return ST_OK;
}

enum status replay_confirm(struct replay *r, bool *out_holds, struct err *err)
{
    const struct replay_trial *found = r->result->changed;
    *out_holds = true;
    for (const char *which = order; *which != '\0' && *out_holds; which++) {
        bool is_original = *which == 'a';
        struct replay_trial *t = NULL;
        TRY(ask_one(r, is_original ? r->base_mutant : found->mutant, &t, err));
        *out_holds = is_original ? replay_was_asked(t) && !t->is_answered : t->is_answered;
        if (is_original) {
            r->result->original = t;
        } else {
            t->is_by_size = found->is_by_size;
            r->result->changed = t;
        }
    }
    return *out_holds ? confirm_control(r, found, out_holds, err) : ST_OK;
}

/* An addition that was refused: where it helps after all, it may be smaller than what was found. */
static bool is_worth_a_look(const struct replay_trial *t)
{
    return t->mutant != NULL && t->mutant->row != NULL && !t->is_answered &&
           (t->mutant->row->kind == MUTATION_ADDS || t->mutant->row->kind == MUTATION_NAME);
}

enum status replay_look_again(struct replay *r, const char **out_flipped, struct err *err)
{
    size_t first = r->result->n_trials;
    *out_flipped = NULL;
    /* Silence costs its time-out each time, and is no way to refuse many connections. */
    if (r->result->original->end == PROBE_SILENT) {
        return ST_OK;
    }
    for (size_t i = 0; i < first; i++) {
        const struct replay_trial *t = &r->result->trials[i];
        if (is_worth_a_look(t)) {
            (void)replay_plan(r, t->mutant); /* where the list is full, without it */
        }
    }
    if (r->result->n_trials > first) {
        TRY(replay_ask(r, &r->result->trials[first], r->result->n_trials - first, LOOKS_AT_ONCE,
                       false, err));
    }
    for (size_t i = first; i < r->result->n_trials && *out_flipped == NULL; i++) {
        *out_flipped = r->result->trials[i].is_answered ? r->result->trials[i].what : NULL;
    }
    return ST_OK;
}
