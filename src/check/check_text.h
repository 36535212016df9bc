/*
 * check_text: a result for people: the verdict, the chain as a tree with the fault marked, what is
 * worth knowing, and what to do.
 */
#ifndef HANDFAST_CHECK_CHECK_TEXT_H
#define HANDFAST_CHECK_CHECK_TEXT_H

#include "check/check.h"

struct check_style {
    bool use_colour;
    unsigned width; /* columns to wrap at; 0: 100 */
};

void check_text(struct text *out, const struct check_result *r, const struct check_style *style);

#endif
