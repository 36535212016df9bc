#include "store/condition.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_NOT,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_OPERATOR,
    TOKEN_WORD,  /* a variable, a number, true, false, null */
    TOKEN_STRING /* without its quotes */
};

struct token {
    enum token_kind kind;
    size_t at, len;
    enum condition_operator operation;
};

/* What waits for its right side. */
struct pending {
    enum token_kind kind; /* OPEN, NOT, AND, OR */
    size_t at;
};

struct parse {
    const char *text;
    size_t at;
    struct arena *arena;
    struct condition *out;
    size_t operands[CONDITION_NODES_MAX];
    size_t n_operands;
    struct pending pending[CONDITION_NODES_MAX];
    size_t n_pending;
    struct condition_fault *fault;
};

struct operator_row {
    const char *sign, *word, *other;
};

static const struct operator_row operators[] = {
#define CONDITION_OPERATOR(symbol, sign, word, other) { sign, word, other },
#include "store/condition_operators.def"
};

struct variable_row {
    enum condition_variable variable;
    const char *name;
};

static const struct variable_row variables[] = {
#define CONDITION_VARIABLE(symbol, name) { CONDITION_##symbol, name },
#include "store/condition_variables.def"
};

static bool fail(struct parse *p, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool fail(struct parse *p, size_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->fault->text, sizeof p->fault->text, fmt, args);
    va_end(args);
    p->fault->at = at;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word_char(char c)
{
    return c != '\0' && !is_blank(c) && strchr("()\"!=<>~&|:", c) == NULL;
}

static bool is_word(const struct parse *p, const struct token *t, const char *word)
{
    return word != NULL && strlen(word) == t->len &&
           strncasecmp(p->text + t->at, word, t->len) == 0;
}

static bool find_sign(const char *at, struct token *t)
{
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        size_t len = strlen(operators[i].sign);
        if (strncmp(at, operators[i].sign, len) == 0) {
            t->kind = TOKEN_OPERATOR;
            t->operation = (enum condition_operator)i;
            t->len = len;
            return true;
        }
    }
    return false;
}

static void read_word(struct parse *p, struct token *t)
{
    while (is_word_char(p->text[t->at + t->len])) {
        t->len++;
    }
    t->kind = TOKEN_WORD;
    if (is_word(p, t, "and")) {
        t->kind = TOKEN_AND;
    } else if (is_word(p, t, "or")) {
        t->kind = TOKEN_OR;
    } else if (is_word(p, t, "not")) {
        t->kind = TOKEN_NOT;
    }
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (is_word(p, t, operators[i].word) || is_word(p, t, operators[i].other)) {
            t->kind = TOKEN_OPERATOR;
            t->operation = (enum condition_operator)i;
        }
    }
}

static bool read_string(struct parse *p, struct token *t)
{
    const char *end = strchr(p->text + t->at + 1, '"');
    if (end == NULL) {
        return fail(p, t->at, "a text begins here and has no closing quote");
    }
    t->at++;
    t->len = (size_t)(end - (p->text + t->at));
    t->kind = TOKEN_STRING;
    p->at = t->at + t->len + 1;
    return true;
}

struct punctuation {
    const char *sign;
    enum token_kind kind;
};

static bool find_punctuation(const char *at, struct token *t)
{
    static const struct punctuation rows[] = { { "(", TOKEN_OPEN },
                                               { ")", TOKEN_CLOSE },
                                               { "&&", TOKEN_AND },
                                               { "||", TOKEN_OR },
                                               { "!", TOKEN_NOT } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strncmp(at, rows[i].sign, strlen(rows[i].sign)) == 0) {
            t->kind = rows[i].kind;
            t->len = strlen(rows[i].sign);
            return true;
        }
    }
    return false;
}

static bool next(struct parse *p, struct token *t)
{
    while (is_blank(p->text[p->at])) {
        p->at++;
    }
    *t = (struct token){ .kind = TOKEN_END, .at = p->at };
    const char *here = p->text + p->at;
    if (*here == '\0') {
        return true;
    }
    if (*here == '"') {
        return read_string(p, t);
    }
    if (!find_sign(here, t) && !find_punctuation(here, t)) {
        if (!is_word_char(*here)) {
            return fail(p, p->at, "\"%c\" means nothing here", *here);
        }
        read_word(p, t);
    }
    p->at += t->len;
    return true;
}

static bool push_node(struct parse *p, const struct condition_node *node, size_t at)
{
    if (p->out->n == CONDITION_NODES_MAX) {
        return fail(p, at, "more than %d parts", CONDITION_NODES_MAX);
    }
    p->operands[p->n_operands++] = p->out->n;
    p->out->nodes[p->out->n++] = *node;
    return true;
}

/* Joins what the last operator waits for; there is one. */
static bool join(struct parse *p)
{
    struct pending last = p->pending[--p->n_pending];
    size_t wants = last.kind == TOKEN_NOT ? 1 : 2;
    if (p->n_operands < wants) {
        return fail(p, last.at, "something to compare is missing here");
    }
    struct condition_node node = { .kind = last.kind == TOKEN_NOT   ? CONDITION_NOT
                                           : last.kind == TOKEN_AND ? CONDITION_AND
                                                                    : CONDITION_OR };
    node.right = p->operands[p->n_operands - 1];
    node.left = wants == 1 ? node.right : p->operands[p->n_operands - 2];
    p->n_operands -= wants;
    return push_node(p, &node, last.at);
}

/* Everything that binds at least as tight as this one ends before it. */
static bool join_tighter(struct parse *p, enum token_kind kind)
{
    while (p->n_pending > 0) {
        enum token_kind waiting = p->pending[p->n_pending - 1].kind;
        bool is_tighter = waiting == TOKEN_NOT || waiting == TOKEN_AND ||
                          (waiting == TOKEN_OR && kind == TOKEN_OR);
        if (!is_tighter) {
            return true;
        }
        if (!join(p)) {
            return false;
        }
    }
    return true;
}

static bool wait(struct parse *p, const struct token *t)
{
    if (p->n_pending == ARRAY_LEN(p->pending)) {
        return fail(p, t->at, "nested too deep");
    }
    p->pending[p->n_pending++] = (struct pending){ .kind = t->kind, .at = t->at };
    return true;
}

static bool close_bracket(struct parse *p, const struct token *t)
{
    while (p->n_pending > 0 && p->pending[p->n_pending - 1].kind != TOKEN_OPEN) {
        if (!join(p)) {
            return false;
        }
    }
    if (p->n_pending == 0) {
        return fail(p, t->at, "\")\" closes nothing");
    }
    p->n_pending--;
    return true;
}

static bool find_variable(struct parse *p, const struct token *t, struct condition_node *node)
{
    const char *word = p->text + t->at;
    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        const char *name = variables[i].name;
        size_t len = strlen(name);
        bool has_name = name[len - 1] == '.';
        if (strncmp(word, name, len < t->len ? len : t->len) != 0 ||
            (has_name ? t->len <= len : t->len != len)) {
            continue;
        }
        node->variable = variables[i].variable;
        node->name = has_name ? arena_strndup(p->arena, word + len, t->len - len) : NULL;
        return !has_name || node->name != NULL || fail(p, t->at, "no memory");
    }
    return fail(p, t->at,
                "%.*s is no variable that is known here: those of policies are not, since "
                "policies are not executed",
                (int)(t->len < 80 ? t->len : 80), word);
}

static bool is_literal(const struct parse *p, const struct token *t)
{
    const char *s = p->text + t->at;
    size_t digits = strspn(s, "-.0123456789");
    return digits >= t->len || is_word(p, t, "true") || is_word(p, t, "false");
}

/* Names of headers and parameters become variables of nginx: letters, digits, "-", "_". */
static bool name_is_plain(const char *s)
{
    return s == NULL ||
           s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")] == '\0';
}

static bool read_value(struct parse *p, struct condition_node *node)
{
    struct token t;
    if (!next(p, &t)) {
        return false;
    }
    if (t.kind == TOKEN_WORD && is_word(p, &t, "null")) {
        return true;
    }
    if (t.kind != TOKEN_STRING && (t.kind != TOKEN_WORD || !is_literal(p, &t))) {
        return t.kind == TOKEN_WORD
                   ? fail(p, t.at, "a text in quotes is wanted on the right, not %.*s",
                          (int)(t.len < 80 ? t.len : 80), p->text + t.at)
                   : fail(p, t.at, "a text in quotes is wanted here");
    }
    node->value = arena_strndup(p->arena, p->text + t.at, t.len);
    return node->value != NULL || fail(p, t.at, "no memory");
}

/* nginx makes a variable of each named group, which would set one of the configuration's own of
 * that name. Escaped brackets are not told apart: nobody who means harm is let through for it. */
static bool has_named_group(const char *regex)
{
    for (const char *at = strstr(regex, "(?"); at != NULL; at = strstr(at + 1, "(?")) {
        bool is_look_behind = at[2] == '<' && (at[3] == '=' || at[3] == '!');
        if (at[2] == 'P' || at[2] == '\'' || (at[2] == '<' && !is_look_behind)) {
            return true;
        }
    }
    return false;
}

static bool check_test(struct parse *p, const struct condition_node *node, size_t at)
{
    switch (node->operation) {
    case CONDITION_MORE:
    case CONDITION_LESS:
    case CONDITION_AT_LEAST:
    case CONDITION_AT_MOST:
        return fail(p, at, "the operator %s is not to be had here",
                    operators[node->operation].word);
    case CONDITION_EQUALS:
    case CONDITION_NOT_EQUALS:
        break;
    case CONDITION_EQUALS_NO_CASE:
    case CONDITION_STARTS_WITH:
    case CONDITION_MATCHES_PATH:
    case CONDITION_JAVA_REGEX:
    case CONDITION_MATCHES:
        if (node->value == NULL) {
            return fail(p, at, "null can only be equal or not equal to something");
        }
        break;
    case CONDITION_N_OPERATORS:
        return false;
    }
    if (node->operation == CONDITION_JAVA_REGEX && has_named_group(node->value)) {
        return fail(p, at,
                    "a regular expression with named groups is not to be had here: a group "
                    "without a name does the same");
    }
    return name_is_plain(node->name) ||
           fail(p, at, "a name of letters, digits, - and _ is wanted, not %s", node->name);
}

/* variable operator value, or true, or false. */
static bool read_test(struct parse *p, const struct token *t)
{
    struct condition_node node = { .kind = CONDITION_TEST };
    struct token operation;
    if (t->kind == TOKEN_STRING) {
        return fail(p, t->at, "a variable is wanted on the left, not a text");
    }
    if (is_word(p, t, "true") || is_word(p, t, "false")) {
        node.kind = is_word(p, t, "true") ? CONDITION_TRUE : CONDITION_FALSE;
        return push_node(p, &node, t->at);
    }
    if (!find_variable(p, t, &node) || !next(p, &operation)) {
        return false;
    }
    if (operation.kind != TOKEN_OPERATOR) {
        return fail(p, operation.at, "an operator such as = or MatchesPath is wanted here");
    }
    node.operation = operation.operation;
    return read_value(p, &node) && check_test(p, &node, operation.at) && push_node(p, &node, t->at);
}

/* `wants_operand`: after an operator or at the beginning. */
static bool take(struct parse *p, const struct token *t, bool *wants_operand)
{
    switch (t->kind) {
    case TOKEN_OPEN:
    case TOKEN_NOT:
        return *wants_operand ? wait(p, t) : fail(p, t->at, "\"and\" or \"or\" is wanted here");
    case TOKEN_WORD:
    case TOKEN_STRING:
        if (!*wants_operand) {
            return fail(p, t->at, "\"and\" or \"or\" is wanted here");
        }
        *wants_operand = false;
        return read_test(p, t);
    case TOKEN_CLOSE:
        return *wants_operand ? fail(p, t->at, "something to compare is missing here")
                              : close_bracket(p, t);
    case TOKEN_AND:
    case TOKEN_OR:
        if (*wants_operand) {
            return fail(p, t->at, "something to compare is missing here");
        }
        *wants_operand = true;
        return join_tighter(p, t->kind) && wait(p, t);
    case TOKEN_OPERATOR:
        return fail(p, t->at, "a variable is wanted here, not an operator");
    case TOKEN_END:
        break;
    }
    return true;
}

static bool finish(struct parse *p, bool wants_operand)
{
    if (wants_operand) {
        return p->n_pending == 0 ? true : fail(p, p->at, "it ends where something is to follow");
    }
    while (p->n_pending > 0) {
        if (p->pending[p->n_pending - 1].kind == TOKEN_OPEN) {
            return fail(p, p->pending[p->n_pending - 1].at, "\"(\" is not closed");
        }
        if (!join(p)) {
            return false;
        }
    }
    return p->n_operands == 1 || fail(p, 0, "more than one condition");
}

static bool run(struct parse *p)
{
    struct token t;
    bool wants_operand = true;
    do {
        if (!next(p, &t) || !take(p, &t, &wants_operand)) {
            return false;
        }
    } while (t.kind != TOKEN_END);
    return finish(p, wants_operand);
}

bool condition_parse(const char *text, struct arena *arena, struct condition *out,
                     struct condition_fault *fault)
{
    struct parse p = { .text = text, .arena = arena, .out = out, .fault = fault };
    *out = (struct condition){ 0 };
    *fault = (struct condition_fault){ 0 };
    if (strlen(text) > CONDITION_TEXT_MAX) {
        return fail(&p, 0, "more than %d characters", CONDITION_TEXT_MAX);
    }
    struct condition_node *nodes = arena_alloc_array(arena, CONDITION_NODES_MAX, sizeof *nodes);
    if (nodes == NULL) {
        return fail(&p, 0, "no memory");
    }
    out->nodes = nodes;
    if (!run(&p)) {
        *out = (struct condition){ 0 };
        return false;
    }
    return true;
}
