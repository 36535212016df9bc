/* What was found, in words: the sentence and the evidence of the verdict. */
#include "base/status.h"
#include "probe/replay_steps.h"
#include "tls/names.h"

static void add_evidence(struct verdict *v, struct arena *arena, const struct replay_trial *t)
{
    int64_t at_ns = t->transcript != NULL ? t->transcript->first.at_ns : 0;
    char *sentence =
        arena_printf(arena, "sent again %s: %s", t->what, replay_answer_words(t, arena));
    if (v->n_evidence < EVIDENCE_MAX && sentence != NULL) {
        v->evidence[v->n_evidence++] =
            (struct evidence){ .at_ns = at_ns, .side = ACTOR_SERVER, .sentence = sentence };
    }
}

static const char *difference(const struct replay_trial *t, struct arena *arena)
{
    struct text words = { 0 };
    if (t->mutant->changes->n_total > 0) {
        hello_changes_put(t->mutant->changes, 4, &words);
    } else {
        text_puts(&words, "the message is the same, carried otherwise");
    }
    char *copy = arena_printf(arena, "%s", text_str(&words));
    text_deinit(&words);
    return copy != NULL ? copy : "";
}

static void fill_verdict(struct replay *r)
{
    struct replay_result *result = r->result;
    struct verdict *v = &result->verdict;
    const struct mutation *row = result->changed->mutant->row;
    bool is_proved = result->outcome == REPLAY_PROVED;
    bool ended_by_server = result->original->has_alert || result->original->end == PROBE_CLOSED ||
                           result->original->end == PROBE_RESET;
    v->outcome = OUTCOME_FAILED;
    v->party = ACTOR_NONE;
    if (v->rejected_by == ACTOR_NONE || v->rejected_by == ACTOR_UNKNOWN) {
        v->rejected_by = ended_by_server ? ACTOR_SERVER : ACTOR_UNKNOWN;
    }
    v->confidence = is_proved ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE;
    v->is_inferred = false;
    v->rule = arena_printf(r->arena, "replay/%s", row != NULL ? row->id : "several-changes");
    v->source = "the server's own answers to hellos that differ in one thing, each asked again";
    v->n_ruled_out = 0;
    if (v->n_evidence > EVIDENCE_MAX - 2) {
        v->n_evidence = EVIDENCE_MAX - 2;
    }
    add_evidence(v, r->arena, result->original);
    add_evidence(v, r->arena, result->changed);
}

void replay_tell(struct replay *r)
{
    struct replay_result *result = r->result;
    bool is_proved = result->outcome == REPLAY_PROVED;
    fill_verdict(r);
    result->sentence = arena_printf(
        r->arena, "%s: %s. %s, the server answers: %s (%s). %s: %s.",
        r->base_mutant != NULL ? "Without its pre-shared key the ClientHello still gets"
                               : "The captured ClientHello gets",
        replay_answer_words(result->original, r->arena),
        result->changed->mutant->row != NULL ? "With one thing changed"
                                             : "With several things changed",
        replay_answer_words(result->changed, r->arena), difference(result->changed, r->arena),
        is_proved ? "That proves the cause" : "The cause is probably",
        cause_summary(result->verdict.cause));
    result->sentence = result->sentence != NULL ? result->sentence : "";
    result->verdict.sentence = result->sentence;
}
