#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    BUSY_TIMEOUT_MS = 20000,
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x48616e64, /* "Hand": file(1) and we know the file by it */
    VALUE_BYTES_MAX = 64 << 20,
    WAL_TRIES = 200,
    WAL_PAUSE_NS = 10000000
};

/* One row of `state` and one per document. WITHOUT ROWID would keep bundles within the index. */
static const char schema[] =
    "CREATE TABLE document ("
    " kind TEXT NOT NULL, org TEXT NOT NULL, env TEXT NOT NULL, parent TEXT NOT NULL,"
    " name TEXT NOT NULL, json TEXT NOT NULL, created_at_ms INTEGER NOT NULL,"
    " modified_at_ms INTEGER NOT NULL, secret BLOB, blob BLOB,"
    " UNIQUE (kind, org, env, parent, name)) STRICT;"
    "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), generation INTEGER NOT NULL) "
    "STRICT;"
    "INSERT INTO state VALUES (1, 0);";

#define KEY_IS "kind = ?1 AND org = ?2 AND env = ?3 AND parent = ?4 AND name = ?5"

static const char *const texts[N_QUERIES] = {
    [QUERY_BEGIN] = "BEGIN IMMEDIATE",
    [QUERY_COMMIT] = "COMMIT",
    [QUERY_ROLLBACK] = "ROLLBACK",
    [QUERY_GENERATION] = "SELECT generation FROM state",
    [QUERY_RAISE] = "UPDATE state SET generation = generation + 1",
    [QUERY_GET] = "SELECT json, created_at_ms, modified_at_ms, secret IS NOT NULL, blob IS NOT NULL"
                  " FROM document WHERE " KEY_IS,
    [QUERY_SECRET] = "SELECT secret FROM document WHERE " KEY_IS,
    [QUERY_BLOB] = "SELECT blob FROM document WHERE " KEY_IS,
    [QUERY_PUT] =
        "INSERT INTO document (kind, org, env, parent, name, json, created_at_ms, modified_at_ms,"
        " secret, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9)"
        " ON CONFLICT DO UPDATE SET json = excluded.json, modified_at_ms = excluded.modified_at_ms,"
        " secret = coalesce(excluded.secret, secret), blob = coalesce(excluded.blob, blob)",
    [QUERY_DELETE] = "DELETE FROM document WHERE " KEY_IS,
    /* An API proxy has no environment, a user no organization; what has it for its parent may be in
     * any. */
    [QUERY_DELETE_CHILDREN] = "DELETE FROM document WHERE kind = ?1 AND (?2 = '' OR org = ?2)"
                              " AND (?3 = '' OR env = ?3) AND parent = ?4",
    [QUERY_DELETE_ENVIRONMENT] = "DELETE FROM document WHERE org = ?1 AND env = ?2",
    [QUERY_DELETE_ORGANIZATION] = "DELETE FROM document WHERE org = ?1",
    [QUERY_LIST] = "SELECT org, env, parent, name FROM document WHERE kind = ?1"
                   " AND (?2 IS NULL OR org = ?2) AND (?3 IS NULL OR env = ?3)"
                   " AND (?4 IS NULL OR parent = ?4) ORDER BY name, org, env, parent",
};

enum status database_fail(const struct store *s, int code, struct err *err)
{
    int kind = code & 0xff;
    enum status st = ST_IO;
    if (kind == SQLITE_NOMEM) {
        st = ST_NOMEM;
    } else if (kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) {
        st = ST_FORMAT;
    } else if (kind == SQLITE_BUSY) {
        return err_set(err, st, "%s: another change is being made, and did not end in time",
                       s->path);
    }
    const char *says = s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
    return err_set(err, st, "%s: %s", s->path, says);
}

enum status database_run(struct store *s, enum store_query query, struct err *err)
{
    sqlite3_stmt *stmt = s->queries[query];
    int code = sqlite3_step(stmt);
    while (code == SQLITE_ROW) {
        code = sqlite3_step(stmt);
    }
    enum status st = code == SQLITE_DONE ? ST_OK : database_fail(s, code, err);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return st;
}

/* The name is on disk too when this returns. */
static enum status sync_folder(const char *path, struct err *err)
{
    char *copy = strdup(path);
    if (copy == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", path);
    }
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    if (fd < 0) {
        return err_sys(err, "%s: its folder", path);
    }
    enum status st = fsync(fd) == 0 ? ST_OK : err_sys(err, "%s: its folder", path);
    close(fd);
    return st;
}

/* An empty file is an empty database, and -wal and -shm get the mode of the file. Made by mknod()
 * and not by open(): a descriptor of ours that is closed would undo the locks that other threads of
 * this process hold on the file (fcntl(2)). */
static enum status make_file(const char *path, struct err *err)
{
    if (mknod(path, S_IFREG | S_IRUSR | S_IWUSR, 0) == 0) {
        return sync_folder(path, err);
    }
    if (errno != EEXIST) {
        return err_sys(err, "%s", path);
    }
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_sys(err, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ST_USAGE, "%s: not a file", path);
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(path, S_IRUSR | S_IWUSR) != 0) {
        return err_sys(err, "%s: others may read it, and its mode cannot be changed", path);
    }
    return ST_OK;
}

static enum status run_text(struct store *s, const char *sql, struct err *err)
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? ST_OK : database_fail(s, code, err);
}

static enum status ask_number(struct store *s, const char *sql, int64_t *out, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (code != SQLITE_OK) {
        return database_fail(s, code, err);
    }
    code = sqlite3_step(stmt);
    *out = code == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    enum status st =
        code == SQLITE_ROW || code == SQLITE_DONE ? ST_OK : database_fail(s, code, err);
    sqlite3_finalize(stmt);
    return st;
}

/* Changing the journal of a file that somebody else opens at the same moment is SQLITE_BUSY at
 * once, whatever the timeout: neither may wait for the other. */
static enum status use_wal(struct store *s, struct err *err)
{
    int code = SQLITE_BUSY;
    for (unsigned i = 0; i < WAL_TRIES && (code & 0xff) == SQLITE_BUSY; i++) {
        if (i > 0) {
            nanosleep(&(struct timespec){ .tv_nsec = WAL_PAUSE_NS }, NULL);
        }
        code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? ST_OK : database_fail(s, code, err);
}

/* Deleted keys are overwritten, nothing is put into temporary files, and a file made to deceive
 * does not get at functions. */
static enum status configure(struct store *s, struct err *err)
{
    sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    TRY(use_wal(s, err));
    return run_text(s,
                    "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
                    "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;",
                    err);
}

static enum status judge_version(struct store *s, bool *is_new, struct err *err)
{
    int64_t version = 0;
    int64_t application = 0;
    int64_t n_tables = 0;
    TRY(ask_number(s, "PRAGMA user_version", &version, err));
    TRY(ask_number(s, "PRAGMA application_id", &application, err));
    TRY(ask_number(s, "SELECT count(*) FROM sqlite_schema", &n_tables, err));
    *is_new = version == 0 && application == 0 && n_tables == 0;
    if (!*is_new && application != APPLICATION_ID) {
        return err_set(err, ST_FORMAT, "%s: not a store of this program", s->path);
    }
    if (version > SCHEMA_VERSION) {
        return err_set(err, ST_FORMAT,
                       "%s: written by a later version of this program (schema %lld; this one "
                       "knows up to %d)",
                       s->path, (long long)version, SCHEMA_VERSION);
    }
    return ST_OK;
}

static enum status make_schema(struct store *s, struct err *err)
{
    char marks[96];
    snprintf(marks, sizeof marks, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             APPLICATION_ID, SCHEMA_VERSION);
    TRY(run_text(s, schema, err));
    return run_text(s, marks, err);
}

/* Looked at again within the transaction: somebody else may have been faster. */
static enum status ensure_schema(struct store *s, struct err *err)
{
    bool is_new = false;
    TRY(judge_version(s, &is_new, err));
    if (!is_new) {
        return ST_OK;
    }
    TRY(run_text(s, texts[QUERY_BEGIN], err));
    enum status st = judge_version(s, &is_new, err);
    if (st == ST_OK && is_new) {
        st = make_schema(s, err);
    }
    if (st == ST_OK) {
        return run_text(s, texts[QUERY_COMMIT], err);
    }
    sqlite3_exec(s->db, texts[QUERY_ROLLBACK], NULL, NULL, NULL);
    return st;
}

enum status database_open(struct store *s, struct err *err)
{
    TRY(make_file(s->path, err));
    int code = sqlite3_open_v2(
        s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (code != SQLITE_OK) {
        return database_fail(s, code, err);
    }
    TRY(configure(s, err));
    TRY(ensure_schema(s, err));
    for (size_t i = 0; i < N_QUERIES; i++) {
        code = sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->queries[i],
                                  NULL);
        if (code != SQLITE_OK) {
            return database_fail(s, code, err);
        }
    }
    return ST_OK;
}

void database_close(struct store *s)
{
    for (size_t i = 0; i < N_QUERIES; i++) {
        sqlite3_finalize(s->queries[i]);
    }
    sqlite3_close(s->db);
}
