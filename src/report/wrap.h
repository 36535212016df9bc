/*
 * wrap: words into lines of a terminal, safe whatever they say.
 *
 * Lines break at spaces; a span between backquotes is a command to copy and stays in one piece, be
 * it longer than a line: broken it could not be pasted. Columns are counted in code points. All
 * text goes through text_put_safe, so nothing that a peer sent can drive the terminal.
 */
#ifndef HANDFAST_REPORT_WRAP_H
#define HANDFAST_REPORT_WRAP_H

#include "base/text.h"

struct wrap {
    struct text *out;
    size_t indent; /* of the lines after the first */
    size_t width;
    size_t column; /* where the next word goes; the caller sets it after writing by itself */
    bool at_start; /* no word on this line yet: no space before the next one */
};

/* `column` columns of the first line are written already. */
struct wrap wrap_start(struct text *out, size_t column, size_t indent, size_t width);
void wrap_words(struct wrap *w, struct bytes words);
void wrap_end(struct wrap *w); /* the end of the line */
void wrap_spaces(struct text *out, size_t n);
/* Code points of what text_put_safe would write. */
size_t wrap_columns(struct bytes b);

#endif
