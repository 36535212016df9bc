/*
 * store: what the gateway is set to, as documents in one SQLite file.
 *
 * A document is JSON text under its key: kind, organization, environment, name ("" where a kind has
 * no such level). It may have a secret (a private key in PEM), which nothing but store_secret()
 * gives out, and a blob (a bundle as it was imported). Names are compared byte by byte.
 *
 * There is one writer at a time: store_begin() waits for it, and what is read between begin and
 * commit is the state with the changes in it. A commit is on disk when store_commit() returns, and
 * raises the generation by one. A store belongs to one thread; several threads open several stores
 * of the same file. No store may be used across fork(). Files are made with mode 0600, and a file
 * that others may read is made so. Errors say the path and nothing of any document.
 *
 * Sources: SQLite's documentation of WAL, synchronous=FULL and busy_timeout.
 */
#ifndef HANDFAST_STORE_STORE_H
#define HANDFAST_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

enum store_kind {
#define STORE_KIND(symbol, id, parent) STORE_##symbol,
#include "store/kinds.def"
    STORE_N_KINDS
};

/* Borrowed texts; NULL is as "". */
struct store_key {
    enum store_kind kind;
    const char *org, *env;
    const char *parent; /* of an alias: its keystore; of a revision or deployment: its API proxy; of
                           a role: the user who has it */
    const char *name;
};

struct store_document {
    char *json;                            /* NUL-terminated */
    int64_t created_at_ms, modified_at_ms; /* since 1970 */
    bool has_secret, has_blob;
};

struct store;

/* Makes the file where there is none. */
enum status store_open(const char *path, struct store **out, struct err *err) NODISCARD;
void store_close(struct store *s); /* NULL is fine; an open transaction is rolled back */

enum status store_begin(struct store *s, struct err *err) NODISCARD;
/* On a failure nothing of the transaction is kept, and it is over. */
enum status store_commit(struct store *s, struct err *err) NODISCARD;
void store_rollback(struct store *s); /* fine without a transaction */
/* Commits so far. */
enum status store_generation(struct store *s, uint64_t *out, struct err *err) NODISCARD;

/* `out->json` is NULL where there is no such document. */
enum status store_get(struct store *s, const struct store_key *key, struct store_document *out,
                      struct err *err) NODISCARD;
void store_document_deinit(struct store_document *d);
/* The private part or the blob, p == NULL where there is none; a NUL that is not counted follows.
 * The caller frees with store_bytes_free(), which wipes them. */
enum status store_secret(struct store *s, const struct store_key *key, struct bytes *out,
                         struct err *err) NODISCARD;
enum status store_blob(struct store *s, const struct store_key *key, struct bytes *out,
                       struct err *err) NODISCARD;
void store_bytes_free(struct bytes b);

/* Only within a transaction. Puts or replaces; a secret or blob of NULL keeps the one there is. */
enum status store_put(struct store *s, const struct store_key *key, const char *json,
                      struct bytes secret, struct bytes blob, struct err *err) NODISCARD;
/* With everything whose parent, environment or organization it is. `existed` may be NULL. */
enum status store_delete(struct store *s, const struct store_key *key, bool *existed,
                         struct err *err) NODISCARD;

/* Keys of a kind below `within` (its kind, and those of org, env, parent that are not NULL), in the
 * order of their names. */
struct store_names {
    size_t n;
    struct store_name {
        char *org, *env, *parent, *name; /* one block of memory: freed by names_deinit() only */
    } * list;
};
enum status store_list(struct store *s, const struct store_key *within, struct store_names *out,
                       struct err *err) NODISCARD;
void store_names_deinit(struct store_names *n);

#endif
