/* Any bytes as a file of any format: what is read lies within its limits and is the same when it is
 * read again; what is refused leaves nothing behind. */
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

static void check_entry(const struct keystore *k, const struct keystore_entry *e, size_t size)
{
    bool has_der = e->kind == KEYSTORE_CERTIFICATE || e->kind == KEYSTORE_CRL;
    promise(e->file < keystore_n_files(k), "an entry is of a file");
    promise(e->at <= size, "an entry is in its file");
    promise(has_der || e->der.len == 0, "what is no certificate and no CRL has no bytes");
    promise(!has_der || e->der.len > 0 || e->fault != NULL, "a certificate has bytes, or a fault");
    promise(e->spki.len == 0 || (e->kind == KEYSTORE_KEY && e->fault == NULL),
            "only a key that could be read has a public half");
    promise(e->kind != KEYSTORE_KEY || e->spki.len > 0 || e->fault != NULL,
            "a key has a public half, or a fault");
    promise(!e->is_locked || e->kind == KEYSTORE_KEY, "only keys are locked");
    promise(e->fault == NULL || e->fault[0] != '\0', "a fault says what it is");
    promise(e->kind != KEYSTORE_OTHER || e->alias != NULL, "other blocks have their label");
}

static void check_same(const struct keystore_entry *a, const struct keystore_entry *b)
{
    promise(a->kind == b->kind && a->at == b->at && a->line == b->line, "the same entry twice");
    promise(bytes_equal(a->der, b->der) && bytes_equal(a->spki, b->spki), "the same bytes twice");
    promise(a->is_locked == b->is_locked && a->is_trusted == b->is_trusted, "the same state twice");
    promise((a->fault == NULL) == (b->fault == NULL), "the same fault twice");
    promise(a->fault == NULL || strcmp(a->fault, b->fault) == 0, "the same sentence twice");
}

static enum status read_once(struct bytes content, const char *password, struct keystore **out)
{
    struct err err = { 0 };
    struct keystore_options options = { .password = password };
    promise(keystore_new(out, &err) == ST_OK, "memory");
    enum status st = keystore_add_bytes(*out, "name", content, &options, &err);
    promise(st == ST_OK || (err.status == st && strncmp(err.text, "name: ", 6) == 0),
            "an error names the file");
    promise(st == ST_OK || (keystore_n(*out) == 0 && keystore_n_files(*out) == 0),
            "an error leaves nothing behind");
    promise(st != ST_OK || keystore_file(*out, 0)->n_entries == keystore_n(*out),
            "entries are counted");
    return st;
}

static void check(struct bytes content, const char *password)
{
    struct keystore *a = NULL;
    struct keystore *b = NULL;
    enum status st = read_once(content, password, &a);
    promise(read_once(content, password, &b) == st, "the same answer twice");
    promise(keystore_n(a) == keystore_n(b), "as many entries twice");
    for (size_t i = 0; i < keystore_n(a); i++) {
        check_entry(a, keystore_entry(a, i), content.len);
        check_same(keystore_entry(a, i), keystore_entry(b, i));
    }
    keystore_free(a);
    keystore_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(bytes_of(data, size), NULL);
    check(bytes_of(data, size), "changeit");
    return 0;
}
