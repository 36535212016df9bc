/* The hellos of the clients out, the answers judged. */
#include <stdlib.h>

#include "base/status.h"
#include "probe/clients_judge.h"
#include "probe/trace.h"
#include "tls/hello_write.h"
#include "tls/names.h"

enum { TIMEOUT_MS = 3000, ARENA_BYTES = 16 << 20 };

struct clients_round {
    struct clients_request request;
    const struct client *const *list;
    size_t n, asked;
    struct arena arena;
    struct client_hello *hellos; /* by place in the list */
    struct client_result *results;
    int64_t epoch_ns;
    void (*over)(void *arg);
    void *over_arg;
};

static struct bytes name_of(const struct clients_request *request)
{
    const char *name = dial_server_name(request->target);
    return name == NULL ? bytes_of(NULL, 0) : bytes_of_str(name);
}

static bool next_question(void *arg, struct probe_question *out)
{
    struct clients_round *a = arg;
    while (a->asked < a->n) {
        size_t i = a->asked++;
        struct client_hello *h = &a->hellos[i];
        if (!client_hello_make(a->list[i], name_of(&a->request), h)) {
            continue;
        }
        unsigned timeout = a->request.timeout_ms;
        *out = (struct probe_question){ .id = i,
                                        .until = PROBE_UNTIL_FLIGHT,
                                        .timeout_ms = timeout == 0 ? TIMEOUT_MS : timeout,
                                        .shares = h->shares,
                                        .n_shares = h->n_shares };
        tls_hello_write_records(bytes_of(h->body.p, h->body.len), a->list[i]->record_version, 0,
                                &out->wire);
        return true;
    }
    return false;
}

/* What the rules of `explain` say of it. */
static void explain_by_rules(const struct client_case *k, int64_t epoch_ns)
{
    const struct x509_chain *taken[2] = { NULL, NULL };
    const struct transcript *t =
        k->outcome->trace == NULL || k->request->store == NULL
            ? NULL
            : trace_transcript(k->outcome->trace, epoch_ns, k->arena, k->request->store, taken);
    struct diagnose_context context = { .trust_is_given = false };
    k->result->cause = CAUSE_UNDETERMINED;
    k->result->why = "the server refuses it and does not say why";
    if (t != NULL) {
        struct verdict *v = arena_alloc(k->arena, sizeof *v);
        if (v != NULL) {
            diagnose(t, &context, k->arena, v);
        }
        if (v != NULL && v->outcome == OUTCOME_FAILED) {
            k->result->cause = v->cause;
            k->result->detail = v->detail;
            k->result->why = v->sentence;
        }
    }
    x509_chain_unref(taken[0]);
    x509_chain_unref(taken[1]);
}

static void on_answer(void *arg, const struct probe_question *q, const struct probe_outcome *o)
{
    struct clients_round *a = arg;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    struct client_result *r = &a->results[q->id];
    const struct client_hello *h = &a->hellos[q->id];
    tls_client_hello_parse(bytes_of(h->body.p, h->body.len), false, &hello, &fault);
    struct client_case k = { .request = &a->request,
                             .client = a->list[q->id],
                             .hello = &hello,
                             .outcome = o,
                             .arena = &a->arena,
                             .result = r };
    r->end = o->end;
    r->is_uncertain = o->is_uncertain;
    r->is_asked =
        o->end != PROBE_NOT_REACHED && o->end != PROBE_NO_DIALOGUE && o->end != PROBE_BROKEN;
    bool is_answered = o->flight->has_hello && (o->end == PROBE_ANSWERED || o->end == PROBE_RETRY);
    if (is_answered) {
        client_judge_answer(&k);
    } else if (r->is_asked && !client_explain_refusal(&k)) {
        explain_by_rules(&k, a->epoch_ns);
    }
    if (!r->is_asked) {
        r->why = "the server was not reached";
    }
}

static void on_over(void *arg)
{
    struct clients_round *a = arg;
    a->over(a->over_arg);
}

static enum status start(struct clients_round *r, struct probe_engine *engine, struct err *err)
{
    struct probe_asker asker = {
        .arg = r, .next = next_question, .answered = on_answer, .over = on_over
    };
    r->hellos = arena_alloc_array(&r->arena, r->n, sizeof *r->hellos);
    r->results = arena_alloc_array(&r->arena, r->n, sizeof *r->results);
    if (r->hellos == NULL || r->results == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (size_t i = 0; i < r->n; i++) {
        r->results[i] = (struct client_result){ .client = r->list[i],
                                                .end = PROBE_BROKEN,
                                                .why = "it was not asked" };
    }
    return probe_engine_add(engine, r->request.target, r->request.address, &asker, NULL, err);
}

enum status clients_start(struct probe_engine *engine, const struct clients_request *request,
                          const struct client *const *list, size_t n, void (*over)(void *arg),
                          void *arg, struct clients_round **out, struct err *err)
{
    struct clients_round *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    *r = (struct clients_round){ .request = *request,
                                 .list = list,
                                 .n = n,
                                 .arena = { .limit_bytes = ARENA_BYTES },
                                 .epoch_ns = probe_engine_epoch_ns(engine),
                                 .over = over,
                                 .over_arg = arg };
    enum status st = start(r, engine, err);
    if (st != ST_OK) {
        clients_round_free(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

const struct client_result *clients_results(const struct clients_round *r)
{
    return r->results;
}

void clients_round_free(struct clients_round *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; r->hellos != NULL && i < r->n; i++) {
        client_hello_deinit(&r->hellos[i]);
    }
    arena_deinit(&r->arena);
    free(r);
}
