/*
 * cmd_run: handfast run: a command, observed from inside.
 */
#ifndef HANDFAST_CLI_CMD_RUN_H
#define HANDFAST_CLI_CMD_RUN_H

#include <stddef.h>

int cmd_run(char **args, size_t n_args);

#endif
