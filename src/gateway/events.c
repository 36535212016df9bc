#include "gateway/events_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum {
    BUSY_MS = 2000,
    QUICK_CHECK_BYTES = 64 * 1024 * 1024, /* a longer file would take seconds */
    BATCHES_PER_LOOK = 32,                /* at the size of the file */
    DROP_PART = 16,                       /* so much of the events goes where it is too long */
};

static const char SCHEMA[] =
    "CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY, id TEXT, at_ms INTEGER,"
    " direction TEXT, org TEXT, env TEXT, virtual_host TEXT, target TEXT, api TEXT,"
    " revision TEXT, client TEXT, server TEXT, server_name TEXT, outcome TEXT, cause TEXT,"
    " detail TEXT, rejected_by TEXT, party TEXT, confidence TEXT, sentence TEXT, ja4 TEXT,"
    " n_times INTEGER, last_ms INTEGER);"
    "CREATE INDEX IF NOT EXISTS event_time ON event (org, env, at_ms);"
    "CREATE INDEX IF NOT EXISTS event_host ON event (org, env, virtual_host);"
    "CREATE INDEX IF NOT EXISTS event_target ON event (org, env, target);"
    "CREATE INDEX IF NOT EXISTS event_cause ON event (org, env, cause);"
    "CREATE TABLE IF NOT EXISTS report (number INTEGER PRIMARY KEY, len INTEGER, body BLOB);"
    "CREATE TABLE IF NOT EXISTS handle (place INTEGER PRIMARY KEY, id TEXT, number INTEGER);"
    "CREATE INDEX IF NOT EXISTS handle_id ON handle (id);"
    "CREATE TABLE IF NOT EXISTS counted (org TEXT, env TEXT, direction TEXT, virtual_host TEXT,"
    " target TEXT, outcome TEXT, cause TEXT, is_resumed INTEGER, n INTEGER, PRIMARY KEY"
    " (org, env, direction, virtual_host, target, outcome, cause, is_resumed)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS served (org TEXT, env TEXT, target TEXT, server TEXT,"
    " server_name TEXT, sha256 TEXT, subject TEXT, not_after_s INTEGER, seen_ms INTEGER,"
    " PRIMARY KEY (org, env, target, server, server_name)) WITHOUT ROWID;";

static const char *const SQL[EVENT_N_STATEMENTS] = {
    [EVENT_INSERT] = "INSERT INTO event VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
                     " ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
    [EVENT_INSERT_REPORT] = "INSERT OR REPLACE INTO report VALUES (?1, ?2, ?3)",
    [EVENT_INSERT_ID] = "INSERT INTO handle VALUES (NULL, ?1, ?2)",
    [EVENT_REPEAT] = "UPDATE event SET n_times = n_times + 1, last_ms = max(last_ms, ?2)"
                     " WHERE number = ?1",
    [EVENT_COUNT] = "INSERT INTO counted VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                    " ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [EVENT_SERVED] = "INSERT OR REPLACE INTO served VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [EVENT_DROP] = "DELETE FROM event WHERE number <= ?1",
    [EVENT_DROP_REPORTS] = "DELETE FROM report WHERE number <= ?1",
    [EVENT_DROP_IDS] = "DELETE FROM handle WHERE place <= ?1",
};

enum status events_fail(const struct events *e, struct err *err)
{
    return err_set(err, ST_IO, "%s: %s", e->path,
                   e->db != NULL ? sqlite3_errmsg(e->db) : "cannot be opened");
}

/* --- opening --- */

static void close_file(struct events *e)
{
    for (size_t i = 0; i < EVENT_N_STATEMENTS; i++) {
        sqlite3_finalize(e->statements[i]);
        e->statements[i] = NULL;
    }
    sqlite3_close(e->db);
    e->db = NULL;
    e->is_open = false;
}

static bool is_damaged(const struct events *e)
{
    int code = e->db != NULL ? sqlite3_errcode(e->db) & 0xff : 0;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_FORMAT;
}

/* SQLite gives its side files the mode of the first. */
static void make_private(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        close(fd);
    }
}

static int is_ok_row(void *arg, int n, char **values, char **names)
{
    (void)names;
    bool *is_ok = arg;
    *is_ok = n == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0;
    return 0;
}

/* The whole of a file that is not long. */
static bool passes_check(struct events *e)
{
    struct stat st;
    bool is_ok = true;
    if (stat(e->path, &st) != 0 || st.st_size > QUICK_CHECK_BYTES) {
        return true;
    }
    int code = sqlite3_exec(e->db, "PRAGMA quick_check(1)", is_ok_row, &is_ok, NULL);
    return code == SQLITE_OK ? is_ok : !is_damaged(e);
}

static bool set_up_writer(struct events *e)
{
    static const char *const first[] = { "PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                                         "PRAGMA journal_size_limit=67108864", SCHEMA };
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        if (sqlite3_exec(e->db, first[i], NULL, NULL, NULL) != SQLITE_OK) {
            return false;
        }
    }
    for (size_t i = 0; i < EVENT_N_STATEMENTS; i++) {
        if (sqlite3_prepare_v3(e->db, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &e->statements[i],
                               NULL) != SQLITE_OK) {
            return false;
        }
    }
    return true;
}

static bool open_file(struct events *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (e->is_writer) {
        make_private(e->path);
        flags |= SQLITE_OPEN_CREATE;
    }
    if (sqlite3_open_v2(e->path, &e->db, flags, NULL) != SQLITE_OK) {
        return false;
    }
    sqlite3_busy_timeout(e->db, BUSY_MS);
    return !e->is_writer || set_up_writer(e);
}

/* --- setting aside --- */

static void rename_with(const char *path, const char *suffix, const char *to)
{
    struct text from = { 0 }, new = { 0 };
    text_printf(&from, "%s%s", path, suffix);
    text_printf(&new, "%s%s", to, suffix);
    if (!from.failed && !new.failed) {
        rename(from.p, new.p); /* its side files may not be there */
    }
    text_deinit(&from);
    text_deinit(&new);
}

/* The file under another name, and an empty one in its place. */
static bool begin_anew(struct events *e)
{
    struct text to = { 0 };
    close_file(e);
    text_printf(&to, "%s.damaged-%lld", e->path, (long long)(clock_now_ns() / NS_PER_MS));
    if (to.failed) {
        text_deinit(&to);
        return false;
    }
    rename_with(e->path, "", to.p);
    rename_with(e->path, "-wal", to.p);
    rename_with(e->path, "-shm", to.p);
    text_clear(&e->said);
    text_printf(&e->said, "%s: damaged, set aside as %s", e->path, to.p);
    e->has_said = true;
    text_deinit(&to);
    return open_file(e);
}

static enum status open_for_writing(struct events *e, struct err *err)
{
    bool is_good = open_file(e) && passes_check(e);
    if (!is_good && (is_damaged(e) || e->statements[EVENT_N_STATEMENTS - 1] != NULL)) {
        is_good = begin_anew(e);
    }
    return is_good ? ST_OK : events_fail(e, err);
}

static enum status open_for_reading(struct events *e, struct err *err)
{
    if (access(e->path, F_OK) != 0 && errno == ENOENT) {
        return ST_OK; /* nothing happened yet */
    }
    return open_file(e) ? ST_OK : events_fail(e, err);
}

enum status events_open(const char *path, bool to_write, struct events **out, struct err *err)
{
    struct events *e = calloc(1, sizeof *e);
    char *own = strdup(path);
    if (e == NULL || own == NULL) {
        free(e);
        free(own);
        return err_set(err, ST_NOMEM, "%s: no memory", path);
    }
    e->path = own;
    e->is_writer = to_write;
    enum status st = to_write ? open_for_writing(e, err) : open_for_reading(e, err);
    if (st != ST_OK) {
        events_close(e);
        return st;
    }
    *out = e;
    return ST_OK;
}

void events_close(struct events *e)
{
    if (e == NULL) {
        return;
    }
    close_file(e);
    text_deinit(&e->said);
    text_deinit(&e->packed);
    text_deinit(&e->plain);
    free(e->path);
    free(e);
}

const char *events_said(struct events *e)
{
    bool has_said = e->has_said;
    e->has_said = false;
    return has_said && !e->said.failed ? e->said.p : NULL;
}

uint64_t events_n_lost(const struct events *e)
{
    return e->n_lost;
}

bool events_is_flushed(const struct events *e)
{
    return !e->is_open;
}

/* --- writing --- */

void events_bind(sqlite3_stmt *s, int at, const char *text)
{
    sqlite3_bind_text(s, at, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

static void bind_all(sqlite3_stmt *s, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        events_bind(s, (int)i + 1, texts[i]);
    }
}

static bool run(sqlite3_stmt *s)
{
    int code = sqlite3_step(s);
    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return code == SQLITE_DONE;
}

/* What stands in the open transaction is lost. */
static enum status give_up_batch(struct events *e, struct err *err)
{
    bool was_damaged = is_damaged(e);
    events_fail(e, err);
    if (e->db != NULL && e->is_open) {
        sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
    }
    e->is_open = false;
    e->n_lost += e->n_in_batch;
    e->n_in_batch = 0;
    if (was_damaged) {
        begin_anew(e); /* where that fails too, the next transaction tries again */
    }
    return ST_IO;
}

static enum status begin(struct events *e, struct err *err)
{
    if (e->is_open) {
        return ST_OK;
    }
    if (e->statements[EVENT_N_STATEMENTS - 1] == NULL) {
        close_file(e);
        if (open_for_writing(e, err) != ST_OK) {
            close_file(e);
            return ST_IO;
        }
    }
    if (sqlite3_exec(e->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        return give_up_batch(e, err);
    }
    e->is_open = true;
    e->n_in_batch = 0;
    return ST_OK;
}

static bool insert_id(struct events *e, const char *id, int64_t number)
{
    sqlite3_stmt *s = e->statements[EVENT_INSERT_ID];
    if (id == NULL || id[0] == '\0') {
        return true;
    }
    events_bind(s, 1, id);
    sqlite3_bind_int64(s, 2, number);
    return run(s);
}

static bool insert_event(struct events *e, const struct kept_event *event)
{
    sqlite3_stmt *s = e->statements[EVENT_INSERT];
    const char *const texts[] = { event->direction,    event->org,         event->env,
                                  event->virtual_host, event->target,      event->api,
                                  event->revision,     event->client,      event->server,
                                  event->server_name,  event->outcome,     event->cause,
                                  event->detail,       event->rejected_by, event->party,
                                  event->confidence,   event->sentence,    event->ja4 };
    events_bind(s, 1, event->id);
    sqlite3_bind_int64(s, 2, event->at_ms);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        events_bind(s, (int)i + 3, texts[i]);
    }
    sqlite3_bind_int64(s, 21, event->n_times > 0 ? event->n_times : 1);
    sqlite3_bind_int64(s, 22, event->last_ms > 0 ? event->last_ms : event->at_ms);
    return run(s);
}

static bool insert_report(struct events *e, const struct kept_event *event, int64_t number)
{
    sqlite3_stmt *s = e->statements[EVENT_INSERT_REPORT];
    if (!events_pack(e, event)) {
        return true; /* the event without its report is better than none */
    }
    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, (int64_t)e->plain.len);
    sqlite3_bind_blob64(s, 3, e->packed.p, e->packed.len, SQLITE_STATIC);
    return run(s);
}

enum status events_add(struct events *e, struct kept_event *event, struct err *err)
{
    event->number = 0;
    enum status st = begin(e, err);
    if (st != ST_OK) {
        e->n_lost++;
        return st;
    }
    e->n_in_batch++;
    if (!insert_event(e, event)) {
        return give_up_batch(e, err);
    }
    int64_t number = sqlite3_last_insert_rowid(e->db);
    if (!insert_report(e, event, number) || !insert_id(e, event->id, number)) {
        return give_up_batch(e, err);
    }
    event->number = number;
    return ST_OK;
}

enum status events_repeat(struct events *e, int64_t number, const char *id, int64_t at_ms,
                          struct err *err)
{
    enum status st = begin(e, err);
    if (st != ST_OK) {
        e->n_lost++;
        return st;
    }
    sqlite3_stmt *s = e->statements[EVENT_REPEAT];
    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, at_ms);
    e->n_in_batch++;
    return run(s) && insert_id(e, id, number) ? ST_OK : give_up_batch(e, err);
}

enum status events_count(struct events *e, const struct event_count *count, struct err *err)
{
    TRY(begin(e, err));
    sqlite3_stmt *s = e->statements[EVENT_COUNT];
    const char *const texts[] = { count->org,          count->env,    count->direction,
                                  count->virtual_host, count->target, count->outcome,
                                  count->cause };
    bind_all(s, texts, ARRAY_LEN(texts));
    sqlite3_bind_int(s, 8, count->is_resumed);
    sqlite3_bind_int64(s, 9, count->n);
    return run(s) ? ST_OK : give_up_batch(e, err);
}

enum status events_put_served(struct events *e, const struct event_served *served, struct err *err)
{
    TRY(begin(e, err));
    sqlite3_stmt *s = e->statements[EVENT_SERVED];
    const char *const texts[] = { served->org,    served->env,         served->target,
                                  served->server, served->server_name, served->sha256_hex,
                                  served->subject };
    bind_all(s, texts, ARRAY_LEN(texts));
    sqlite3_bind_int64(s, 8, served->not_after_s);
    sqlite3_bind_int64(s, 9, served->seen_ms);
    return run(s) ? ST_OK : give_up_batch(e, err);
}

/* --- what is too old --- */

static int64_t ask_number(struct events *e, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t number = 0;
    if (sqlite3_prepare_v2(e->db, sql, -1, &s, NULL) == SQLITE_OK &&
        sqlite3_step(s) == SQLITE_ROW) {
        number = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    return number;
}

static bool drop(struct events *e, enum event_statement which, int64_t up_to)
{
    sqlite3_bind_int64(e->statements[which], 1, up_to);
    return run(e->statements[which]);
}

static bool drop_events(struct events *e, int64_t up_to)
{
    return drop(e, EVENT_DROP, up_to) && drop(e, EVENT_DROP_REPORTS, up_to);
}

static bool is_too_long(struct events *e)
{
    int64_t pages = ask_number(e, "PRAGMA page_count") - ask_number(e, "PRAGMA freelist_count");
    int64_t page = ask_number(e, "PRAGMA page_size");
    return page > 0 && pages > EVENTS_BYTES_MAX / page;
}

static bool drop_old(struct events *e)
{
    int64_t last = ask_number(e, "SELECT max(number) FROM event");
    int64_t place = ask_number(e, "SELECT max(place) FROM handle");
    bool is_done =
        drop_events(e, last - EVENTS_KEPT_MAX) && drop(e, EVENT_DROP_IDS, place - EVENTS_IDS_MAX);
    if (is_done && e->n_batches++ % BATCHES_PER_LOOK == 0 && is_too_long(e)) {
        int64_t first = ask_number(e, "SELECT min(number) FROM event");
        is_done = drop_events(e, first + (last - first) / DROP_PART);
    }
    return is_done;
}

enum status events_flush(struct events *e, struct err *err)
{
    if (!e->is_open) {
        return ST_OK;
    }
    if (!drop_old(e) || sqlite3_exec(e->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        return give_up_batch(e, err);
    }
    e->is_open = false;
    e->n_in_batch = 0;
    return ST_OK;
}
