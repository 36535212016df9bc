#include "tls/keylog.h"

#include <stdlib.h>

/*
 * Any text is taken; a secret that is found has the length of one; whole lines may be added one by
 * one or all at once.
 */

enum { RANDOM_BYTES = 32, HEX_BYTES = 2 * RANDOM_BYTES };

static void add(struct keylog *k, struct bytes text)
{
    if (keylog_add(k, text, NULL) != ST_OK) {
        abort();
    }
}

static void add_by_lines(struct keylog *k, struct bytes text)
{
    while (text.len > 0) {
        const uint8_t *newline = memchr(text.p, '\n', text.len);
        size_t len = newline != NULL ? (size_t)(newline - text.p) + 1 : text.len;
        add(k, bytes_head(text, len));
        text = bytes_skip(text, len);
    }
}

static void expect_secrets(const struct keylog *a, const struct keylog *b, struct bytes random)
{
    for (int label = 0; label < KEYLOG_N_LABELS; label++) {
        struct bytes found = keylog_find(a, random, (enum keylog_label)label);
        if (!bytes_equal(found, keylog_find(b, random, (enum keylog_label)label))) {
            abort();
        }
        if (found.len != 0 && (found.len < RANDOM_BYTES || found.len > HEX_BYTES)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct keylog *whole = NULL;
    struct keylog *lines = NULL;
    if (keylog_new(&whole, NULL) != ST_OK || keylog_new(&lines, NULL) != ST_OK) {
        abort();
    }
    add(whole, bytes_of(data, size));
    add_by_lines(lines, bytes_of(data, size));
    if (keylog_n_entries(whole) != keylog_n_entries(lines) ||
        keylog_n_bad_lines(whole) != keylog_n_bad_lines(lines)) {
        abort();
    }
    static const uint8_t zeros[RANDOM_BYTES];
    expect_secrets(whole, lines, bytes_of(zeros, sizeof zeros));
    if (size >= RANDOM_BYTES) {
        expect_secrets(whole, lines, bytes_of(data, RANDOM_BYTES));
    }
    keylog_free(whole);
    keylog_free(lines);
    return 0;
}
