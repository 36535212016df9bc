/*
 * probe_extras: what is laid against a survey: recorded clients (--as), a policy (--policy) and an
 * earlier run (--baseline).
 *
 * All-zero is valid: nothing is asked for.
 */
#ifndef HANDFAST_CLI_PROBE_EXTRAS_H
#define HANDFAST_CLI_PROBE_EXTRAS_H

#include "probe/clients.h"
#include "probe/policy.h"
#include "probe/policy_baseline.h"

struct probe_extras {
    const char *as, *policy_name, *baseline_path; /* of the command line; NULL: not given */
    const struct client *clients[CLIENTS_MAX];
    size_t n_clients;
    struct policy *policy;
    struct baseline *baseline;
    /* of the server surveyed last */
    struct arena arena;
    const struct client_result *results; /* NULL: no clients were asked */
    struct policy_result *judged;
    size_t n_new_violations;
};

/* Reads what is named; ST_USAGE where it makes no sense. */
enum status probe_extras_open(struct probe_extras *x, struct err *err) NODISCARD;
void probe_extras_deinit(struct probe_extras *x);
/* Compares for one server that was reached. `target`: as on the command line; `results`: of the
 * clients, borrowed for as long as it is the last; NULL: none were asked. */
enum status probe_extras_judge(struct probe_extras *x, const char *target,
                               const struct survey_facts *f, const struct client_result *results,
                               struct err *err) NODISCARD;
void probe_extras_text(const struct probe_extras *x, const char *target,
                       const struct survey_facts *f, unsigned width, struct text *out);
void probe_extras_json(const struct probe_extras *x, struct json *j);
/* Is the finding new, where there is a baseline? */
bool probe_extras_is_new(const struct probe_extras *x, const char *target,
                         const struct survey_finding *finding);

#endif
