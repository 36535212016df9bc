/* handshakes: what the collector kept: a list, one of them with its whole verdict, a stream. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/call_text.h"
#include "api/core.h"
#include "api/environment.h"
#include "api/event_json.h"
#include "api/fix_call.h"
#include "api/handshake_filters.h"
#include "api/handshake_stream.h"
#include "base/clock.h"

enum {
    PAGE_USUAL = 100,
    RELATED_MAX = 16,
    WAIT_STEPS = 10, /* for a verdict that is about to be written */
    WAITING_MAX = 8,
};

#define WAIT_STEP_NS (50 * NS_PER_MS)

/* --- the question --- */

/* Digits are milliseconds since 1970; else RFC 3339. */
static bool parse_time(const char *text, int64_t *out_ms)
{
    char *end = NULL;
    int64_t ns = 0;
    long long ms = strtoll(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0') {
        *out_ms = ms;
        return true;
    }
    if (!clock_parse(text, &ns)) {
        return false;
    }
    *out_ms = ns / NS_PER_MS;
    return true;
}

static enum status read_times(struct api_request *r, struct api_answer *a, struct event_filter *f)
{
    const char *from = api_query(r, "from");
    const char *to = api_query(r, "to");
    if (from != NULL && !parse_time(from, &f->from_ms)) {
        return api_refuse(a, 400, "handshakes.InvalidTime",
                          "from: \"%.40s\" is no RFC 3339 time, nor milliseconds", from);
    }
    if (to != NULL && !parse_time(to, &f->until_ms)) {
        return api_refuse(a, 400, "handshakes.InvalidTime",
                          "to: \"%.40s\" is no RFC 3339 time, nor milliseconds", to);
    }
    return ST_OK;
}

static enum status read_page(struct api_request *r, struct api_answer *a, struct event_filter *f)
{
    const char *limit = api_query(r, "limit");
    const char *cursor = api_query(r, "cursor");
    int64_t n = PAGE_USUAL;
    if (limit != NULL && !api_handshake_number(limit, EVENTS_PAGE_MAX - 1, &n)) {
        return api_refuse(a, 400, "handshakes.InvalidLimit", "limit is a number from 1 to %d",
                          EVENTS_PAGE_MAX - 1);
    }
    f->limit = (unsigned)n;
    if (cursor != NULL && !api_handshake_number(cursor, INT64_MAX, &f->before)) {
        return api_refuse(a, 400, "handshakes.InvalidCursor", "that is no cursor of this list");
    }
    return ST_OK;
}

/* The access log and the client have the id of a request, "CONNECTION.N"; a handshake with the
 * client has its connection's. "": that is no request's. */
static const char *connection_of(struct api_request *r, const char *id)
{
    const char *dot = id == NULL ? NULL : strchr(id, '.');
    const char *own = dot == NULL ? NULL : arena_strndup(r->arena, id, (size_t)(dot - id));
    return own == NULL ? "" : own;
}

static enum status read_filter(struct api_request *r, struct api_answer *a, struct event_filter *f)
{
    *f = (struct event_filter){ .org = api_param(r, "o"),
                                .env = api_param(r, "e"),
                                .direction = api_query(r, "direction"),
                                .virtual_host = api_query(r, "virtualHost"),
                                .target = api_query(r, "target"),
                                .api = api_query(r, "api"),
                                .cause = api_query(r, "cause"),
                                .outcome = api_query(r, "outcome"),
                                .id = api_query(r, "id"),
                                .or_id = connection_of(r, api_query(r, "id")) };
    TRY(api_handshake_filters(r, a));
    if (!api_refused(a)) {
        TRY(read_times(r, a, f));
    }
    return api_refused(a) ? ST_OK : read_page(r, a, f);
}

/* --- the list --- */

struct page {
    json_t *list;
    size_t n, limit;
    int64_t last; /* number of the last one listed */
    bool has_more, failed;
};

static void add_to_page(void *arg, const struct kept_event *event)
{
    struct page *p = arg;
    if (p->n == p->limit) {
        p->has_more = true;
        return;
    }
    json_t *one = event_json(event);
    p->failed = p->failed || one == NULL || json_array_append_new(p->list, one) != 0;
    p->last = event->number;
    p->n++;
}

static enum status read_events(struct api_request *r, const struct event_filter *f,
                               void (*each)(void *, const struct kept_event *), void *arg,
                               struct err *err)
{
    struct events *e = NULL;
    TRY(events_open(r->places->events, false, &e, err));
    enum status st = events_read(e, f, each, arg, err);
    events_close(e);
    return st;
}

static enum status say_page(struct api_answer *a, struct page *p)
{
    json_t *out = json_pack("{s:O}", "handshakes", p->list);
    if (out != NULL && p->has_more) {
        char cursor[32];
        snprintf(cursor, sizeof cursor, "%lld", (long long)p->last);
        json_object_set_new(out, "next", json_string(cursor));
    }
    if (p->failed) {
        json_decref(out);
        return ST_NOMEM;
    }
    return api_say(a, 200, out);
}

static enum status list_handshakes(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct event_filter f;
    bool is_there = false;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(read_filter(r, a, &f));
    if (api_refused(a)) {
        return ST_OK;
    }
    struct page p = { .list = json_array(), .limit = f.limit };
    f.limit++; /* one more says whether there is a next page */
    enum status st = p.list == NULL ? ST_NOMEM : read_events(r, &f, add_to_page, &p, err);
    if (st == ST_OK) {
        st = say_page(a, &p);
    }
    json_decref(p.list);
    return st;
}

/* --- one --- */

struct one {
    struct api_request *r;
    const char *id;  /* that is looked for */
    json_t *verdict; /* the whole answer */
    struct text text;
    size_t n;
    bool has_cause;
    json_t *summary; /* of it, as in the list */
    json_t *related; /* others of the same id: a request that was tried twice */
    enum status status;
};

static bool set_report(json_t *out, const struct kept_event *event)
{
    json_t *hints = event_parse(event->hints);
    const char *const names[][2] = { { "known", "knownCertificates" },
                                     { "labels", "labels" },
                                     { "checked_host", "checkedHost" } };
    bool is_set = json_object_set_new(out, "verdict", event_parse(event->json)) == 0 &&
                  json_object_set_new(out, "text", json_string(event->text)) == 0 &&
                  json_object_set_new(out, "peerCertificates", json_string(event->chain)) == 0;
    for (size_t i = 0; is_set && i < ARRAY_LEN(names); i++) {
        json_t *value = json_object_get(hints, names[i][0]);
        is_set = value == NULL || json_object_set(out, names[i][1], value) == 0;
    }
    json_decref(hints);
    return is_set;
}

static void set_call(json_t *out, const char *name, json_t *call)
{
    json_object_set_new(out, name, call == NULL ? json_null() : json_incref(call));
}

static enum status tell_one(struct one *one, const struct kept_event *event)
{
    struct fix_calls calls = { 0 };
    json_t *out = event_json(event);
    if (out == NULL || !set_report(out, event)) {
        json_decref(out);
        return ST_NOMEM;
    }
    one->verdict = out;
    if (strcmp(event->id, one->id) != 0) { /* one of many alike */
        json_object_set_new(out, "representedBy", json_string(event->id));
        json_object_set_new(out, "id", json_string(one->id));
    }
    fix_calls_of(one->r->store, event, NULL, one->r->arena, &calls);
    set_call(out, "fix", calls.fix);
    set_call(out, "workaround", calls.workaround);
    text_puts(&one->text, event->text);
    call_text_put(&one->text, "The call that mends it:", calls.fix);
    call_text_put(&one->text, "What the gateway can do meanwhile:", calls.workaround);
    fix_calls_deinit(&calls);
    return ST_OK;
}

/* The newest; but what failed comes before what came of it, a request without an answer. */
static void take_one(void *arg, const struct kept_event *event)
{
    struct one *one = arg;
    bool has_cause = event->cause[0] != '\0';
    if (one->n++ > 0 && (one->has_cause || !has_cause)) {
        json_array_append_new(one->related, event_json(event));
        return;
    }
    if (one->summary != NULL) {
        json_array_append_new(one->related, one->summary);
        json_decref(one->verdict);
        text_clear(&one->text);
    }
    one->verdict = NULL;
    one->has_cause = has_cause;
    one->summary = event_json(event);
    one->status = tell_one(one, event);
}

static enum status look_for(struct api_request *r, const char *id, struct one *one, struct err *err)
{
    struct event_filter f = { .org = api_param(r, "o"),
                              .env = api_param(r, "e"),
                              .id = id,
                              .wants_report = true,
                              .limit = RELATED_MAX };
    one->id = id;
    return read_events(r, &f, take_one, one, err);
}

static enum status look(struct api_request *r, struct one *one, int n_times, struct err *err)
{
    const char *connection = connection_of(r, api_param(r, "id"));
    for (int i = 0; i < n_times && one->n == 0; i++) {
        if (i > 0) {
            nanosleep(&(struct timespec){ .tv_nsec = WAIT_STEP_NS }, NULL);
        }
        TRY(look_for(r, api_param(r, "id"), one, err));
        if (one->n == 0 && connection[0] != '\0') {
            TRY(look_for(r, connection, one, err));
        }
    }
    return one->status;
}

/* The collector, where one runs, may be a moment behind. Who asks for what never was does not keep
 * all workers waiting. */
static enum status find_one(struct api_request *r, struct one *one, struct err *err)
{
    static atomic_uint n_waiting;
    bool waits = atomic_fetch_add(&n_waiting, 1) < WAITING_MAX && r->gateway != NULL;
    enum status st = look(r, one, waits ? WAIT_STEPS : 1, err);
    (void)atomic_fetch_sub(&n_waiting, 1);
    return st;
}

static enum status say_one(struct api_request *r, struct api_answer *a, struct one *one)
{
    if (one->n == 0) {
        return api_refuse(a, 404, "handshakes.HandshakeDoesNotExist",
                          "Handshake %s is not known in environment %s: it went well, is too old, "
                          "or is another environment's",
                          api_param(r, "id"), api_param(r, "e"));
    }
    if (api_wants_text(r)) {
        return api_say_text(a, "text/plain; charset=utf-8", bytes_of(one->text.p, one->text.len));
    }
    json_object_set(one->verdict, "related", one->related);
    return api_say(a, 200, json_incref(one->verdict));
}

static enum status get_handshake(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    struct one one = { .r = r, .related = json_array() };
    enum status st = find_one(r, &one, err);
    if (st == ST_OK) {
        st = say_one(r, a, &one);
    }
    json_decref(one.verdict);
    json_decref(one.summary);
    json_decref(one.related);
    text_deinit(&one.text);
    return st;
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_GET, "/organizations/{o}/environments/{e}/handshakes", API_RIGHT_READ, list_handshakes,
      "listHandshakes", "Handshakes that failed, the newest first",
      "from to direction virtualHost target api cause outcome id limit cursor", API_BODY_NONE, NULL,
      "Handshakes", API_OUT_DOCUMENT, 200, "Handshakes", 0 },
    { API_GET, "/organizations/{o}/environments/{e}/handshakes/stream", API_RIGHT_READ,
      api_stream_handshakes, "streamHandshakes",
      "Handshakes as they fail, as server-sent events; Last-Event-ID goes on after that number",
      "direction virtualHost target cause outcome", API_BODY_NONE, NULL, NULL, API_OUT_EVENTS, 200,
      NULL, 0 },
    { API_GET, "/organizations/{o}/environments/{e}/handshakes/{id}", API_RIGHT_READ, get_handshake,
      "getHandshake",
      "The whole verdict on a handshake, with the ladder of its messages and its fix", "format",
      API_BODY_NONE, NULL, "Handshake", API_OUT_VERDICT, 200, "Handshake", 0 },
};

#define SUMMARY_PROPERTIES                                                                         \
    "\"number\":{\"type\":\"integer\"},\"id\":{\"type\":[\"string\",\"null\"]},"                   \
    "\"time\":{\"type\":\"string\",\"format\":\"date-time\"},"                                     \
    "\"direction\":{\"type\":\"string\",\"enum\":[\"northbound\",\"southbound\"]},"                \
    "\"virtualHost\":{\"type\":[\"string\",\"null\"]},\"target\":{\"type\":[\"string\",\"null\"]}" \
    ","                                                                                            \
    "\"outcome\":{\"type\":[\"string\",\"null\"]},\"cause\":{\"type\":[\"string\",\"null\"]},"     \
    "\"detail\":{\"type\":[\"string\",\"null\"]},\"sentence\":{\"type\":[\"string\",\"null\"]},"   \
    "\"count\":{\"type\":\"integer\",\"description\":\"this one, and those alike soon after\"},"   \
    "\"lastSeen\":{\"type\":\"string\",\"format\":\"date-time\"}"

static const struct api_schema schemas[] = {
    { "HandshakeSummary", "{\"type\":\"object\",\"required\":[\"number\",\"id\",\"time\"],"
                          "\"properties\":{" SUMMARY_PROPERTIES "}}" },
    { "Handshakes",
      "{\"type\":\"object\",\"required\":[\"handshakes\"],\"properties\":{"
      "\"handshakes\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
      "HandshakeSummary\"}},"
      "\"next\":{\"type\":\"string\",\"description\":\"cursor of the next page\"}}}" },
    { "ApiCall", "{\"type\":\"object\",\"required\":[\"method\",\"path\",\"why\"],\"properties\":{"
                 "\"method\":{\"type\":\"string\"},\"path\":{\"type\":\"string\"},"
                 "\"contentType\":{\"type\":\"string\"},\"body\":{\"type\":\"string\"},"
                 "\"first\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
                 "ApiCall\"},\"description\":\"calls to be made before it\"},"
                 "\"change\":{\"$ref\":\"#/components/schemas/BundleChange\"},"
                 "\"why\":{\"type\":\"string\"}}}" },
    { "BundleChange",
      "{\"type\":\"object\",\"required\":[\"bundle\",\"file\",\"element\",\"parts\",\"then\"],"
      "\"properties\":{"
      "\"bundle\":{\"type\":\"string\",\"description\":\"path of the archive to send as the "
      "body\"},"
      "\"parts\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},\"description\":\"the calls "
      "that put what changes into the new revision\"},"
      "\"then\":{\"type\":\"object\",\"description\":\"the call that deploys it\"},"
      "\"file\":{\"type\":\"string\",\"description\":\"in the archive, where the change is\"},"
      "\"element\":{\"type\":\"string\",\"description\":\"the SSLInfo as it is to be\"},"
      "\"target\":{\"type\":\"string\",\"description\":\"the TargetEndpoint that a RouteRule of "
      "the file gets in the place of its URL\"}}}" },
    { "Handshake",
      "{\"type\":\"object\",\"required\":[\"number\",\"id\",\"time\",\"verdict\",\"text\"],"
      "\"properties\":{" SUMMARY_PROPERTIES ",\"verdict\":{\"type\":[\"object\",\"null\"]},"
      "\"text\":{\"type\":\"string\"},\"peerCertificates\":{\"type\":\"string\"},"
      "\"fix\":{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/components/schemas/ApiCall\"}]},"
      "\"workaround\":{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/components/schemas/"
      "ApiCall\"}]},"
      "\"related\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
      "HandshakeSummary\"}}}}" },
};
/* clang-format on */

const struct api_table api_table_handshakes = { "Handshakes", routes, ARRAY_LEN(routes), schemas,
                                                ARRAY_LEN(schemas) };
