/* Any text as a condition: it is refused with a place in the text, or it becomes nodes whose
 * operands stand before them; and its patterns hold nothing that would end them. */
#include <stdio.h>
#include <stdlib.h>

#include "store/condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

static void check_test(const struct condition_node *n)
{
    struct text pattern = { 0 };
    struct condition_pattern how;
    bool has_name = n->variable == CONDITION_HEADER || n->variable == CONDITION_QUERY_PARAMETER;
    condition_pattern(n, &pattern, &how);
    promise(text_str(&pattern)[0] == '^', "a pattern is anchored");
    promise(n->operation == CONDITION_STARTS_WITH || pattern.p[pattern.len - 1] == '$',
            "a pattern ends where the text does");
    promise(has_name == (n->name != NULL), "headers and parameters have names, others none");
    promise(n->name == NULL || n->name[0] != '\0', "a name is not empty");
    promise(n->variable < CONDITION_N_VARIABLES, "a variable that there is");
    text_deinit(&pattern);
}

static void check_nodes(const struct condition *c)
{
    size_t n_used = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct condition_node *n = &c->nodes[i];
        bool is_pair = n->kind == CONDITION_AND || n->kind == CONDITION_OR;
        if (n->kind == CONDITION_TEST) {
            check_test(n);
        }
        promise(!(is_pair || n->kind == CONDITION_NOT) || (n->left < i && n->right < i),
                "operands stand before");
        n_used += is_pair ? 2 : n->kind == CONDITION_NOT;
    }
    promise(c->n == 0 || n_used == c->n - 1, "each node but the last is an operand once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct condition condition;
    struct condition_fault fault;
    char *text = arena_strndup(&arena, (const char *)data, size);
    if (text != NULL && condition_parse(text, &arena, &condition, &fault)) {
        check_nodes(&condition);
    } else if (text != NULL) {
        promise(fault.at <= strlen(text), "a fault is in the text");
        promise(fault.text[0] != '\0', "a fault says what it is");
    }
    arena_deinit(&arena);
    return 0;
}
