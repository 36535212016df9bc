#include "cli/probe_extras.h"

#include "base/status.h"

enum { ARENA_BYTES = 16 << 20 };

enum status probe_extras_open(struct probe_extras *x, struct err *err)
{
    x->arena.limit_bytes = ARENA_BYTES;
    if (x->as != NULL) {
        TRY(clients_parse(x->as, x->clients, &x->n_clients, err));
    }
    if (x->policy_name != NULL) {
        TRY(policy_open(x->policy_name, &x->policy, err));
    }
    if (x->baseline_path != NULL) {
        TRY(baseline_open(x->baseline_path, &x->baseline, err));
    }
    return ST_OK;
}

void probe_extras_deinit(struct probe_extras *x)
{
    policy_free(x->policy);
    baseline_free(x->baseline);
    arena_deinit(&x->arena);
}

static void compare(struct probe_extras *x, const char *target, const struct survey_facts *f)
{
    policy_judge(x->policy, f, &x->arena, x->judged);
    x->n_new_violations = x->judged->n_total - x->judged->n;
    for (size_t i = 0; i < x->judged->n; i++) {
        const struct policy_violation *v = &x->judged->list[i];
        bool is_known =
            x->baseline != NULL && baseline_has_violation(x->baseline, target, v->rule, v->item);
        x->n_new_violations += is_known ? 0 : 1;
    }
}

enum status probe_extras_judge(struct probe_extras *x, const char *target,
                               const struct survey_facts *f, const struct client_result *results,
                               struct err *err)
{
    arena_reset(&x->arena);
    x->results = results;
    x->judged = NULL;
    x->n_new_violations = 0;
    if (x->policy != NULL) {
        x->judged = arena_alloc(&x->arena, sizeof *x->judged);
        if (x->judged == NULL) {
            return err_set(err, ST_NOMEM, "no memory");
        }
        compare(x, target, f);
    }
    return ST_OK;
}

bool probe_extras_is_new(const struct probe_extras *x, const char *target,
                         const struct survey_finding *finding)
{
    return x->baseline == NULL ||
           !baseline_has_finding(x->baseline, target, finding->id, finding->cause);
}

/* What is new since the baseline, by name. */
static void put_news(const struct probe_extras *x, const char *target, const struct survey_facts *f,
                     struct text *out)
{
    size_t n_new = 0;
    if (x->baseline == NULL) {
        return;
    }
    text_puts(out, "\nSince the baseline\n");
    for (size_t i = 0; i < f->n_findings; i++) {
        const struct survey_finding *one = &f->findings[i];
        if (probe_extras_is_new(x, target, one)) {
            n_new++;
            text_printf(out, "  new: %s%s%s\n", one->id, one->cause == NULL ? "" : ", ",
                        one->cause == NULL ? "" : one->cause);
        }
    }
    text_printf(out, "  %zu of %zu findings new\n", n_new, f->n_findings);
}

void probe_extras_text(const struct probe_extras *x, const char *target,
                       const struct survey_facts *f, unsigned width, struct text *out)
{
    put_news(x, target, f, out);
    if (x->judged != NULL) {
        policy_text(out, x->judged, width);
        if (x->baseline != NULL && x->judged->n_total > 0) {
            text_printf(out, "  %zu of %zu new since the baseline\n", x->n_new_violations,
                        x->judged->n_total);
        }
    }
    if (x->results != NULL) {
        text_puts(out, "\nRecorded clients\n");
        clients_text(out, x->results, x->n_clients, width);
    }
}

void probe_extras_json(const struct probe_extras *x, struct json *j)
{
    if (x->judged != NULL) {
        policy_json(j, x->judged);
    }
    if (x->results != NULL) {
        clients_json(j, x->results, x->n_clients);
    }
}
