#include "report/wrap.h"

#include "base/utf8.h"

enum { ESCAPE_COLUMNS = 4 }; /* "\x1b" */

struct wrap wrap_start(struct text *out, size_t column, size_t indent, size_t width)
{
    return (struct wrap){ out, indent, width, column, true };
}

void wrap_spaces(struct text *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        text_putc(out, ' ');
    }
}

size_t wrap_columns(struct bytes b)
{
    size_t n = 0;
    while (b.len > 0) {
        size_t len = utf8_printable(b);
        n += len > 0 ? 1 : ESCAPE_COLUMNS;
        b = bytes_skip(b, len > 0 ? len : 1);
    }
    return n;
}

/* The length of the command that begins here, both backquotes counted; 0 where none does. */
static size_t command_len(struct bytes rest)
{
    const uint8_t *end =
        rest.len < 2 || rest.p[0] != '`' ? NULL : memchr(rest.p + 1, '`', rest.len - 1);
    return end == NULL ? 0 : (size_t)(end - rest.p) + 1;
}

/* The bytes up to the next space outside commands. */
static struct bytes word_at(struct bytes rest)
{
    size_t n = 0;
    while (n < rest.len && rest.p[n] != ' ') {
        size_t command = command_len(bytes_skip(rest, n));
        n += command > 0 ? command : 1;
    }
    return bytes_head(rest, n);
}

static void new_line(struct wrap *w)
{
    text_putc(w->out, '\n');
    wrap_spaces(w->out, w->indent);
    w->column = w->indent;
    w->at_start = true;
}

static void put_word(struct wrap *w, struct bytes word)
{
    size_t columns = wrap_columns(word);
    if (!w->at_start && w->column + 1 + columns > w->width) {
        new_line(w);
    }
    if (!w->at_start) {
        text_putc(w->out, ' ');
        w->column++;
    }
    text_put_safe(w->out, word);
    w->column += columns;
    w->at_start = false;
}

void wrap_words(struct wrap *w, struct bytes words)
{
    while (words.len > 0) {
        struct bytes word = word_at(words);
        if (word.len > 0) {
            put_word(w, word);
        }
        words = bytes_skip(words, word.len + 1);
    }
}

void wrap_end(struct wrap *w)
{
    text_putc(w->out, '\n');
    w->column = 0;
    w->at_start = true;
}
