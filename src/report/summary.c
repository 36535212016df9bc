#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/status.h"
#include "report/page.h"
#include "report/tally.h"
#include "report/wrap.h"

enum { N_OUTCOMES = OUTCOME_UNFINISHED + 1, TOP_TEXT = 10, TOP_JSON = 100 };

struct summary {
    uint64_t n_by_outcome[N_OUTCOMES];
    uint64_t n_by_cause[N_CAUSES];
    uint64_t n_findings;
    uint64_t n_with_findings; /* handshakes */
    struct tally servers, clients, names, findings;
};

struct summary *summary_new(void)
{
    return calloc(1, sizeof(struct summary));
}

void summary_free(struct summary *s)
{
    if (s == NULL) {
        return;
    }
    tally_deinit(&s->servers);
    tally_deinit(&s->clients);
    tally_deinit(&s->names);
    tally_deinit(&s->findings);
    free(s);
}

static void put_end(struct text *out, const void *of)
{
    endpoint_put(out, of);
}

static void put_host(struct text *out, const void *of)
{
    endpoint_put_host(out, of);
}

/* Ends are counted by their bytes: most were seen before, and need no text. */
struct end_key {
    uint8_t family;
    uint8_t port[2]; /* zero: of a host */
    uint8_t ip[16];
};

static void count_end(struct tally *tally, const struct endpoint *e, const struct verdict *v)
{
    struct end_key key = { .family = e->family,
                           .port = { (uint8_t)(e->port >> 8), (uint8_t)e->port } };
    bytes_copy(key.ip, sizeof key.ip, bytes_of(e->ip, sizeof e->ip));
    tally_add_key(tally, bytes_of(&key, sizeof key), &(struct tally_name){ put_end, e },
                  v->outcome == OUTCOME_FAILED, cause_id(v->cause));
}

static void count_host(struct tally *tally, const struct endpoint *e, const struct verdict *v)
{
    struct end_key key = { .family = e->family };
    bytes_copy(key.ip, sizeof key.ip, bytes_of(e->ip, sizeof e->ip));
    tally_add_key(tally, bytes_of(&key, sizeof key), &(struct tally_name){ put_host, e },
                  v->outcome == OUTCOME_FAILED, cause_id(v->cause));
}

/* The host of a counted end, among counted hosts. */
static bool knows_host(const struct tally *hosts, const struct tally_entry *end)
{
    struct end_key key;
    if (!bytes_copy(&key, sizeof key, bytes_of(end->key, end->key_len))) {
        return false;
    }
    key.port[0] = key.port[1] = 0;
    return tally_find(hosts, bytes_of(&key, sizeof key)) != NULL;
}

static void count(struct tally *tally, const char *name, const struct verdict *v)
{
    tally_add(tally, bytes_of_str(name), v->outcome == OUTCOME_FAILED, cause_id(v->cause));
}

void summary_add(struct summary *s, const struct transcript *t, const struct verdict *v)
{
    if (v->outcome == OUTCOME_NONE) {
        return;
    }
    s->n_by_outcome[v->outcome]++;
    if (v->outcome == OUTCOME_FAILED) {
        s->n_by_cause[v->cause]++;
    }
    count_end(&s->servers, &t->server, v);
    count_host(&s->clients, &t->client, v);
    if (t->server_name != NULL) {
        count(&s->names, t->server_name, v);
    }
    for (size_t i = 0; i < v->n_findings; i++) {
        count(&s->findings, v->findings[i].id, v);
    }
    s->n_findings += v->n_findings;
    s->n_with_findings += v->n_findings > 0;
}

bool summary_is_incomplete(const struct summary *s)
{
    return s->servers.failed || s->clients.failed || s->names.failed || s->findings.failed;
}

uint64_t summary_n_failed(const struct summary *s)
{
    return s->n_by_outcome[OUTCOME_FAILED];
}

uint64_t summary_n_handshakes(const struct summary *s)
{
    return s->n_by_outcome[OUTCOME_COMPLETED] + s->n_by_outcome[OUTCOME_FAILED] +
           s->n_by_outcome[OUTCOME_UNFINISHED];
}

uint64_t summary_n_unfinished(const struct summary *s)
{
    return s->n_by_outcome[OUTCOME_UNFINISHED];
}

uint64_t summary_n_findings(const struct summary *s)
{
    return s->n_findings;
}

/* --- causes by count --- */

struct cause_count {
    enum cause cause;
    uint64_t n;
};

static int by_count(const void *a, const void *b)
{
    const struct cause_count *x = a;
    const struct cause_count *y = b;
    if (x->n != y->n) {
        return x->n < y->n ? 1 : -1;
    }
    return x->cause < y->cause ? -1 : x->cause > y->cause;
}

static size_t causes_by_count(const struct summary *s, struct cause_count out[N_CAUSES])
{
    size_t n = 0;
    for (size_t i = 0; i < N_CAUSES; i++) {
        if (s->n_by_cause[i] > 0) {
            out[n++] = (struct cause_count){ (enum cause)i, s->n_by_cause[i] };
        }
    }
    qsort(out, n, sizeof *out, by_count);
    return n;
}

/* --- text --- */

enum { TALLY_NAME_AT = 13, TALLY_NAME_COLUMNS = 31, TALLY_WORDS_MIN = 30 };

/* Behind "  COUNT  NAME": beside the name, or below it where the page is too narrow for that. */
static void put_beside(const struct page *p, size_t name_columns, const char *words)
{
    bool is_long = name_columns > TALLY_NAME_COLUMNS;
    size_t at = TALLY_NAME_AT + (is_long ? name_columns : TALLY_NAME_COLUMNS) + 1;
    size_t indent = TALLY_NAME_AT + TALLY_NAME_COLUMNS + 1;
    bool fits = at + wrap_columns(bytes_of_str(words)) <= p->width;
    if (!fits && (is_long || indent + TALLY_WORDS_MIN > p->width)) {
        indent = TALLY_NAME_AT + 2;
        at = indent;
        text_putc(p->out, '\n');
        wrap_spaces(p->out, indent);
    } else {
        wrap_spaces(p->out, at - TALLY_NAME_AT - name_columns);
    }
    struct wrap w = wrap_start(p->out, at, indent, p->width);
    wrap_words(&w, bytes_of_str(words));
    wrap_end(&w);
}

static void put_causes(const struct page *p, const struct summary *s)
{
    struct cause_count causes[N_CAUSES];
    size_t n = causes_by_count(s, causes);
    if (n > 0) {
        page_heading(p, "Failed, by cause");
    }
    for (size_t i = 0; i < n; i++) {
        const char *id = cause_id(causes[i].cause);
        const char *summary = cause_summary(causes[i].cause);
        id = id != NULL ? id : "none";
        text_printf(p->out, "  %9" PRIu64 "  %s", causes[i].n, id);
        put_beside(p, strlen(id), summary != NULL ? summary : "");
    }
}

static void put_tally(const struct page *p, const char *heading, const struct tally *t)
{
    const struct tally_entry *top[TOP_TEXT];
    size_t n = tally_top(t, top, TOP_TEXT);
    if (n == 0 || top[0]->n_failed == 0) {
        return;
    }
    page_heading(p, heading);
    struct text words = { 0 };
    for (size_t i = 0; i < n && top[i]->n_failed > 0; i++) {
        struct bytes name = bytes_of_str(top[i]->name);
        text_printf(p->out, "  %9" PRIu64 "  ", top[i]->n_failed);
        text_put_safe(p->out, name);
        text_clear(&words);
        text_printf(&words, "of %" PRIu64 " handshake%s, last: %s", top[i]->n,
                    top[i]->n == 1 ? "" : "s",
                    top[i]->last_cause != NULL ? top[i]->last_cause : "-");
        put_beside(p, wrap_columns(name), text_str(&words));
    }
    text_deinit(&words);
    if (t->others.n_failed > 0) {
        text_printf(p->out, "  %9" PRIu64 "  others\n", t->others.n_failed);
    }
}

static void put_finding_counts(const struct page *p, const struct summary *s)
{
    const struct tally_entry *top[TOP_TEXT];
    size_t n = tally_top(&s->findings, top, TOP_TEXT);
    if (n > 0) {
        page_heading(p, "Also noticed");
    }
    for (size_t i = 0; i < n; i++) {
        text_printf(p->out, "  %9" PRIu64 "  %s\n", top[i]->n, top[i]->name);
    }
}

enum { SUGGESTIONS_MAX = 3 };

/* "192.0.2.1" of "192.0.2.1:443", "2001:db8::1" of "[2001:db8::1]:443". */
static struct bytes host_of(const char *server)
{
    struct bytes host = bytes_of_str(server);
    while (host.len > 0 && host.p[host.len - 1] != ':') {
        host.len--;
    }
    host.len -= host.len > 0 ? 1 : 0;
    if (host.len > 1 && host.p[0] == '[') {
        return bytes_of(host.p + 1, host.len - 2);
    }
    return host;
}

static bool is_among(struct bytes host, const struct bytes *hosts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes_equal(host, hosts[i])) {
            return true;
        }
    }
    return false;
}

static bool comes_before(struct bytes a, struct bytes b)
{
    int order = memcmp(a.p, b.p, a.len < b.len ? a.len : b.len);
    return order < 0 || (order == 0 && a.len < b.len);
}

/* Keeps the first SUGGESTIONS_MAX by name: the order of a hashed table is another in every run. */
static size_t insert_host(struct bytes out[SUGGESTIONS_MAX], size_t n, struct bytes host)
{
    size_t at = n;
    while (at > 0 && comes_before(host, out[at - 1])) {
        at--;
    }
    if (at == SUGGESTIONS_MAX) {
        return n;
    }
    n = n < SUGGESTIONS_MAX ? n + 1 : n;
    for (size_t i = n - 1; i > at; i--) {
        out[i] = out[i - 1];
    }
    out[at] = host;
    return n;
}

/* Hosts that are server of some handshakes and client of others, as a gateway is. */
static size_t find_gateways(const struct summary *s, struct bytes out[SUGGESTIONS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; s->servers.entries != NULL && i < TALLY_SLOTS; i++) {
        const struct tally_entry *server = &s->servers.entries[i];
        struct bytes host =
            server->name == NULL ? (struct bytes){ NULL, 0 } : host_of(server->name);
        bool is_loopback = bytes_start_with(host, BYTES("127.")) || bytes_equal(host, BYTES("::1"));
        if (host.len > 0 && !is_loopback && !is_among(host, out, n) &&
            knows_host(&s->clients, server)) {
            n = insert_host(out, n, host);
        }
    }
    return n;
}

static void suggest_gateways(const struct page *p, const struct summary *s)
{
    struct bytes hosts[SUGGESTIONS_MAX];
    size_t n = find_gateways(s, hosts);
    if (n > 0) {
        page_heading(p, "Gateway?");
    }
    struct text words = { 0 };
    for (size_t i = 0; i < n; i++) {
        text_clear(&words);
        text_printf(&words,
                    "%.*s is both server and client of TLS: `--gateway %.*s` marks its connections "
                    "as northbound (it is the server) or southbound (it is the client)",
                    (int)hosts[i].len, (const char *)hosts[i].p, (int)hosts[i].len,
                    (const char *)hosts[i].p);
        page_paragraph(p, PAGE_INDENT, PAGE_INDENT, text_str(&words));
    }
    text_deinit(&words);
}

void summary_text(struct text *out, const struct summary *s, const struct report_style *style)
{
    struct page p = { .out = out, .use_colour = style->use_colour };
    p.width = page_width(style);
    uint64_t n = summary_n_handshakes(s);
    page_inked(&p, INK_BOLD, "Summary");
    text_printf(out, "  %" PRIu64 " handshake%s: %" PRIu64 " completed, ", n, n == 1 ? "" : "s",
                s->n_by_outcome[OUTCOME_COMPLETED]);
    page_ink(&p, summary_n_failed(s) > 0 ? INK_RED : INK_PLAIN);
    text_printf(out, "%" PRIu64 " failed", summary_n_failed(s));
    page_ink(&p, INK_PLAIN);
    text_printf(out, ", %" PRIu64 " unfinished; %" PRIu64 " with findings\n",
                s->n_by_outcome[OUTCOME_UNFINISHED], s->n_with_findings);
    put_causes(&p, s);
    put_tally(&p, "Failed, by server", &s->servers);
    if (summary_n_failed(s) > 1) { /* of one failure, cause and server say it all */
        put_tally(&p, "Failed, by server name", &s->names);
        put_tally(&p, "Failed, by client", &s->clients);
    }
    put_finding_counts(&p, s);
    if (style->asks_gateway) {
        suggest_gateways(&p, s);
    }
}

/* --- JSON --- */

static void json_causes(struct json *j, const struct summary *s)
{
    struct cause_count causes[N_CAUSES];
    size_t n = causes_by_count(s, causes);
    json_object(j, "causes");
    for (size_t i = 0; i < n; i++) {
        const char *id = cause_id(causes[i].cause);
        json_u64(j, id != NULL ? id : "none", causes[i].n);
    }
    json_end_object(j);
}

static void json_tally(struct json *j, const char *key, const char *name_key, const struct tally *t)
{
    const struct tally_entry *top[TOP_JSON];
    size_t n = tally_top(t, top, TOP_JSON);
    json_array(j, key);
    for (size_t i = 0; i < n; i++) {
        json_object(j, NULL);
        json_str(j, name_key, top[i]->name);
        json_u64(j, "handshakes", top[i]->n);
        json_u64(j, "failed", top[i]->n_failed);
        json_str(j, "last_cause", top[i]->last_cause);
        json_end_object(j);
    }
    json_end_array(j);
}

static void json_others(struct json *j, const char *key, const struct tally *t)
{
    json_object(j, key);
    json_u64(j, "handshakes", t->others.n);
    json_u64(j, "failed", t->others.n_failed);
    json_end_object(j);
}

static void json_finding_counts(struct json *j, const struct summary *s)
{
    const struct tally_entry *top[TOP_JSON];
    size_t n = tally_top(&s->findings, top, TOP_JSON);
    json_object(j, "findings");
    for (size_t i = 0; i < n; i++) {
        json_u64(j, top[i]->name, top[i]->n); /* ids of ours: no escapes needed */
    }
    json_end_object(j);
}

static void json_gateways(struct json *j, const struct summary *s)
{
    struct bytes hosts[SUGGESTIONS_MAX];
    size_t n = find_gateways(s, hosts);
    json_array(j, "gateway_suggestions");
    for (size_t i = 0; i < n; i++) {
        json_bytes(j, NULL, hosts[i]);
    }
    json_end_array(j);
}

void summary_json(struct text *out, const struct summary *s)
{
    struct json j = json_start(out);
    json_object(&j, NULL);
    json_raw(&j, "type", "\"summary\"");
    json_raw(&j, "schema", "\"1\"");
    json_u64(&j, "handshakes", summary_n_handshakes(s));
    json_u64(&j, "completed", s->n_by_outcome[OUTCOME_COMPLETED]);
    json_u64(&j, "failed", s->n_by_outcome[OUTCOME_FAILED]);
    json_u64(&j, "unfinished", s->n_by_outcome[OUTCOME_UNFINISHED]);
    json_u64(&j, "with_findings", s->n_with_findings);
    json_causes(&j, s);
    json_finding_counts(&j, s);
    json_gateways(&j, s);
    json_tally(&j, "servers", "server", &s->servers);
    json_others(&j, "other_servers", &s->servers);
    json_tally(&j, "server_names", "server_name", &s->names);
    json_others(&j, "other_server_names", &s->names);
    json_tally(&j, "clients", "client", &s->clients);
    json_others(&j, "other_clients", &s->clients);
    json_end_object(&j);
    text_putc(out, '\n');
}
