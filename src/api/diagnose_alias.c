#include <stdio.h>
#include <string.h>

#include "api/diagnosis.h"
#include "base/clock.h"
#include "check/check.h"
#include "gateway/expiry.h"
#include "store/alias.h"
#include "store/alias_judge.h"
#include "x509/pem.h"
#include "x509/tie.h"
#include "x509/x509.h"

enum { CHAIN_MAX = 16, HOST_ROOM = 320, WARN_DAYS = 30 };

struct judging_alias {
    struct api_request *r;
    struct x509_store *store;
    const struct x509_chain *chain;
    struct bytes der[CHAIN_MAX];
    size_t n;
    json_t *findings;
    bool is_good;
    bool has_dead_end; /* an issuer is neither sent nor trusted */
};

static void add(struct judging_alias *j, const char *id, const char *sentence, int certificate)
{
    json_t *finding = diagnosis_finding(id, sentence);
    json_object_set_new(finding, "certificate", json_integer(certificate));
    json_array_append_new(j->findings, finding);
}

static void keep_der(void *arg, struct bytes der)
{
    struct judging_alias *j = arg;
    struct bytes copy = arena_copy(j->r->arena, der);
    if (j->n < CHAIN_MAX && copy.p != NULL) {
        j->der[j->n++] = copy;
    }
}

/* Whose root it is, is for its clients to say. */
static bool is_others_affair(enum x509_fault_kind kind)
{
    return strcmp(x509_fault_id(kind), "certificate-untrusted-ca") == 0 ||
           strcmp(x509_fault_id(kind), "certificate-self-signed") == 0;
}

static void judge_chain(struct judging_alias *j, enum x509_purpose purpose)
{
    struct x509_judgement judged;
    struct x509_question q = { .purpose = purpose, .at_s = clock_now_ns() / NS_PER_S };
    if (x509_judge(j->store, j->chain, &q, &judged, NULL) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < judged.n_faults; i++) {
        const struct x509_fault *f = &judged.faults[i];
        j->has_dead_end = j->has_dead_end || f->kind == X509_FAULT_CHAIN_INCOMPLETE ||
                          f->kind == X509_FAULT_UNTRUSTED_CA;
        if (!f->is_minor && !is_others_affair(f->kind)) {
            j->is_good = false;
            add(j, x509_fault_id(f->kind), f->detail, f->culprit);
        }
    }
}

static void judge_hosts(struct judging_alias *j, const struct texts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++) {
        char name[256];
        char asked[HOST_ROOM];
        if (!virtual_host_alias_name(hosts->list[i], name) || strcmp(name, "*") == 0) {
            continue; /* whatever the name: its clients know which one they ask for */
        }
        snprintf(asked, sizeof asked, "%s%s", name[0] == '*' ? "any" : "",
                 name[0] == '*' ? name + 1 : name);
        if (!x509_names_host(j->chain, asked)) {
            char sentence[HOST_ROOM + 80];
            snprintf(sentence, sizeof sentence, "the certificate does not name the host alias %s",
                     name);
            j->is_good = false;
            add(j, "certificate-hostname-mismatch", sentence, 0);
        }
    }
}

static json_t *say(struct judging_alias *j, const char *alias, bool has_key)
{
    const struct x509_facts *leaf = x509_chain_facts(j->chain, 0);
    int64_t days = expiry_days_left(leaf->not_after_s, clock_now_ns() / NS_PER_S);
    if (days >= 0 && days < WARN_DAYS) {
        add(j, "certificate-expires-soon", "the certificate expires within 30 days", 0);
    }
    return json_pack("{s:s, s:b, s:I, s:s, s:b, s:i, s:O}", "alias", alias, "isGood", j->is_good,
                     "daysLeft", (json_int_t)days, "subject", leaf->subject, "hasKey", has_key,
                     "certificates", (int)j->n, "findings", j->findings);
}

static bool is_tied_to_any(const struct judging_alias *j, size_t at)
{
    for (size_t i = 0; i < x509_chain_n(j->chain); i++) {
        if (i != at && x509_tie(j->chain, i, j->chain, at) == X509_TIED) {
            return true;
        }
    }
    return false;
}

/* The last certificate of a chain that has its root with it is an anchor too. */
static enum status trust_own_root(struct judging_alias *j)
{
    size_t n = x509_chain_n(j->chain);
    bool is_root = n > 0 && x509_chain_facts(j->chain, n - 1)->is_self_signed;
    if (is_root && (n == 1 || is_tied_to_any(j, n - 1))) {
        return x509_store_add_anchor(j->store, x509_chain_der(j->chain, n - 1), NULL);
    }
    return ST_OK;
}

/* As the upload said: clients pass over what belongs to no chain. */
static void find_unrelated(struct judging_alias *j)
{
    for (size_t i = 1; i < x509_chain_n(j->chain); i++) {
        if (x509_tie(j->chain, i - 1, j->chain, i) != X509_TIED && !is_tied_to_any(j, i)) {
            add(j, check_finding_id(CHECK_FINDING_UNRELATED),
                check_finding_summary(CHECK_FINDING_UNRELATED), (int)i);
        }
    }
}

/* Below a root that a keystore of the environment has a chain is complete, and what an intermediate
 * in one of them issued lacks it. They are asked only where something is missing: there may be
 * many. */
static enum status add_anchors(struct judging_alias *j, bool with_environment)
{
    struct store_problem problem = { 0 };
    TRY(x509_store_new(&j->store, NULL));
    if (x509_store_add_system_trust(j->store, NULL) == ST_NOMEM) {
        return ST_NOMEM;
    }
    return with_environment ? alias_judge_add_anchors(j->r->store, api_param(j->r, "o"),
                                                      api_param(j->r, "e"), j->store, &problem)
                            : ST_OK;
}

static void end_judging(struct judging_alias *j)
{
    x509_chain_unref(j->chain);
    x509_store_free(j->store);
    j->chain = NULL;
    j->store = NULL;
}

static bool begin_judging(struct judging_alias *j, bool with_environment)
{
    end_judging(j);
    if (add_anchors(j, with_environment) != ST_OK) {
        return false;
    }
    j->chain = x509_store_chain(j->store, j->der, j->n);
    return j->chain != NULL && trust_own_root(j) != ST_NOMEM;
}

static bool judge_whole_chain(struct judging_alias *j, enum x509_purpose purpose)
{
    judge_chain(j, purpose);
    if (!j->has_dead_end) {
        return true;
    }
    json_array_clear(j->findings);
    j->is_good = true;
    if (!begin_judging(j, true)) {
        return false;
    }
    judge_chain(j, purpose);
    return true;
}

static json_t *judge_loaded(struct judging_alias *j, const struct alias *a, const char *name,
                            const struct texts *hosts)
{
    x509_pem_each(a->pem, keep_der, j);
    if (j->n == 0 || !begin_judging(j, false)) {
        return NULL;
    }
    bool is_trust = !a->has_key; /* an anchor: no chain is needed of it */
    if (is_trust) {
        const struct x509_facts *f = x509_chain_facts(j->chain, 0);
        int64_t now = clock_now_ns() / NS_PER_S;
        j->is_good = f->is_parsed && f->not_before_s <= now && now <= f->not_after_s;
        if (!j->is_good) {
            add(j, f->not_after_s < now ? "certificate-expired" : "certificate-not-yet-valid",
                "the certificate is outside its dates", 0);
        }
    } else {
        if (!judge_whole_chain(j, hosts->n > 0 ? X509_FOR_SERVER : X509_FOR_ANY)) {
            return NULL;
        }
        find_unrelated(j);
        judge_hosts(j, hosts);
    }
    return say(j, name, a->has_key);
}

json_t *diagnose_alias(struct api_request *r, const char *keystore, const char *alias,
                       const struct texts *hosts, bool *is_good)
{
    struct judging_alias j = { .r = r, .findings = json_array(), .is_good = true };
    struct alias a = { 0 };
    struct store_problem problem = { 0 };
    struct alias_name name = { api_param(r, "o"), api_param(r, "e"), keystore, alias };
    json_t *out = NULL;
    if (alias_load(r->store, &name, false, &a, &problem) == ST_OK && a.pem != NULL) {
        out = judge_loaded(&j, &a, alias, hosts);
    }
    *is_good = out != NULL && j.is_good;
    end_judging(&j);
    json_decref(j.findings);
    alias_deinit(&a);
    return out;
}
