/* Between the observer (src/observe) and nginx: which handshakes are watched, what is added to
 * their notes, where the notes go. */
#include "nginx/north.h"
#include "nginx/outbox.h"
#include "nginx/own_note.h"
#include "nginx/south.h"
#include "nginx/verdict.h"
#include "nginx/zone.h"
#include "observe/calls.h"

enum { SAMPLES = 64, SAMPLE_EVERY_S = 60 };

static struct observer *observer;
static const struct hf_main_conf *all;
static const SSL *completed; /* the note that comes next is of its handshake, which went well */

/* When a note of a completed handshake with a place was last sent. */
static struct {
    uint32_t place;
    time_t at;
} samples[SAMPLES];

/* North the server that is meant is known only once the client has named it: all are watched, and
 * on_note() asks again. */
static void *on_start(SSL *ssl)
{
    struct hf_whose w = hf_whose_at_start(ssl);
    if (w.direction == DIRECTION_NORTHBOUND) {
        return w.hc;
    }
    if (w.direction == DIRECTION_NONE || w.conf->is_on == 0) {
        return NULL;
    }
    struct hf_request *own = hf_request_of(w.r);
    if (own == NULL) {
        return NULL;
    }
    own->n_attempts++;
    return w.r;
}

/* --- handshakes that went well --- */

/* One in SAMPLE_EVERY_S for each server address or upstream; those that fall together in the table
 * share one. */
static bool is_sample(const struct hf_whose *w, SSL *ssl)
{
    const ngx_http_upstream_t *u = w->r == NULL ? NULL : w->r->upstream;
    const ngx_str_t *name = u != NULL && u->peer.name != NULL ? u->peer.name : &w->c->addr_text;
    if (SSL_session_reused(ssl) || u == NULL) {
        return false; /* shows no certificate; north: our own is known */
    }
    uint32_t place =
        ngx_crc32_short(name->data, name->len) ^ ngx_crc32_short(u->ssl_name.data, u->ssl_name.len);
    size_t i = place % SAMPLES;
    time_t now = ngx_time();
    if (samples[i].place == place && now - samples[i].at < SAMPLE_EVERY_S) {
        return false;
    }
    samples[i].place = place;
    samples[i].at = now;
    return true;
}

static bool wants_completed(const struct hf_whose *w, SSL *ssl)
{
    switch ((enum hf_completed)w->conf->completed) {
    case HF_COMPLETED_OFF:
        return false;
    case HF_COMPLETED_SAMPLED:
        return is_sample(w, ssl);
    case HF_COMPLETED_ON:
        return true;
    }
    return false;
}

static bool wants_good(void *whose, SSL *ssl)
{
    struct hf_whose w = hf_whose_later(ssl, whose);
    if (w.direction == DIRECTION_NONE || w.conf->is_on == 0) {
        return false;
    }
    struct hf_counts *counts = hf_zone_counts(all->zone);
    ngx_atomic_fetch_add(&counts->completed[w.direction], 1);
    if (SSL_session_reused(ssl)) {
        ngx_atomic_fetch_add(&counts->resumed[w.direction], 1);
    }
    completed = all->collector.len > 0 && wants_completed(&w, ssl) ? ssl : NULL;
    return completed != NULL;
}

static bool on_data(void *whose, SSL *ssl)
{
    struct hf_whose w = hf_whose_later(ssl, whose);
    return w.direction == DIRECTION_NORTHBOUND && hf_north_refuses(&w, ssl);
}

/* --- notes --- */

static ngx_pool_t *pool_of(const struct hf_whose *w)
{
    return w->r != NULL ? w->r->pool : w->c->pool;
}

static void annotate(SSL *ssl, enum note_fact fact, const ngx_str_t *text)
{
    if (text->len > 0) {
        observer_annotate(observer, ssl, fact, bytes_of(text->data, text->len));
    }
}

static void annotate_labels(const struct hf_whose *w, SSL *ssl)
{
    size_t n = w->conf->labels == NULL ? 0 : w->conf->labels->nelts;
    struct hf_label *labels = n == 0 ? NULL : w->conf->labels->elts;
    for (size_t i = 0; i < n; i++) {
        ngx_str_t text = hf_label_text(w, &labels[i]);
        ngx_str_t both = ngx_null_string;
        if (labels[i].fact != FACT_LABEL || text.len == 0) {
            annotate(ssl, labels[i].fact, &text);
            continue;
        }
        both.len = labels[i].name.len + 1 + text.len;
        both.data = ngx_pnalloc(pool_of(w), both.len);
        if (both.data != NULL) {
            ngx_snprintf(both.data, both.len, "%V=%V", &labels[i].name, &text);
            annotate(ssl, FACT_LABEL, &both);
        }
    }
}

/* The number of notes lost before this one. */
static void annotate_lost(SSL *ssl)
{
    uint8_t be[8];
    uint64_t n = hf_outbox_n_lost();
    for (unsigned i = 0; i < sizeof be; i++) {
        be[i] = (uint8_t)(n >> (56 - 8 * i));
    }
    if (n > 0) {
        observer_annotate(observer, ssl, FACT_LOST, bytes_of(be, sizeof be));
    }
}

/* nginx remembers them: behind a reset the socket has forgotten who the peer was. */
static void annotate_address(SSL *ssl, enum note_fact fact, const struct sockaddr *sa)
{
    uint8_t body[HF_ADDRESS_BYTES];
    size_t len = hf_address(sa, body);
    if (len > 0) {
        observer_annotate(observer, ssl, fact, bytes_of(body, len));
    }
}

static void annotate_addresses(const struct hf_whose *w, SSL *ssl)
{
    const ngx_http_upstream_t *u = w->r == NULL ? NULL : w->r->upstream;
    const struct sockaddr *peer = w->direction == DIRECTION_NORTHBOUND ? w->c->sockaddr
                                  : u != NULL                          ? u->peer.sockaddr
                                                                       : NULL;
    const struct hf_attempt *a = w->r == NULL ? NULL : hf_attempt_of(w->r, false);
    annotate_address(ssl, FACT_PEER, peer);
    if (peer == NULL && a != NULL && a->address_len > 0) { /* the server was given back */
        observer_annotate(observer, ssl, FACT_PEER, bytes_of(a->address, a->address_len));
    }
    if (ngx_connection_local_sockaddr(w->c, NULL, 0) == NGX_OK) {
        annotate_address(ssl, FACT_LOCAL, w->c->local_sockaddr);
    }
}

static void before_note(void *whose, SSL *ssl)
{
    struct hf_whose w = hf_whose_later(ssl, whose);
    ngx_str_t id;
    if (w.direction == DIRECTION_NONE || w.conf->is_on == 0) {
        return;
    }
    if (hf_handshake_id(&w, pool_of(&w), &id)) {
        annotate(ssl, FACT_ID, &id);
    }
    observer_annotate(observer, ssl, FACT_DIRECTION, bytes_of_str(direction_id(w.direction)));
    annotate_addresses(&w, ssl);
    annotate_labels(&w, ssl);
    if (w.c->timedout || w.c->read->timedout || w.c->write->timedout) {
        static const uint8_t one[8] = { [7] = 1 };
        observer_annotate(observer, ssl, FACT_WAITED, bytes_of(one, sizeof one));
    }
    annotate_lost(ssl);
    const ngx_http_upstream_t *u = w.r == NULL ? NULL : w.r->upstream;
    if (u != NULL && u->conf->ssl_verify) { /* nginx compares it itself, afterwards */
        annotate(ssl, FACT_CHECKED_HOST, &u->ssl_name);
    }
}

static void on_note(void *whose, SSL *ssl, struct bytes note)
{
    struct hf_whose w = hf_whose_later(ssl, whose);
    bool was_completed = completed == ssl; /* one whose note could not be made may be left here */
    completed = NULL;
    if (w.direction == DIRECTION_NONE || w.conf->is_on == 0) {
        return;
    }
    if (!was_completed) {
        hf_verdict_reach(all, &w, ssl, note);
    }
    if (all->collector.len > 0) {
        struct hf_counts *counts = hf_zone_counts(all->zone);
        bool is_sent = hf_outbox_send(&all->collector, note);
        ngx_atomic_fetch_add(is_sent ? &counts->notes_sent : &counts->notes_lost, 1);
    }
}

void hf_observe_start(ngx_cycle_t *cycle)
{
    struct calls calls;
    static const struct observer_options options = {
        .program = "nginx",
        .at_start = on_start,
        .wants_good = wants_good,
        .refuses = on_data,
        .before_sink = before_note,
        .sink = on_note,
    };
    all = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_handfast_module);
    if (!calls_find_own(&calls)) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "handfast: this OpenSSL cannot be observed");
        return;
    }
    observer = observer_attach(&calls, &options);
    if (observer == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0, "handfast: no memory to observe");
        return;
    }
    hf_south_note_trust(observer, cycle);
}
