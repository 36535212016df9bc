#include "cli/suggest.h"

#include <string.h>

enum { WORD_MAX = 24 };

struct table {
    size_t d[WORD_MAX + 1][WORD_MAX + 1];
};

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* From the first i letters of `a` to the first j of `b`. */
static size_t cell(const struct table *t, const char *a, size_t i, const char *b, size_t j)
{
    if (i == 0 || j == 0) {
        return i + j;
    }
    size_t replace = t->d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
    size_t least = least_of(replace, least_of(t->d[i - 1][j], t->d[i][j - 1]) + 1);
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        least = least_of(least, t->d[i - 2][j - 2] + 1);
    }
    return least;
}

/* Optimal string alignment. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    struct table t = { 0 };
    for (size_t i = 0; i <= n_a; i++) {
        for (size_t j = 0; j <= n_b; j++) {
            t.d[i][j] = cell(&t, a, i, b, j);
        }
    }
    return t.d[n_a][n_b];
}

size_t suggest_distance(const char *typed, const char *name)
{
    size_t n_typed = strnlen(typed, WORD_MAX + 1);
    size_t n_name = strnlen(name, WORD_MAX + 1);
    if (n_typed == 0 || n_typed > WORD_MAX || n_name > WORD_MAX) {
        return SUGGEST_TOO_FAR;
    }
    if (n_typed >= 2 && strncmp(typed, name, n_typed) == 0) {
        return 0;
    }
    size_t far = distance(typed, n_typed, name, n_name);
    /* Half of a word's letters wrong is another word. */
    return far < SUGGEST_TOO_FAR && far * 2 <= n_name ? far : SUGGEST_TOO_FAR;
}
