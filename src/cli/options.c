#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/suggest.h"

enum { HELP_COLUMN = 30 };

static const struct option_row *by_name(const struct option_reader *r, struct bytes name)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct option_row *row = &r->rows[i];
        if (row->name != NULL && bytes_equal(name, bytes_of_str(row->name))) {
            return row;
        }
    }
    return NULL;
}

static const struct option_row *by_letter(const struct option_reader *r, char letter)
{
    for (size_t i = 0; i < r->n_rows; i++) {
        if (r->rows[i].letter != 0 && r->rows[i].letter == letter) {
            return &r->rows[i];
        }
    }
    return NULL;
}

static int unknown_name(const struct option_reader *r, const char *arg, struct err *err)
{
    const char *nearest = NULL;
    size_t least = SUGGEST_TOO_FAR;
    for (size_t i = 0; i < r->n_rows; i++) {
        const char *name = r->rows[i].name;
        size_t distance = name == NULL ? SUGGEST_TOO_FAR : suggest_distance(arg + 2, name);
        if (distance < least) {
            least = distance;
            nearest = name;
        }
    }
    if (nearest != NULL) {
        err_set(err, ST_USAGE, "unknown option %.80s; did you mean --%s?", arg, nearest);
    } else {
        err_set(err, ST_USAGE, "unknown option %.80s", arg);
    }
    return OPTION_WRONG;
}

/* The value is what follows in the same argument, or the next argument. */
static int with_value(struct option_reader *r, const struct option_row *row, const char *attached,
                      const char **out_value, struct err *err)
{
    if (attached != NULL) {
        *out_value = attached;
        return row->id;
    }
    if (r->next < r->n_args) {
        *out_value = r->args[r->next++];
        return row->id;
    }
    if (row->arg[0] == '[') {
        return row->id;
    }
    err_set(err, ST_USAGE, "--%s wants a value: %s", row->name, row->arg);
    return OPTION_WRONG;
}

static int long_option(struct option_reader *r, const char *arg, const char **out_value,
                       struct err *err)
{
    const char *equals = strchr(arg, '=');
    size_t len = equals == NULL ? strlen(arg) : (size_t)(equals - arg);
    const struct option_row *row = by_name(r, bytes_of(arg + 2, len - 2));
    if (row == NULL) {
        return unknown_name(r, arg, err);
    }
    const char *attached = equals == NULL ? NULL : equals + 1;
    if (row->arg != NULL) {
        return with_value(r, row, attached, out_value, err);
    }
    if (attached != NULL) {
        err_set(err, ST_USAGE, "--%s takes no value", row->name);
        return OPTION_WRONG;
    }
    return row->id;
}

static int short_option(struct option_reader *r, const char *arg, const char **out_value,
                        struct err *err)
{
    const struct option_row *row = by_letter(r, arg[1]);
    if (row == NULL) {
        err_set(err, ST_USAGE, "unknown option %.80s", arg);
        return OPTION_WRONG;
    }
    const char *attached = arg[2] == '\0' ? NULL : arg + 2;
    if (row->arg != NULL) {
        return with_value(r, row, attached, out_value, err);
    }
    if (attached != NULL) {
        err_set(err, ST_USAGE, "-%c takes no value", row->letter);
        return OPTION_WRONG;
    }
    return row->id;
}

int option_next(struct option_reader *r, const char **out_value, struct err *err)
{
    *out_value = NULL;
    if (!r->only_operands && r->next < r->n_args && strcmp(r->args[r->next], "--") == 0) {
        r->only_operands = true;
        r->next++;
    }
    if (r->next >= r->n_args) {
        return OPTION_END;
    }
    const char *arg = r->args[r->next++];
    if (r->only_operands || arg[0] != '-' || arg[1] == '\0') {
        *out_value = arg;
        return OPTION_OPERAND;
    }
    return arg[1] == '-' ? long_option(r, arg, out_value, err)
                         : short_option(r, arg, out_value, err);
}

static void put_padding(struct text *out, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        text_putc(out, ' ');
    }
}

void options_help(const struct option_row *rows, size_t n_rows, struct text *out)
{
    for (size_t i = 0; i < n_rows; i++) {
        const struct option_row *row = &rows[i];
        if (row->heading != NULL) {
            text_printf(out, "\n%s\n", row->heading);
        }
        size_t start = out->len;
        if (row->name == NULL) {
            text_printf(out, "  %s", row->arg);
        } else if (row->letter != 0) {
            text_printf(out, "  -%c, --%s", row->letter, row->name);
        } else {
            text_printf(out, "      --%s", row->name);
        }
        if (row->name != NULL && row->arg != NULL) {
            text_printf(out, " %s", row->arg);
        }
        size_t used = out->len - start;
        if (used + 2 > HELP_COLUMN) {
            text_putc(out, '\n');
            used = 0;
        }
        put_padding(out, used, HELP_COLUMN);
        text_printf(out, "%s\n", row->help);
    }
}

enum status option_number(const char *name, const char *word, unsigned least, unsigned most,
                          unsigned *out, struct err *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long v = strtoul(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end != '\0' || errno != 0 || v < least || v > most) {
        return err_set(err, ST_USAGE, "--%s '%.60s': it is a number from %u to %u", name, word,
                       least, most);
    }
    *out = (unsigned)v;
    return ST_OK;
}

static void put_choices(struct text *out, const char *const *choices)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        const char *before = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
        text_printf(out, "%s%s", before, choices[i]);
    }
}

enum status option_choice(const char *name, const char *word, const char *const *choices, int *out,
                          struct err *err)
{
    struct text known = { 0 };
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(word, choices[i]) == 0) {
            *out = (int)i;
            return ST_OK;
        }
    }
    put_choices(&known, choices);
    err_set(err, ST_USAGE, "--%s '%.60s': it is %s", name, word, text_str(&known));
    text_deinit(&known);
    return ST_USAGE;
}
