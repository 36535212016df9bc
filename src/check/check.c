/* A run of check: sets up, gathers, judges every input, compares, and owns all of it. */
#include "check/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/engine.h"

enum { OCSP_BYTES_MAX = 1 << 20, SENTENCE_MAX = 1024 };

static const struct {
    const char *id, *summary;
    bool is_warning;
} findings[CHECK_N_FINDINGS] = {
#define CHECK_FINDING(symbol, id, is_warning, summary) { id, summary, is_warning },
#include "check/findings.def"
};

const char *check_finding_id(enum check_finding_kind kind)
{
    return (unsigned)kind < CHECK_N_FINDINGS ? findings[kind].id : "";
}

const char *check_finding_summary(enum check_finding_kind kind)
{
    return (unsigned)kind < CHECK_N_FINDINGS ? findings[kind].summary : "";
}

bool check_finding_is_warning(enum check_finding_kind kind)
{
    return (unsigned)kind < CHECK_N_FINDINGS && findings[kind].is_warning;
}

/* --- what the steps share --- */

enum status check_no_memory(struct err *err)
{
    return err_set(err, ST_NOMEM, "no memory");
}

static const char *vsay(struct check *c, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

static const char *vsay(struct check *c, const char *fmt, va_list args)
{
    char text[SENTENCE_MAX];
    int len = vsnprintf(text, sizeof text, fmt, args);
    const char *copy = len < 0 ? NULL : arena_strndup(&c->arena, text, strlen(text));
    return copy == NULL ? "" : copy;
}

const char *check_say(struct check *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *said = vsay(c, fmt, args);
    va_end(args);
    return said;
}

void check_error(struct check *c, const char *text)
{
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(text));
    if (strstr(text, "no password was given") != NULL) {
        text_puts(&safe, " (--password-file FILE, or HANDFAST_PASSWORD)");
    }
    if (c->result.n_errors == CHECK_ERRORS_MAX) {
        c->result.n_errors_left_out++;
    } else {
        c->result.errors[c->result.n_errors++] = check_say(c, "%s", text_str(&safe));
    }
    text_deinit(&safe);
}

void check_note(struct check *c, const char *fmt, ...)
{
    va_list args;
    if (c->result.n_notes == CHECK_ERRORS_MAX) {
        return;
    }
    va_start(args, fmt);
    c->result.notes[c->result.n_notes++] = vsay(c, fmt, args);
    va_end(args);
}

struct check_item *check_new_item(struct check *c)
{
    struct check_result *r = &c->result;
    if (r->n_items == c->cap_items) {
        size_t cap = c->cap_items == 0 ? 16 : c->cap_items * 2;
        struct check_item **grown = realloc(r->items, cap * sizeof(struct check_item *));
        if (grown == NULL) {
            return NULL;
        }
        r->items = grown;
        c->cap_items = cap;
    }
    struct check_item *item = arena_alloc(&c->arena, sizeof *item);
    if (item != NULL) {
        r->items[r->n_items++] = item;
    }
    return item;
}

/* --- setting up --- */

static enum status read_ocsp(struct check *c, const char *path, struct err *err)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return err_sys(err, "%s", path);
    }
    uint8_t *content = arena_alloc(&c->arena, OCSP_BYTES_MAX);
    size_t n = content == NULL ? 0 : fread(content, 1, OCSP_BYTES_MAX, file);
    bool is_whole = ferror(file) == 0 && fgetc(file) == EOF;
    fclose(file);
    if (content == NULL) {
        return check_no_memory(err);
    }
    if (!is_whole || n == 0) {
        return err_set(err, ST_FORMAT, "%s: no OCSP response in DER", path);
    }
    c->ocsp[c->n_ocsp++] = bytes_of(content, n);
    return ST_OK;
}

static enum status load(struct check *c, struct err *err)
{
    const struct check_request *rq = c->rq;
    if (rq->trust_system) {
        TRY(x509_store_add_system_trust(c->store, err));
    }
    for (size_t i = 0; i < rq->trust.n; i++) {
        TRY(x509_store_add_trust_opened(c->store, rq->trust.p[i], &rq->password, err));
    }
    for (size_t i = 0; i < rq->crls.n; i++) {
        TRY(x509_store_add_crl(c->store, rq->crls.p[i], err));
    }
    for (size_t i = 0; i < rq->ocsp.n; i++) {
        TRY(read_ocsp(c, rq->ocsp.p[i], err));
    }
    return ST_OK;
}

static enum status set_up(struct check *c, struct err *err)
{
    c->arena.limit_bytes = ENGINE_TEXT_MAX;
    c->ocsp = calloc(c->rq->ocsp.n + 1, sizeof *c->ocsp);
    if (c->ocsp == NULL) {
        return check_no_memory(err);
    }
    TRY(x509_store_new(&c->store, err));
    TRY(keystore_new(&c->stores, err));
    c->pool.store = c->store;
    TRY(load(c, err));
    return c->rq->as == 0 ? ST_OK : verifiers_new(c->store, c->rq->as, NULL, &c->eyes, err);
}

/* --- the end --- */

static void tell_lonely_key(struct check *c, const struct pool_key *key)
{
    const struct pool_input *in = &c->pool.inputs[key->input];
    const char *comma = key->alias == NULL ? "" : ", ";
    const char *alias = key->alias == NULL ? "" : key->alias;
    if (key->is_locked) {
        check_note(c, "%s%s%s: a private key could not be opened: its password is needed", in->name,
                   comma, alias);
    } else if (!key->is_matched && key->spki.len > 0) {
        check_note(c, "%s%s%s: no certificate named here belongs to this private key", in->name,
                   comma, alias);
    }
}

static void tell_lonely_keys(struct check *c)
{
    for (size_t i = 0; i < c->pool.n_keys; i++) {
        const struct pool_key *key = &c->pool.keys[i];
        if (!c->pool.inputs[key->input].is_trust) {
            tell_lonely_key(c, key);
        }
    }
}

static void sum_up(struct check *c)
{
    struct check_result *r = &c->result;
    r->trust = x509_store_trust(c->store);
    r->n_anchors = x509_store_n_anchors(c->store);
    r->partial_chain = c->rq->partial_chain;
    r->again_options = again_options(c);
    r->again_inputs = again_inputs(c);
    for (size_t i = 0; i < r->n_items; i++) {
        r->n_not_acceptable += r->items[i]->is_acceptable ? 0 : 1;
        r->n_warnings += r->items[i]->has_warnings ? 1 : 0;
    }
    r->is_acceptable = r->n_not_acceptable == 0 && (r->comparison == NULL || r->comparison->fits);
}

static enum status work(struct check *c, struct err *err)
{
    TRY(set_up(c, err));
    TRY(gather_all(c, err));
    size_t n_inputs = c->pool.n_inputs;
    if (c->rq->against != NULL) {
        TRY(gather_one(c, c->rq->against, err));
    }
    if (pool_index(&c->pool) != ST_OK) {
        return check_no_memory(err);
    }
    for (size_t i = 0; i < n_inputs; i++) {
        if (!c->pool.inputs[i].is_trust) {
            TRY(leaf_judge_input(c, i, err));
        }
    }
    if (c->rq->against != NULL) {
        TRY(against_compare(c, n_inputs, err));
    }
    tell_lonely_keys(c);
    if (c->result.n_items == 0 && c->result.n_errors == 0) {
        check_error(c, "nothing was judged: there is no certificate in what was named");
    }
    sum_up(c);
    return ST_OK;
}

enum status check_run(const struct check_request *request, struct check_result **out,
                      struct err *err)
{
    struct check *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return check_no_memory(err);
    }
    c->rq = request;
    enum status st = work(c, err);
    c->rq = NULL; /* borrowed until here */
    if (st != ST_OK) {
        check_result_free(&c->result);
        return st;
    }
    *out = &c->result;
    return ST_OK;
}

static void item_deinit(struct check_item *item)
{
    if (item->detail != NULL) {
        x509_chain_unref(item->detail->certs);
        arena_deinit(&item->detail->arena);
        free(item->detail);
    }
    if (item->anchors != NULL) {
        for (size_t i = 0; i < item->anchors->n; i++) {
            x509_chain_unref(item->anchors->list[i].cert);
        }
        arena_deinit(&item->anchors->arena);
        free(item->anchors);
    }
}

void check_result_free(struct check_result *r)
{
    struct check *c = (struct check *)r; /* its first member */
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < r->n_items; i++) {
        item_deinit(r->items[i]);
    }
    free(r->items);
    for (size_t i = 0; i < c->n_held; i++) {
        x509_chain_unref(c->held[i]);
    }
    free(c->held);
    for (size_t i = 0; i < c->fetched.n; i++) {
        dial_fetched_deinit(&c->fetched.p[i]);
    }
    free(c->fetched.p);
    free(c->ocsp);
    pool_deinit(&c->pool);
    verifiers_free(c->eyes);
    x509_store_free(c->store);
    x509_store_free(c->peer_store);
    keystore_free(c->stores);
    arena_deinit(&c->arena);
    free(c);
}
