/* A store of CA certificates: each anchor looked at by itself, and all of them together. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "check/engine.h"
#include "x509/tie.h"

enum { S_PER_DAY = 86400, ANCHORS_TEXT_MAX = 64 << 20, SENTENCE_MAX = 640, FINDINGS_MAX = 1000 };

struct examining {
    struct check *c;
    struct check_item *item;
    struct check_anchors *a;
    size_t n_usable, n_bad, cap_findings;
};

static void put(struct examining *e, enum check_finding_kind kind, size_t at, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void put(struct examining *e, enum check_finding_kind kind, size_t at, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    struct check_anchors *a = e->a;
    if (a->n_findings == FINDINGS_MAX) {
        a->n_findings_left_out++;
        return;
    }
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = len < 0 ? NULL : arena_strndup(&a->arena, text, strlen(text));
    a->findings[a->n_findings++] =
        (struct check_finding){ kind, (int)at, copy == NULL ? check_finding_summary(kind) : copy };
    e->item->has_warnings = e->item->has_warnings || check_finding_is_warning(kind);
}

static void say_dates(struct examining *e, size_t at, struct check_anchor *anchor)
{
    struct text date = { 0 };
    int64_t now_s = e->item->at_s;
    if (now_s > anchor->not_after_s) {
        clock_put_date(&date, anchor->not_after_s);
        put(e, CHECK_FINDING_EXPIRED, at, "%.160s expired on %s, %" PRId64 " days ago: replace it",
            anchor->label, text_str(&date), (now_s - anchor->not_after_s) / S_PER_DAY);
        anchor->is_usable = false;
    } else if (now_s < anchor->not_before_s) {
        clock_put_date(&date, anchor->not_before_s);
        put(e, CHECK_FINDING_NOT_YET_VALID, at, "%.160s is valid from %s only", anchor->label,
            text_str(&date));
        anchor->is_usable = false;
    } else if (anchor->not_after_s - now_s <= (int64_t)e->c->rq->warn_days * S_PER_DAY) {
        clock_put_date(&date, anchor->not_after_s);
        put(e, CHECK_FINDING_EXPIRES_SOON, at, "%.160s expires on %s, in %" PRId64 " days",
            anchor->label, text_str(&date), (anchor->not_after_s - now_s) / S_PER_DAY);
    }
    text_deinit(&date);
}

static void say_kind(struct examining *e, size_t at, const struct check_anchor *anchor,
                     const struct x509_facts *f)
{
    if (!f->is_ca) {
        put(e, CHECK_FINDING_NOT_A_CA, at,
            "%.160s is no CA certificate: it is trusted for itself by verifiers that take any "
            "entry "
            "as an anchor (Java), and vouches for no other",
            anchor->label);
    }
    if (strncmp(f->key_type, "RSA", 3) == 0 && f->key_bits < 2048) {
        put(e, CHECK_FINDING_WEAK, at,
            "%.160s has an RSA key of %u bits: below 2048 most verifiers refuse it", anchor->label,
            f->key_bits);
    } else if (f->signature_is_weak && !f->is_self_signed) {
        put(e, CHECK_FINDING_WEAK, at, "%.160s is signed with %s, which most verifiers refuse",
            anchor->label, f->signature_algorithm);
    }
}

static const char *keep(struct examining *e, const char *s)
{
    const char *copy = arena_strndup(&e->a->arena, s, strlen(s));
    return copy == NULL ? "" : copy;
}

static bool examine(struct examining *e, size_t at, size_t cert)
{
    const struct pool_cert *from = &e->c->pool.certs[cert];
    struct check_anchor *anchor = &e->a->list[at];
    const struct x509_chain *chain = pool_chain(&e->c->pool, cert);
    if (chain == NULL) {
        return false;
    }
    const struct x509_facts *f = x509_chain_facts(chain, 0);
    const char *label = f->common_name[0] != '\0' ? f->common_name : f->subject;
    *anchor = (struct check_anchor){
        .label = keep(e, label[0] == '\0' ? "(no name)" : label),
        .alias = from->alias,
        .sha256_hex = keep(e, f->sha256_hex),
        .not_before_s = f->not_before_s,
        .not_after_s = f->not_after_s,
        .is_usable = f->is_parsed,
    };
    if (!f->is_parsed) {
        put(e, CHECK_FINDING_UNREADABLE, at, "entry %zu cannot be decoded", at + 1);
    } else {
        say_dates(e, at, anchor);
        say_kind(e, at, anchor, f);
    }
    e->n_usable += anchor->is_usable ? 1 : 0;
    e->n_bad += anchor->is_usable ? 0 : 1;
    if (at < CHECK_DETAILED_MAX) {
        anchor->cert = chain;
    } else {
        x509_chain_unref(chain);
    }
    return true;
}

/* --- among each other --- */

struct named {
    uint64_t subject;
    size_t at; /* in the list */
    size_t cert;
};

static int by_subject(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    return x->subject != y->subject ? (x->subject > y->subject) - (x->subject < y->subject)
                                    : (x->at > y->at) - (x->at < y->at);
}

static void compare_two(struct examining *e, const struct named *first, const struct named *second)
{
    const struct pool *p = &e->c->pool;
    const struct x509_chain *a = pool_chain(p, first->cert);
    const struct x509_chain *b = pool_chain(p, second->cert);
    const char *label = e->a->list[second->at].label;
    if (a != NULL && b != NULL) {
        bool is_same = bytes_equal(p->certs[first->cert].der, p->certs[second->cert].der);
        bool same_key = bytes_equal(x509_chain_facts(a, 0)->spki, x509_chain_facts(b, 0)->spki);
        if (is_same) {
            put(e, CHECK_FINDING_DUPLICATE, second->at,
                "%.160s is there twice (entries %zu and %zu)", label, first->at + 1,
                second->at + 1);
        } else if (!same_key) {
            put(e, CHECK_FINDING_NAMESAKE, second->at,
                "two certificates are called %.160s and have different keys (entries %zu and %zu): "
                "one of them may be stale",
                label, first->at + 1, second->at + 1);
        }
    }
    x509_chain_unref(a);
    x509_chain_unref(b);
}

/* Each with the one before it of the same name: n comparisons, not n squared. */
static enum status compare_all(struct examining *e, const size_t *certs, struct err *err)
{
    struct named *list = calloc(e->a->n + 1, sizeof *list);
    if (list == NULL) {
        return check_no_memory(err);
    }
    for (size_t i = 0; i < e->a->n; i++) {
        list[i] = (struct named){ e->c->pool.certs[certs[i]].subject_key, i, certs[i] };
    }
    qsort(list, e->a->n, sizeof *list, by_subject);
    for (size_t i = 1; i < e->a->n; i++) {
        if (list[i].subject != 0 && list[i].subject == list[i - 1].subject) {
            compare_two(e, &list[i - 1], &list[i]);
        }
    }
    free(list);
    return ST_OK;
}

static void set_verdict(struct examining *e)
{
    struct check_item *item = e->item;
    const struct check_anchors *a = e->a;
    item->is_acceptable = e->n_bad == 0;
    item->culprit = X509_CULPRIT_TRUST;
    item->cause = X509_FAULT_MALFORMED;
    for (size_t i = 0; i < a->n_findings && e->n_bad > 0; i++) {
        if (a->findings[i].kind == CHECK_FINDING_EXPIRED) {
            item->cause = X509_FAULT_EXPIRED;
            break;
        }
        if (a->findings[i].kind == CHECK_FINDING_NOT_YET_VALID) {
            item->cause = X509_FAULT_NOT_YET_VALID;
        }
    }
    item->sentence = check_say(e->c, "a trust store of %zu certificate%s, %zu of them usable", a->n,
                               a->n == 1 ? "" : "s", e->n_usable);
}

static enum status examine_all(struct examining *e, const size_t *certs, size_t n, struct err *err)
{
    struct check_anchors *a = e->a;
    a->arena.limit_bytes = ANCHORS_TEXT_MAX;
    a->list = arena_alloc_array(&a->arena, n, sizeof *a->list);
    a->findings = arena_alloc_array(&a->arena, FINDINGS_MAX, sizeof *a->findings);
    if (a->list == NULL || a->findings == NULL) {
        return check_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        if (!examine(e, i, certs[i])) {
            return check_no_memory(err);
        }
        a->n++;
    }
    TRY(compare_all(e, certs, err));
    set_verdict(e);
    return ST_OK;
}

enum status judge_truststore(struct check *c, size_t input, const size_t *certs, size_t n,
                             struct err *err)
{
    const struct pool_input *in = &c->pool.inputs[input];
    struct check_item *item = check_new_item(c);
    struct check_anchors *a = item == NULL ? NULL : calloc(1, sizeof *a);
    if (a == NULL) {
        return check_no_memory(err);
    }
    *item = (struct check_item){
        .role = CHECK_TRUSTSTORE,
        .source = in->source,
        .input = in->name,
        .format = in->format,
        .label = in->name,
        .purpose = X509_FOR_ANY,
        .at_s = c->rq->at_s,
        .n_certs = n,
        .anchors = a,
    };
    struct examining e = { .c = c, .item = item, .a = a };
    return examine_all(&e, certs, n, err);
}
