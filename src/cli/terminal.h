/*
 * terminal: what the output of a command goes to, and a password asked for.
 */
#ifndef HANDFAST_CLI_TERMINAL_H
#define HANDFAST_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"

enum terminal_colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
enum { TERMINAL_WIDTH_MIN = 40, TERMINAL_WIDTH_MAX = 1000 };

/* The values of --color and --width. */
enum status terminal_colour_parse(const char *word, enum terminal_colour *out,
                                  struct err *err) NODISCARD;
enum status terminal_width_parse(const char *word, unsigned *out, struct err *err) NODISCARD;
/* NO_COLOR, TERM and whether it is a terminal are weighed. */
bool terminal_wants_colour(enum terminal_colour colour, FILE *out);
/* Standard error is a terminal that can clear a line. */
bool terminal_shows_progress(void);
/* Columns; 0 where it is no terminal. */
unsigned terminal_width(FILE *out);
/* A line without echo, from /dev/tty; false without a terminal. The newline is left out. */
bool terminal_ask_secret(const char *prompt, char *out, size_t room);

#endif
