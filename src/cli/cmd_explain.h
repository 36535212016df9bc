/*
 * cmd_explain: the command line of `handfast explain`.
 */
#ifndef HANDFAST_CLI_CMD_EXPLAIN_H
#define HANDFAST_CLI_CMD_EXPLAIN_H

#include <stddef.h>

int cmd_explain(char **args, size_t n_args);

#endif
