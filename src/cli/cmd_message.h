/*
 * cmd_message: `handfast explain --message`: error messages and log lines explained.
 */
#ifndef HANDFAST_CLI_CMD_MESSAGE_H
#define HANDFAST_CLI_CMD_MESSAGE_H

#include "cli/explain.h"

/* Each text is a message; NULL stands for the lines of standard input. Uses `out`, `use_json`,
 * `use_colour`, `width` and `summary_only` of the options. Returns 0 where something was
 * recognized, 1 where nothing was, EXIT_INPUT where reading or writing failed. */
int message_run(const char *const *texts, size_t n_texts, const struct explain_options *options);

#endif
