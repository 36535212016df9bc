/*
 * cmd_check: "handfast check": key stores, trust stores, chains and servers, judged.
 */
#ifndef HANDFAST_CLI_CMD_CHECK_H
#define HANDFAST_CLI_CMD_CHECK_H

#include <stddef.h>

int cmd_check(char **args, size_t n_args);

#endif
