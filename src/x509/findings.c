#include "x509/findings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

/* "certificate 1 (R3)"; names in certificates can be long. */
static void name_culprit(char *out, size_t room, const struct x509_chain *chain, struct cert *c)
{
    int culprit = culprit_of(chain, c);
    const char *label = cert_label(c);
    if (culprit == X509_CULPRIT_TRUST) {
        snprintf(out, room, "the trusted certificate (%.160s)", label);
    } else if (culprit == X509_CULPRIT_SEEN) {
        snprintf(out, room, "a certificate that was not sent (%.160s)", label);
    } else if (culprit == 0) {
        snprintf(out, room, "the leaf certificate (%.160s)", label);
    } else {
        snprintf(out, room, "certificate %d sent after the leaf (%.160s)", culprit, label);
    }
}

void findings_put_fault(struct findings *f, const struct x509_fault *fault)
{
    for (size_t i = 0; i < f->n; i++) {
        if (f->list[i].kind == fault->kind && f->list[i].culprit == fault->culprit &&
            f->list[i].rule == fault->rule) { /* rules are rows of one table: equal, or not */
            return;
        }
    }
    if (f->n < FINDINGS_MAX) {
        f->list[f->n++] = *fault;
    }
}

static struct x509_fault fault_of(const struct findings *f, enum x509_fault_kind kind,
                                  struct cert *c, const char *what)
{
    char who[240];
    name_culprit(who, sizeof who, f->chain, c);
    return (struct x509_fault){
        .kind = kind,
        .culprit = culprit_of(f->chain, c),
        .detail = chain_say(f->chain, x509_fault_summary(kind), "%s %s", who, what),
    };
}

void findings_put(struct findings *f, enum x509_fault_kind kind, struct cert *c, int openssl_error,
                  const char *what)
{
    struct x509_fault fault = fault_of(f, kind, c, what);
    fault.openssl_error = openssl_error;
    findings_put_fault(f, &fault);
}

void findings_put_like(struct findings *f, const struct x509_fault *like, struct cert *c,
                       const char *what)
{
    struct x509_fault fault = fault_of(f, like->kind, c, what);
    fault.rule = like->rule;
    fault.is_minor = like->is_minor;
    findings_put_fault(f, &fault);
}

void findings_put_limit(struct findings *f, enum x509_fault_kind kind, struct cert *c,
                        int64_t limit_s)
{
    char who[240];
    struct text date = { 0 };
    bool is_expired = kind == X509_FAULT_EXPIRED;
    clock_put_date(&date, limit_s);
    name_culprit(who, sizeof who, f->chain, c);
    findings_put_fault(
        f, &(struct x509_fault){
               .kind = kind,
               .culprit = culprit_of(f->chain, c),
               .openssl_error =
                   is_expired ? X509_V_ERR_CERT_HAS_EXPIRED : X509_V_ERR_CERT_NOT_YET_VALID,
               .detail = chain_say(f->chain, x509_fault_summary(kind), "%s %s %s", who,
                                   is_expired ? "was valid until" : "is valid only from",
                                   text_str(&date)),
               .limit_s = limit_s,
           });
    text_deinit(&date);
}

unsigned findings_rank(const struct x509_fault *fault)
{
    return (unsigned)fault->kind + (fault->is_minor ? (unsigned)X509_N_FAULTS : 0);
}

static int compare(const void *a, const void *b)
{
    const struct x509_fault *x = a;
    const struct x509_fault *y = b;
    if (findings_rank(x) != findings_rank(y)) {
        return findings_rank(x) < findings_rank(y) ? -1 : 1;
    }
    /* unsigned: one of the trust store comes last */
    unsigned cx = (unsigned)x->culprit;
    unsigned cy = (unsigned)y->culprit;
    return (cx > cy) - (cx < cy);
}

void findings_sort(struct findings *f)
{
    qsort(f->list, f->n, sizeof f->list[0], compare);
}
