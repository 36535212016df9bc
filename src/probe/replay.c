#include "probe/replay_ask.h"

#include "base/status.h"
#include "probe/replay_framing.h"
#include "probe/replay_steps.h"
#include "tls/names.h"

enum { FULL_PARALLEL = 64 };

/* --- is it a failure that a hello decides? --- */

/* NULL where it is; else why not, as a sentence. */
static const char *why_not_provable(const struct transcript *t, const struct verdict *v)
{
    if (t->is_dtls) {
        return "The connection is DTLS, which is not replayed.";
    }
    if (v != NULL && v->outcome == OUTCOME_COMPLETED) {
        return "The handshake of the capture completed: there is no failure to prove.";
    }
    if (t->hello == NULL || t->hello_event == NULL) {
        return "The capture holds no ClientHello of this connection that could be sent again.";
    }
    if (t->server_hello != NULL) {
        return "The server answered with a ServerHello, so the failure came later (a certificate, "
               "the client's authentication, a check of the client's own): no change of the "
               "ClientHello can prove it.";
    }
    return NULL;
}

/* Where the server asked for another hello, the second is the one it refused. */
static bool take_captured(struct replay *r)
{
    const struct transcript *t = r->request->captured;
    bool is_second = t->hello_retry != NULL && t->retry_hello_event != NULL;
    const struct event *e = is_second ? t->retry_hello_event : t->hello_event;
    struct hello_carriage carriage = { .record_version = e->version == 0 ? 0x0301 : e->version,
                                       .is_sslv2 = (e->flags & EVENT_SSLV2) != 0 };
    if (!carriage.is_sslv2) {
        (void)replay_framing_find(t, e, r->arena, &carriage);
    }
    struct bytes body = arena_copy(r->arena, e->body);
    return body.p != NULL && mutable_hello_take(body, &carriage, r->arena, &r->captured);
}

static enum status end_with(struct replay *r, enum replay_outcome outcome, const char *sentence)
{
    r->result->outcome = outcome;
    r->result->sentence = sentence != NULL ? sentence : "";
    return ST_OK;
}

/* --- the steps --- */

static enum status ask_original(struct replay *r, bool *out_go_on, struct err *err)
{
    struct replay_trial *first = replay_plan(r, NULL);
    *out_go_on = false;
    TRY(replay_ask(r, first, 1, 1, true, err));
    r->result->original = first;
    if (!replay_was_asked(first)) {
        return end_with(r, REPLAY_NOT_REACHED,
                        arena_printf(r->arena, "The server was not reached: %s.",
                                     replay_answer_words(first, r->arena)));
    }
    *out_go_on = !first->is_answered;
    if (!first->is_answered) {
        return ST_OK;
    }
    struct replay_trial *again = replay_plan(r, NULL);
    TRY(replay_ask(r, again, 1, 1, false, err));
    if (!again->is_answered) {
        return end_with(r, REPLAY_UNSTEADY,
                        "The same ClientHello was answered once and refused once: the server is "
                        "not steady, and nothing can be proved by changing the hello.");
    }
    return end_with(r, REPLAY_NOT_REPRODUCED,
                    arena_printf(r->arena,
                                 "The captured ClientHello gets an answer now (%s): the failure is "
                                 "not reproducible, or depends on the source address.",
                                 replay_answer_words(first, r->arena)));
}

/* A PSK's binder breaks with any change; SSL 2.0's framing has no room for one. Those go first, and
 * where the server still refuses, the rest is tried without them. */
static enum status ask_stripped(struct replay *r, struct replay_trial **out, struct err *err)
{
    struct mutant *m = arena_alloc(r->arena, sizeof *m);
    *out = NULL;
    r->base = r->captured;
    if (m == NULL || !mutant_strip(&r->captured, r->arena, &r->base, m)) {
        return ST_OK;
    }
    struct replay_trial *t = replay_plan(r, m);
    TRY(replay_ask(r, t, 1, 1, false, err));
    if (t->is_answered) {
        *out = t;
    } else {
        r->base_mutant = m;
    }
    return ST_OK;
}

static enum status ask_all(struct replay *r, struct err *err)
{
    struct mutant *mutants = arena_alloc_array(r->arena, MUTANTS_MAX, sizeof *mutants);
    if (mutants == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    size_t first = r->result->n_trials;
    size_t n = mutants_make(&r->base, &r->hints, r->arena, mutants);
    for (size_t i = 0; i < n; i++) {
        replay_plan(r, &mutants[i]);
    }
    return replay_ask(r, &r->result->trials[first], r->result->n_trials - first, FULL_PARALLEL,
                      false, err);
}

static size_t helpful_trials(struct replay *r, struct replay_trial **out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < r->result->n_trials && n < room; i++) {
        struct replay_trial *t = &r->result->trials[i];
        if (t->mutant != NULL && t->mutant->row != NULL && t->is_answered && !t->is_superseded) {
            out[n++] = t;
        }
    }
    return n;
}

static enum status conclude(struct replay *r, struct err *err)
{
    bool holds = false;
    const char *flipped = NULL;
    TRY(replay_confirm(r, &holds, err));
    if (holds) {
        TRY(replay_look_again(r, &flipped, err));
    }
    if (holds && flipped == NULL) {
        replay_tell(r);
        return ST_OK;
    }
    r->result->verdict = r->request->verdict != NULL ? *r->request->verdict : (struct verdict){ 0 };
    return end_with(
        r, REPLAY_UNSTEADY,
        arena_printf(r->arena,
                     "%s the server answered, but not the same way each time: it is not steady, or "
                     "refuses many connections in a short time, and nothing is proved.",
                     flipped != NULL ? flipped : r->result->changed->what));
}

static enum status experiment(struct replay *r, struct err *err)
{
    struct replay_trial *helpful[MUTANTS_MAX];
    struct replay_trial *stripped = NULL;
    bool go_on = false;
    TRY(ask_original(r, &go_on, err));
    if (!go_on) {
        return ST_OK;
    }
    TRY(ask_stripped(r, &stripped, err));
    if (stripped != NULL) {
        replay_choose(r, &stripped, 1);
        return conclude(r, err);
    }
    TRY(ask_all(r, err));
    TRY(replay_name_by_certificate(r, err));
    TRY(replay_narrow(r, err));
    TRY(replay_control_size(r, err));
    size_t n = helpful_trials(r, helpful, MUTANTS_MAX);
    if (n > 0) {
        replay_choose(r, helpful, n);
        return conclude(r, err);
    }
    bool found = false;
    TRY(replay_mix(r, &found, err));
    return found ? conclude(r, err)
                 : end_with(r, REPLAY_NOTHING_HELPS,
                            "No change of the ClientHello makes the server answer, not even the "
                            "widest offer: it may want another name or address of the client, or "
                            "speak no TLS here.");
}

static struct bytes host_of(const struct dial_target *target)
{
    const char *name = dial_server_name(target);
    return name == NULL ? bytes_of(NULL, 0) : bytes_of_str(name);
}

static enum status run(struct replay *r, struct err *err)
{
    const struct replay_request *rq = r->request;
    const char *why = why_not_provable(rq->captured, rq->verdict);
    if (why != NULL) {
        return end_with(r, REPLAY_NOT_PROVABLE, why);
    }
    if (!take_captured(r)) {
        return end_with(r, REPLAY_NOT_PROVABLE,
                        "The ClientHello of the capture is malformed: it cannot be changed in one "
                        "thing alone.");
    }
    TRY(x509_store_new(&r->result->store, err));
    r->hints.host = host_of(rq->target);
    return experiment(r, err);
}

enum status replay_run(const struct replay_request *request, struct arena *arena,
                       struct replay_result *out, struct err *err)
{
    struct replay *r = arena_alloc(arena, sizeof *r);
    *out = (struct replay_result){ 0 };
    if (r == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    r->request = request;
    r->result = out;
    r->arena = arena;
    if (request->verdict != NULL) {
        out->verdict = *request->verdict;
    }
    return run(r, err);
}

void replay_result_deinit(struct replay_result *r)
{
    for (size_t i = 0; i < r->n_chains; i++) {
        x509_chain_unref(r->chains[i]);
    }
    r->n_chains = 0;
    x509_store_free(r->store);
    r->store = NULL;
}
