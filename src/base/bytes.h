/*
 * bytes: a borrowed view of bytes, and the only copies of wire bytes.
 *
 * A view never owns; the header that returns one says until when it is valid. An empty view may
 * have p == NULL.
 */
#ifndef HANDFAST_BASE_BYTES_H
#define HANDFAST_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *p;
    size_t len;
};

/* A view of a string literal, embedded NULs kept. */
#define BYTES(literal) ((struct bytes){ (const uint8_t *)(literal), sizeof(literal) - 1 })

static inline struct bytes bytes_of(const void *p, size_t len)
{
    return (struct bytes){ (const uint8_t *)p, len };
}

static inline struct bytes bytes_of_str(const char *s)
{
    return (struct bytes){ (const uint8_t *)s, strlen(s) };
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool bytes_start_with(struct bytes a, struct bytes prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.p, prefix.p, prefix.len) == 0);
}

/* The view without its first n bytes; n beyond the end gives an empty view. */
static inline struct bytes bytes_skip(struct bytes b, size_t n)
{
    if (n >= b.len) {
        return (struct bytes){ NULL, 0 };
    }
    return (struct bytes){ b.p + n, b.len - n };
}

/* At most the first n bytes. */
static inline struct bytes bytes_head(struct bytes b, size_t n)
{
    return (struct bytes){ b.p, b.len < n ? b.len : n };
}

/* Cuts the next word off the line; spaces and tabs part words. Empty where there is none. */
static inline struct bytes bytes_next_word(struct bytes *line)
{
    size_t start = 0;
    while (start < line->len && (line->p[start] == ' ' || line->p[start] == '\t')) {
        start++;
    }
    size_t end = start;
    while (end < line->len && line->p[end] != ' ' && line->p[end] != '\t') {
        end++;
    }
    struct bytes word = bytes_skip(bytes_head(*line, end), start);
    *line = bytes_skip(*line, end);
    return word;
}

/* Big- and little-endian loads; the caller has checked that the bytes are there. */
static inline uint16_t load_be16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t load_be24(const uint8_t *p)
{
    return ((uint32_t)p[0] << 16) | ((uint32_t)p[1] << 8) | p[2];
}

static inline uint32_t load_be32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint64_t load_be64(const uint8_t *p)
{
    return ((uint64_t)load_be32(p) << 32) | load_be32(p + 4);
}

static inline uint16_t load_le16(const uint8_t *p)
{
    return (uint16_t)((p[1] << 8) | p[0]);
}

static inline uint32_t load_le32(const uint8_t *p)
{
    return ((uint32_t)p[3] << 24) | ((uint32_t)p[2] << 16) | ((uint32_t)p[1] << 8) | p[0];
}

/* Copies `from` to `to`, which holds `room` bytes; false and nothing copied when it does not fit.
 */
static inline bool bytes_copy(void *to, size_t room, struct bytes from)
{
    if (from.len > room) {
        return false;
    }
    if (from.len > 0) {
        memcpy(to, from.p, from.len);
    }
    return true;
}

#endif
