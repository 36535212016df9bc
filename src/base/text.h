/*
 * text: a growing buffer of characters, and text made safe for a terminal.
 *
 * All-zero is a valid empty text. Without memory a text drops what does not fit and says so in
 * `failed`, checked once where the text is used. Always NUL-terminated once anything was put.
 */
#ifndef HANDFAST_BASE_TEXT_H
#define HANDFAST_BASE_TEXT_H

#include "base/bytes.h"

struct text {
    char *p;
    size_t len, cap;
    bool failed;
};

void text_put(struct text *t, const char *s, size_t len);
void text_puts(struct text *t, const char *s);
void text_putc(struct text *t, char c);
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_put_u64(struct text *t, uint64_t v);
void text_put_hex(struct text *t, struct bytes b);
/* Bytes from outside: control characters and broken UTF-8 become \xNN, so that nothing a peer
 * sent can drive the terminal. */
void text_put_safe(struct text *t, struct bytes b);
void text_clear(struct text *t); /* keeps the memory */
void text_deinit(struct text *t);
/* "" for an empty text. Borrowed until the next put. */
const char *text_str(const struct text *t);

#endif
