/*
 * words: lists of words of a command line, and what --trust says.
 *
 * The words are borrowed from argv. A list has room for every argument there is, so that pushing
 * cannot fail. All-zero is a valid, deinit-able state.
 */
#ifndef HANDFAST_CLI_WORDS_H
#define HANDFAST_CLI_WORDS_H

#include <stdbool.h>

#include "base/status.h"

struct words {
    const char **p;
    size_t n;
};

/* `--trust FILE|DIR|system|none`, which may be repeated. */
struct trust_words {
    struct words paths;
    bool system, none;
};

enum status words_init(struct words *w, size_t room, struct err *err) NODISCARD;
void words_deinit(struct words *w);
void words_push(struct words *w, const char *word);
/* Standard input can be read once. */
size_t words_count(const struct words *w, const char *word);

void trust_words_add(struct trust_words *t, const char *word); /* paths is initialised */
enum status trust_words_check(const struct trust_words *t, struct err *err) NODISCARD;
/* Without a --trust that names anchors, or none, it is the system's. */
bool trust_words_want_system(const struct trust_words *t);
bool trust_words_are_given(const struct trust_words *t); /* anything but the system's */

#endif
