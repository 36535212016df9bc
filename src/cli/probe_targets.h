/*
 * probe_targets: surveys of many servers side by side, results as they come.
 *
 * At most PROBE_SURVEYS_MAX surveys are under way; names are resolved when their turn comes. A
 * target that cannot be resolved is a result like any other, and so is one that the engine's time
 * did not reach; that one is not noted as done.
 */
#ifndef HANDFAST_CLI_PROBE_TARGETS_H
#define HANDFAST_CLI_PROBE_TARGETS_H

#include <stdio.h>

#include "probe/clients.h"

enum { PROBE_SURVEYS_MAX = 24, PROBE_ADDRESSES_MAX = 8 };

/* Everything is borrowed until result() returns. */
struct probe_result {
    const char *name;                 /* as it was given */
    const struct survey_facts *facts; /* NULL: `why` tells */
    const char *why;
    const struct client_result *clients; /* NULL: none were asked */
};

struct probe_targets {
    const struct dial_target *like; /* all but host and port, STARTTLS where the target says none */
    const struct survey_options *survey;
    const struct probe_options *engine;
    const char *const *names; /* from the command line */
    size_t n_names;
    FILE *file;              /* further names, one a line; # begins a comment; NULL: none */
    const char *resume_path; /* what is done is noted there, and not done again; NULL: none */
    const struct client *const *clients; /* each server that speaks TLS is asked by these as well */
    size_t n_clients;
    void (*result)(void *arg, const struct probe_result *result);
    void *arg;
};

/* ST_USAGE for a name on the command line that is no target. */
enum status probe_targets_run(const struct probe_targets *t, struct err *err) NODISCARD;

#endif
