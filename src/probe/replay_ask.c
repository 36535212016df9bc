#include "probe/replay_ask.h"

#include "base/status.h"
#include "probe/trace.h"
#include "tls/names.h"

enum { PARALLEL = 6, TIMEOUT_MS = 3000 };

struct batch {
    struct replay *r;
    struct replay_trial *trials;
    size_t n, asked;
    bool keep;
    int64_t epoch_ns;
};

struct replay_trial *replay_plan(struct replay *r, const struct mutant *mutant)
{
    struct replay_result *result = r->result;
    if (result->n_trials == REPLAY_TRIALS_MAX) {
        return NULL;
    }
    struct replay_trial *t = &result->trials[result->n_trials++];
    *t = (struct replay_trial){ .mutant = mutant };
    t->what = mutant == NULL ? "as captured" : arena_printf(r->arena, "with %s", mutant->what);
    t->what = t->what != NULL ? t->what : mutant->what;
    return t;
}

bool replay_was_asked(const struct replay_trial *t)
{
    return t->end != PROBE_NOT_REACHED && t->end != PROBE_NO_DIALOGUE && t->end != PROBE_BROKEN;
}

static bool next_question(void *arg, struct probe_question *out)
{
    struct batch *b = arg;
    if (b->asked == b->n) {
        return false;
    }
    const struct replay_trial *t = &b->trials[b->asked];
    const struct hello_carriage *carriage =
        t->mutant != NULL ? &t->mutant->carriage : &b->r->captured.carriage;
    struct bytes body = t->mutant != NULL ? t->mutant->body : b->r->captured.body;
    struct bytes wire = hello_wire(body, carriage, b->r->arena);
    unsigned timeout = b->r->request->timeout_ms;
    *out = (struct probe_question){ .id = b->asked,
                                    .until = PROBE_UNTIL_FLIGHT,
                                    .segment_at = carriage->segment_at,
                                    .gap_ms = carriage->gap_ms,
                                    .delay_ms = carriage->delay_ms,
                                    .timeout_ms = timeout == 0 ? TIMEOUT_MS : timeout };
    text_put(&out->wire, (const char *)wire.p, wire.len);
    b->asked++;
    b->r->result->n_connections++;
    return true;
}

/* What up to TLS 1.2 stands in ServerKeyExchange, in clear. */
static void read_key_exchange(struct replay_trial *t, const struct probe_flight *f)
{
    struct tls_server_key_exchange kx;
    struct fault fault = { 0 };
    if (f->server_key_exchange.p != NULL &&
        tls_server_key_exchange_parse(f->server_key_exchange, f->version, f->hello.cipher_suite,
                                      &kx, &fault)) {
        t->group = kx.group;
        t->signature = kx.signature_algorithm;
    }
}

/* Up to TLS 1.2 the certificate comes in clear. */
static void read_certificate(struct replay *r, struct replay_trial *t, const struct probe_flight *f)
{
    struct tls_certificate message;
    struct fault fault = { 0 };
    if (f->certificate.p == NULL ||
        !tls_certificate_parse(f->certificate, f->version, &message, &fault) || message.n == 0) {
        return;
    }
    const struct x509_chain *chain = x509_store_chain(r->result->store, message.list, message.n);
    const struct x509_facts *leaf = chain == NULL ? NULL : x509_chain_facts(chain, 0);
    if (leaf != NULL && leaf->n_names > 0) {
        t->certificate_name = arena_strndup(r->arena, leaf->names[0], strlen(leaf->names[0]));
    }
    x509_chain_unref(chain);
}

static void read_hello(struct replay *r, struct replay_trial *t, const struct probe_flight *f)
{
    struct bytes share = f->hello.ext.key_share;
    t->version = f->version != 0 ? f->version : f->hello.version;
    t->cipher_suite = f->hello.cipher_suite;
    t->group = share.len >= 2 ? load_be16(share.p) : 0;
    struct bytes list = f->hello.ext.alpn;
    struct bytes name;
    if (tls_alpn_next(&list, &name)) {
        t->alpn = arena_copy(r->arena, name);
    }
    read_key_exchange(t, f);
    read_certificate(r, t, f);
}

/* Given back with the result; what finds no room at once. */
static void keep_chain(struct replay_result *result, const struct x509_chain *chain)
{
    if (chain != NULL && result->n_chains < ARRAY_LEN(result->chains)) {
        result->chains[result->n_chains++] = chain;
    } else {
        x509_chain_unref(chain);
    }
}

static void keep_transcript(struct batch *b, struct replay_trial *t, const struct probe_outcome *o)
{
    const struct x509_chain *taken[2] = { NULL, NULL };
    if (o->trace != NULL) {
        t->transcript =
            trace_transcript(o->trace, b->epoch_ns, b->r->arena, b->r->result->store, taken);
    }
    keep_chain(b->r->result, taken[0]);
    keep_chain(b->r->result, taken[1]);
}

static void on_answer(void *arg, const struct probe_question *q, const struct probe_outcome *o)
{
    struct batch *b = arg;
    struct replay_trial *t = &b->trials[q->id];
    const struct probe_flight *f = o->flight;
    t->end = o->end;
    t->has_hello = f->has_hello;
    t->has_alert = f->has_alert;
    t->alert = f->alert;
    t->took_ns = o->sent_ns > 0 && o->ended_ns > o->sent_ns ? o->ended_ns - o->sent_ns : 0;
    /* An alert after all that was asked for is a reaction to our leaving. Silence after a
     * ServerHello: the rest of the flight was lost or waits for us. */
    t->is_answered = f->has_hello && (o->end == PROBE_ANSWERED || o->end == PROBE_RETRY ||
                                      (o->end == PROBE_SILENT && !f->has_alert));
    if (f->has_hello) {
        read_hello(b->r, t, f);
    }
    if (b->keep) {
        keep_transcript(b, t, o);
    }
}

static enum status run_engine(struct probe_engine *e, struct batch *b, struct err *err)
{
    struct probe_asker asker = { .arg = b, .next = next_question, .answered = on_answer };
    b->epoch_ns = probe_engine_epoch_ns(e);
    TRY(probe_engine_add(e, b->r->request->target, b->r->request->address, &asker, NULL, err));
    return probe_engine_run(e, err);
}

static enum status ask_batch(struct batch *b, unsigned parallel, struct err *err)
{
    struct probe_engine *e = NULL;
    unsigned timeout = b->r->request->timeout_ms;
    /* One try: an end of the connection is an answer here. */
    struct probe_options options = { .parallel = parallel,
                                     .timeout_ms = timeout == 0 ? TIMEOUT_MS : timeout,
                                     .tries = 1 };
    for (size_t i = 0; i < b->n; i++) {
        b->trials[i].end = PROBE_BROKEN; /* until it is known better */
    }
    TRY(probe_engine_new(&options, &e, err));
    enum status st = run_engine(e, b, err);
    probe_engine_free(e);
    return st;
}

enum status replay_ask(struct replay *r, struct replay_trial *trials, size_t n, unsigned parallel,
                       bool keep, struct err *err)
{
    unsigned limit = r->request->parallel == 0 ? PARALLEL : r->request->parallel;
    struct batch all = { .r = r, .trials = trials, .n = n, .keep = keep };
    TRY(ask_batch(&all, parallel < limit ? parallel : limit, err));
    for (size_t i = 0; i < n; i++) {
        struct batch again = { .r = r, .trials = &trials[i], .n = 1, .keep = keep };
        if (!replay_was_asked(&trials[i])) {
            TRY(ask_batch(&again, 1, err));
        }
    }
    return ST_OK;
}

const char *replay_answer_words(const struct replay_trial *t, struct arena *arena)
{
    if (t->end == PROBE_RETRY) {
        const char *group = tls_group_name(t->group);
        return arena_printf(arena, "HelloRetryRequest for %s", group != NULL ? group : "a group");
    }
    if (t->is_answered) {
        const char *version = tls_version_name(t->version);
        const char *suite = tls_cipher_suite_name(t->cipher_suite);
        return arena_printf(arena, "ServerHello, %s, %s", version != NULL ? version : "a version",
                            suite != NULL ? suite : "a suite");
    }
    const char *after = t->has_hello ? " after its ServerHello" : "";
    if (t->has_alert) {
        const char *name = tls_alert_name(t->alert);
        return arena_printf(arena, "alert %s (%u)%s", name != NULL ? name : "unknown", t->alert,
                            after);
    }
    switch (t->end) {
    case PROBE_CLOSED:
        return arena_printf(arena, "the connection closed without an alert%s", after);
    case PROBE_RESET:
        return arena_printf(arena, "the connection reset%s", after);
    case PROBE_SILENT:
        return arena_printf(arena, "no answer within %.1f s", (double)t->took_ns / 1e9);
    case PROBE_NOT_TLS:
        return "an answer that is no TLS";
    case PROBE_TOO_MUCH:
        return "an answer without end";
    case PROBE_NO_DIALOGUE:
        return "TLS refused before it began";
    case PROBE_NOT_REACHED:
        return "no connection";
    case PROBE_ANSWERED:
    case PROBE_RETRY:
    case PROBE_ALERT:
    case PROBE_BROKEN:
        return "no answer that can be read";
    }
    return "no answer";
}
