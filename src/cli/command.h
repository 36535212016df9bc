/*
 * command: what main.c needs to know of a subcommand.
 */
#ifndef HANDFAST_CLI_COMMAND_H
#define HANDFAST_CLI_COMMAND_H

#include <stddef.h>

struct command {
    const char *name;
    /* args: what follows the command's name. Returns the exit code. */
    int (*run)(char **args, size_t n_args);
    const char *usage;
    const char *summary;
};

#endif
