/* A replay as text for people and as JSON. */
#include "base/status.h"
#include "probe/replay_ask.h"
#include "report/page.h"
#include "tls/names.h"

enum { HELPFUL_SHOWN = 6, ITEMS_SHOWN = 4 };

static const char *const outcome_ids[REPLAY_N_OUTCOMES] = {
    [REPLAY_PROVED] = "proved",
    [REPLAY_PROBABLE] = "probable",
    [REPLAY_NOT_REPRODUCED] = "not-reproduced",
    [REPLAY_UNSTEADY] = "unsteady",
    [REPLAY_NOTHING_HELPS] = "nothing-helps",
    [REPLAY_NOT_PROVABLE] = "not-provable",
    [REPLAY_NOT_REACHED] = "not-reached",
};

const char *replay_outcome_id(enum replay_outcome outcome)
{
    return outcome_ids[outcome];
}

/* --- text --- */

static void put_address(struct text *out, const struct replay_request *rq)
{
    text_put_safe(out, bytes_of_str(rq->target->host));
    text_puts(out, " (");
    endpoint_put(out, rq->address);
    text_puts(out, ")");
}

/* "  alert handshake_failure (40)   as captured" */
static void put_trial(const struct page *p, const struct replay_trial *t, struct arena *arena)
{
    struct text line = { 0 };
    text_printf(&line, "%s: %s", t->what, replay_answer_words(t, arena));
    if (t->mutant != NULL && t->mutant->changes->n_total > 0) {
        text_puts(&line, "; it ");
        hello_changes_put(t->mutant->changes, ITEMS_SHOWN, &line);
    }
    page_paragraph(p, PAGE_INDENT, (size_t)2 * PAGE_INDENT, text_str(&line));
    text_deinit(&line);
}

static void put_side(const struct page *p, const struct replay_result *r)
{
    const struct mutation *row = r->changed->mutant->row;
    bool is_client = row != NULL && row->side == ACTOR_CLIENT;
    page_paragraph(p, PAGE_INDENT, PAGE_INDENT,
                   row == NULL ? "To be changed: as above, on either side."
                   : is_client ? "The smallest change is the client's; the server can also be made "
                                 "to take what the client offers."
                               : "The hello is within the rules: the change is the server's to "
                                 "make, or that of what stands before it.");
}

static void put_helpful(const struct page *p, const struct replay_result *r, struct arena *arena)
{
    if (r->n_helpful < 2) {
        return;
    }
    page_heading(p, "Other changes that help");
    for (size_t i = 1; i < r->n_helpful && i <= HELPFUL_SHOWN; i++) {
        put_trial(p, r->helpful[i], arena);
    }
}

static void put_proof(const struct page *p, const struct replay_request *rq,
                      const struct replay_result *r, struct arena *arena)
{
    struct text head = { 0 };
    text_puts(&head, "Replay to ");
    put_address(&head, rq);
    text_printf(&head, ", %u connections: %s", r->n_connections, replay_outcome_id(r->outcome));
    page_heading(p, text_str(&head));
    text_deinit(&head);
    page_paragraph(p, PAGE_INDENT, PAGE_INDENT, r->sentence);
    if (r->original != NULL && r->changed != NULL) {
        put_trial(p, r->original, arena);
        put_trial(p, r->changed, arena);
        put_side(p, r);
        put_helpful(p, r, arena);
    }
}

void replay_text(struct text *out, const struct replay_request *request,
                 const struct replay_result *r, const struct report_style *style)
{
    struct arena arena = { .limit_bytes = 1 << 18 };
    struct page page = { .out = out,
                         .t = request->captured,
                         .v = &r->verdict,
                         .width = page_width(style),
                         .use_colour = style->use_colour };
    if (r->verdict.outcome != OUTCOME_NONE) {
        report_text(out, request->captured, &r->verdict, style);
    }
    put_proof(&page, request, r, &arena);
    text_deinit(&page.scratch);
    arena_deinit(&arena);
}

/* --- JSON --- */

static void json_changes(struct json *j, const struct hello_changes *changes)
{
    struct text item = { 0 };
    json_array(j, "changes");
    for (size_t i = 0; i < changes->n; i++) {
        const struct hello_change *c = &changes->list[i];
        text_clear(&item);
        hello_change_put_item(c, &item);
        json_object(j, NULL);
        json_str(j, "action", c->is_added ? "add" : "remove");
        json_str(j, "what", hello_part_name((enum hello_part)c->part));
        json_str(j, "item", text_str(&item));
        json_end_object(j);
    }
    json_end_array(j);
    text_deinit(&item);
}

static void json_events(struct json *j, const struct transcript *t)
{
    json_array(j, "events");
    for (size_t i = 0; t != NULL && i < t->n_events; i++) {
        const struct event *e = &t->events[i];
        json_object(j, NULL);
        json_str(j, "from", side_name((enum side)e->side));
        json_str(j, "event", event_name(e));
        json_fixed(j, "at_ms", (e->when.at_ns - t->first.at_ns) / 1000, 3);
        json_u64(j, "bytes", e->len);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_trial(struct json *j, const char *key, const struct replay_trial *t)
{
    struct arena arena = { .limit_bytes = 1 << 12 };
    json_object(j, key);
    json_str(j, "hello", t->what);
    json_str(j, "change", t->mutant != NULL && t->mutant->row != NULL ? t->mutant->row->id : NULL);
    json_bool(j, "answered", t->is_answered);
    json_str(j, "answer", replay_answer_words(t, &arena));
    json_str(j, "end", probe_end_name(t->end));
    json_str(j, "alert", t->has_alert ? tls_alert_name(t->alert) : NULL);
    json_str(j, "version", t->version != 0 ? tls_version_name(t->version) : NULL);
    json_str(j, "cipher_suite", t->is_answered ? tls_cipher_suite_name(t->cipher_suite) : NULL);
    json_str(j, "group", t->group != 0 ? tls_group_name(t->group) : NULL);
    json_fixed(j, "took_ms", t->took_ns / 1000, 3);
    if (t->mutant != NULL) {
        json_changes(j, t->mutant->changes);
    }
    if (t->transcript != NULL) {
        json_events(j, t->transcript);
    }
    json_end_object(j);
    arena_deinit(&arena);
}

static void json_trial_or_null(struct json *j, const char *key, const struct replay_trial *t)
{
    if (t != NULL) {
        json_trial(j, key, t);
    } else {
        json_null(j, key);
    }
}

void replay_json(struct json *j, const struct replay_request *request,
                 const struct replay_result *r)
{
    struct text address = { 0 };
    endpoint_put(&address, request->address);
    json_object(j, "proof");
    json_str(j, "host", request->target->host);
    json_str(j, "address", text_str(&address));
    json_str(j, "outcome", replay_outcome_id(r->outcome));
    json_str(j, "sentence", r->sentence);
    json_u64(j, "connections", r->n_connections);
    json_trial_or_null(j, "original", r->original);
    json_trial_or_null(j, "changed", r->changed);
    json_array(j, "helpful");
    for (size_t i = 0; i < r->n_helpful; i++) {
        json_trial(j, NULL, r->helpful[i]);
    }
    json_end_array(j);
    json_end_object(j);
    text_deinit(&address);
}
