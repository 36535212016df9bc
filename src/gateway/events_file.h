/* events_file: what the files of `events` share. Not for others. */
#ifndef HANDFAST_GATEWAY_EVENTS_FILE_H
#define HANDFAST_GATEWAY_EVENTS_FILE_H

#include <sqlite3.h>

#include "base/text.h"
#include "gateway/events.h"

enum event_statement {
    EVENT_INSERT,
    EVENT_INSERT_REPORT,
    EVENT_INSERT_ID,
    EVENT_REPEAT,
    EVENT_COUNT,
    EVENT_SERVED,
    EVENT_DROP,
    EVENT_DROP_REPORTS,
    EVENT_DROP_IDS,
    EVENT_N_STATEMENTS
};

struct events {
    char *path;
    bool is_writer, is_open; /* is_open: a transaction */
    sqlite3 *db;             /* NULL: there is no file (a reader's), or it could not be opened */
    sqlite3_stmt *statements[EVENT_N_STATEMENTS];
    uint64_t n_lost, n_in_batch;
    int64_t n_batches;
    struct text said, packed, plain;
    bool has_said;
};

/* err_set with what SQLite says. */
enum status events_fail(const struct events *e, struct err *err);
/* A string of a row; "" where it is NULL. */
const char *events_column(sqlite3_stmt *s, int column);
/* "" and NULL are the same. */
void events_bind(sqlite3_stmt *s, int at, const char *text);

/* The texts of an event as one blob, deflated; false without memory or where they are too long. */
bool events_pack(struct events *e, const struct kept_event *event);
/* Into e->plain; sets the four texts. False where the blob is damaged. */
bool events_unpack(struct events *e, struct bytes packed, int64_t len, struct kept_event *out);

#endif
