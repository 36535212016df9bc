/* The lists of a store, and what is kept for them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "keystore/reading.h"

enum status reading_no_room(const struct reading *r)
{
    if (r->k->arena.failed) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    return err_set(r->err, ST_USAGE, "%s: more than %d MB of certificates and names", r->file->path,
                   KEPT_BYTES_MAX >> 20);
}

enum status reading_add(struct reading *r, enum keystore_entry_kind kind,
                        struct keystore_entry **out)
{
    struct keystore *k = r->k;
    if (k->n_entries >= KEYSTORE_ENTRIES_MAX) {
        return err_set(r->err, ST_USAGE, "%s: more than %d entries", r->file->path,
                       KEYSTORE_ENTRIES_MAX);
    }
    struct keystore_entry **block = &k->entries[k->n_entries / ENTRIES_PER_BLOCK];
    if (*block == NULL) {
        *block = arena_alloc_array(&k->arena, ENTRIES_PER_BLOCK, sizeof **block);
    }
    if (*block == NULL) {
        return reading_no_room(r);
    }
    struct keystore_entry *e = &(*block)[k->n_entries++ % ENTRIES_PER_BLOCK];
    *e = (struct keystore_entry){
        .kind = kind, .file = k->n_files - 1, .group = k->n_groups++, .at = r->at, .line = r->line
    };
    r->file->n_entries++;
    *out = e;
    return ST_OK;
}

static const char *say(struct reading *r, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static const char *say(struct reading *r, const char *fmt, va_list args)
{
    char sentence[400];
    int at = r->line > 0 ? snprintf(sentence, sizeof sentence, "line %u: ", r->line)
                         : snprintf(sentence, sizeof sentence, "at byte %zu: ", r->at);
    if (at < 0 || vsnprintf(sentence + at, sizeof sentence - (size_t)at, fmt, args) < 0) {
        return NULL;
    }
    return arena_strndup(&r->k->arena, sentence, strlen(sentence));
}

enum status entry_fault(struct reading *r, struct keystore_entry *e, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    e->fault = say(r, fmt, args);
    va_end(args);
    r->n_faults++;
    return e->fault == NULL ? reading_no_room(r) : ST_OK;
}

/* The first one stays: what follows a break is mostly its consequence. */
enum status file_fault(struct reading *r, const char *fmt, ...)
{
    if (r->file->fault != NULL) {
        return ST_OK;
    }
    va_list args;
    va_start(args, fmt);
    r->file->fault = say(r, fmt, args);
    va_end(args);
    return r->file->fault == NULL ? reading_no_room(r) : ST_OK;
}

enum status keep_bytes(struct reading *r, struct bytes b, struct bytes *out)
{
    *out = arena_copy(&r->k->arena, b);
    return out->p == NULL && b.len > 0 ? reading_no_room(r) : ST_OK;
}

enum status keep_text(struct reading *r, struct bytes name, const char **out)
{
    struct text safe = { 0 };
    text_put_safe(&safe, name);
    *out = safe.failed ? NULL : arena_strndup(&r->k->arena, text_str(&safe), safe.len);
    bool failed = safe.failed;
    text_deinit(&safe);
    if (failed) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    return *out == NULL ? reading_no_room(r) : ST_OK;
}

uint8_t *reading_scratch(struct reading *r, size_t size)
{
    struct keystore *k = r->k;
    if (size > k->scratch_size) {
        size_t grown = size < 16384 ? 16384 : size;
        uint8_t *p = malloc(grown);
        if (p == NULL) {
            return NULL;
        }
        OPENSSL_cleanse(k->scratch, k->scratch_size);
        free(k->scratch);
        k->scratch = p;
        k->scratch_size = grown;
    }
    return k->scratch;
}
