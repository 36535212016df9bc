/*
 * The promises: how the bytes arrive changes nothing, and the frames of the start of a file are the
 * first frames of the file; what is corrupt there is corrupt in the whole.
 */
#include <stdlib.h>

#include "capture/source.h"

enum { SMALL_CHUNK = 61 };

static void ignore_secrets(void *arg, struct bytes text)
{
    *(size_t *)arg += text.len;
}

static struct capture *open_bytes(struct bytes in, size_t chunk, size_t *secrets)
{
    struct capture_options options = { .secrets = { ignore_secrets, secrets } };
    struct capture *c = NULL;
    struct err err = { 0 };
    enum status st = capture_open_memory(in, chunk, &options, &c, &err);
    if (st != ST_OK && (c != NULL || err.text[0] == '\0')) {
        abort();
    }
    return c;
}

static bool is_same(const struct frame *a, const struct frame *b)
{
    return a->number == b->number && a->at_ns == b->at_ns && a->len_on_wire == b->len_on_wire &&
           a->link_type == b->link_type && bytes_equal(a->bytes, b->bytes);
}

/* Every frame of `part` is the next one of `whole`. */
static enum capture_next compare(struct capture *part, struct capture *whole)
{
    struct err err;
    struct frame a;
    enum capture_next got = capture_next(part, &a, &err);
    for (; got == CAPTURE_FRAME; got = capture_next(part, &a, &err)) {
        struct frame b;
        if (capture_next(whole, &b, &err) != CAPTURE_FRAME || !is_same(&a, &b) ||
            a.bytes.len > a.len_on_wire) {
            abort();
        }
    }
    return got;
}

/* `part` ended as the whole must: there is no more in it, and it ends at the same place. */
static void check_end(const struct capture *part, struct capture *whole)
{
    struct frame rest;
    struct err err;
    if (capture_next(whole, &rest, &err) != CAPTURE_DONE) {
        abort();
    }
    const struct capture_end *a = capture_end(part);
    const struct capture_end *b = capture_end(whole);
    if (a->kind != b->kind || a->offset != b->offset) {
        abort();
    }
}

static void compare_with_whole(struct bytes in, size_t part_len, size_t chunk)
{
    size_t part_secrets = 0;
    size_t secrets = 0;
    struct capture *part = open_bytes(bytes_head(in, part_len), chunk, &part_secrets);
    struct capture *whole = open_bytes(in, 0, &secrets);
    if (part_len == in.len && (part == NULL) != (whole == NULL)) {
        abort();
    }
    if (part != NULL && whole != NULL) {
        enum capture_next got = compare(part, whole);
        bool is_corrupt = capture_end(part)->kind == CAPTURE_END_CORRUPT;
        if (got == CAPTURE_DONE && (part_len == in.len || is_corrupt)) {
            check_end(part, whole);
        }
    }
    capture_free(part);
    capture_free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size };
    compare_with_whole(in, size, SMALL_CHUNK);
    if (size > 0) {
        compare_with_whole(in, data[size - 1] * size / 256, 0);
    }
    return 0;
}
