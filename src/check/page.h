/*
 * page: what the parts of the text share. Internal to check.
 */
#ifndef HANDFAST_CHECK_PAGE_H
#define HANDFAST_CHECK_PAGE_H

#include "check/check_text.h"

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_DIM, PAINT_RED, PAINT_GREEN, PAINT_YELLOW };

struct sheet {
    struct text *out;
    const struct check_result *r;
    size_t width;
    bool use_colour;
    struct text words; /* of one paragraph, before it is wrapped */
};

void sheet_paint(const struct sheet *s, enum paint paint); /* PAINT_NONE: back to plain */
/* The words gathered in s->words as a paragraph: the first line at `indent`, others at `hang`. The
 * first line may begin with a mark that is written already, `column` columns wide. */
void sheet_paragraph(struct sheet *s, size_t indent, size_t hang);
void sheet_say(struct sheet *s, size_t indent, size_t hang, const char *words);
void sheet_heading(struct sheet *s, const char *heading);

/* text_tree.c: the chain of an item, the leaf first, each issuer below what it issued. */
void text_tree(struct sheet *s, const struct check_item *item);
/* text_eyes.c: what the verifiers of --as say. */
void text_eyes(struct sheet *s, const struct check_item *item);
/* text_steps.c: what to do, numbered. */
void text_steps(struct sheet *s, const struct check_item *item);

#endif
