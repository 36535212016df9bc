/* The hellos of the clients out, the answers judged. */
#include "base/status.h"
#include "probe/clients_judge.h"
#include "probe/trace.h"
#include "tls/hello_write.h"
#include "tls/names.h"

enum { PARALLEL = 8, TIMEOUT_MS = 3000 };

struct asking {
    const struct clients_request *request;
    const struct client *const *list;
    size_t n, asked;
    struct arena *arena;
    struct client_hello *hellos; /* by place in the list */
    struct client_result *results;
    int64_t epoch_ns;
};

static struct bytes name_of(const struct clients_request *request)
{
    const char *name = dial_server_name(request->target);
    return name == NULL ? bytes_of(NULL, 0) : bytes_of_str(name);
}

static bool next_question(void *arg, struct probe_question *out)
{
    struct asking *a = arg;
    while (a->asked < a->n) {
        size_t i = a->asked++;
        struct client_hello *h = &a->hellos[i];
        if (!client_hello_make(a->list[i], name_of(a->request), h)) {
            continue;
        }
        unsigned timeout = a->request->timeout_ms;
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
    struct asking *a = arg;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    struct client_result *r = &a->results[q->id];
    const struct client_hello *h = &a->hellos[q->id];
    tls_client_hello_parse(bytes_of(h->body.p, h->body.len), false, &hello, &fault);
    struct client_case k = { .request = a->request,
                             .client = a->list[q->id],
                             .hello = &hello,
                             .outcome = o,
                             .arena = a->arena,
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

static enum status run_engine(struct probe_engine *e, struct asking *a, struct err *err)
{
    struct probe_asker asker = { .arg = a, .next = next_question, .answered = on_answer };
    a->epoch_ns = probe_engine_epoch_ns(e);
    TRY(probe_engine_add(e, a->request->target, a->request->address, &asker, NULL, err));
    return probe_engine_run(e, err);
}

enum status clients_ask(const struct clients_request *request, const struct client *const *list,
                        size_t n, struct arena *arena, struct client_result *out, struct err *err)
{
    struct probe_engine *engine = NULL;
    struct asking a = { .request = request, .list = list, .n = n, .arena = arena, .results = out };
    struct probe_options options = {
        .parallel = request->parallel == 0 ? PARALLEL : request->parallel,
        .timeout_ms = request->timeout_ms == 0 ? TIMEOUT_MS : request->timeout_ms,
    };
    a.hellos = arena_alloc_array(arena, n, sizeof *a.hellos);
    if (a.hellos == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (struct client_result){ .client = list[i],
                                         .end = PROBE_BROKEN,
                                         .why = "it was not asked" };
    }
    TRY(probe_engine_new(&options, &engine, err));
    enum status st = run_engine(engine, &a, err);
    probe_engine_free(engine);
    for (size_t i = 0; i < n; i++) {
        client_hello_deinit(&a.hellos[i]);
    }
    return st;
}
