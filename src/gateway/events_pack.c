/* json, text, chain and hints of an event say much twice: kept deflated, in one blob. */
#include "gateway/events_file.h"

#include <stdlib.h>

#include <zlib.h>

enum { N_PARTS = 4, LEVEL = 1 };

static void put_part(struct text *out, const char *part)
{
    text_puts(out, part == NULL ? "" : part);
    text_putc(out, '\0');
}

bool events_pack(struct events *e, const struct kept_event *event)
{
    text_clear(&e->plain);
    text_clear(&e->packed);
    put_part(&e->plain, event->json);
    put_part(&e->plain, event->text);
    put_part(&e->plain, event->chain);
    put_part(&e->plain, event->hints);
    if (e->plain.failed || e->plain.len > EVENT_REPORT_MAX) {
        return false;
    }
    uLongf room = compressBound((uLong)e->plain.len);
    uint8_t *out = malloc(room);
    if (out == NULL) {
        return false;
    }
    bool is_packed =
        compress2(out, &room, (const uint8_t *)e->plain.p, (uLong)e->plain.len, LEVEL) == Z_OK;
    if (is_packed) {
        text_put(&e->packed, (const char *)out, room);
    }
    free(out);
    return is_packed && !e->packed.failed;
}

/* The next text of the blob; "" behind its end. */
static const char *next_part(struct bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->p, '\0', rest->len) : NULL;
    if (end == NULL) {
        return "";
    }
    const char *part = (const char *)rest->p;
    *rest = bytes_skip(*rest, (size_t)(end - rest->p) + 1);
    return part;
}

bool events_unpack(struct events *e, struct bytes packed, int64_t len, struct kept_event *out)
{
    out->json = out->text = out->chain = out->hints = "";
    if (len <= 0 || len > EVENT_REPORT_MAX) {
        return false;
    }
    uLongf room = (uLongf)len;
    uint8_t *plain = malloc(room);
    if (plain == NULL) {
        return false;
    }
    bool is_whole = uncompress(plain, &room, packed.p, (uLong)packed.len) == Z_OK;
    text_clear(&e->plain);
    if (is_whole) {
        text_put(&e->plain, (const char *)plain, room);
    }
    free(plain);
    if (!is_whole || e->plain.failed) {
        return false;
    }
    struct bytes rest = bytes_of(e->plain.p, e->plain.len);
    const char **parts[N_PARTS] = { &out->json, &out->text, &out->chain, &out->hints };
    for (size_t i = 0; i < N_PARTS; i++) {
        *parts[i] = next_part(&rest);
    }
    return true;
}
