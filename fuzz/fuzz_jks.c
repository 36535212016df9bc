/* Any bytes as a Java keystore: entries are pieces of the file in its order, and a store that is
 * cut gives the first of them. */
#include <stdio.h>
#include <stdlib.h>

#include "keystore/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

static struct keystore *read_store(struct bytes content)
{
    struct keystore *k = NULL;
    struct err err = { 0 };
    promise(keystore_new(&k, &err) == ST_OK, "memory");
    enum status st = keystore_add_bytes(k, "x", content, NULL, &err);
    promise(st == ST_OK || st == ST_FORMAT, "refused for what it is");
    return k;
}

static void check_pieces(const struct keystore *k, struct bytes content)
{
    uint64_t end = 0;
    for (size_t i = 0; i < keystore_n(k); i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        struct bytes there = bytes_skip(content, (size_t)e->at);
        promise(e->at >= end, "entries come in order");
        promise(bytes_equal(bytes_head(there, e->der.len), e->der), "an entry is a piece");
        promise(e->alias != NULL, "an entry has an alias");
        end = e->at + e->der.len;
    }
    promise(end <= content.len, "entries end before the file does");
}

static void check_first(const struct keystore *part, const struct keystore *whole)
{
    promise(keystore_n(part) <= keystore_n(whole), "a part has no more");
    for (size_t i = 0; i < keystore_n(part); i++) {
        const struct keystore_entry *a = keystore_entry(part, i);
        const struct keystore_entry *b = keystore_entry(whole, i);
        promise(a->kind == b->kind && bytes_equal(a->der, b->der), "the same first ones");
        promise(strcmp(a->alias, b->alias) == 0, "under the same names");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 ||
        (memcmp(data, "\xfe\xed\xfe\xed", 4) != 0 && memcmp(data, "\xce\xce\xce\xce", 4) != 0)) {
        return 0;
    }
    struct bytes content = bytes_of(data, size);
    struct keystore *whole = read_store(content);
    struct keystore *part = read_store(bytes_head(content, 4 + data[size - 1] * size / 256));
    check_pieces(whole, content);
    check_first(part, whole);
    keystore_free(part);
    keystore_free(whole);
    return 0;
}
