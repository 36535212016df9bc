/*
 * options: the options of a command as a table, read one after the other.
 *
 * The same table gives the help text. Options and operands may be mixed; "--" ends the options;
 * "-" is an operand. "--name VALUE", "--name=VALUE", "-x VALUE" and "-xVALUE" are the same.
 */
#ifndef HANDFAST_CLI_OPTIONS_H
#define HANDFAST_CLI_OPTIONS_H

#include "base/status.h"
#include "base/text.h"

struct option_row {
    const char *heading; /* of the group that begins here, or NULL */
    const char *name;    /* without the dashes; NULL: a row of help only, shown as `arg` */
    const char *arg;     /* NULL: takes no value; "[...]": may be left out at the end of the line */
    const char *help;
    int id;      /* at least 1 */
    char letter; /* 0: none */
};

enum { OPTION_END = 0, OPTION_OPERAND = -1, OPTION_WRONG = -2 };

struct option_reader {
    const struct option_row *rows;
    size_t n_rows;
    char **args; /* after the command's name */
    size_t n_args;
    size_t next;
    bool only_operands;
};

/* The id of the next option with its value, OPTION_OPERAND with the operand, OPTION_END, or
 * OPTION_WRONG with the reason in `err`. */
int option_next(struct option_reader *r, const char **out_value, struct err *err);
void options_help(const struct option_row *rows, size_t n_rows, struct text *out);

/* Values that many options take; `name` is the option's. ST_USAGE says what it ought to be. */
enum status option_number(const char *name, const char *word, unsigned least, unsigned most,
                          unsigned *out, struct err *err) NODISCARD;
/* The place of `word` among `choices`, which end with NULL. */
enum status option_choice(const char *name, const char *word, const char *const *choices, int *out,
                          struct err *err) NODISCARD;

#endif
