/*
 * cmd_probe: "handfast probe": what live servers accept, and what to change.
 */
#ifndef HANDFAST_CLI_CMD_PROBE_H
#define HANDFAST_CLI_CMD_PROBE_H

#include <stddef.h>

int cmd_probe(char **args, size_t n_args);

#endif
