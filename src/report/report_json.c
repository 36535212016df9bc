/*
 * One line of JSON for each connection: docs/verdict.schema.json.
 *
 * A capture of a busy server holds 200,000 good connections and a handful of bad ones. A completed
 * handshake without findings therefore gets a short line: the same keys, but client_hello is null,
 * certificates hold the leaf only, and events and fix are empty. Runs of
 * keys that say nothing on such a line are written in one piece.
 */
#include "report/report.h"

#include "base/clock.h"
#include "base/json.h"
#include "report/describe.h"
#include "report/json_parts.h"
#include "report/ladder.h"

enum { FIX_STEPS_MAX = 40, FIX_ARENA_BYTES = 1 << 18 };
enum { EVENTS_HEAD = 100, EVENTS_TAIL = 50 };
#define SCHEMA_VERSION "1"

static void json_endpoint(struct json *j, const char *key, const struct endpoint *e)
{
    struct text *out = j->out;
    if (e->family == 0) {
        json_null(j, key);
        return;
    }
    json_raw(j, key, "\""); /* nothing in an address needs an escape */
    endpoint_put(out, e);
    text_putc(out, '"');
}

static void json_when(struct json *j, const char *key, int64_t at_ns)
{
    json_raw(j, key, "\"");
    clock_put(j->out, at_ns, 6);
    text_putc(j->out, '"');
}

static void json_frame(struct json *j, const char *key, uint64_t frame)
{
    if (frame > 0) {
        json_u64(j, key, frame);
    } else {
        json_null(j, key);
    }
}

static void json_identity(struct json *j, const struct transcript *t)
{
    json_raw(j, "schema", "\"" SCHEMA_VERSION "\"");
    json_str(j, "capture", t->capture);
    json_u64(j, "stream", t->stream);
    json_raw(j, "transport", t->is_dtls ? "\"udp\"" : "\"tcp\"");
    json_endpoint(j, "client", &t->client);
    json_endpoint(j, "server", &t->server);
    json_bool(j, "client_is_guess", t->client_is_guess);
    json_str(j, "server_name", t->server_name);
}

static void json_cause(struct json *j, const struct verdict *v)
{
    if (v->outcome == OUTCOME_COMPLETED && v->cause == CAUSE_NONE && v->detail == NULL &&
        v->party == ACTOR_NONE && v->rejected_by == ACTOR_NONE) {
        json_raw(j, "cause",
                 "null,\"category\":null,\"detail\":null,\"party\":null,\"rejected_by\":null");
        return;
    }
    json_str(j, "cause", cause_id(v->cause));
    json_str(j, "category", category_id(cause_category(v->cause)));
    json_str(j, "detail", v->detail);
    json_str(j, "party", actor_id(v->party));
    json_str(j, "rejected_by", actor_id(v->rejected_by));
}

static void json_judgement(struct json *j, const struct verdict *v)
{
    json_str(j, "outcome", outcome_id(v->outcome));
    json_cause(j, v);
    json_str(j, "direction", direction_id(v->direction));
    json_str(j, "confidence", confidence_id(v->confidence));
    json_bool(j, "inferred", v->is_inferred);
    json_str(j, "rule", v->rule);
    json_str(j, "source", v->source);
    json_str(j, "sentence", v->sentence);
}

static void json_span(struct json *j, const struct transcript *t)
{
    json_frame(j, "first_frame", t->first.frame);
    json_frame(j, "last_frame", t->last.frame);
    json_when(j, "start", t->first.at_ns);
    json_ms(j, "duration_ms", t->last.at_ns - t->first.at_ns);
}

static void json_message(struct json *j, const struct transcript *t, const struct evidence *e)
{
    const struct event *event = ladder_event_of(t, e);
    struct text name = { 0 };
    if (event == NULL) {
        json_str(j, "message", e->message);
        return;
    }
    describe_name(&name, event);
    json_bytes(j, "message", bytes_of(name.p, name.len));
    text_deinit(&name);
}

static void json_evidence(struct json *j, const struct transcript *t, const struct verdict *v)
{
    json_array(j, "evidence");
    for (size_t i = 0; i < v->n_evidence; i++) {
        const struct evidence *e = &v->evidence[i];
        json_object(j, NULL);
        json_frame(j, "frame", e->frame);
        if (e->frame > 0 || e->message != NULL) {
            json_ms(j, "offset_ms", e->at_ns - t->first.at_ns);
        } else {
            json_null(j, "offset_ms");
        }
        json_str(j, "side", actor_id(e->side));
        json_message(j, t, e);
        json_str(j, "sentence", e->sentence != NULL ? e->sentence : "");
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_other_causes(struct json *j, const struct verdict *v)
{
    json_array(j, "ruled_out");
    for (size_t i = 0; i < v->n_ruled_out; i++) {
        json_object(j, NULL);
        json_str(j, "cause", cause_id(v->ruled_out[i].cause));
        json_str(j, "why", v->ruled_out[i].why);
        json_end_object(j);
    }
    json_end_array(j);
    json_array(j, "alternatives");
    for (size_t i = 0; i < v->n_alternatives; i++) {
        const struct alternative *a = &v->alternatives[i];
        json_object(j, NULL);
        json_str(j, "cause", cause_id(a->cause));
        json_str(j, "detail", a->detail);
        json_str(j, "confidence", confidence_id(a->confidence));
        json_str(j, "why", a->why);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_findings(struct json *j, const struct verdict *v)
{
    json_array(j, "findings");
    for (size_t i = 0; i < v->n_findings; i++) {
        json_str(j, NULL, v->findings[i].id);
    }
    json_end_array(j);
    json_array(j, "finding_details");
    for (size_t i = 0; i < v->n_findings; i++) {
        const struct finding *f = &v->findings[i];
        json_object(j, NULL);
        json_str(j, "id", f->id);
        json_str(j, "cause", cause_id(f->cause));
        json_str(j, "party", actor_id(f->party));
        json_str(j, "sentence", f->sentence);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_fix(struct json *j, const struct transcript *t, const struct verdict *v)
{
    struct fix_step steps[FIX_STEPS_MAX];
    struct arena arena = { .limit_bytes = FIX_ARENA_BYTES };
    bool has_fix = v->outcome == OUTCOME_FAILED || v->detail != NULL;
    size_t n = has_fix ? report_fix(t, v, &arena, steps, FIX_STEPS_MAX) : 0;
    json_array(j, "fix");
    for (size_t i = 0; i < n; i++) {
        json_object(j, NULL);
        json_str(j, "software", steps[i].software);
        json_str(j, "text", steps[i].text);
        json_end_object(j);
    }
    json_end_array(j);
    arena_deinit(&arena);
}

static void json_event(struct json *j, const struct transcript *t, const struct ladder_row *row,
                       struct text *words)
{
    const struct event *e = row->event;
    json_object(j, NULL);
    json_frame(j, "frame", e->when.frame);
    json_frame(j, "last_frame", row->last.frame);
    json_ms(j, "offset_ms", e->when.at_ns - t->first.at_ns);
    json_str(j, "side", side_name((enum side)e->side));
    text_clear(words);
    describe_name(words, e);
    json_bytes(j, "name", bytes_of(words->p, words->len));
    text_clear(words);
    describe_event(words, t, e);
    json_bytes(j, "details", bytes_of(words->p, words->len));
    json_u64(j, "count", row->count);
    json_u64(j, "bytes", row->bytes);
    json_bool(j, "encrypted", (e->flags & EVENT_ENCRYPTED) != 0);
    json_bool(j, "inferred", (e->flags & EVENT_INFERRED) != 0);
    json_bool(j, "is_evidence", row->is_evidence);
    json_end_object(j);
}

static void json_rows(struct json *j, const struct transcript *t, const struct verdict *v)
{
    struct ladder l = ladder_start(t, v, EVENTS_HEAD, EVENTS_TAIL);
    struct ladder_row row;
    struct text words = { 0 };
    while (ladder_next(&l, &row)) {
        if (row.event != NULL) {
            json_event(j, t, &row, &words);
            continue;
        }
        json_object(j, NULL);
        json_u64(j, "left_out", row.n_left_out);
        json_end_object(j);
    }
    text_deinit(&words);
}

static void json_events(struct json *j, const struct transcript *t, const struct verdict *v,
                        bool is_short)
{
    json_array(j, "events");
    if (!is_short) {
        json_rows(j, t, v);
    }
    json_end_array(j);
}

static void json_tcp_side(struct json *j, enum side side, const struct tcp_side_stats *s)
{
    json_object(j, side_name(side));
    json_u64(j, "bytes", s->bytes);
    json_u64(j, "packets", s->packets);
    if ((s->retransmissions | s->unacked_retransmissions | s->out_of_order | s->gaps) == 0) {
        json_raw(j, "retransmissions",
                 "0,\"unacked_retransmissions\":0,\"out_of_order\":0,\"gaps\":0");
    } else {
        json_u64(j, "retransmissions", s->retransmissions);
        json_u64(j, "unacked_retransmissions", s->unacked_retransmissions);
        json_u64(j, "out_of_order", s->out_of_order);
        json_u64(j, "gaps", s->gaps);
    }
    json_end_object(j);
}

static void json_tcp(struct json *j, const struct transcript *t)
{
    json_object(j, "tcp");
    json_tcp_side(j, SIDE_CLIENT, &t->side[SIDE_CLIENT].tcp);
    json_tcp_side(j, SIDE_SERVER, &t->side[SIDE_SERVER].tcp);
    json_bool(j, "starts_in_middle", t->starts_in_middle);
    json_bool(j, "has_gap", t->has_gap);
    json_bool(j, "is_snap_truncated", t->is_snap_truncated);
    json_end_object(j);
}

/* evidence to events */
static void json_reasons(struct json *j, const struct transcript *t, const struct verdict *v,
                         bool is_short)
{
    if (is_short && v->n_evidence == 0 && v->n_ruled_out == 0 && v->n_alternatives == 0) {
        json_raw(j, "evidence",
                 "[],\"ruled_out\":[],\"alternatives\":[],\"findings\":[],\"finding_details\":[],"
                 "\"fix\":[],\"events\":[]");
        return;
    }
    json_evidence(j, t, v);
    json_other_causes(j, v);
    json_findings(j, v);
    json_fix(j, t, v);
    json_events(j, t, v, is_short);
}

void report_json(struct text *out, const struct transcript *t, const struct verdict *v)
{
    bool is_short = v->outcome == OUTCOME_COMPLETED && v->n_findings == 0 && v->detail == NULL;
    if (v->outcome == OUTCOME_NONE) {
        return;
    }
    struct json j = json_start(out);
    json_object(&j, NULL);
    json_identity(&j, t);
    json_judgement(&j, v);
    if (t->local != NULL) {
        json_inside(&j, t);
    }
    json_span(&j, t);
    json_negotiation(&j, t);
    json_client_hello(&j, t, is_short);
    json_fingerprints(&j, t);
    json_certificates(&j, t, v, is_short);
    json_reasons(&j, t, v, is_short);
    json_tcp(&j, t);
    json_end_object(&j);
    text_putc(out, '\n');
}
