/* metrics: counters and expiry in Prometheus's text form, and expiry as a document. */
#include <stdio.h>
#include <stdlib.h>

#include "api/environment.h"
#include "api/event_json.h"
#include "base/clock.h"
#include "gateway/expiry.h"
#include "gateway/nginx_metrics.h"

/* --- series --- */

/* A label's value: backslash, quote and line feed are escaped. Source: Prometheus, "Exposition
 * formats". */
static void put_value(struct text *out, const char *value)
{
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"') {
            text_putc(out, '\\');
        }
        if (*value == '\n') {
            text_puts(out, "\\n");
        } else {
            text_putc(out, *value);
        }
    }
}

struct label {
    const char *name, *value;
};

static void put_labels(struct text *out, const struct label *labels, size_t n)
{
    text_putc(out, '{');
    for (size_t i = 0; i < n; i++) {
        text_printf(out, "%s%s=\"", i > 0 ? "," : "", labels[i].name);
        put_value(out, labels[i].value);
        text_putc(out, '"');
    }
    text_puts(out, "} ");
}

static void put_head(struct text *out, const char *name, const char *type, const char *help)
{
    text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_count(void *arg, const struct event_count *c)
{
    struct text *out = arg;
    if (strcmp(c->outcome, "lost") == 0) {
        return;
    }
    const struct label labels[] = {
        { "organization", c->org },    { "environment", c->env },
        { "direction", c->direction }, { "virtual_host", c->virtual_host },
        { "target", c->target },       { "outcome", c->outcome },
        { "cause", c->cause },         { "resumed", c->is_resumed ? "true" : "false" },
    };
    text_puts(out, "handfast_handshakes_total");
    put_labels(out, labels, ARRAY_LEN(labels));
    text_printf(out, "%lld\n", (long long)c->n);
}

static void put_lost(void *arg, const struct event_count *c)
{
    struct text *out = arg;
    if (strcmp(c->outcome, "lost") == 0) {
        text_printf(out, "handfast_lost_total{where=\"%s\"} %lld\n", c->cause, (long long)c->n);
    }
}

struct expiry_series {
    struct text *out;
    int64_t now_s;
    bool has_backends; /* they come after the keystores */
};

static void put_expiry(void *arg, const struct expiring *x)
{
    struct expiry_series *s = arg;
    bool is_kept = x->keystore[0] != '\0';
    char index[24];
    snprintf(index, sizeof index, "%zu", x->index);
    const struct label kept[] = { { "organization", x->org },  { "environment", x->env },
                                  { "keystore", x->keystore }, { "alias", x->alias },
                                  { "index", index },          { "subject", x->subject } };
    const struct label served[] = {
        { "organization", x->org }, { "environment", x->env },         { "target", x->target },
        { "server", x->server },    { "server_name", x->server_name }, { "subject", x->subject },
    };
    if (!is_kept && !s->has_backends) {
        s->has_backends = true;
        put_head(s->out, "handfast_backend_certificate_days_left", "gauge",
                 "Days until a certificate expires that a backend was seen to serve.");
    }
    text_puts(s->out, is_kept ? "handfast_certificate_days_left"
                              : "handfast_backend_certificate_days_left");
    put_labels(s->out, is_kept ? kept : served, ARRAY_LEN(kept));
    text_printf(s->out, "%lld\n", (long long)expiry_days_left(x->not_after_s, s->now_s));
}

static void put_parts(struct text *out, struct gateway *g)
{
    put_head(out, "handfast_part_up", "gauge", "Whether a part of the gateway runs.");
    for (int part = 0; g != NULL && part < GATEWAY_N_PARTS; part++) {
        struct gateway_state state = { 0 };
        gateway_state(g, (enum gateway_part)part, &state);
        text_printf(out, "handfast_part_up{part=\"%s\"} %d\n",
                    gateway_part_name((enum gateway_part)part), state.is_up);
    }
    put_head(out, "handfast_part_restarts_total", "counter",
             "How often the manager had to start a part again.");
    for (int part = 0; g != NULL && part < GATEWAY_N_PARTS; part++) {
        struct gateway_state state = { 0 };
        gateway_state(g, (enum gateway_part)part, &state);
        text_printf(out, "handfast_part_restarts_total{part=\"%s\"} %u\n",
                    gateway_part_name((enum gateway_part)part), state.n_restarts);
    }
}

/* Of the handshakes since each nginx began; none yet: no series. */
static void put_share(struct text *out, const struct nginx_resumption *r)
{
    static const char *const ways[] = { "northbound", "southbound" };
    put_head(out, "handfast_resumed_share", "gauge",
             "The share of completed handshakes that resumed a session.");
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (r->completed[i] > 0) {
            text_printf(out, "handfast_resumed_share{direction=\"%s\"} %.4f\n", ways[i],
                        (double)r->resumed[i] / (double)r->completed[i]);
        }
    }
}

static enum status put_events(struct api_request *r, struct events *e, const char *org,
                              const char *env, struct text *out, struct err *err)
{
    put_head(
        out, "handfast_handshakes_total", "counter",
        "Handshakes that the collector judged; of completed ones, which nginx counts, a sample.");
    TRY(events_read_counts(e, org, env, put_count, out, err));
    if (org == NULL) {
        put_head(out, "handfast_lost_total", "counter", "Notes that were not judged, or kept.");
        TRY(events_read_counts(e, NULL, NULL, put_lost, out, err));
    }
    struct expiry_series series = { .out = out, .now_s = clock_now_ns() / NS_PER_S };
    put_head(out, "handfast_certificate_days_left", "gauge",
             "Days until a certificate of a keystore expires.");
    return expiry_each(r->store, e, &(struct expiry_scope){ org, env }, put_expiry, &series, err);
}

static enum status put_metrics(struct api_request *r, const char *org, const char *env,
                               struct text *out, struct err *err)
{
    struct events *e = NULL;
    TRY(events_open(r->places->events, false, &e, err));
    enum status st = put_events(r, e, org, env, out, err);
    events_close(e);
    return st;
}

static enum status say_metrics(struct api_answer *a, const struct text *out)
{
    return out->failed ? ST_NOMEM
                       : api_say_text(a, "text/plain; version=0.0.4; charset=utf-8",
                                      bytes_of(out->p, out->len));
}

/* Of the whole installation. */
static enum status all_metrics(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct text out = { 0 };
    struct nginx_resumption resumption = { 0 };
    enum status st = put_metrics(r, NULL, NULL, &out, err);
    put_parts(&out, r->gateway);
    nginx_metrics_put(r->places, &out, &resumption);
    put_share(&out, &resumption);
    if (st == ST_OK) {
        st = say_metrics(a, &out);
    }
    text_deinit(&out);
    return st;
}

static enum status environment_metrics(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    struct text out = { 0 };
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    enum status st = put_metrics(r, api_param(r, "o"), api_param(r, "e"), &out, err);
    if (st == ST_OK) {
        st = say_metrics(a, &out);
    }
    text_deinit(&out);
    return st;
}

/* --- what expires --- */

struct expiry_list {
    json_t *list;
    int64_t now_s, days; /* at most so many left */
    bool failed;
};

static json_t *expiring_json(const struct expiring *x, int64_t days)
{
    bool is_kept = x->keystore[0] != '\0';
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:o}", "source", is_kept ? "keystore" : "backend", "subject",
        x->subject, "sha256", x->sha256_hex, "expiryDate", (json_int_t)x->not_after_s * 1000,
        "daysLeft", (json_int_t)days, "notAfter", event_time_json(x->not_after_s * 1000));
    int wrong = 0;
    if (is_kept) {
        wrong |= json_object_set_new(out, "keystore", json_string(x->keystore));
        wrong |= json_object_set_new(out, "alias", json_string(x->alias));
        wrong |= json_object_set_new(out, "index", json_integer((json_int_t)x->index));
        wrong |= json_object_set_new(out, "hasKey", json_boolean(x->has_key));
    } else {
        wrong |= json_object_set_new(out, "target", json_string(x->target));
        wrong |= json_object_set_new(out, "server", json_string(x->server));
        wrong |= json_object_set_new(out, "serverName", json_string(x->server_name));
        wrong |= json_object_set_new(out, "lastSeen", event_time_json(x->seen_ms));
    }
    if (wrong != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static void add_expiring(void *arg, const struct expiring *x)
{
    struct expiry_list *l = arg;
    int64_t days = expiry_days_left(x->not_after_s, l->now_s);
    if (days > l->days) {
        return;
    }
    json_t *one = expiring_json(x, days);
    l->failed = l->failed || one == NULL || json_array_append_new(l->list, one) != 0;
}

static int by_date(const void *a, const void *b)
{
    json_int_t x = json_integer_value(json_object_get(*(json_t *const *)a, "expiryDate"));
    json_int_t y = json_integer_value(json_object_get(*(json_t *const *)b, "expiryDate"));
    return x < y ? -1 : x > y;
}

/* A new array, the first to expire first. */
static json_t *sorted(json_t *list)
{
    size_t n = json_array_size(list);
    json_t **all = calloc(n > 0 ? n : 1, sizeof(json_t *));
    json_t *out = all == NULL ? NULL : json_array();
    for (size_t i = 0; out != NULL && i < n; i++) {
        all[i] = json_array_get(list, i);
    }
    if (out != NULL) {
        qsort(all, n, sizeof(json_t *), by_date);
    }
    for (size_t i = 0; out != NULL && i < n; i++) {
        json_array_append(out, all[i]);
    }
    free(all);
    return out;
}

static enum status read_days(struct api_request *r, struct api_answer *a, int64_t *out)
{
    const char *days = api_query(r, "days");
    char *end = NULL;
    *out = INT64_MAX;
    if (days == NULL) {
        return ST_OK;
    }
    *out = strtoll(days, &end, 10);
    return end != days && *end == '\0'
               ? ST_OK
               : api_refuse(a, 400, "expiry.InvalidDays", "days is a whole number");
}

static enum status list_expiry(struct api_request *r, struct expiry_list *l, struct err *err)
{
    struct events *e = NULL;
    TRY(events_open(r->places->events, false, &e, err));
    enum status st =
        expiry_each(r->store, e, &(struct expiry_scope){ api_param(r, "o"), api_param(r, "e") },
                    add_expiring, l, err);
    events_close(e);
    return l->failed ? err_set(err, ST_NOMEM, "no memory") : st;
}

static enum status get_expiry(struct api_request *r, struct api_answer *a, struct err *err)
{
    bool is_there = false;
    struct expiry_list l = { .now_s = clock_now_ns() / NS_PER_S };
    TRY(api_want_environment(r, a, &is_there, err));
    if (!is_there) {
        return ST_OK;
    }
    TRY(read_days(r, a, &l.days));
    if (api_refused(a)) {
        return ST_OK;
    }
    l.list = json_array();
    enum status st = list_expiry(r, &l, err);
    if (st == ST_OK) {
        json_t *certificates = sorted(l.list);
        st = api_say(
            a, 200, certificates == NULL ? NULL : json_pack("{s:o}", "certificates", certificates));
    }
    json_decref(l.list);
    return st;
}

/* clang-format off: a table reads by columns */
static const struct api_route routes[] = {
    { API_GET, "/metrics", API_RIGHT_SYSTEM, all_metrics, "getMetrics",
      "Counters, expiry and state of the whole installation, for Prometheus", NULL, API_BODY_NONE,
      NULL, NULL, API_OUT_TEXT, 200, NULL, 0 },
    { API_GET, "/organizations/{o}/environments/{e}/metrics", API_RIGHT_READ, environment_metrics,
      "getEnvironmentMetrics", "Counters and expiry of an environment, for Prometheus", NULL,
      API_BODY_NONE, NULL, NULL, API_OUT_TEXT, 200, NULL, 0 },
    { API_GET, "/organizations/{o}/environments/{e}/expiry", API_RIGHT_READ, get_expiry,
      "getExpiry",
      "Certificates of all keystores, and those that backends were seen to serve, by days left",
      "days", API_BODY_NONE, NULL, "Expiry", API_OUT_DOCUMENT, 200, "Expiry", 0 },
};

static const struct api_schema schemas[] = {
    { "Expiry",
      "{\"type\":\"object\",\"required\":[\"certificates\"],\"properties\":{\"certificates\":"
      "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"source\",\"subject\","
      "\"sha256\","
      "\"notAfter\",\"expiryDate\",\"daysLeft\"],\"properties\":{"
      "\"source\":{\"type\":\"string\",\"enum\":[\"keystore\",\"backend\"]},"
      "\"keystore\":{\"type\":\"string\"},\"alias\":{\"type\":\"string\"},"
      "\"index\":{\"type\":\"integer\"},\"hasKey\":{\"type\":\"boolean\"},"
      "\"target\":{\"type\":\"string\"},\"server\":{\"type\":\"string\"},"
      "\"serverName\":{\"type\":\"string\"},\"lastSeen\":{\"type\":\"string\",\"format\":\"date-"
      "time\"},"
      "\"subject\":{\"type\":\"string\"},\"sha256\":{\"type\":\"string\"},"
      "\"notAfter\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"expiryDate\":{\"type\":\"integer\",\"description\":\"milliseconds since 1970\"},"
      "\"daysLeft\":{\"type\":\"integer\"}}}}}}" },
};
/* clang-format on */

const struct api_table api_table_metrics = { "Metrics", routes, ARRAY_LEN(routes), schemas,
                                             ARRAY_LEN(schemas) };
