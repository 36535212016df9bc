#include "api/handshake_stream.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "api/environment.h"
#include "api/event_json.h"
#include "api/handshake_filters.h"

enum { STREAM_AT_ONCE = 100 };

bool api_handshake_number(const char *text, int64_t most, int64_t *out)
{
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out > 0 && *out <= most;
}

struct flow {
    char path[PLACE_PATH_MAX];
    char *org, *env, *filters[5]; /* direction, virtualHost, target, cause, outcome; "": any */
    struct events *events;
    ino_t file; /* the one that is open: a damaged one is replaced */
    int64_t after;
    struct text *out;
};

static void close_flow(void *arg)
{
    struct flow *f = arg;
    events_close(f->events);
    for (size_t i = 0; i < ARRAY_LEN(f->filters); i++) {
        free(f->filters[i]);
    }
    free(f->org);
    free(f->env);
    free(f);
}

static void put_event(void *arg, const struct kept_event *event)
{
    struct flow *f = arg;
    json_t *one = event_json(event);
    char *line = one == NULL ? NULL : json_dumps(one, JSON_COMPACT);
    if (line != NULL) {
        text_printf(f->out, "id: %lld\nevent: handshake\ndata: ", (long long)event->number);
        text_puts(f->out, line);
        text_puts(f->out, "\n\n");
    }
    f->after = event->number;
    free(line);
    json_decref(one);
}

/* False: there is nothing to read yet. */
static bool reopen_flow(struct flow *f)
{
    struct stat st;
    if (stat(f->path, &st) != 0) {
        return false;
    }
    if (f->events != NULL && st.st_ino == f->file) {
        return true;
    }
    bool is_new = f->events != NULL;
    events_close(f->events);
    f->events = NULL;
    if (events_open(f->path, false, &f->events, NULL) != ST_OK) {
        return false;
    }
    f->file = st.st_ino;
    f->after = is_new ? 0 : f->after;
    return true;
}

static bool next_of_flow(void *arg, struct text *out)
{
    struct flow *f = arg;
    struct event_filter filter = { .org = f->org,
                                   .env = f->env,
                                   .direction = f->filters[0],
                                   .virtual_host = f->filters[1],
                                   .target = f->filters[2],
                                   .cause = f->filters[3],
                                   .outcome = f->filters[4],
                                   .after = f->after,
                                   .oldest_first = true,
                                   .limit = STREAM_AT_ONCE };
    f->out = out;
    if (reopen_flow(f) && events_read(f->events, &filter, put_event, f, NULL) != ST_OK) {
        f->file = 0; /* to be opened anew */
    }
    return true;
}

/* Where to go on: behind the event that the client had last, else behind the last there is. */
static enum status begin_flow(struct api_request *r, struct flow *f, struct err *err)
{
    const char *had = api_header(r, "last-event-id");
    int64_t last = 0;
    int64_t after = 0;
    struct events *e = NULL;
    TRY(events_open(f->path, false, &e, err));
    enum status st = events_last(e, &last, err);
    events_close(e);
    bool is_number = had != NULL && api_handshake_number(had, INT64_MAX, &after);
    bool is_zero = had != NULL && strcmp(had, "0") == 0;
    f->after = is_number ? after : last;
    if (is_zero || f->after > last) {
        f->after = 0; /* all: it has had nothing, or its number is of a file that was set aside */
    }
    return st;
}

static char *copy_query(struct api_request *r, const char *name)
{
    const char *value = api_query(r, name);
    return strdup(value == NULL ? "" : value);
}

static enum status fill_flow(struct api_request *r, struct flow *f, struct err *err)
{
    static const char *const names[] = { "direction", "virtualHost", "target", "cause", "outcome" };
    bool is_whole = bytes_copy(f->path, sizeof f->path - 1, bytes_of_str(r->places->events));
    f->org = strdup(api_param(r, "o"));
    f->env = strdup(api_param(r, "e"));
    is_whole = is_whole && f->org != NULL && f->env != NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        f->filters[i] = copy_query(r, names[i]);
        is_whole = is_whole && f->filters[i] != NULL;
    }
    return is_whole ? begin_flow(r, f, err) : err_set(err, ST_NOMEM, "no memory");
}

enum status api_stream_handshakes(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    TRY(api_want_environment(r, a, &is_there, err));
    if (is_there) {
        TRY(api_handshake_filters(r, a));
    }
    if (!is_there || api_refused(a)) {
        return ST_OK;
    }
    struct flow *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    enum status st = fill_flow(r, f, err);
    if (st != ST_OK) {
        close_flow(f);
        return st;
    }
    a->status = 200;
    a->type = "text/event-stream";
    a->stream = (struct api_stream){ next_of_flow, close_flow, f };
    return ST_OK;
}
