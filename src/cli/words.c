#include "cli/words.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum status words_init(struct words *w, size_t room, struct err *err)
{
    *w = (struct words){ .p = calloc(room + 1, sizeof *w->p) };
    return w->p == NULL ? err_set(err, ST_NOMEM, "no memory") : ST_OK;
}

void words_deinit(struct words *w)
{
    free(w->p);
}

void words_push(struct words *w, const char *word)
{
    assert(w->p != NULL);
    w->p[w->n++] = word;
}

size_t words_count(const struct words *w, const char *word)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) {
        n += strcmp(w->p[i], word) == 0 ? 1 : 0;
    }
    return n;
}

void trust_words_add(struct trust_words *t, const char *word)
{
    if (strcmp(word, "none") == 0) {
        t->none = true;
    } else if (strcmp(word, "system") == 0) {
        t->system = true;
    } else {
        words_push(&t->paths, word);
    }
}

enum status trust_words_check(const struct trust_words *t, struct err *err)
{
    if (t->none && (t->system || t->paths.n > 0)) {
        return err_set(err, ST_USAGE, "--trust none excludes every other --trust");
    }
    return ST_OK;
}

bool trust_words_are_given(const struct trust_words *t)
{
    return t->none || t->paths.n > 0;
}

bool trust_words_want_system(const struct trust_words *t)
{
    return t->system || !trust_words_are_given(t);
}
