/*
 * message_match: which of many patterns occur in a line.
 *
 * A pattern is an extended regular expression, compared without regard to case and with "_" equal
 * to a space. Each of its alternatives has four fixed letters in a row outside of groups: a line
 * is looked through once for those, and an expression is compiled only when its letters were met
 * for the first time. ".*" stands only between the parts of an alternative; each part is looked
 * for behind the one before, so that no line costs more than its length times the parts.
 */
#ifndef HANDFAST_DIAGNOSE_MESSAGE_MATCH_H
#define HANDFAST_DIAGNOSE_MESSAGE_MATCH_H

#include "base/bytes.h"
#include "base/status.h"

enum {
    MESSAGE_LINE_MAX = 16384, /* what is beyond in a line is not looked at */
    MATCH_LETTERS_MIN = 4
};

struct message_matcher;

struct message_match {
    size_t pattern;   /* its index */
    size_t n_letters; /* fixed letters of the alternative that matched: how specific it is */
    size_t at, len;   /* the longest run of them, in the line */
};

/* ST_FORMAT where a pattern breaks the rules above. The patterns are borrowed. */
enum status message_matcher_new(const char *const *patterns, size_t n, struct message_matcher **out,
                                struct err *err) NODISCARD;
void message_matcher_free(struct message_matcher *m); /* NULL is fine */
/* At most one match for each pattern, in the order of their places in the line; returns how many,
 * at most `room`. */
size_t message_matcher_find(struct message_matcher *m, struct bytes line, struct message_match *out,
                            size_t room);
/* Compiles every expression now: for tests. */
enum status message_matcher_compile_all(struct message_matcher *m, struct err *err) NODISCARD;

#endif
