/*
 * policy_baseline: the JSON Lines of an earlier run of `probe`: what was known then fails no more.
 *
 * A line that is no JSON is an error that names it; a line without "target" says nothing.
 */
#ifndef HANDFAST_PROBE_POLICY_BASELINE_H
#define HANDFAST_PROBE_POLICY_BASELINE_H

#include <stdbool.h>

#include "base/status.h"

struct baseline;
enum status baseline_open(const char *path, struct baseline **out, struct err *err) NODISCARD;
void baseline_free(struct baseline *b); /* NULL is fine */
/* Did this target (as named on the command line) have this finding, this violation, then? `cause`
 * as in struct survey_finding: with another cause it is another finding. */
bool baseline_has_finding(const struct baseline *b, const char *target, const char *id,
                          const char *cause);
bool baseline_has_violation(const struct baseline *b, const char *target, const char *rule,
                            const char *item);

#endif
