/* What is worth knowing of one chain beside its verdict. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "check/engine.h"
#include "check/proxy.h"
#include "x509/tie.h"

enum { S_PER_DAY = 86400, TIES_MAX = 256, SENTENCE_MAX = 640 };

struct look {
    struct check *c;
    struct check_item *item;
    struct check_detail *d;
    const struct candidate_chain *from;
    const struct x509_chain *certs;
    size_t n;
    bool is_reached[ENGINE_SENT_MAX]; /* from the leaf, by the names of issuers */
    bool is_again[ENGINE_SENT_MAX];   /* the same bytes as one before */
    uint64_t subject[ENGINE_SENT_MAX], issuer[ENGINE_SENT_MAX];
};

void finding_put(struct check_detail *d, enum check_finding_kind kind, int at, const char *fmt, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    if (d->n_findings == CHECK_FINDINGS_MAX) {
        d->n_findings_left_out++;
        return;
    }
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = len < 0 ? NULL : arena_strndup(&d->arena, text, strlen(text));
    d->findings[d->n_findings++] =
        (struct check_finding){ kind, at, copy == NULL ? check_finding_summary(kind) : copy };
}

static const char *label_of(const struct x509_facts *f)
{
    return f->common_name[0] != '\0' ? f->common_name
           : f->subject[0] != '\0'   ? f->subject
           : f->n_names > 0          ? f->names[0]
                                     : "(no name)";
}

static const char *label_at(const struct look *l, size_t i)
{
    return label_of(x509_chain_facts(l->certs, i));
}

/* --- the certificates among themselves --- */

static void reach_from_leaf(struct look *l)
{
    size_t todo[ENGINE_SENT_MAX] = { 0 };
    size_t n_todo = 1;
    l->is_reached[0] = true;
    while (n_todo > 0) {
        size_t i = todo[--n_todo];
        for (size_t k = 1; k < l->n; k++) {
            if (!l->is_reached[k] && l->issuer[i] != 0 && l->issuer[i] == l->subject[k]) {
                l->is_reached[k] = true;
                todo[n_todo++] = k;
            }
        }
    }
}

static void find_again(struct look *l)
{
    for (size_t i = 1; i < l->n; i++) {
        for (size_t k = 0; k < i && !l->is_again[i]; k++) {
            l->is_again[i] = bytes_equal(x509_chain_der(l->certs, i), x509_chain_der(l->certs, k));
        }
    }
}

static void say_extras(struct look *l)
{
    for (size_t i = 1; i < l->n; i++) {
        const struct x509_facts *f = x509_chain_facts(l->certs, i);
        if (l->is_again[i]) {
            finding_put(l->d, CHECK_FINDING_DUPLICATE, (int)i,
                        "certificate %zu (%.160s) is there twice: leave one out", i, label_of(f));
        } else if (!l->is_reached[i] && f->is_parsed) {
            finding_put(
                l->d, CHECK_FINDING_UNRELATED, (int)i,
                "certificate %zu (%.160s) has issued none of the others on the way from the "
                "leaf: leave it out",
                i, label_of(f));
        } else if (f->is_self_signed && f->is_ca) {
            finding_put(l->d, CHECK_FINDING_ROOT_SENT, (int)i,
                        "the root (%.160s) is sent along: whoever trusts it has it already, and it "
                        "costs bytes in every handshake",
                        label_of(f));
        }
    }
    if (l->from->n > l->n) {
        finding_put(l->d, CHECK_FINDING_IGNORED, -1,
                    "there are %zu certificates; the first %zu were looked at", l->from->n, l->n);
    }
}

/* RFC 5246 section 7.4.2: each certificate directly certifies the one before. TLS 1.3 asks only
 * that the leaf is first (RFC 8446 section 4.4.2), and many verifiers are older. */
static void say_order(struct look *l)
{
    const struct x509_path *path = l->d->path;
    int last = 0;
    if (l->from->leaf_was_moved) {
        finding_put(l->d, CHECK_FINDING_WRONG_ORDER, 0,
                    "the leaf (%.160s) is not the first certificate of the file but number %zu: "
                    "a server would send another one as its own",
                    label_at(l, 0), l->d->positions[0] + 1);
        return;
    }
    for (size_t i = 1; path != NULL && i < path->n; i++) {
        int at = path->links[i].index;
        if (path->links[i].origin != X509_SENT) {
            continue;
        }
        if (at < last) {
            finding_put(l->d, CHECK_FINDING_WRONG_ORDER, at,
                        "the certificates are not in order: %.160s has to come right before its "
                        "issuer, as TLS 1.2 asks and old verifiers insist",
                        label_of(path->links[i - 1].facts));
            return;
        }
        last = at;
    }
}

static bool is_on_good_path(const struct look *l, size_t k)
{
    const struct x509_path *path = l->d->path;
    for (size_t i = 0; path != NULL && path->is_valid && i < path->n; i++) {
        if (path->links[i].index == (int)k) {
            return true;
        }
    }
    return false;
}

/* Which certificate has `k` for its issuer by name only; l->n: none, or `k` signed another. */
static size_t named_only(const struct look *l, size_t k, size_t *n_ties)
{
    size_t below = l->n;
    for (size_t i = 0; i < l->n && *n_ties < TIES_MAX; i++) {
        if (i == k || !l->is_reached[i] || l->issuer[i] != l->subject[k]) {
            continue;
        }
        ++*n_ties;
        enum x509_tie tie = x509_tie(l->certs, i, l->certs, k);
        if (tie == X509_TIED) {
            return l->n;
        }
        below = tie == X509_TIED_BY_NAME ? i : below;
    }
    return below;
}

static void say_namesake(struct look *l, size_t k, size_t below)
{
    const struct x509_facts *f = x509_chain_facts(l->certs, k);
    finding_put(l->d, CHECK_FINDING_NAMESAKE, (int)k,
                "certificate %zu (%.120s) bears the name of the issuer of %.120s and has another "
                "key (key identifier %.40s, wanted %.40s)",
                k, label_of(f), label_at(l, below),
                f->subject_key_id[0] == '\0' ? "none" : f->subject_key_id,
                x509_chain_facts(l->certs, below)->authority_key_id);
}

/* Certificates that bear the issuer's name and did not sign. */
static void say_namesakes(struct look *l)
{
    size_t n_ties = 0;
    bool are_few = l->c->n_detailed < CHECK_DETAILED_MAX;
    for (size_t k = 1; k < l->n && (are_few || !l->item->is_acceptable); k++) {
        bool is_used = l->is_again[k] || is_on_good_path(l, k);
        size_t below = is_used ? l->n : named_only(l, k, &n_ties);
        if (below < l->n) {
            say_namesake(l, k, below);
        }
    }
}

/* --- the path --- */

static bool is_fault_of(const struct look *l, enum x509_fault_kind kind)
{
    const struct x509_judgement *j = &l->d->judgement;
    for (size_t i = 0; i < j->n_faults; i++) {
        if (j->faults[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static void say_expiry(struct look *l, const struct x509_facts *f, int at, bool is_trusted)
{
    int64_t left_s = f->not_after_s - l->item->at_s;
    if (!f->is_parsed || left_s < 0 || l->item->at_s < f->not_before_s ||
        left_s > (int64_t)l->c->rq->warn_days * S_PER_DAY) {
        return;
    }
    struct text date = { 0 };
    clock_put_date(&date, f->not_after_s);
    finding_put(l->d, CHECK_FINDING_EXPIRES_SOON, at, "%s%.160s expires on %s, in %lld day%s",
                is_trusted ? "the trusted " : "", label_of(f), text_str(&date),
                (long long)(left_s / S_PER_DAY), left_s / S_PER_DAY == 1 ? "" : "s");
    text_deinit(&date);
}

static void say_expiries(struct look *l)
{
    const struct x509_path *path = l->d->path;
    if (path == NULL) {
        say_expiry(l, x509_chain_facts(l->certs, 0), 0, false);
        return;
    }
    for (size_t i = 0; i < path->n; i++) {
        const struct x509_link *link = &path->links[i];
        say_expiry(l, link->facts, link->origin == X509_SENT ? link->index : -1,
                   link->origin == X509_TRUSTED);
    }
}

static void say_partial_chain(struct look *l)
{
    const struct x509_path *path = l->d->path;
    if (path == NULL || !path->reaches_anchor || path->links[path->n - 1].facts->is_self_issued) {
        return;
    }
    finding_put(l->d, CHECK_FINDING_PARTIAL_CHAIN, -1,
                "the path ends at the trusted certificate %.160s, which is not a root: Java, Go, "
                "GnuTLS and NSS accept that, OpenSSL only with partial chains allowed",
                label_of(path->links[path->n - 1].facts));
}

static void say_proxy(struct look *l)
{
    if (!is_fault_of(l, X509_FAULT_UNTRUSTED_CA) && !is_fault_of(l, X509_FAULT_CHAIN_INCOMPLETE)) {
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        const struct x509_facts *f = x509_chain_facts(l->certs, i);
        const char *product = proxy_by_name(f->issuer);
        if (product != NULL && l->is_reached[i]) {
            finding_put(l->d, CHECK_FINDING_PROXY, (int)i,
                        "the issuer \"%.160s\" looks like %s, which opens TLS connections on the "
                        "way: its root belongs into the trust store, or the connection around it",
                        f->issuer, product);
            return;
        }
    }
}

/* --- the leaf --- */

/* Chrome Root Program Policy 1.6: public CAs issue for serverAuth alone, all hierarchies from
 * 15 June 2026; Let's Encrypt and DigiCert stopped clientAuth before that. */
static void say_client_auth(struct look *l)
{
    const struct x509_facts *f = x509_chain_facts(l->certs, 0);
    if (l->item->purpose != X509_FOR_CLIENT || !f->looks_public) {
        return;
    }
    finding_put(l->d, CHECK_FINDING_NO_CLIENT_AUTH, 0,
                f->has_eku && !f->eku_client
                    ? "the leaf is from a public CA, and those stopped issuing for client "
                      "authentication in 2026 (Chrome Root Program Policy 1.6): client "
                      "certificates have to come from a private CA"
                    : "the leaf is from a public CA: its next renewal will be for servers only, "
                      "since public CAs stopped issuing for client authentication in 2026 (Chrome "
                      "Root Program Policy 1.6); move to a private CA");
}

static void say_weak(struct look *l)
{
    const struct x509_path *path = l->d->path;
    for (size_t i = 0; path != NULL && i < path->n && !is_fault_of(l, X509_FAULT_WEAK); i++) {
        const struct x509_link *link = &path->links[i];
        const struct x509_facts *f = link->facts;
        bool is_small = strncmp(f->key_type, "RSA", 3) == 0 && f->key_bits < 2048;
        bool is_signature =
            f->signature_is_weak && link->origin != X509_TRUSTED && !f->is_self_signed;
        int at = link->origin == X509_SENT ? link->index : -1;
        if (is_small) {
            finding_put(l->d, CHECK_FINDING_WEAK, at,
                        "%.160s has an RSA key of %u bits: below 2048 most verifiers refuse it",
                        label_of(f), f->key_bits);
        }
        if (is_signature) {
            finding_put(l->d, CHECK_FINDING_WEAK, at,
                        "%.160s is signed with %s, which most verifiers refuse", label_of(f),
                        f->signature_algorithm);
        }
    }
}

static void say_names(struct look *l)
{
    const struct x509_facts *f = x509_chain_facts(l->certs, 0);
    if (l->item->purpose == X509_FOR_SERVER && f->is_parsed && f->n_names == 0) {
        finding_put(l->d, CHECK_FINDING_COMMON_NAME_ONLY, 0,
                    f->common_name[0] == '\0'
                        ? "the leaf names no host at all"
                        : "the leaf has no subjectAltName: its common name (%.120s) is no longer "
                          "looked at (RFC 9525; Chrome since 58, Go since 1.15)",
                    f->common_name);
    }
}

static void say_staple(struct look *l)
{
    const struct x509_judgement *j = &l->d->judgement;
    bool is_of_use =
        j->staple == NULL || strcmp(j->staple, "good") == 0 || is_fault_of(l, X509_FAULT_REVOKED);
    if (!is_of_use) {
        finding_put(l->d, CHECK_FINDING_STAPLE, 0, "%s", j->staple);
    }
}

static const char *why_no_key(const struct pool *p)
{
    size_t n_locked = 0, n_others = 0;
    for (size_t i = 0; i < p->n_keys; i++) {
        n_locked += p->keys[i].is_locked;
        n_others += !p->keys[i].is_locked && !p->keys[i].is_matched;
    }
    return n_locked > 0   ? "what could be it is encrypted, and was not opened (--password-file)"
           : n_others > 0 ? "the private key that was named is another's: a server does not start "
                            "with the two (OpenSSL calls it a key values mismatch)"
                          : "no private key was named";
}

/* A file that holds keys, and not the one of this leaf; or keys were named beside it. */
static void say_key(struct look *l)
{
    const struct pool *p = &l->c->pool;
    const struct pool_input *in = &p->inputs[l->from->input];
    bool wants_key = in->source == CHECK_FILE && !l->d->has_key && (in->n_keys > 0 || in->is_store);
    for (size_t i = 0; i < p->n_keys && !wants_key && !l->d->has_key && in->source == CHECK_FILE &&
                       l->c->rq->inputs.n > 1;
         i++) {
        wants_key = !p->keys[i].is_matched && p->keys[i].spki.len > 0;
    }
    if (wants_key) {
        finding_put(l->d, CHECK_FINDING_KEY_MISSING, 0, "the private key of %.160s is not here: %s",
                    label_at(l, 0), why_no_key(p));
    }
}

static void say_trust(struct look *l)
{
    if (!l->d->judgement.trust_is_known) {
        finding_put(l->d, CHECK_FINDING_TRUST_UNKNOWN, -1, "%s",
                    check_finding_summary(CHECK_FINDING_TRUST_UNKNOWN));
    }
}

/* Not on the stack: a chain may be long. */
void findings_of_chain(struct check *c, struct check_item *item, const struct candidate_chain *from)
{
    struct look *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return;
    }
    l->c = c;
    l->item = item;
    l->d = item->detail;
    l->from = from;
    l->certs = item->detail->certs;
    l->n = x509_chain_n(l->certs);
    for (size_t i = 0; i < l->n; i++) {
        l->subject[i] = x509_subject_key(l->certs, i);
        l->issuer[i] = x509_issuer_key(l->certs, i);
    }
    reach_from_leaf(l);
    find_again(l);
    say_order(l);
    say_extras(l);
    say_namesakes(l);
    say_expiries(l);
    say_partial_chain(l);
    say_proxy(l);
    say_client_auth(l);
    say_weak(l);
    say_names(l);
    say_staple(l);
    say_key(l);
    say_trust(l);
    free(l);
}
