/*
 * What would complete the chain: looked for in everything that was named; and what is wrong after
 * that. Paths come from x509: with the certificates sent alone, then with all that were seen.
 */
#include <stdlib.h>

#include "check/engine.h"
#include "x509/tie.h"

struct hunt {
    struct check *c;
    struct check_item *item;
    struct check_detail *d;
    const struct x509_question *q;
};

static const char *label_of(const struct x509_facts *f)
{
    return f->common_name[0] != '\0' ? f->common_name
           : f->subject[0] != '\0'   ? f->subject
           : f->n_names > 0          ? f->names[0]
                                     : "(no name)";
}

/* --- the path judged, and others with another outcome --- */

static const char *path_words(struct arena *a, const struct x509_path *p)
{
    struct text t = { 0 };
    for (size_t i = 0; i < p->n; i++) {
        text_printf(&t, "%s%.100s", i == 0 ? "" : ", ", label_of(p->links[i].facts));
    }
    text_puts(&t, p->reaches_anchor ? " (trusted)" : "");
    const char *copy = arena_strndup(a, text_str(&t), t.len);
    text_deinit(&t);
    return copy == NULL ? "" : copy;
}

static bool outcomes_differ(const struct x509_paths *found)
{
    for (size_t i = 1; i < found->n; i++) {
        if (found->paths[i].is_valid != found->paths[0].is_valid) {
            return true;
        }
    }
    return false;
}

static void say_other_path(struct check_detail *d)
{
    for (size_t i = 1; i < d->n_paths; i++) {
        const struct check_path *p = &d->paths[i];
        if (p->is_valid != d->paths[0].is_valid) {
            finding_put(d, CHECK_FINDING_OTHER_PATH, -1,
                        "there is another path, and it %s: %.300s%s%.200s",
                        p->is_valid ? "verifies" : "fails", p->text, p->why == NULL ? "" : ": ",
                        p->why == NULL ? "" : p->why);
            return;
        }
    }
}

static void keep_alternatives(struct check_detail *d, const struct x509_paths *found)
{
    struct check_path *list =
        outcomes_differ(found) ? arena_alloc_array(&d->arena, found->n, sizeof *list) : NULL;
    for (size_t i = 0; list != NULL && i < found->n; i++) {
        const struct x509_path *p = &found->paths[i];
        list[i] = (struct check_path){
            .is_valid = p->is_valid,
            .text = path_words(&d->arena, p),
            .why = p->is_valid || p->n_faults == 0 ? NULL : p->faults[0].detail,
        };
    }
    d->paths = list;
    d->n_paths = list == NULL ? 0 : found->n;
    say_other_path(d);
}

enum status paths_look(struct check *c, struct check_item *item, const struct x509_question *q,
                       struct err *err)
{
    struct x509_paths *found = NULL;
    struct check_detail *d = item->detail;
    TRY(x509_find_paths(c->store, d->certs, q, &found, err));
    d->path = found->n == 0 ? NULL : arena_alloc(&d->arena, sizeof *d->path);
    if (d->path != NULL) {
        *d->path = found->paths[0];
        keep_alternatives(d, found);
    }
    x509_paths_free(found);
    return ST_OK;
}

/* --- what is missing --- */

static struct check_missing *add(struct hunt *h)
{
    struct check_detail *d = h->d;
    return d->n_missing == CHECK_MISSING_MAX ? NULL : &d->missing[d->n_missing++];
}

/* "issuing.pem, line 3"; NULL where nothing named holds it. */
static const char *where(struct hunt *h, struct bytes der)
{
    const struct pool *p = &h->c->pool;
    const struct x509_chain *chain = x509_store_chain(h->c->store, &der, 1);
    size_t n = 0;
    const char *found = NULL;
    if (chain == NULL) {
        return NULL;
    }
    const size_t *list = pool_find(p, x509_subject_key(chain, 0), &n);
    for (size_t i = 0; i < n && found == NULL; i++) {
        if (bytes_equal(p->certs[list[i]].der, der)) {
            found = pool_where(&h->d->arena, p, list[i]);
        }
    }
    x509_chain_unref(chain);
    return found;
}

static void put_found(struct hunt *h, const struct x509_path *p, size_t i, bool belongs_to_trust)
{
    struct check_missing *m = add(h);
    const struct x509_link *link = &p->links[i];
    const struct x509_facts *below = p->links[i == 0 ? 0 : i - 1].facts;
    if (m == NULL) {
        return;
    }
    *m = (struct check_missing){
        .subject = link->facts->subject,
        .key_id = link->facts->subject_key_id,
        .below = i == 0 ? -1 : p->links[i - 1].index,
        .belongs_to_trust = belongs_to_trust,
        .url = below->aia_issuer_url,
        .found_in = where(h, link->der),
        .sha256_hex = link->facts->sha256_hex,
        .der = link->der,
    };
}

static void put_unknown(struct hunt *h, const struct x509_path *p, bool belongs_to_trust)
{
    struct check_missing *m = add(h);
    const struct x509_link *last = &p->links[p->n - 1];
    if (m == NULL) {
        return;
    }
    *m = (struct check_missing){
        .subject = last->facts->issuer,
        .key_id = last->facts->authority_key_id,
        .below = last->index,
        .belongs_to_trust = belongs_to_trust,
        .url = last->facts->aia_issuer_url,
        .sha256_hex = "",
    };
}

static bool is_about_building(enum x509_fault_kind kind)
{
    return kind == X509_FAULT_CHAIN_INCOMPLETE || kind == X509_FAULT_UNTRUSTED_CA ||
           kind == X509_FAULT_SELF_SIGNED || kind == X509_FAULT_CHAIN_INVALID;
}

/* The links that were found elsewhere; true where they complete the path to an anchor. */
static bool take_seen(struct hunt *h, const struct x509_path *p)
{
    bool is_longer = h->d->path == NULL || p->n > h->d->path->n;
    for (size_t i = 1; i < p->n && (p->reaches_anchor || is_longer); i++) {
        bool is_root = p->links[i].facts->is_self_signed;
        if (p->links[i].origin == X509_SEEN) {
            put_found(h, p, i, is_root);
        }
    }
    return p->reaches_anchor;
}

static bool is_known_missing(const struct check_detail *d, struct bytes der)
{
    for (size_t i = 0; i < d->n_missing; i++) {
        if (bytes_equal(d->missing[i].der, der)) {
            return true;
        }
    }
    return false;
}

static bool is_anchor(const struct hunt *h, struct bytes der)
{
    for (size_t i = 0; i < x509_store_n_anchors(h->c->store); i++) {
        if (bytes_equal(x509_store_anchor(h->c->store, i), der)) {
            return true;
        }
    }
    return false;
}

/* No anchor at the end: the root that is there belongs into the trust store, or the issuer of the
 * last certificate is missing somewhere. */
static void put_end(struct hunt *h, const struct x509_path *p)
{
    const struct x509_link *last = &p->links[p->n - 1];
    bool is_incomplete = false;
    for (size_t i = 0; i < h->d->judgement.n_faults; i++) {
        is_incomplete =
            is_incomplete || h->d->judgement.faults[i].kind == X509_FAULT_CHAIN_INCOMPLETE;
    }
    if (is_anchor(h, last->der)) {
        return; /* it is trusted: the fault is below it */
    }
    if (last->facts->is_self_signed) {
        if (!is_known_missing(h->d, last->der)) {
            put_found(h, p, p->n - 1, true);
        }
    } else {
        put_unknown(h, p, !is_incomplete || h->d->n_missing > 0);
    }
}

/* --- what remains --- */

static void keep_remaining(struct check_detail *d, const struct x509_judgement *j,
                           enum x509_fault_kind mended)
{
    for (size_t i = 0; i < j->n_faults; i++) {
        const struct x509_fault *f = &j->faults[i];
        bool is_mended = f->kind == mended && (i == 0 || is_about_building(mended));
        if (!is_mended) {
            d->remaining[d->n_remaining++] =
                f->detail == NULL ? x509_fault_summary(f->kind) : f->detail;
        }
    }
}

static enum status look_among_seen(struct hunt *h, struct err *err)
{
    struct x509_question with = *h->q;
    struct x509_paths *found = NULL;
    struct x509_judgement after;
    with.use_seen = true;
    TRY(x509_find_paths(h->c->store, h->d->certs, &with, &found, err));
    bool is_complete = found->n > 0 && take_seen(h, &found->paths[0]);
    bool is_dead_end = found->n > 0 && !is_complete;
    if (is_dead_end) {
        put_end(h, &found->paths[0]);
    }
    x509_paths_free(found);
    enum status st = x509_judge(h->c->store, h->d->certs, &with, &after, err);
    if (st == ST_OK) {
        keep_remaining(h->d, is_complete ? &after : &h->d->judgement,
                       is_complete ? X509_N_FAULTS : h->item->cause);
    }
    return st;
}

enum status missing_find(struct check *c, struct check_item *item, const struct x509_question *q,
                         struct err *err)
{
    struct hunt h = { .c = c, .item = item, .d = item->detail, .q = q };
    if (item->is_acceptable) {
        return ST_OK;
    }
    if (is_about_building(item->cause) && !h.d->judgement.has_anchor) {
        return look_among_seen(&h, err);
    }
    keep_remaining(h.d, &h.d->judgement, item->cause);
    return ST_OK;
}
