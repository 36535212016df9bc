/*
 * blanks: the {names} in fixes.def, filled from one connection.
 *
 * A blank gives a value, or says that there is none; then either a general word stands in its
 * place, or the whole row of fixes.def is left out. So a blank is also a condition. People paste
 * these lines into shells and configurations: names from the wire are put in only where they hold
 * nothing but letters, digits, '.', '-', '_', '*' and ':'.
 */
#ifndef HANDFAST_REPORT_BLANKS_H
#define HANDFAST_REPORT_BLANKS_H

#include "diagnose/verdict.h"

/* The template with its blanks filled; false: a blank without a value, leave the row out. */
bool blanks_fill(struct text *out, const char *form, const struct transcript *t,
                 const struct verdict *v);
/* Is it one of the names above? (tests read fixes.def with it) */
bool blanks_has(struct bytes name);

#endif
