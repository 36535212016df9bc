/*
 * database: the file of the store: how it is made, opened, and what is asked of it.
 *
 * Statements are prepared once, when the file is opened, and reset after each use. Failures name
 * the file and say what SQLite says of them; no value of a row is in them.
 */
#ifndef HANDFAST_STORE_DATABASE_H
#define HANDFAST_STORE_DATABASE_H

#include <sqlite3.h>

#include "store/store.h"

enum store_query {
    QUERY_BEGIN,
    QUERY_COMMIT,
    QUERY_ROLLBACK,
    QUERY_GENERATION,
    QUERY_RAISE,
    QUERY_GET,
    QUERY_SECRET,
    QUERY_BLOB,
    QUERY_PUT,
    QUERY_DELETE,
    QUERY_DELETE_CHILDREN,
    QUERY_DELETE_ENVIRONMENT,
    QUERY_DELETE_ORGANIZATION,
    QUERY_LIST,
    N_QUERIES
};

struct store {
    char *path;
    sqlite3 *db;
    sqlite3_stmt *queries[N_QUERIES];
    bool is_writing; /* between begin and commit */
};

/* Of `s->path`, with its schema, and all queries prepared. On an error the caller closes. */
enum status database_open(struct store *s, struct err *err) NODISCARD;
void database_close(struct store *s);
/* What SQLite says of the last call; always fails. */
enum status database_fail(const struct store *s, int code, struct err *err) NODISCARD;
/* Runs a query to its end and resets it; rows are passed over. */
enum status database_run(struct store *s, enum store_query query, struct err *err) NODISCARD;

#endif
