#include "cli/command.h"

#include <stdio.h>

int command_show_help(const struct command_help *help)
{
    struct text page = { 0 };
    text_puts(&page, help->head);
    options_help(help->rows, help->n_rows, &page);
    text_puts(&page, help->tail);
    fputs(text_str(&page), stdout);
    text_deinit(&page);
    return EXIT_NOTHING_FAILED;
}

int command_show_version(void)
{
    puts("handfast " HANDFAST_VERSION);
    return EXIT_NOTHING_FAILED;
}

int command_refuse(const char *name, enum status st, const struct err *err)
{
    if (st == ST_USAGE) {
        fprintf(stderr, "handfast %s: %s (handfast %s --help)\n", name, err->text, name);
        return EXIT_USAGE;
    }
    fprintf(stderr, "handfast: %s\n", err->text);
    return EXIT_INPUT;
}
