/*
 * What the usual handshake's verdict and the tests of tolerance mean once all is known: an alert
 * alone leaves several causes open, and the lists that the server accepts decide between them.
 */
#include "base/status.h"
#include "probe/clients_judge.h"
#include "probe/survey_internal.h"

static bool was_refused(const struct survey_facts *f)
{
    return f->has_verdict && f->verdict.outcome == OUTCOME_FAILED && f->normal != NULL &&
           f->normal->hello != NULL && f->normal->server_hello == NULL && f->speaks_tls;
}

/* Causes that are read from a refusal alone, and that lists can tell apart. */
static bool is_open(const struct verdict *v)
{
    enum category c = cause_category(v->cause);
    return v->confidence != CONFIDENCE_CERTAIN && (c == CATEGORY_PROTOCOL || c == CATEGORY_CIPHER ||
                                                   c == CATEGORY_SNI || c == CATEGORY_UNKNOWN);
}

static bool is_whole(const struct survey_list *list)
{
    return list->n_uncertain == 0 && list->n_not_asked == 0;
}

static bool all_is_known(const struct survey_facts *f)
{
    bool is_known = is_whole(&f->groups12) && is_whole(&f->groups13) &&
                    is_whole(&f->signatures12) && is_whole(&f->signatures13);
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        is_known = is_known && f->versions[i].answer != SURVEY_UNCERTAIN &&
                   is_whole(&f->versions[i].suites);
    }
    return is_known;
}

static void put_evidence(struct verdict *v, const char *sentence)
{
    if (sentence != NULL && v->n_evidence < EVIDENCE_MAX) {
        v->evidence[v->n_evidence++] =
            (struct evidence){ .side = ACTOR_NONE, .sentence = sentence };
    }
}

static void settle_cause(struct survey *s)
{
    static const struct client named = { .extensions = "0000" };
    static const struct client nameless = { .extensions = "" };
    struct survey_facts *f = &s->facts;
    struct client_result found = { 0 };
    struct clients_request request = { .facts = f };
    struct client_case k = { .request = &request,
                             .client =
                                 f->normal->hello->ext.server_name.len > 0 ? &named : &nameless,
                             .hello = f->normal->hello,
                             .arena = &s->arena,
                             .result = &found };
    if (!client_explain_refusal(&k) || found.why == NULL) {
        return;
    }
    struct verdict *v = &f->verdict;
    v->cause = found.cause;
    v->detail = found.detail;
    v->confidence = all_is_known(f) ? CONFIDENCE_CERTAIN : CONFIDENCE_PROBABLE;
    v->n_alternatives = 0;
    v->rule = "survey/lists";
    v->source = "what the server accepted and refused when it was asked one by one";
    v->sentence =
        arena_printf(&s->arena, "The server refused a usual client's ClientHello: %s.", found.why);
    put_evidence(v, found.server_change == NULL
                        ? NULL
                        : arena_printf(&s->arena, "the survey: it would do on the server to %s",
                                       found.server_change));
    put_evidence(v, found.client_change == NULL
                        ? NULL
                        : arena_printf(&s->arena, "the survey: it would do on the client to %s",
                                       found.client_change));
}

/* The hellos that test tolerance are the usual one with one thing changed: where that is refused,
 * their refusals say nothing of the change. */
static void doubt_tolerance(struct survey_facts *f)
{
    for (size_t i = 0; i < SURVEY_N_TOLERANCES; i++) {
        if (f->tolerance[i] == SURVEY_NO) {
            f->tolerance[i] = SURVEY_UNCERTAIN;
        }
    }
}

static bool is_about_name(enum cause cause)
{
    return cause == CAUSE_SNI_MISSING || cause == CAUSE_SNI_UNRECOGNIZED;
}

static void doubt_list(struct survey_list *list)
{
    list->n_not_asked = list->n_accepted == 0 ? list->n_candidates : list->n_not_asked;
}

/* A server that refuses the name has not looked at what else was in those hellos. */
static void doubt_lists(struct survey_facts *f)
{
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        struct survey_version *v = &f->versions[i];
        doubt_list(&v->suites);
        bool has_name = v->version != 0x0002; /* nothing of SSL 2.0 has */
        v->answer = has_name && v->answer == SURVEY_NO ? SURVEY_NOT_ASKED : v->answer;
    }
    doubt_list(&f->groups13);
    doubt_list(&f->groups12);
    doubt_list(&f->signatures13);
    doubt_list(&f->signatures12);
    doubt_list(&f->alpn);
}

void survey_settle(struct survey *s)
{
    if (!was_refused(&s->facts)) {
        return;
    }
    if (is_open(&s->facts.verdict)) {
        settle_cause(s);
    }
    if (s->facts.verdict.cause != CAUSE_HELLO_INTOLERANCE) {
        doubt_tolerance(&s->facts);
    }
    if (is_about_name(s->facts.verdict.cause)) {
        doubt_lists(&s->facts);
    }
}
