#include "gateway/events_file.h"

#define COLUMNS                                                                                    \
    "event.number, event.id, at_ms, direction, org, env, virtual_host, target, api, revision,"     \
    " client, server, server_name, outcome, cause, detail, rejected_by, party, confidence,"        \
    " sentence, ja4, n_times, last_ms"

enum { N_COLUMNS = 23, N_FILTERS = 8 };

const char *events_column(sqlite3_stmt *s, int column)
{
    const unsigned char *text = sqlite3_column_text(s, column);
    return text == NULL ? "" : (const char *)text;
}

/* --- the question --- */

struct question {
    struct text sql;
    size_t n_texts;
    const char *texts[N_FILTERS + 2];
};

static void ask_equal(struct question *q, const char *column, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        q->texts[q->n_texts++] = value;
        text_printf(&q->sql, " AND %s = ?%zu", column, q->n_texts);
    }
}

static void ask_id(struct question *q, const struct event_filter *f)
{
    if (f->id != NULL && f->id[0] != '\0') {
        q->texts[q->n_texts++] = f->id;
        q->texts[q->n_texts++] = f->or_id == NULL ? f->id : f->or_id;
        text_printf(&q->sql,
                    " AND event.number IN (SELECT number FROM handle WHERE id IN (?%zu, ?%zu))",
                    q->n_texts - 1, q->n_texts);
    }
}

/* Numbers are ours: they need no binding. */
static void ask_number(struct question *q, const char *relation, int64_t value)
{
    if (value != 0) {
        text_printf(&q->sql, " AND %s %lld", relation, (long long)value);
    }
}

static void put_question(struct question *q, const struct event_filter *f)
{
    text_puts(&q->sql, "SELECT " COLUMNS);
    text_puts(&q->sql, f->wants_report ? ", len, body FROM event LEFT JOIN report USING (number)"
                                       : " FROM event");
    text_puts(&q->sql, " WHERE 1");
    ask_equal(q, "org", f->org);
    ask_equal(q, "env", f->env);
    ask_equal(q, "direction", f->direction);
    ask_equal(q, "virtual_host", f->virtual_host);
    ask_equal(q, "target", f->target);
    ask_equal(q, "api", f->api);
    ask_equal(q, "cause", f->cause);
    ask_equal(q, "outcome", f->outcome);
    ask_id(q, f);
    ask_number(q, "at_ms >=", f->from_ms);
    ask_number(q, "at_ms <", f->until_ms);
    ask_number(q, "event.number >", f->after);
    ask_number(q, "event.number <", f->before);
    unsigned limit = f->limit == 0 || f->limit > EVENTS_PAGE_MAX ? EVENTS_PAGE_MAX : f->limit;
    /* Under one id a handshake may stand that went well here and that the peer refused later. */
    bool is_for_one = f->id != NULL && f->wants_report;
    text_printf(&q->sql, " ORDER BY %sevent.number %s LIMIT %u",
                is_for_one ? "outcome = 'failed' DESC, " : "", f->oldest_first ? "ASC" : "DESC",
                limit);
}

static enum status prepare(struct events *e, struct question *q, sqlite3_stmt **out,
                           struct err *err)
{
    if (q->sql.failed) {
        return err_set(err, ST_NOMEM, "%s: no memory", e->path);
    }
    if (sqlite3_prepare_v2(e->db, q->sql.p, -1, out, NULL) != SQLITE_OK) {
        return events_fail(e, err);
    }
    for (size_t i = 0; i < q->n_texts; i++) {
        events_bind(*out, (int)i + 1, q->texts[i]);
    }
    return ST_OK;
}

/* --- rows --- */

static void take_row(sqlite3_stmt *s, struct kept_event *out)
{
    const char **texts[] = { &out->direction, &out->org,         &out->env,      &out->virtual_host,
                             &out->target,    &out->api,         &out->revision, &out->client,
                             &out->server,    &out->server_name, &out->outcome,  &out->cause,
                             &out->detail,    &out->rejected_by, &out->party,    &out->confidence,
                             &out->sentence,  &out->ja4 };
    *out = (struct kept_event){ .json = "", .text = "", .chain = "", .hints = "" };
    out->number = sqlite3_column_int64(s, 0);
    out->id = events_column(s, 1);
    out->at_ms = sqlite3_column_int64(s, 2);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = events_column(s, (int)i + 3);
    }
    out->n_times = sqlite3_column_int64(s, 21);
    out->last_ms = sqlite3_column_int64(s, 22);
}

static void take_report(struct events *e, sqlite3_stmt *s, struct kept_event *out)
{
    const void *body = sqlite3_column_blob(s, N_COLUMNS + 1);
    int len = sqlite3_column_bytes(s, N_COLUMNS + 1);
    if (body != NULL && len > 0) {
        events_unpack(e, bytes_of(body, (size_t)len), sqlite3_column_int64(s, N_COLUMNS), out);
    }
}

static enum status end_rows(struct events *e, int code, struct err *err)
{
    return code == SQLITE_DONE ? ST_OK : events_fail(e, err);
}

static enum status read_rows(struct events *e, struct question *q,
                             const struct event_filter *filter,
                             void (*each)(void *arg, const struct kept_event *event), void *arg,
                             struct err *err)
{
    sqlite3_stmt *s = NULL;
    TRY(prepare(e, q, &s, err));
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        struct kept_event event;
        take_row(s, &event);
        if (filter->wants_report) {
            take_report(e, s, &event);
        }
        each(arg, &event);
    }
    enum status st = end_rows(e, code, err);
    sqlite3_finalize(s);
    return st;
}

enum status events_read(struct events *e, const struct event_filter *filter,
                        void (*each)(void *arg, const struct kept_event *event), void *arg,
                        struct err *err)
{
    struct question q = { 0 };
    if (e->db == NULL) {
        return ST_OK;
    }
    put_question(&q, filter);
    enum status st = read_rows(e, &q, filter, each, arg, err);
    text_deinit(&q.sql);
    return st;
}

/* "SELECT ... WHERE 1", of one environment or of all. */
static enum status ask_table(struct events *e, const char *sql, const char *org, const char *env,
                             sqlite3_stmt **out, struct err *err)
{
    struct question q = { 0 };
    text_puts(&q.sql, sql);
    ask_equal(&q, "org", org);
    ask_equal(&q, "env", env);
    enum status st = prepare(e, &q, out, err);
    text_deinit(&q.sql);
    return st;
}

enum status events_read_counts(struct events *e, const char *org, const char *env,
                               void (*each)(void *arg, const struct event_count *count), void *arg,
                               struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (e->db == NULL) {
        return ST_OK;
    }
    TRY(ask_table(e,
                  "SELECT org, env, direction, virtual_host, target, outcome, cause, is_resumed, n"
                  " FROM counted WHERE 1",
                  org, env, &s, err));
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        struct event_count row = { events_column(s, 0),       events_column(s, 1),
                                   events_column(s, 2),       events_column(s, 3),
                                   events_column(s, 4),       events_column(s, 5),
                                   events_column(s, 6),       sqlite3_column_int(s, 7) != 0,
                                   sqlite3_column_int64(s, 8) };
        each(arg, &row);
    }
    enum status st = end_rows(e, code, err);
    sqlite3_finalize(s);
    return st;
}

enum status events_read_served(struct events *e, const char *org, const char *env,
                               void (*each)(void *arg, const struct event_served *served),
                               void *arg, struct err *err)
{
    sqlite3_stmt *s = NULL;
    if (e->db == NULL) {
        return ST_OK;
    }
    TRY(ask_table(e,
                  "SELECT org, env, target, server, server_name, sha256, subject, not_after_s,"
                  " seen_ms FROM served WHERE 1",
                  org, env, &s, err));
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        struct event_served row = { events_column(s, 0),       events_column(s, 1),
                                    events_column(s, 2),       events_column(s, 3),
                                    events_column(s, 4),       events_column(s, 5),
                                    events_column(s, 6),       sqlite3_column_int64(s, 7),
                                    sqlite3_column_int64(s, 8) };
        each(arg, &row);
    }
    enum status st = end_rows(e, code, err);
    sqlite3_finalize(s);
    return st;
}

enum status events_last(struct events *e, int64_t *out, struct err *err)
{
    sqlite3_stmt *s = NULL;
    *out = 0;
    if (e->db == NULL) {
        return ST_OK;
    }
    TRY(ask_table(e, "SELECT max(number) FROM event WHERE 1", NULL, NULL, &s, err));
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *out = sqlite3_column_int64(s, 0);
        code = SQLITE_DONE;
    }
    enum status st = end_rows(e, code, err);
    sqlite3_finalize(s);
    return st;
}
