/*
 * problem: why the store does not do what it was asked, in words that the API passes on.
 *
 * A function that has a `struct store_problem *` returns ST_OK when it has done all, and then the
 * problem's contexts may hold warnings. Any other status: `kind` and `code` say what is wrong and
 * `message` says it to a person. ST_USAGE: what was asked cannot be done; anything else is our own
 * failure (kind PROBLEM_FAILED), whose message is for the log, not for the caller.
 *
 * `code` is an id as the guide's system has them ("messaging.config.beans..."), from problems.def.
 * A context is a verdict on one certificate: the cause by its id of causes.md, where it is in what
 * was sent, the sentence, and what to do. Nothing in it is secret. Texts are UTF-8, safe for
 * terminals, and cut where they do not fit.
 */
#ifndef HANDFAST_STORE_PROBLEM_H
#define HANDFAST_STORE_PROBLEM_H

#include <stdbool.h>

#include "base/status.h"

enum problem_kind {
    PROBLEM_NONE,
    PROBLEM_NOT_FOUND, /* what was named is not there */
    PROBLEM_EXISTS,    /* it is there already */
    PROBLEM_INVALID,   /* what was sent cannot be taken */
    PROBLEM_IN_USE,    /* something else needs it */
    PROBLEM_CONFLICT,  /* it can be done, and not in the state that things are in */
    PROBLEM_FORBIDDEN, /* it is there and is not given out */
    PROBLEM_FAILED     /* our own failure */
};

enum problem_id {
#define PROBLEM(symbol, kind, code) PROBLEM_ID_##symbol,
#include "store/problems.def"
    PROBLEM_N_IDS
};

enum { PROBLEM_CONTEXTS_MAX = 8 };

struct problem_context {
    bool is_warning;
    char cause[48];    /* "certificate-expired"; "" where no cause fits */
    char where[224];   /* "certFile, certificate 2: CN=Issuing CA"; "virtual host secure" */
    char message[480]; /* a sentence */
    char action[320];  /* what to do, a sentence; "" where there is nothing to say */
};

struct store_problem {
    enum problem_kind kind;
    const char *code; /* a literal; "" for PROBLEM_NONE */
    char message[480];
    size_t n_contexts, n_contexts_left_out;
    struct problem_context contexts[PROBLEM_CONTEXTS_MAX];
};

/* Each returns the status that the caller returns. Contexts that are there stay. */
enum status problem_set(struct store_problem *p, enum problem_id id, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
enum status problem_failed(struct store_problem *p, const struct err *err); /* err's status */
enum status problem_no_memory(struct store_problem *p);

/* A new context, to be filled; never NULL: beyond the last one it takes the last one's place, which
 * is counted. */
struct problem_context *problem_add(struct store_problem *p, bool is_warning, const char *cause);
/* What is there is forgotten. */
void problem_clear(struct store_problem *p);

const char *problem_code(enum problem_id id); /* never NULL */
enum problem_kind problem_kind_of(enum problem_id id);

#endif
