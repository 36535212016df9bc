#include "nginx/verdict.h"

#include "base/clock.h"
#include "base/json.h"
#include "nginx/errors.h"
#include "nginx/zone.h"
#include "observe/judging.h"
#include "report/report.h"
#include "tls/fingerprint.h"

enum { SHARE_OF_TIME = 5, LINE_KEPT_MAX = 256 * 1024 };
#define SAVED_MOST_NS NS_PER_S
#define DEBT_MOST_NS  (NS_PER_S / 5)

static struct judging *judging;
static struct text line; /* of JSON, reused */
static int64_t saved_ns; /* of the processor's time, that judging may still take */
static int64_t saved_at_ns;

/* --- time --- */

/* A fifth of what passes is saved up. One judgement that took long, as the first may, is not
 * followed by a long silence. */
static bool has_time(int64_t now_ns)
{
    saved_ns = saved_at_ns == 0 ? SAVED_MOST_NS : saved_ns + (now_ns - saved_at_ns) / SHARE_OF_TIME;
    saved_ns = saved_ns > SAVED_MOST_NS ? SAVED_MOST_NS : saved_ns;
    saved_at_ns = now_ns;
    return saved_ns > 0;
}

/* Others may have the processor meanwhile: what they take is not ours. */
static int64_t own_time_ns(void)
{
    struct timespec t = { 0 };
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void spend(int64_t ns)
{
    saved_ns -= ns;
    saved_ns = saved_ns < -DEBT_MOST_NS ? -DEBT_MOST_NS : saved_ns;
}

/* --- what is told --- */

static ngx_str_t text_of(ngx_pool_t *pool, const char *s)
{
    ngx_str_t out = ngx_null_string;
    size_t len = s == NULL ? 0 : strlen(s);
    u_char *p = len == 0 ? NULL : ngx_pnalloc(pool, len);
    if (p != NULL && bytes_copy(p, len, bytes_of(s, len))) {
        out = (ngx_str_t){ len, p };
    }
    return out;
}

/* Literals of tables. */
static ngx_str_t literal(const char *s)
{
    return (ngx_str_t){ s == NULL ? 0 : strlen(s), (u_char *)(uintptr_t)s };
}

static struct hf_told *told_of(const struct hf_whose *w, const struct judged *j)
{
    ngx_pool_t *pool = w->r != NULL ? w->r->pool : w->c->pool;
    const struct verdict *v = &j->verdict;
    struct hf_told *told = ngx_pcalloc(pool, sizeof *told);
    char ja4[TLS_JA4_BYTES];
    if (told == NULL) {
        return NULL;
    }
    told->direction = w->direction;
    told->cause = v->cause;
    told->rejected_by = v->rejected_by;
    told->id = text_of(pool, story_annotation(&j->story, FACT_ID));
    told->cause_id = literal(cause_id(v->cause));
    told->rejected_by_id = literal(actor_id(v->rejected_by));
    told->direction_id = literal(direction_id(w->direction));
    told->detail = text_of(pool, v->detail);
    told->sentence = text_of(pool, v->sentence);
    if (j->t->hello != NULL && tls_ja4(j->t->hello, TLS_OVER_TCP, ja4)) {
        told->ja4 = text_of(pool, ja4);
    }
    return told;
}

static void put_labels(struct json *out, const struct story *s)
{
    static const struct {
        enum note_fact fact;
        const char *name;
    } rows[] = { { FACT_ORG, "org" },       { FACT_ENV, "env" }, { FACT_VHOST, "vhost" },
                 { FACT_TARGET, "target" }, { FACT_API, "api" }, { FACT_REVISION, "revision" } };
    json_object(out, "labels");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *text = story_annotation(s, rows[i].fact);
        if (text != NULL) {
            json_str(out, rows[i].name, text);
        }
    }
    for (size_t i = 0; i < s->n_labels; i++) {
        const char *equals = s->labels[i] == NULL ? NULL : strchr(s->labels[i], '=');
        char name[HF_ID_ROOM] = { 0 };
        size_t len = equals == NULL ? 0 : (size_t)(equals - s->labels[i]);
        if (len > 0 && bytes_copy(name, sizeof name - 1, bytes_of(s->labels[i], len))) {
            json_str(out, name, equals + 1);
        }
    }
    json_end_object(out);
}

/* {"id":...,"labels":{...},"verdict":{...}}, as handfast explain --json has the last. */
static void put_into_ring(ngx_shm_zone_t *zone, const struct hf_told *told, const struct judged *j)
{
    struct text verdict = { 0 };
    text_clear(&line);
    report_json(&verdict, j->t, &j->verdict);
    if (verdict.len > 0 && verdict.p[verdict.len - 1] == '\n') {
        verdict.p[--verdict.len] = '\0';
    }
    struct json out = json_start(&line);
    json_object(&out, NULL);
    json_bytes(&out, "id", bytes_of(told->id.data, told->id.len));
    put_labels(&out, &j->story);
    json_raw(&out, "verdict", text_str(&verdict));
    json_end_object(&out);
    if (!line.failed && !verdict.failed) {
        hf_zone_push(zone, &told->id, bytes_of(line.p, line.len));
    }
    text_deinit(&verdict);
    if (line.failed || line.cap > LINE_KEPT_MAX) {
        text_deinit(&line);
    }
}

static void tell(const struct hf_main_conf *all, const struct hf_whose *w, SSL *ssl,
                 const struct judged *j)
{
    struct hf_counts *counts = hf_zone_counts(all->zone);
    const struct verdict *v = &j->verdict;
    switch (v->outcome) {
    case OUTCOME_NONE:
        return;
    case OUTCOME_COMPLETED:
        ngx_atomic_fetch_add(&counts->completed[w->direction], 1);
        return;
    case OUTCOME_UNFINISHED:
        ngx_atomic_fetch_add(&counts->unfinished[w->direction], 1);
        return;
    case OUTCOME_FAILED:
        ngx_atomic_fetch_add(&counts->failed[w->direction][v->cause], 1);
        break;
    }
    struct hf_told *told = told_of(w, j);
    if (told == NULL) {
        return;
    }
    hf_told_keep(w, ssl, told);
    hf_log(all, w, told, j->t, v);
    put_into_ring(all->zone, told, j);
}

static void reach(const struct hf_main_conf *all, const struct hf_whose *w, SSL *ssl,
                  struct bytes note)
{
    static const uint8_t no_key[NOTE_KEY_BYTES];
    struct judged j;
    if (judging == NULL && judging_new(&judging, NULL) != ST_OK) {
        return;
    }
    if (judging_open(judging, note, no_key, &j) && judging_reach(judging, &j)) {
        j.verdict.direction = w->direction;
        tell(all, w, ssl, &j);
    }
}

void hf_verdict_prepare(void)
{
    if (judging != NULL || judging_new(&judging, NULL) == ST_OK) {
        judging_prepare(judging);
        ERR_clear_error();
    }
}

void hf_verdict_reach(const struct hf_main_conf *all, const struct hf_whose *w, SSL *ssl,
                      struct bytes note)
{
    int saved = errno;
    int64_t from_ns = own_time_ns();
    struct hf_errors errors;
    if (!has_time(clock_monotonic_ns())) {
        ngx_atomic_fetch_add(&hf_zone_counts(all->zone)->unjudged, 1);
        return;
    }
    hf_errors_take(&errors);
    reach(all, w, ssl, note);
    hf_errors_put(&errors);
    spend(own_time_ns() - from_ns);
    errno = saved;
}
