/* Forms and queries: what was read is UTF-8 without control characters, and survives being written
 * again. */
#include <stdlib.h>
#include <string.h>

#include "api/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1 << 20 };

static void put_encoded(struct text *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        text_printf(out, "%%%02X", (unsigned char)s[i]);
    }
}

static void check_again(const struct api_pairs *pairs)
{
    struct arena arena = { .limit_bytes = ROOM };
    struct text out = { 0 };
    struct api_pairs again;
    const char *why = NULL;
    for (size_t i = 0; i < pairs->n; i++) {
        text_puts(&out, i == 0 ? "" : "&");
        put_encoded(&out, pairs->list[i].name, strlen(pairs->list[i].name));
        text_putc(&out, '=');
        put_encoded(&out, pairs->list[i].value, pairs->list[i].len);
    }
    if (!api_pairs_parse(bytes_of(out.p, out.len), &arena, &again, &why) || again.n != pairs->n) {
        abort();
    }
    for (size_t i = 0; i < pairs->n; i++) {
        if (strcmp(again.list[i].name, pairs->list[i].name) != 0 ||
            strcmp(again.list[i].value, pairs->list[i].value) != 0) {
            abort();
        }
    }
    text_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .limit_bytes = ROOM };
    struct api_pairs pairs;
    const char *why = NULL;
    if (api_pairs_parse(bytes_of(data, size), &arena, &pairs, &why)) {
        for (size_t i = 0; i < pairs.n; i++) {
            if (strlen(pairs.list[i].value) != pairs.list[i].len ||
                api_pairs_find(&pairs, pairs.list[i].name) == NULL) {
                abort();
            }
        }
        check_again(&pairs);
    } else if (why == NULL) {
        abort();
    }
    arena_deinit(&arena);
    return 0;
}
