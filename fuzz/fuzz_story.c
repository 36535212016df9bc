/*
 * A note from a guest that may be hostile, as the collector takes it: bytes to a story, to a
 * transcript, to a verdict, to JSON and text. The head is put right, as whoever can write to the
 * socket could. The promises: what is told lies within limits; a verdict holds together; the JSON
 * is one line; told twice it is the same.
 */
#include <stdlib.h>

#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "observe/story.h"
#include "report/report.h"

enum { STORY_BYTES = 4 << 20, VERDICT_BYTES = 1 << 20, KEY_AT = 4 };

static const uint8_t key[NOTE_KEY_BYTES];

struct run {
    struct x509_store *store;
    struct arena story, verdict;
};

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_entries(struct bytes entries)
{
    struct story_entry e;
    size_t left = entries.len;
    while (story_next(&entries, &e)) {
        require(entries.len < left && e.body.len < left);
        left = entries.len;
    }
}

static void check_story(const struct story *s)
{
    require(s->n_anchors <= STORY_ANCHORS_MAX && s->local.n_faults <= LOCAL_FAULTS_MAX);
    require(s->local.side <= SIDE_SERVER && s->last_ns >= s->first_ns);
    check_entries(s->entries);
}

static void check_verdict(const struct verdict *v)
{
    bool failed = v->outcome == OUTCOME_FAILED;
    require(failed == (v->cause != CAUSE_NONE));
    require(failed == (v->rule != NULL) && failed == (v->rejected_by != ACTOR_NONE));
    require(failed == (v->confidence != CONFIDENCE_NONE));
    require(!failed || v->sentence != NULL);
    for (size_t i = 0; i < v->n_evidence; i++) {
        require(v->evidence[i].sentence != NULL);
    }
    for (size_t i = 0; i < v->n_alternatives; i++) {
        require(v->alternatives[i].cause != v->cause && v->alternatives[i].cause != CAUSE_NONE);
    }
}

static void check_reports(const struct transcript *t, const struct verdict *v, struct text *json)
{
    struct text text = { 0 };
    report_json(json, t, v);
    report_text(&text, t, v, &(struct report_style){ .width = 80 });
    text_deinit(&text);
    if (v->outcome == OUTCOME_NONE || json->failed) {
        return;
    }
    require(json->len > 2 && json->p[0] == '{' && json->p[json->len - 2] == '}');
    for (size_t i = 0; i < json->len; i++) {
        require(((uint8_t)json->p[i] >= ' ') == (i + 1 < json->len));
    }
}

static void judge_and_check(struct run *r, const struct transcript *t, struct text *json)
{
    struct judgements judgements;
    struct verdict v;
    struct diagnose_context context = { 0 };
    require(judge(r->store, t, &judgements, NULL) == ST_OK);
    for (int s = 0; s < 2; s++) {
        context.judgement[s] = judgements.is_judged[s] ? &judgements.of[s] : NULL;
    }
    diagnose(t, &context, &r->verdict, &v);
    check_verdict(&v);
    check_reports(t, &v, json);
}

static void tell(struct run *r, struct bytes note, struct text *json)
{
    struct story s;
    struct story_told told;
    arena_reset(&r->story);
    arena_reset(&r->verdict);
    if (!story_open(note, key, &r->story, &s) || s.unseen != NULL) {
        return;
    }
    check_story(&s);
    if (!story_tell(&s, &r->story, r->store, &told)) {
        return;
    }
    require(told.n_chains <= STORY_CHAINS_MAX);
    judge_and_check(r, told.t, json);
    for (size_t i = 0; i < told.n_chains; i++) {
        x509_chain_unref(told.chains[i]);
    }
}

static void tell_twice(struct run *r, struct bytes note)
{
    struct text first = { 0 };
    struct text second = { 0 };
    tell(r, note, &first);
    tell(r, note, &second);
    require(first.failed || second.failed ||
            bytes_equal(bytes_of(first.p, first.len), bytes_of(second.p, second.len)));
    text_deinit(&first);
    text_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct run r = { .story.limit_bytes = STORY_BYTES, .verdict.limit_bytes = VERDICT_BYTES };
    uint8_t *note = malloc(size > 0 ? size : 1); /* exact, so that the sanitizer sees one too far */
    require(note != NULL && x509_store_new(&r.store, NULL) == ST_OK);
    bytes_copy(note, size, bytes_of(data, size));
    if (size >= NOTE_HEAD_BYTES) {
        bytes_copy(note, size, BYTES("HFN1"));
        bytes_copy(note + KEY_AT, size - KEY_AT, bytes_of(key, sizeof key));
    }
    tell_twice(&r, bytes_of(note, size));
    x509_store_free(r.store);
    arena_deinit(&r.story);
    arena_deinit(&r.verdict);
    free(note);
    return 0;
}
