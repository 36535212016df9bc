/* The store: files are added, entries are asked for. */
#include "keystore/keystore.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "keystore/files.h"
#include "keystore/reading.h"

const char *keystore_format_name(enum keystore_format f)
{
    static const char *const names[] = {
        [KEYSTORE_PEM] = "PEM",         [KEYSTORE_DER] = "DER", [KEYSTORE_PKCS7] = "PKCS#7",
        [KEYSTORE_PKCS12] = "PKCS#12",  [KEYSTORE_JKS] = "JKS", [KEYSTORE_JCEKS] = "JCEKS",
        [KEYSTORE_FOREIGN] = "unknown",
    };
    return (unsigned)f < ARRAY_LEN(names) ? names[f] : "";
}

enum status keystore_new(struct keystore **out, struct err *err)
{
    struct keystore *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return err_set(err, ST_NOMEM, "key store: no memory");
    }
    k->arena.limit_bytes = KEPT_BYTES_MAX;
    *out = k;
    return ST_OK;
}

void keystore_free(struct keystore *k)
{
    if (k == NULL) {
        return;
    }
    OPENSSL_cleanse(k->scratch, k->scratch_size);
    free(k->scratch);
    crypto_deinit(k);
    arena_deinit(&k->arena);
    free(k);
}

size_t keystore_n(const struct keystore *k)
{
    return k->n_entries;
}

const struct keystore_entry *keystore_entry(const struct keystore *k, size_t i)
{
    return i < k->n_entries ? &k->entries[i / ENTRIES_PER_BLOCK][i % ENTRIES_PER_BLOCK] : NULL;
}

size_t keystore_n_files(const struct keystore *k)
{
    return k->n_files;
}

const struct keystore_file *keystore_file(const struct keystore *k, size_t i)
{
    return i < k->n_files ? &k->files[i / FILES_PER_BLOCK][i % FILES_PER_BLOCK] : NULL;
}

bool keystore_wants_password(const struct keystore *k)
{
    return k->wants_password;
}

static struct keystore_file *file_new(struct keystore *k, const char *name)
{
    struct keystore_file **block = &k->files[k->n_files / FILES_PER_BLOCK];
    char *path = arena_strndup(&k->arena, name, strlen(name));
    if (*block == NULL) {
        *block = arena_alloc_array(&k->arena, FILES_PER_BLOCK, sizeof **block);
    }
    if (*block == NULL || path == NULL) {
        return NULL;
    }
    struct keystore_file *file = &(*block)[k->n_files++ % FILES_PER_BLOCK];
    *file = (struct keystore_file){ .path = path, .format = KEYSTORE_FOREIGN };
    return file;
}

enum status reading_open(struct reading *r, struct keystore *k, const char *name,
                         const struct keystore_options *options, struct err *err)
{
    *r = (struct reading){ .k = k, .err = err, .first_entry = k->n_entries };
    r->password = options == NULL ? NULL : options->password;
    if (k->n_files >= FILES_MAX) {
        return err_set(err, ST_USAGE, "%s: more than %d files", name, FILES_MAX);
    }
    r->file = file_new(k, name);
    if (r->file == NULL) {
        return err_set(err, k->arena.failed ? ST_NOMEM : ST_USAGE, "%s: no memory for it", name);
    }
    return ST_OK;
}

enum status reading_run(struct reading *r, struct bytes content)
{
    r->content = content;
    ERR_set_mark();
    enum status st = read_content(r);
    ERR_pop_to_mark();
    if (st != ST_OK) { /* what was added is taken back */
        r->k->n_entries = r->first_entry;
        r->file->n_entries = 0;
    }
    return st;
}

void reading_undo(struct reading *r)
{
    r->k->n_entries = r->first_entry;
    r->k->n_files--;
}

enum status keystore_add_bytes(struct keystore *k, const char *name, struct bytes content,
                               const struct keystore_options *options, struct err *err)
{
    struct reading r;
    k->wants_password = false;
    if (content.len > KEYSTORE_FILE_BYTES_MAX) {
        return err_set(err, ST_USAGE, "%s: larger than %d MB", name, KEYSTORE_FILE_BYTES_MAX >> 20);
    }
    TRY(reading_open(&r, k, name, options, err));
    enum status st = reading_run(&r, content);
    if (st != ST_OK) {
        reading_undo(&r);
    }
    return st;
}
