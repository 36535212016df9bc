#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

static char *grow(struct text *t, size_t n)
{
    if (n >= SIZE_MAX / 2 - t->len) {
        t->failed = true;
        return NULL;
    }
    if (t->len + n + 1 > t->cap) {
        size_t cap = t->cap < 256 ? 256 : t->cap;
        while (cap < t->len + n + 1) {
            cap *= 2;
        }
        char *p = realloc(t->p, cap);
        if (p == NULL) {
            t->failed = true;
            return NULL;
        }
        t->p = p;
        t->cap = cap;
    }
    return t->p + t->len;
}

/* Room for n bytes and the NUL; most puts fit. */
static inline char *room(struct text *t, size_t n)
{
    return n < t->cap - t->len ? t->p + t->len : grow(t, n);
}

void text_put(struct text *t, const char *s, size_t len)
{
    char *to = room(t, len);
    if (to == NULL) {
        return;
    }
    if (len > 0) {
        memcpy(to, s, len);
    }
    t->len += len;
    t->p[t->len] = '\0';
}

void text_puts(struct text *t, const char *s)
{
    text_put(t, s, strlen(s));
}

void text_putc(struct text *t, char c)
{
    char *to = room(t, 1);
    if (to != NULL) {
        to[0] = c;
        to[1] = '\0';
        t->len++;
    }
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = len < 0 ? NULL : room(t, (size_t)len);
    if (to != NULL) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_put_u64(struct text *t, uint64_t v)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    text_put(t, digits + at, sizeof digits - at);
}

void text_put_hex(struct text *t, struct bytes b)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < b.len; i++) {
        char pair[2] = { digits[b.p[i] >> 4], digits[b.p[i] & 15] };
        text_put(t, pair, 2);
    }
}

void text_put_safe(struct text *t, struct bytes b)
{
    while (b.len > 0) {
        size_t n = utf8_printable(b);
        if (n > 0) {
            text_put(t, (const char *)b.p, n);
        } else {
            text_printf(t, "\\x%02x", b.p[0]);
            n = 1;
        }
        b = bytes_skip(b, n);
    }
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->p != NULL) {
        t->p[0] = '\0';
    }
}

void text_deinit(struct text *t)
{
    free(t->p);
    *t = (struct text){ 0 };
}

const char *text_str(const struct text *t)
{
    return t->len == 0 ? "" : t->p;
}
