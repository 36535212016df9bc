/*
 * command: what main.c needs to know of a subcommand, and how each of them ends.
 */
#ifndef HANDFAST_CLI_COMMAND_H
#define HANDFAST_CLI_COMMAND_H

#include "base/status.h"
#include "cli/options.h"

/* What the documented exit codes mean. */
enum exit_code {
    EXIT_NOTHING_FAILED = 0,
    EXIT_SOME_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INPUT = 3, /* input could not be read whole; wins over 0 and 1 */
};

struct command {
    const char *name;
    /* args: what follows the command's name. Returns the exit code. */
    int (*run)(char **args, size_t n_args);
    const char *usage;
    const char *summary;
    bool has_options; /* and so a --help */
};

/* What --help shows: the options between two texts. */
struct command_help {
    const char *head;
    const struct option_row *rows;
    size_t n_rows;
    const char *tail;
};

/* These print and return the exit code. */
int command_show_help(const struct command_help *help);
int command_show_version(void);
/* Says to standard error why a command line cannot be followed. `st` is not ST_OK. */
int command_refuse(const char *name, enum status st, const struct err *err);

#endif
