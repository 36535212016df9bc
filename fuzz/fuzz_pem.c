/* Any bytes as PEM: line ends of two bytes, and text between the blocks, change no certificate. */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "keystore/keystore.h"
#include "keystore/pem_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

static enum status read_text(const struct text *t, struct keystore **out)
{
    struct err err = { 0 };
    promise(!t->failed && keystore_new(out, &err) == ST_OK, "memory");
    return keystore_add_bytes(*out, "x", bytes_of(t->p, t->len), NULL, &err);
}

/* Kinds and bytes of all entries; faults too, though not where they are. */
static void check_same(const struct text *one, const struct text *other)
{
    struct keystore *a = NULL;
    struct keystore *b = NULL;
    promise(read_text(one, &a) == read_text(other, &b), "read or refused alike");
    promise(keystore_n(a) == keystore_n(b), "as many entries");
    for (size_t i = 0; i < keystore_n(a); i++) {
        const struct keystore_entry *x = keystore_entry(a, i);
        const struct keystore_entry *y = keystore_entry(b, i);
        promise(x->kind == y->kind && bytes_equal(x->der, y->der), "the same certificates");
        promise((x->fault == NULL) == (y->fault == NULL), "the same broken ones");
    }
    keystore_free(a);
    keystore_free(b);
}

static void put_with_crlf(struct text *out, const struct text *plain)
{
    for (size_t i = 0; i < plain->len; i++) {
        if (plain->p[i] == '\n' && (i == 0 || plain->p[i - 1] != '\r')) {
            text_putc(out, '\r');
        }
        text_putc(out, plain->p[i]);
    }
}

static void put_with_words(struct text *out, const struct text *plain)
{
    struct pem_text blocks = pem_text_of(bytes_of(plain->p, plain->len));
    struct pem_block block;
    size_t at = 0;
    while (pem_next(&blocks, &block)) {
        promise(block.at >= at && block.at < plain->len, "blocks come in order");
        text_put(out, plain->p + at, block.at - at);
        /* a block may begin in the middle of a line only where another ended in it */
        text_puts(out, block.at > 0 && plain->p[block.at - 1] == '\n' ? "words: -----\n" : "");
        at = block.at;
    }
    text_put(out, plain->p + at, plain->len - at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text plain = { 0 };
    struct text changed = { 0 };
    text_puts(&plain, "x\n"); /* so that it is no other format */
    text_put(&plain, (const char *)data, size);
    put_with_crlf(&changed, &plain);
    check_same(&plain, &changed);
    text_clear(&changed);
    put_with_words(&changed, &plain);
    check_same(&plain, &changed);
    text_deinit(&plain);
    text_deinit(&changed);
    return 0;
}
