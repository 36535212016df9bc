#include "probe/replay_capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/capture.h"
#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "transcript/from_capture.h"

enum { VERDICT_LIMIT_BYTES = 4 << 20 };

/* --- the operand --- */

static bool read_number(const char *s, uint64_t *out)
{
    char *end = NULL;
    if (s[0] < '0' || s[0] > '9') {
        return false;
    }
    *out = strtoull(s, &end, 10);
    return *end == '\0';
}

/* After the last colon: a number, "stream=N" or "frame=N". */
static bool read_which(const char *s, struct replay_choice *out)
{
    static const char stream[] = "stream=";
    static const char frame[] = "frame=";
    if (strncmp(s, frame, sizeof frame - 1) == 0) {
        out->has_frame = true;
        return read_number(s + sizeof frame - 1, &out->frame);
    }
    out->has_stream = true;
    return read_number(strncmp(s, stream, sizeof stream - 1) == 0 ? s + sizeof stream - 1 : s,
                       &out->stream);
}

bool replay_choice_parse(const char *s, struct replay_choice *out)
{
    *out = (struct replay_choice){ .has_stream = false };
    const char *colon = strrchr(s, ':');
    size_t len = strlen(s);
    if (colon != NULL && access(s, F_OK) != 0) {
        len = (size_t)(colon - s);
        if (!read_which(colon + 1, out)) {
            return false;
        }
    }
    if (len == 0 || len >= sizeof out->path) {
        return false;
    }
    return bytes_copy(out->path, sizeof out->path - 1, bytes_of(s, len));
}

/* --- the search --- */

enum worth { WORTH_NOTHING, WORTH_FAILED, WORTH_PROVING, WORTH_CHOSEN };

struct search {
    const struct replay_choice *choice;
    struct x509_store *store;
    struct watcher *watcher;
    struct capture *capture;
    struct arena arena;
    enum worth best_worth, kept_worth;
    struct kept_connection *best;
};

static bool has_frame(const struct transcript *t, uint64_t frame)
{
    for (size_t i = 0; i < t->n_events; i++) {
        if (t->events[i].when.frame <= frame && frame <= t->events[i].last.frame &&
            (t->events[i].when.frame == frame || t->events[i].last.frame == frame)) {
            return true;
        }
    }
    return t->first.frame == frame || t->last.frame == frame;
}

static void reach_verdict(struct search *s, const struct transcript *t, struct verdict *out)
{
    struct judgements judged;
    if (judge(s->store, t, &judged, NULL) != ST_OK) {
        judged.is_judged[0] = false;
        judged.is_judged[1] = false;
    }
    struct diagnose_context context = {
        .judgement = { judged.is_judged[0] ? &judged.of[0] : NULL,
                       judged.is_judged[1] ? &judged.of[1] : NULL },
        .trust_is_given = x509_store_trust(s->store) == X509_TRUST_FILES,
    };
    arena_reset(&s->arena);
    diagnose(t, &context, &s->arena, out);
}

static enum worth worth_of(struct search *s, const struct transcript *t)
{
    struct verdict v;
    if (s->choice->has_stream) {
        return t->stream == s->choice->stream ? WORTH_CHOSEN : WORTH_NOTHING;
    }
    if (s->choice->has_frame) {
        return has_frame(t, s->choice->frame) ? WORTH_CHOSEN : WORTH_NOTHING;
    }
    reach_verdict(s, t, &v);
    if (v.outcome != OUTCOME_FAILED) {
        return WORTH_NOTHING;
    }
    return t->hello != NULL && t->server_hello == NULL ? WORTH_PROVING : WORTH_FAILED;
}

static bool on_ended(void *arg, const struct transcript *t)
{
    struct search *s = arg;
    s->kept_worth = worth_of(s, t);
    return s->kept_worth > s->best_worth;
}

static void on_kept(void *arg, struct kept_connection *kept)
{
    struct search *s = arg;
    kept_connection_free(s->best);
    s->best = kept;
    s->best_worth = s->kept_worth;
}

static enum status nothing_found(const struct search *s, struct err *err)
{
    const struct replay_choice *c = s->choice;
    if (c->has_stream || c->has_frame) {
        return err_set(err, ST_USAGE, "%.300s: no connection with TLS has %s %" PRIu64, c->path,
                       c->has_stream ? "stream" : "frame", c->has_stream ? c->stream : c->frame);
    }
    return err_set(err, ST_USAGE,
                   "%.300s: no handshake failed in it; name the one to replay: "
                   "FILE:stream=N or FILE:frame=N",
                   c->path);
}

static enum status start(struct search *s, const struct replay_capture_options *options,
                         struct err *err)
{
    struct capture_options capture_options = { .idle_ms = 200 };
    TRY(x509_store_new(&s->store, err));
    if (options->trust_system) {
        TRY(x509_store_add_system_trust(s->store, err));
    }
    for (size_t i = 0; i < options->n_trust_paths; i++) {
        TRY(x509_store_add_trust(s->store, options->trust_paths[i], err));
    }
    struct watcher_options watcher_options = { .sink = { on_ended, on_kept, s },
                                               .store = s->store };
    TRY(watcher_new(&watcher_options, &s->watcher, err));
    TRY(capture_open(s->choice->path, &capture_options, &s->capture, err));
    TRY(watcher_start_capture(s->watcher, s->choice->path, err));
    TRY(watcher_read(s->watcher, s->capture, err));
    watcher_finish(s->watcher);
    return s->best == NULL ? nothing_found(s, err) : ST_OK;
}

static void search_deinit(struct search *s)
{
    kept_connection_free(s->best);
    watcher_free(s->watcher);
    capture_free(s->capture);
    x509_store_free(s->store);
    arena_deinit(&s->arena);
}

enum status replay_capture_find(const struct replay_choice *choice,
                                const struct replay_capture_options *options,
                                enum status (*found)(void *arg, const struct transcript *t,
                                                     const struct verdict *v, struct err *err),
                                void *arg, struct err *err)
{
    struct search s = { .choice = choice, .arena = { .limit_bytes = VERDICT_LIMIT_BYTES } };
    enum status st = start(&s, options, err);
    if (st == ST_OK) {
        const struct transcript *t = watcher_unfold(s.watcher, s.best);
        struct verdict v;
        if (t == NULL) {
            st = err_set(err, ST_NOMEM, "no memory");
        } else {
            reach_verdict(&s, t, &v);
            st = found(arg, t, &v, err);
        }
    }
    search_deinit(&s);
    return st;
}
