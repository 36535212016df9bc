/* Multipart bodies: every part lies within the body, and survives being written again. */
#include <stdlib.h>
#include <string.h>

#include "api/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20 };

/* A boundary that none of the bodies has within. */
static const char again_type[] = "multipart/form-data; boundary=\"=_again_8b1f2e_=\"";
static const char again_delimiter[] = "--=_again_8b1f2e_=";

static void put_quoted(struct text *out, const char *s)
{
    text_putc(out, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            text_putc(out, '\\');
        }
        text_putc(out, *s);
    }
    text_putc(out, '"');
}

static void write_part(struct text *out, const struct api_part *part)
{
    text_printf(out, "%s\r\nContent-Disposition: form-data; name=", again_delimiter);
    put_quoted(out, part->name);
    text_puts(out, "; filename=");
    put_quoted(out, part->filename);
    text_puts(out, "\r\n\r\n");
    text_put(out, (const char *)part->body.p, part->body.len);
    text_puts(out, "\r\n");
}

static void check_again(const struct api_parts *parts, struct text *out)
{
    struct arena arena = { .limit_bytes = ROOM };
    struct api_parts again;
    const char *why = NULL;
    text_printf(out, "%s--\r\n", again_delimiter);
    if (!api_multipart_parse(again_type, bytes_of(out->p, out->len), &arena, &again, &why) ||
        again.n != parts->n) {
        abort();
    }
    for (size_t i = 0; i < parts->n; i++) {
        if (strcmp(again.list[i].name, parts->list[i].name) != 0 ||
            strcmp(again.list[i].filename, parts->list[i].filename) != 0 ||
            !bytes_equal(again.list[i].body, parts->list[i].body)) {
            abort();
        }
    }
    arena_deinit(&arena);
}

/* The first line is the Content-Type, the rest the body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes all = { data, size };
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    if (end == NULL) {
        return 0;
    }
    struct arena arena = { .limit_bytes = ROOM };
    char *type = arena_strndup(&arena, (const char *)data, (size_t)(end - data));
    struct bytes body = bytes_skip(all, (size_t)(end - data) + 1);
    struct api_parts parts;
    const char *why = NULL;
    struct text out = { 0 };
    bool good = type != NULL && api_multipart_parse(type, body, &arena, &parts, &why);
    bool has_again = memmem(data, size, again_delimiter, sizeof again_delimiter - 1) != NULL;
    for (size_t i = 0; good && i < parts.n; i++) {
        struct bytes part = parts.list[i].body;
        if (part.len > 0 && (part.p < body.p || part.p + part.len > body.p + body.len)) {
            abort();
        }
        write_part(&out, &parts.list[i]);
    }
    if (good && !has_again) {
        check_again(&parts, &out);
    }
    if (type != NULL && !good && why == NULL) {
        abort(); /* a refusal says why */
    }
    text_deinit(&out);
    arena_deinit(&arena);
    return 0;
}
