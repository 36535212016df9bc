/*
 * remark: what is wrong with what somebody gave us, or will not be done as it says.
 *
 * A list in an arena: every remark has a code for programs, a sentence for people, and where it is:
 * a file of a bundle and the line and column in it (1 is the first; 0: not known). The list is
 * limited; the last remark then says how many are left out. Texts live as long as the arena.
 */
#ifndef HANDFAST_STORE_REMARK_H
#define HANDFAST_STORE_REMARK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

enum remark_level {
    REMARK_WARNING, /* it works, and not as the text says */
    REMARK_UNSAFE,  /* it would work, with less protection than the text says: deployed only where
                     * the caller says that this is meant */
    REMARK_ERROR,   /* it cannot be put in force */
    REMARK_BROKEN   /* it cannot even be kept */
};

struct remark {
    enum remark_level level;
    const char *code; /* a literal: "bundle.PolicySkipped" */
    const char *file; /* "apiproxy/targets/default.xml"; NULL: what was sent is one text */
    unsigned line, column;
    const char *text; /* a sentence without full stop; no control characters */
};

enum { REMARKS_MAX = 200 };

struct remarks {
    struct arena *arena;
    struct remark *list;
    size_t n, cap;
    size_t n_left_out;
    bool failed; /* no memory: the list is not whole */
};

struct place {
    const char *file; /* lives as long as the arena */
    unsigned line, column;
};

void remarks_add(struct remarks *r, enum remark_level level, const char *code, struct place at,
                 const char *fmt, ...) PRINTF_LIKE(5, 6);
/* The first of the highest level that is at least `least`; NULL: none. */
const struct remark *remarks_worst(const struct remarks *r, enum remark_level least);
/* "targets/default.xml, line 7, column 31: text". In the arena; NULL without memory. */
const char *remark_sentence(struct arena *arena, const struct remark *r);
const char *remark_level_id(enum remark_level level); /* "warning", "unsafe", "error", "broken" */

#endif
