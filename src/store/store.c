#include "store/store.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/database.h"
#include "store/kinds.h"

enum { NAMES_FIRST = 16 };

enum status store_open(const char *path, struct store **out, struct err *err)
{
    *out = NULL;
    struct store *s = calloc(1, sizeof *s);
    char *copy = strdup(path);
    if (s == NULL || copy == NULL) {
        free(s);
        free(copy);
        return err_set(err, ST_NOMEM, "%s: no memory", path);
    }
    s->path = copy;
    enum status st = database_open(s, err);
    if (st != ST_OK) {
        store_close(s);
        return st;
    }
    *out = s;
    return ST_OK;
}

void store_close(struct store *s)
{
    if (s == NULL) {
        return;
    }
    if (s->db != NULL) {
        store_rollback(s);
    }
    database_close(s);
    free(s->path);
    free(s);
}

/* --- transactions --- */

enum status store_begin(struct store *s, struct err *err)
{
    if (s->is_writing) {
        return err_set(err, ST_USAGE, "%s: a change is open already", s->path);
    }
    TRY(database_run(s, QUERY_BEGIN, err));
    s->is_writing = true;
    return ST_OK;
}

void store_rollback(struct store *s)
{
    /* Some failures (a full disk) have SQLite roll back by itself. */
    if (s->is_writing && sqlite3_get_autocommit(s->db) == 0) {
        struct err ignored;
        (void)!database_run(s, QUERY_ROLLBACK, &ignored);
    }
    s->is_writing = false;
}

/* A write after a roll-back of SQLite's own would be a commit of its own. */
static enum status want_transaction(const struct store *s, struct err *err)
{
    if (!s->is_writing) {
        return err_set(err, ST_USAGE, "%s: a write without a begin", s->path);
    }
    if (sqlite3_get_autocommit(s->db) != 0) {
        return err_set(err, ST_IO, "%s: the change failed before and was undone", s->path);
    }
    return ST_OK;
}

static enum status commit(struct store *s, struct err *err)
{
    TRY(want_transaction(s, err));
    TRY(database_run(s, QUERY_RAISE, err));
    return database_run(s, QUERY_COMMIT, err);
}

enum status store_commit(struct store *s, struct err *err)
{
    enum status st = commit(s, err);
    if (st != ST_OK) {
        store_rollback(s);
        return st;
    }
    s->is_writing = false;
    return ST_OK;
}

enum status store_generation(struct store *s, uint64_t *out, struct err *err)
{
    sqlite3_stmt *stmt = s->queries[QUERY_GENERATION];
    int code = sqlite3_step(stmt);
    *out = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    enum status st = code == SQLITE_ROW ? ST_OK : database_fail(s, code, err);
    sqlite3_reset(stmt);
    return st;
}

/* --- values in and out --- */

static const char *text_or_empty(const char *s)
{
    return s != NULL ? s : "";
}

static int bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
    /* The caller's text outlives the statement's run. */
    return text == NULL ? sqlite3_bind_null(stmt, at)
                        : sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static int bind_bytes(sqlite3_stmt *stmt, int at, struct bytes b)
{
    return sqlite3_bind_blob64(stmt, at, b.p, b.len, SQLITE_STATIC);
}

static int bind_key(sqlite3_stmt *stmt, const struct store_key *key)
{
    const char *words[] = { store_kind_id(key->kind), text_or_empty(key->org),
                            text_or_empty(key->env), text_or_empty(key->parent),
                            text_or_empty(key->name) };
    int code = SQLITE_OK;
    for (size_t i = 0; i < ARRAY_LEN(words) && code == SQLITE_OK; i++) {
        code = bind_text(stmt, (int)i + 1, words[i]);
    }
    return code;
}

static void finish(sqlite3_stmt *stmt)
{
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

/* --- reading --- */

static enum status read_document(struct store *s, sqlite3_stmt *stmt, struct store_document *out,
                                 struct err *err)
{
    const unsigned char *json = sqlite3_column_text(stmt, 0);
    out->json = json != NULL ? strdup((const char *)json) : NULL;
    if (out->json == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", s->path);
    }
    out->created_at_ms = sqlite3_column_int64(stmt, 1);
    out->modified_at_ms = sqlite3_column_int64(stmt, 2);
    out->has_secret = sqlite3_column_int(stmt, 3) != 0;
    out->has_blob = sqlite3_column_int(stmt, 4) != 0;
    return ST_OK;
}

enum status store_get(struct store *s, const struct store_key *key, struct store_document *out,
                      struct err *err)
{
    *out = (struct store_document){ 0 };
    sqlite3_stmt *stmt = s->queries[QUERY_GET];
    int code = bind_key(stmt, key);
    if (code == SQLITE_OK) {
        code = sqlite3_step(stmt);
    }
    enum status st = ST_OK;
    if (code == SQLITE_ROW) {
        st = read_document(s, stmt, out, err);
    } else if (code != SQLITE_DONE) {
        st = database_fail(s, code, err);
    }
    finish(stmt);
    return st;
}

void store_document_deinit(struct store_document *d)
{
    free(d->json);
    *d = (struct store_document){ 0 };
}

static enum status copy_column(struct store *s, sqlite3_stmt *stmt, struct bytes *out,
                               struct err *err)
{
    if (sqlite3_column_type(stmt, 0) == SQLITE_NULL) {
        return ST_OK;
    }
    const void *p = sqlite3_column_blob(stmt, 0);
    size_t len = (size_t)sqlite3_column_bytes(stmt, 0);
    uint8_t *copy = malloc(len + 1); /* one more: never of no bytes */
    if (copy == NULL || !bytes_copy(copy, len, bytes_of(p, len))) {
        free(copy);
        return err_set(err, ST_NOMEM, "%s: no memory", s->path);
    }
    copy[len] = '\0';
    *out = bytes_of(copy, len);
    return ST_OK;
}

static enum status read_bytes(struct store *s, enum store_query query, const struct store_key *key,
                              struct bytes *out, struct err *err)
{
    *out = (struct bytes){ 0 };
    sqlite3_stmt *stmt = s->queries[query];
    int code = bind_key(stmt, key);
    if (code == SQLITE_OK) {
        code = sqlite3_step(stmt);
    }
    enum status st = ST_OK;
    if (code == SQLITE_ROW) {
        st = copy_column(s, stmt, out, err);
    } else if (code != SQLITE_DONE) {
        st = database_fail(s, code, err);
    }
    finish(stmt);
    return st;
}

enum status store_secret(struct store *s, const struct store_key *key, struct bytes *out,
                         struct err *err)
{
    return read_bytes(s, QUERY_SECRET, key, out, err);
}

enum status store_blob(struct store *s, const struct store_key *key, struct bytes *out,
                       struct err *err)
{
    return read_bytes(s, QUERY_BLOB, key, out, err);
}

void store_bytes_free(struct bytes b)
{
    if (b.p != NULL) {
        OPENSSL_cleanse((void *)b.p, b.len);
        free((void *)b.p);
    }
}

/* --- writing --- */

enum status store_put(struct store *s, const struct store_key *key, const char *json,
                      struct bytes secret, struct bytes blob, struct err *err)
{
    TRY(want_transaction(s, err));
    sqlite3_stmt *stmt = s->queries[QUERY_PUT];
    int code = bind_key(stmt, key);
    if (code == SQLITE_OK) {
        code = bind_text(stmt, 6, json);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(stmt, 7, clock_now_ns() / NS_PER_MS);
    }
    if (code == SQLITE_OK) {
        code = bind_bytes(stmt, 8, secret);
    }
    if (code == SQLITE_OK) {
        code = bind_bytes(stmt, 9, blob);
    }
    if (code != SQLITE_OK) {
        finish(stmt);
        return database_fail(s, code, err);
    }
    return database_run(s, QUERY_PUT, err);
}

static enum status run_with(struct store *s, enum store_query query, const char *const *words,
                            size_t n, struct err *err)
{
    int code = SQLITE_OK;
    for (size_t i = 0; i < n && code == SQLITE_OK; i++) {
        code = bind_text(s->queries[query], (int)i + 1, text_or_empty(words[i]));
    }
    if (code != SQLITE_OK) {
        finish(s->queries[query]);
        return database_fail(s, code, err);
    }
    return database_run(s, query, err);
}

static enum status delete_below(struct store *s, const struct store_key *key, struct err *err)
{
    if (key->kind == STORE_ORGANIZATION) {
        return run_with(s, QUERY_DELETE_ORGANIZATION, (const char *const[]){ key->name }, 1, err);
    }
    if (key->kind == STORE_ENVIRONMENT) {
        return run_with(s, QUERY_DELETE_ENVIRONMENT, (const char *const[]){ key->org, key->name },
                        2, err);
    }
    for (enum store_kind kind = 0; kind < STORE_N_KINDS; kind++) {
        if (store_kind_parent(kind) == key->kind) {
            const char *words[] = { store_kind_id(kind), key->org, key->env, key->name };
            TRY(run_with(s, QUERY_DELETE_CHILDREN, words, ARRAY_LEN(words), err));
        }
    }
    return ST_OK;
}

enum status store_delete(struct store *s, const struct store_key *key, bool *existed,
                         struct err *err)
{
    TRY(want_transaction(s, err));
    int code = bind_key(s->queries[QUERY_DELETE], key);
    if (code != SQLITE_OK) {
        finish(s->queries[QUERY_DELETE]);
        return database_fail(s, code, err);
    }
    TRY(database_run(s, QUERY_DELETE, err));
    bool was_there = sqlite3_changes(s->db) > 0;
    if (existed != NULL) {
        *existed = was_there;
    }
    return was_there ? delete_below(s, key, err) : ST_OK;
}

/* --- listing --- */

/* The four texts of a row are one block, which `org` begins. */
static bool copy_row(sqlite3_stmt *stmt, struct store_name *out)
{
    struct bytes words[4];
    size_t total = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char *text = sqlite3_column_text(stmt, i);
        if (text == NULL) {
            return false;
        }
        words[i] = bytes_of(text, (size_t)sqlite3_column_bytes(stmt, i));
        total += words[i].len + 1;
    }
    char *block = calloc(1, total);
    if (block == NULL) {
        return false;
    }
    char **fields[4] = { &out->org, &out->env, &out->parent, &out->name };
    for (size_t i = 0, at = 0; i < 4; at += words[i].len + 1, i++) {
        *fields[i] = block + at;
        if (!bytes_copy(*fields[i], total - at - 1, words[i])) {
            free(block);
            return false;
        }
    }
    return true;
}

static bool add_row(struct store_names *names, size_t *room, sqlite3_stmt *stmt)
{
    if (names->n == *room) {
        size_t more = *room == 0 ? NAMES_FIRST : *room * 2;
        struct store_name *list = reallocarray(names->list, more, sizeof *list);
        if (list == NULL) {
            return false;
        }
        names->list = list;
        *room = more;
    }
    if (!copy_row(stmt, &names->list[names->n])) {
        return false;
    }
    names->n++;
    return true;
}

static enum status read_rows(struct store *s, sqlite3_stmt *stmt, struct store_names *out,
                             struct err *err)
{
    size_t room = 0;
    int code = sqlite3_step(stmt);
    while (code == SQLITE_ROW) {
        if (!add_row(out, &room, stmt)) {
            return err_set(err, ST_NOMEM, "%s: no memory", s->path);
        }
        code = sqlite3_step(stmt);
    }
    return code == SQLITE_DONE ? ST_OK : database_fail(s, code, err);
}

enum status store_list(struct store *s, const struct store_key *within, struct store_names *out,
                       struct err *err)
{
    *out = (struct store_names){ 0 };
    sqlite3_stmt *stmt = s->queries[QUERY_LIST];
    const char *words[] = { store_kind_id(within->kind), within->org, within->env, within->parent };
    int code = SQLITE_OK;
    for (size_t i = 0; i < ARRAY_LEN(words) && code == SQLITE_OK; i++) {
        code = bind_text(stmt, (int)i + 1, words[i]);
    }
    enum status st = code == SQLITE_OK ? read_rows(s, stmt, out, err) : database_fail(s, code, err);
    finish(stmt);
    if (st != ST_OK) {
        store_names_deinit(out);
    }
    return st;
}

void store_names_deinit(struct store_names *n)
{
    for (size_t i = 0; i < n->n; i++) {
        free(n->list[i].org);
    }
    free(n->list);
    *n = (struct store_names){ 0 };
}
