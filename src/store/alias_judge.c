#include "store/alias_judge.h"

#include <openssl/x509.h>

#include "base/clock.h"
#include "check/check.h"
#include "keystore/keystore.h"
#include "store/alias_document.h"
#include "x509/tie.h"

enum { FLOOR_BITS = 112, DAY_S = 86400 };

struct judging {
    const struct alias_upload *upload;
    const struct material *m;
    struct x509_store *x509;
    const struct x509_chain *chain;
    int64_t at_s;
    bool is_refused;
    struct store_problem *problem;
};

/* --- contexts --- */

static void put_where(const struct judging *j, int at, char *out, size_t size)
{
    if (at < 0) {
        snprintf(out, size, "%s", j->m->part);
        return;
    }
    const char *subject = x509_chain_facts(j->chain, (size_t)at)->subject;
    uint32_t line = j->m->line[at];
    if (line > 0) {
        snprintf(out, size, "%s, certificate %d, line %u: %s", j->m->part, at + 1, (unsigned)line,
                 subject != NULL ? subject : "");
    } else {
        snprintf(out, size, "%s, certificate %d: %s", j->m->part, at + 1,
                 subject != NULL ? subject : "");
    }
}

/* The first refusal is what the problem says. */
static void say(struct judging *j, bool is_warning, const char *cause, int at, const char *message,
                const char *action)
{
    struct problem_context *c = problem_add(j->problem, is_warning, cause);
    put_where(j, at, c->where, sizeof c->where);
    snprintf(c->message, sizeof c->message, "%s", message);
    snprintf(c->action, sizeof c->action, "%s", action);
    if (!is_warning && !j->is_refused) {
        j->is_refused = true;
        (void)problem_set(j->problem, PROBLEM_ID_CERTIFICATE_REFUSED, "%s", message);
    }
}

static void find(struct judging *j, enum check_finding_kind kind, int at, const char *action)
{
    say(j, true, check_finding_id(kind), at, check_finding_summary(kind), action);
}

/* --- faults of the chain --- */

/* Which switch of the upload lets a fault pass, and what mends it. */
enum pass { PASS_ALWAYS, PASS_EXPIRY, PASS_CHAIN, PASS_UNSAID };

/* clang-format off */
static const struct {
    enum pass pass;
    const char *action;
} fault_rows[X509_N_FAULTS] = {
    [X509_FAULT_MALFORMED]          = { PASS_CHAIN,  "Have the certificate issued again" },
    [X509_FAULT_CHAIN_INCOMPLETE]   = { PASS_CHAIN,  "Append the missing CA certificate to the chain, leaf first, or upload with ignoreChainValidation=true" },
    [X509_FAULT_SELF_SIGNED]        = { PASS_UNSAID, "" },
    [X509_FAULT_UNTRUSTED_CA]       = { PASS_UNSAID, "" },
    [X509_FAULT_CHAIN_INVALID]      = { PASS_CHAIN,  "Upload the CA certificates that belong to this leaf, or upload with ignoreChainValidation=true" },
    [X509_FAULT_EXPIRED]            = { PASS_EXPIRY, "Upload a certificate that is valid now, or upload with ignoreExpiryValidation=true" },
    [X509_FAULT_NOT_YET_VALID]      = { PASS_EXPIRY, "Wait until it is valid, or upload with ignoreExpiryValidation=true" },
    [X509_FAULT_REVOKED]            = { PASS_ALWAYS, "Have a new certificate issued" },
    [X509_FAULT_REVOCATION_UNKNOWN] = { PASS_UNSAID, "" },
    [X509_FAULT_WRONG_PURPOSE]      = { PASS_ALWAYS, "Have a certificate issued whose extended key usage has serverAuth or clientAuth" },
    [X509_FAULT_WEAK]               = { PASS_ALWAYS, "Have a certificate issued with an RSA key of at least 2048 bits and SHA-256" },
    [X509_FAULT_HOSTNAME_MISMATCH]  = { PASS_UNSAID, "" },
    [X509_FAULT_CONSTRAINT]         = { PASS_CHAIN,  "Have a certificate issued that the CA's constraints allow, or upload with ignoreChainValidation=true" },
};
/* clang-format on */

static void say_fault(struct judging *j, const struct x509_fault *f)
{
    enum pass pass = fault_rows[f->kind].pass;
    if (pass == PASS_UNSAID) {
        return; /* whom the other side trusts is not known here */
    }
    bool is_warning = pass == PASS_ALWAYS || f->is_minor ||
                      (pass == PASS_EXPIRY && j->upload->ignore_expiry) ||
                      (pass == PASS_CHAIN && j->upload->ignore_chain);
    const char *text = f->detail != NULL ? f->detail : x509_fault_summary(f->kind);
    int at = f->culprit >= 0 && (size_t)f->culprit < j->m->n ? f->culprit : -1;
    say(j, is_warning, x509_fault_id(f->kind), at, text, fault_rows[f->kind].action);
}

static enum status judge_chain(struct judging *j)
{
    struct err err = { 0 };
    struct x509_judgement judgement;
    struct x509_question question = { .purpose = X509_FOR_ANY,
                                      .at_s = j->at_s,
                                      .floor_bits = FLOOR_BITS };
    if (x509_judge(j->x509, j->chain, &question, &judgement, &err) != ST_OK) {
        return problem_failed(j->problem, &err);
    }
    for (size_t i = 0; i < judgement.n_faults; i++) {
        say_fault(j, &judgement.faults[i]);
    }
    return ST_OK;
}

/* --- the key --- */

/* The certificate that the key belongs to; n: none. */
static size_t find_key(const struct judging *j)
{
    size_t i = 0;
    while (i < j->m->n && !bytes_equal(x509_chain_facts(j->chain, i)->spki, j->m->spki)) {
        i++;
    }
    return i;
}

static void judge_key(struct judging *j)
{
    size_t at = find_key(j);
    if (at == 0) {
        return;
    }
    const char *id = check_finding_id(CHECK_FINDING_KEY_ALONE);
    if (at == j->m->n) {
        say(j, false, id, 0, "The private key does not belong to the certificate",
            "Upload the certificate together with the key that its request was made with");
    } else {
        say(j, false, check_finding_id(CHECK_FINDING_WRONG_ORDER), (int)at,
            "The private key belongs to this certificate, which is not the first one",
            "Put this certificate first, and each issuer after the one that it issued");
    }
}

/* --- what is worth knowing --- */

static bool is_tied_to_any(const struct judging *j, size_t at)
{
    for (size_t i = 0; i < j->m->n; i++) {
        if (i != at && x509_tie(j->chain, i, j->chain, at) == X509_TIED) {
            return true;
        }
    }
    return false;
}

static bool is_copy(const struct judging *j, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (bytes_equal(j->m->der[i], j->m->der[at])) {
            return true;
        }
    }
    return false;
}

static void look_at_order(struct judging *j)
{
    for (size_t i = 1; i < j->m->n; i++) {
        if (is_copy(j, i)) {
            find(j, CHECK_FINDING_DUPLICATE, (int)i, "Leave it out");
        } else if (x509_tie(j->chain, i - 1, j->chain, i) == X509_TIED) {
            continue;
        } else if (is_tied_to_any(j, i)) {
            find(j, CHECK_FINDING_WRONG_ORDER, (int)i, "Put each issuer after what it issued");
        } else {
            find(j, CHECK_FINDING_UNRELATED, (int)i, "Leave it out");
        }
    }
}

static void look_at_leaf(struct judging *j)
{
    const struct x509_facts *f = x509_chain_facts(j->chain, 0);
    if (f->n_all_names == 0) {
        find(j, CHECK_FINDING_COMMON_NAME_ONLY, 0,
             "Have a certificate issued with subjectAltName: today's clients look there only");
    }
    if (f->has_eku && !f->eku_server && !f->eku_client && !f->eku_any) {
        say(j, true, x509_fault_id(X509_FAULT_WRONG_PURPOSE), 0,
            "Its extended key usage allows neither a server's nor a client's side of TLS",
            fault_rows[X509_FAULT_WRONG_PURPOSE].action);
    }
}

static void look_at_dates(struct judging *j)
{
    for (size_t i = 0; i < j->m->n; i++) {
        int64_t left_s = x509_chain_facts(j->chain, i)->not_after_s - j->at_s;
        if (left_s >= 0 && left_s < (int64_t)CHECK_WARN_DAYS * DAY_S) {
            find(j, CHECK_FINDING_EXPIRES_SOON, (int)i, "Have a new one issued in time");
        }
    }
}

/* --- certificates to trust --- */

static void judge_trusted_dates(struct judging *j, int at, const struct x509_facts *f)
{
    if (j->at_s > f->not_after_s) {
        say(j, j->upload->ignore_expiry, x509_fault_id(X509_FAULT_EXPIRED), at,
            "The certificate has expired", fault_rows[X509_FAULT_EXPIRED].action);
    } else if (j->at_s < f->not_before_s) {
        say(j, j->upload->ignore_expiry, x509_fault_id(X509_FAULT_NOT_YET_VALID), at,
            "The certificate is not valid yet", fault_rows[X509_FAULT_NOT_YET_VALID].action);
    }
}

static void judge_trusted(struct judging *j)
{
    bool has_ca = false;
    for (size_t i = 0; i < j->m->n; i++) {
        const struct x509_facts *f = x509_chain_facts(j->chain, i);
        has_ca = has_ca || f->is_ca || f->is_self_signed;
        judge_trusted_dates(j, (int)i, f);
        if (i > 0 && is_copy(j, i)) {
            find(j, CHECK_FINDING_DUPLICATE, (int)i, "Leave it out");
        }
    }
    if (!has_ca) {
        say(j, j->upload->ignore_chain, check_finding_id(CHECK_FINDING_NOT_A_CA), 0,
            "To be trusted, a CA certificate is needed; this is the certificate of a server or "
            "client, which another CA issued",
            "Upload the certificates of the CAs that issued it, or, to trust this very "
            "certificate, upload with ignoreChainValidation=true");
    }
}

/* --- all of it --- */

/* Also for want of memory a certificate has no facts. */
static bool decodes(struct bytes der)
{
    const unsigned char *p = der.p;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);
    X509_free(x);
    return x != NULL;
}

static enum status want_decoded(struct judging *j)
{
    for (size_t i = 0; i < j->m->n; i++) {
        if (x509_chain_facts(j->chain, i)->is_parsed) {
            continue;
        }
        if (decodes(j->m->der[i])) {
            return problem_no_memory(j->problem);
        }
        say(j, false, x509_fault_id(X509_FAULT_MALFORMED), (int)i,
            "The certificate cannot be decoded", "Upload the file as the CA sent it");
    }
    return j->is_refused ? ST_USAGE : ST_OK;
}

static enum status judge(struct judging *j)
{
    TRY(want_decoded(j));
    if (j->m->spki.len == 0) {
        judge_trusted(j);
    } else {
        judge_key(j);
        if (!j->is_refused) {
            TRY(judge_chain(j));
            look_at_order(j);
            look_at_leaf(j);
        }
    }
    look_at_dates(j);
    return j->is_refused ? ST_USAGE : ST_OK;
}

enum status alias_judge_add_anchors(struct store *s, const char *org, const char *env,
                                    struct x509_store *x509, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_names names;
    struct store_key within = { .kind = STORE_ALIAS, .org = org, .env = env };
    if (store_list(s, &within, &names, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < names.n && st == ST_OK; i++) {
        struct alias_name one = { org, env, names.list[i].parent, names.list[i].name };
        st = alias_document_add_roots(s, &one, x509, problem);
    }
    store_names_deinit(&names);
    return st;
}

static enum status judge_with(struct store *s, const struct alias_name *name, struct judging *j)
{
    if (j->m->spki.len > 0) {
        TRY(alias_judge_add_anchors(s, name->org, name->env, j->x509, j->problem));
    }
    j->chain = x509_store_chain(j->x509, j->m->der, j->m->n);
    return j->chain != NULL ? judge(j) : problem_no_memory(j->problem);
}

enum status alias_judge(struct store *s, const struct alias_name *name,
                        const struct alias_upload *upload, const struct material *m,
                        struct store_problem *problem)
{
    struct err err = { 0 };
    struct judging j = { .upload = upload, .m = m, .problem = problem };
    j.at_s = upload->at_s != 0 ? upload->at_s : clock_now_ns() / NS_PER_S;
    if (x509_store_new(&j.x509, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st = judge_with(s, name, &j);
    x509_chain_unref(j.chain);
    x509_store_free(j.x509);
    return st;
}
