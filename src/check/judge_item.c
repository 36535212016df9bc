/* One chain: the question, the verdict, and what is said of it. */
#include <stdlib.h>

#include "base/clock.h"
#include "check/engine.h"

enum { S_PER_DAY = 86400 };

struct x509_question judge_question(const struct check *c, const struct pool_input *in,
                                    const struct check_item *item)
{
    const struct check_request *rq = c->rq;
    return (struct x509_question){
        .purpose = item->purpose,
        .profile = rq->profile,
        .host = item->host,
        .at_s = item->at_s,
        .partial_chain = rq->partial_chain,
        .demand_revocation = rq->crls.n > 0,
        .floor_bits = rq->floor_bits,
        .ocsp_response = c->n_ocsp > 0 ? c->ocsp[0] : in->ocsp_response,
    };
}

static void open_item(const struct check *c, const struct candidate_chain *chain,
                      struct check_item *item)
{
    const struct check_request *rq = c->rq;
    const struct pool_input *in = &c->pool.inputs[chain->input];
    bool by_capture = in->source == CHECK_CAPTURE;
    item->role = CHECK_CHAIN;
    item->source = in->source;
    item->input = in->name;
    item->format = in->format;
    item->alias = chain->alias;
    item->purpose = rq->purpose;
    if (by_capture && !rq->purpose_is_given) {
        item->purpose = in->is_client ? X509_FOR_CLIENT : X509_FOR_SERVER;
    }
    item->host = rq->host;
    if (item->host == NULL && item->purpose == X509_FOR_SERVER) {
        item->host = in->host;
    }
    item->at_s = by_capture && rq->at_capture ? in->at_s : rq->at_s;
    item->clock = by_capture && rq->at_capture ? CHECK_CLOCK_CAPTURE
                  : rq->at_is_given            ? CHECK_CLOCK_GIVEN
                                               : CHECK_CLOCK_HERE;
    item->n_certs = chain->n;
}

static const struct x509_chain *chain_of(struct check *c, const struct candidate_chain *from,
                                         struct check_detail *d)
{
    struct bytes der[ENGINE_SENT_MAX];
    size_t n = from->n < ENGINE_SENT_MAX ? from->n : ENGINE_SENT_MAX;
    size_t *positions = arena_alloc_array(&d->arena, n, sizeof *positions);
    for (size_t i = 0; i < n; i++) {
        der[i] = c->pool.certs[from->certs[i]].der;
        if (positions != NULL) {
            positions[i] = c->pool.certs[from->certs[i]].position;
        }
    }
    d->positions = positions;
    return positions == NULL ? NULL : x509_store_chain(c->store, der, n);
}

/* --- revocation answers given by hand --- */

static bool has_kind(const struct x509_judgement *j, enum x509_fault_kind kind)
{
    for (size_t i = 0; i < j->n_faults; i++) {
        if (j->faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* Who gives a response by hand asks for its answer: one that is of no use leaves it open. */
static void demand_staple(const struct check *c, struct x509_judgement *j)
{
    bool is_good = j->staple != NULL && strcmp(j->staple, "good") == 0;
    if (c->n_ocsp == 0 || j->staple == NULL || is_good || has_kind(j, X509_FAULT_REVOKED) ||
        has_kind(j, X509_FAULT_REVOCATION_UNKNOWN) || j->n_faults == X509_FAULTS_MAX) {
        return;
    }
    size_t at = j->n_faults++;
    for (; at > 0 && j->faults[at - 1].kind > X509_FAULT_REVOCATION_UNKNOWN; at--) {
        j->faults[at] = j->faults[at - 1];
    }
    j->faults[at] =
        (struct x509_fault){ .kind = X509_FAULT_REVOCATION_UNKNOWN, .detail = j->staple };
    j->is_valid = false;
}

/* Several responses: the first that says something of this leaf. */
static enum status judge_with_staples(struct check *c, const struct check_detail *d,
                                      struct x509_question *q, struct x509_judgement *out,
                                      struct err *err)
{
    TRY(x509_judge(c->store, d->certs, q, out, err));
    for (size_t i = 1; i < c->n_ocsp; i++) {
        struct x509_judgement other;
        q->ocsp_response = c->ocsp[i];
        TRY(x509_judge(c->store, d->certs, q, &other, err));
        bool says_something = (other.staple != NULL && strcmp(other.staple, "good") == 0) ||
                              has_kind(&other, X509_FAULT_REVOKED);
        if (says_something) {
            *out = other;
            break;
        }
    }
    demand_staple(c, out);
    return ST_OK;
}

/* --- the verdict in words --- */

static const char *purpose_words(enum x509_purpose purpose)
{
    switch (purpose) {
    case X509_FOR_SERVER:
        return "as a server's certificate";
    case X509_FOR_CLIENT:
        return "as a client's certificate";
    case X509_FOR_ANY:
        return "for any use";
    }
    return "";
}

static void put_acceptable(struct text *t, const struct check *c, const struct check_item *item)
{
    const struct x509_judgement *j = &item->detail->judgement;
    text_puts(t, "acceptable ");
    text_puts(t, purpose_words(item->purpose));
    if (item->host != NULL) {
        text_puts(t, " for ");
        text_put_safe(t, bytes_head(bytes_of_str(item->host), 255));
    }
    if (x509_store_trust(c->store) == X509_TRUST_NONE) {
        text_puts(t, ", as far as can be said without a trust store");
    }
    text_puts(t, ", until ");
    clock_put_date(t, j->valid_until_s);
    int64_t days = (j->valid_until_s - item->at_s) / S_PER_DAY;
    text_printf(t, " (%lld day%s)", (long long)days, days == 1 ? "" : "s");
}

static void set_verdict(struct check *c, struct check_item *item)
{
    const struct x509_judgement *j = &item->detail->judgement;
    const struct x509_facts *leaf = x509_chain_facts(item->detail->certs, 0);
    struct text t = { 0 };
    item->is_acceptable = j->is_valid;
    item->until_s = leaf->not_after_s;
    const char *label = leaf->common_name[0] != '\0' ? leaf->common_name
                        : leaf->n_names > 0          ? leaf->names[0]
                                                     : leaf->subject;
    item->label = check_say(c, "%.120s", label[0] == '\0' ? "(no name)" : label);
    if (j->is_valid) {
        put_acceptable(&t, c, item);
    } else {
        item->cause = j->faults[0].kind;
        item->culprit = j->faults[0].culprit;
        text_puts(&t, j->faults[0].detail);
    }
    item->sentence = check_say(c, "%s", text_str(&t));
    text_deinit(&t);
}

static void keep_names(struct check_item *item)
{
    struct check_detail *d = item->detail;
    if (item->host == NULL || !has_kind(&d->judgement, X509_FAULT_HOSTNAME_MISMATCH)) {
        return;
    }
    d->names = arena_alloc(&d->arena, sizeof *d->names);
    if (d->names != NULL) {
        x509_check_host(d->certs, item->host, d->names);
    }
}

/* The rules that careful verifiers add refuse what many others let pass: both are said. */
static enum status ask_lenient(struct check *c, struct check_item *item,
                               const struct x509_question *q, struct err *err)
{
    struct x509_judgement j;
    struct x509_question lenient = *q;
    bool is_about_form =
        item->cause == X509_FAULT_MALFORMED || item->cause == X509_FAULT_CHAIN_INVALID ||
        item->cause == X509_FAULT_CONSTRAINT || item->cause == X509_FAULT_HOSTNAME_MISMATCH;
    if (item->is_acceptable || !is_about_form || q->profile == X509_PROFILE_TLS) {
        return ST_OK;
    }
    lenient.profile = X509_PROFILE_TLS;
    TRY(x509_judge(c->store, item->detail->certs, &lenient, &j, err));
    if (j.is_valid) {
        finding_put(item->detail, CHECK_FINDING_LENIENT, item->culprit,
                    "a rule of RFC 5280 or of the CA/Browser Forum is broken that many TLS stacks "
                    "do not enforce: with --profile tls it is acceptable");
    }
    return ST_OK;
}

static enum status ask_others(struct check *c, struct check_item *item,
                              const struct x509_question *q, struct err *err)
{
    struct check_detail *d = item->detail;
    d->as = arena_alloc(&d->arena, sizeof *d->as);
    return d->as == NULL ? check_no_memory(err)
                         : verifiers_judge(c->eyes, d->certs, q, &d->arena, d->as, err);
}

static void note_warnings(struct check_item *item)
{
    const struct check_detail *d = item->detail;
    for (size_t i = 0; i < d->n_findings; i++) {
        item->has_warnings = item->has_warnings || check_finding_is_warning(d->findings[i].kind);
    }
}

static enum status judge_open(struct check *c, const struct candidate_chain *chain,
                              struct check_item *item, struct err *err)
{
    struct check_detail *d = item->detail;
    d->certs = chain_of(c, chain, d);
    if (d->certs == NULL) {
        return check_no_memory(err);
    }
    d->has_key = c->pool.certs[chain->certs[0]].has_key;
    struct x509_question q = judge_question(c, &c->pool.inputs[chain->input], item);
    TRY(judge_with_staples(c, d, &q, &d->judgement, err));
    set_verdict(c, item);
    keep_names(item);
    if (c->n_detailed < CHECK_DETAILED_MAX) {
        TRY(paths_look(c, item, &q, err));
    }
    findings_of_chain(c, item, chain);
    if (c->n_detailed < CHECK_DETAILED_MAX) { /* else it would be dropped */
        TRY(ask_lenient(c, item, &q, err));
        TRY(missing_find(c, item, &q, err));
    }
    if (c->eyes != NULL) {
        TRY(ask_others(c, item, &q, err));
    }
    if (c->rq->fix_dir != NULL) {
        TRY(mend_chain(c, item, &q, err));
    }
    note_warnings(item);
    return ST_OK;
}

static void drop_detail(struct check_item *item)
{
    x509_chain_unref(item->detail->certs);
    arena_deinit(&item->detail->arena);
    free(item->detail);
    item->detail = NULL;
}

enum status judge_chain(struct check *c, const struct candidate_chain *chain, struct err *err)
{
    struct check_item *item = check_new_item(c);
    struct check_detail *d = item == NULL ? NULL : calloc(1, sizeof *d);
    if (d == NULL) {
        return check_no_memory(err);
    }
    item->detail = d;
    d->arena.limit_bytes = DETAIL_TEXT_MAX;
    open_item(c, chain, item);
    enum status st = judge_open(c, chain, item, err);
    if (st == ST_OK && c->n_detailed >= CHECK_DETAILED_MAX) {
        drop_detail(item);
    } else {
        c->n_detailed++;
    }
    return st;
}
