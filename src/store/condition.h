/*
 * condition: the Condition of a RouteRule as a list of nodes.
 *
 *   proxy.pathsuffix MatchesPath "/a*" and not (request.verb = "GET" or request.verb = "HEAD")
 *
 * A node's operands stand before it, the last node is the whole, so that evaluating is one walk
 * from first to last. "not" binds tighter than "and", that tighter than "or". What each test looks
 * at is a text of the request, and each test is a pattern (condition_pattern): Message Processors
 * that are nginx do them as maps.
 *
 * MatchesPath sees a path as elements: "*" is one element, or part of one; "**" at the end is all
 * that is left, be it nothing, and elsewhere one or more elements. A slash at the end counts.
 * Compared with null, a text that is empty or not there is equal.
 *
 * Not taken, and named in the error: variables that policies set, comparisons of more and less, a
 * variable on the right, named groups in a regular expression.
 * Source: the guide's conditions reference and its page on pattern matching.
 */
#ifndef HANDFAST_STORE_CONDITION_H
#define HANDFAST_STORE_CONDITION_H

#include "base/arena.h"
#include "base/status.h"
#include "base/text.h"

enum condition_operator {
#define CONDITION_OPERATOR(symbol, sign, word, other) CONDITION_##symbol,
#include "store/condition_operators.def"
    CONDITION_N_OPERATORS
};

enum condition_variable {
    CONDITION_PATH_SUFFIX,     /* after the base path: "/a/b", "" */
    CONDITION_BASE_PATH,       /* as the endpoint has it */
    CONDITION_VERB,            /* "GET" */
    CONDITION_PATH,            /* base path and suffix, without the query */
    CONDITION_URI,             /* the path with the query, as it came */
    CONDITION_QUERY_STRING,    /* without "?" */
    CONDITION_HEADER,          /* `name`, in any case */
    CONDITION_QUERY_PARAMETER, /* `name` */
    CONDITION_CLIENT_ADDRESS,
    CONDITION_CLIENT_SCHEME, /* "https", "http" */
    CONDITION_VIRTUAL_HOST,
    CONDITION_ENVIRONMENT,
    CONDITION_ORGANIZATION,
    CONDITION_PROXY_NAME,
    CONDITION_PROXY_REVISION,
    CONDITION_ENDPOINT, /* the proxy endpoint's name */
    CONDITION_N_VARIABLES
};

enum condition_kind {
    CONDITION_TEST,
    CONDITION_AND,
    CONDITION_OR,
    CONDITION_NOT, /* of `left` */
    CONDITION_TRUE,
    CONDITION_FALSE
};

struct condition_node {
    enum condition_kind kind;
    size_t left, right; /* indexes of nodes before this one */
    /* of a test: */
    enum condition_variable variable;
    const char *name; /* of a header or query parameter; NULL of others */
    enum condition_operator operation;
    const char *value; /* NULL: null */
};

enum { CONDITION_TEXT_MAX = 4096, CONDITION_NODES_MAX = 256 };

struct condition { /* n == 0: there is none, which is always true */
    struct condition_node *nodes;
    size_t n;
};

struct condition_fault {
    size_t at; /* offset in the text */
    char text[320];
};

/* False: `fault` says why. Everything is in the arena. */
bool condition_parse(const char *text, struct arena *arena, struct condition *out,
                     struct condition_fault *fault);

/* A test as a regular expression (PCRE) for the variable's text, anchored at both ends.
 * `is_negated`: true where it does not match. `no_case`: without regard to case. */
struct condition_pattern {
    bool is_negated, no_case;
};
void condition_pattern(const struct condition_node *test, struct text *out,
                       struct condition_pattern *how);

#endif
