/*
 * A capture in memory through the whole of explain: frames to connections, to transcripts, to
 * verdicts, to JSON. The promises: a verdict holds together (a cause where it failed and nowhere
 * else, evidence that lies in the capture, "certain" of nothing that a missing packet could
 * change); a connection kept in its compact form unfolds to the transcript it was; the JSON is one
 * line.
 */
#include <stdlib.h>

#include "capture/source.h"
#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "report/report.h"
#include "transcript/from_capture.h"

enum { ARENA_BYTES = 1 << 20, KEPT_MAX = 64, FRAMES_MAX = 4096 };

struct run {
    struct watcher *watcher;
    struct x509_store *store;
    struct peers *peers;
    struct arena arena;
    uint64_t n_frames;
    struct kept_connection *kept[KEPT_MAX];
    uint64_t n_events[KEPT_MAX];
    size_t n_kept;
};

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static bool is_transport(const struct verdict *v)
{
    return cause_category(v->cause) == CATEGORY_TRANSPORT;
}

static void check_verdict(const struct run *r, const struct transcript *t, const struct verdict *v)
{
    bool failed = v->outcome == OUTCOME_FAILED;
    require(failed == (v->cause != CAUSE_NONE));
    require(failed == (v->rule != NULL) && failed == (v->rejected_by != ACTOR_NONE));
    require(failed == (v->confidence != CONFIDENCE_NONE));
    require(!failed || v->sentence != NULL);
    bool has_end = t->side[0].fin != NULL || t->side[1].fin != NULL || t->side[0].rst != NULL ||
                   t->side[1].rst != NULL || v->cause == CAUSE_CONNECTION_TIMEOUT;
    require(v->confidence != CONFIDENCE_CERTAIN || !is_transport(v) || has_end);
    require(v->confidence != CONFIDENCE_CERTAIN || !t->has_gap);
    for (size_t i = 0; i < v->n_evidence; i++) {
        require(v->evidence[i].sentence != NULL && v->evidence[i].frame <= r->n_frames);
    }
    for (size_t i = 0; i < v->n_alternatives; i++) {
        require(v->alternatives[i].cause != v->cause && v->alternatives[i].cause != CAUSE_NONE);
    }
}

static void check_transcript(const struct run *r, const struct transcript *t)
{
    require(t->n_events <= 512 && t->first.frame <= t->last.frame && t->last.frame <= r->n_frames);
    for (size_t i = 0; i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        require(e->kind < EVENT_N_KINDS && e->side <= 1 && e->count > 0);
        require(e->when.frame <= r->n_frames && event_name(e) != NULL);
    }
}

static void check_json(const struct transcript *t, const struct verdict *v)
{
    struct text out = { 0 };
    report_json(&out, t, v);
    if (v->outcome == OUTCOME_NONE) { /* no handshake, no line */
        text_deinit(&out);
        return;
    }
    require(out.failed || (out.len > 2 && out.p[0] == '{' && out.p[out.len - 2] == '}'));
    for (size_t i = 0; !out.failed && i < out.len; i++) {
        require(((uint8_t)out.p[i] >= ' ') == (i + 1 < out.len));
    }
    text_clear(&out);
    report_text(&out, t, v, &(struct report_style){ .width = 80 });
    text_deinit(&out);
}

static void judge_and_check(struct run *r, const struct transcript *t, struct verdict *v)
{
    struct judgements judgements;
    arena_reset(&r->arena);
    struct err err;
    require(judge(r->store, t, &judgements, &err) == ST_OK);
    struct diagnose_context context = { .peers = r->peers };
    for (int s = 0; s < 2; s++) {
        context.judgement[s] = judgements.is_judged[s] ? &judgements.of[s] : NULL;
    }
    diagnose(t, &context, &r->arena, v);
    check_transcript(r, t);
    check_verdict(r, t, v);
    check_json(t, v);
}

static bool on_ended(void *arg, const struct transcript *t)
{
    struct run *r = arg;
    struct verdict v;
    judge_and_check(r, t, &v);
    peers_learn(r->peers, t, &v);
    if (r->n_kept == KEPT_MAX) {
        return false;
    }
    r->n_events[r->n_kept] = t->n_events;
    return true;
}

static void on_kept(void *arg, struct kept_connection *kept)
{
    struct run *r = arg;
    r->kept[r->n_kept++] = kept;
}

/* With what other connections showed in mind: a cause may change, what happened does not. */
static void unfold_again(struct run *r)
{
    for (size_t i = 0; i < r->n_kept; i++) {
        struct verdict v;
        const struct transcript *t = watcher_unfold(r->watcher, r->kept[i]);
        require(t != NULL && t->n_events == r->n_events[i]);
        judge_and_check(r, t, &v);
        kept_connection_free(r->kept[i]);
    }
}

static void read_frames(struct run *r, struct capture *c)
{
    struct frame frame;
    struct err err;
    while (r->n_frames < FRAMES_MAX && capture_next(c, &frame, &err) == CAPTURE_FRAME) {
        r->n_frames = frame.number;
        require(watcher_frame(r->watcher, &frame, &err) == ST_OK);
    }
    watcher_finish(r->watcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = { .arena.limit_bytes = ARENA_BYTES };
    struct capture_options capture_options = { 0 };
    struct capture *c = NULL;
    struct err err;
    if (capture_open_memory((struct bytes){ data, size }, 0, &capture_options, &c, &err) != ST_OK) {
        return 0;
    }
    r.peers = peers_new();
    require(r.peers != NULL && x509_store_new(&r.store, &err) == ST_OK);
    struct watcher_options options = { .sink = { on_ended, on_kept, &r }, .store = r.store };
    require(watcher_new(&options, &r.watcher, &err) == ST_OK);
    require(watcher_start_capture(r.watcher, "fuzz.pcap", &err) == ST_OK);
    read_frames(&r, c);
    unfold_again(&r);
    watcher_free(r.watcher);
    peers_free(r.peers);
    x509_store_free(r.store);
    arena_deinit(&r.arena);
    capture_free(c);
    return 0;
}
