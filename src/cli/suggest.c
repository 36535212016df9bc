#include "cli/suggest.h"

#include <string.h>

enum { WORD_MAX = 24 };

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Optimal string alignment: the classic table, one row per letter of `a`. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t d[WORD_MAX + 1][WORD_MAX + 1] = { 0 };
    for (size_t i = 0; i <= n_a; i++) {
        d[i][0] = i;
    }
    for (size_t j = 0; j <= n_b; j++) {
        d[0][j] = j;
    }
    for (size_t i = 1; i <= n_a; i++) {
        for (size_t j = 1; j <= n_b; j++) {
            size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
            d[i][j] = least_of(d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d[i][j] = least_of(d[i][j], d[i - 2][j - 2] + 1, d[i][j]);
            }
        }
    }
    return d[n_a][n_b];
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
