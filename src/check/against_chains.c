/* --against: two chains, or a client's chain and the names that a server asks for. */
#include "base/clock.h"
#include "check/against.h"
#include "tls/message.h"

/* --- two chains --- */

struct presented {
    const struct x509_chain *chain;
    const char *name;
};

static void compare_leaves(struct sides *s, const struct presented *a, const struct presented *b)
{
    const struct x509_facts *x = x509_chain_facts(a->chain, 0);
    const struct x509_facts *y = x509_chain_facts(b->chain, 0);
    struct text dates = { 0 };
    if (bytes_equal(x509_chain_der(a->chain, 0), x509_chain_der(b->chain, 0))) {
        (void)against_advise(s, false, "leaf-same", "both have the same leaf, %.160s",
                             against_label(x));
        return;
    }
    bool same_key = bytes_equal(x->spki, y->spki) && x->spki.len > 0;
    bool is_newer = x->not_before_s > y->not_before_s;
    clock_put_date(&dates, x->not_after_s);
    text_puts(&dates, " and ");
    clock_put_date(&dates, y->not_after_s);
    const char *id = is_newer ? "stale-certificate" : "leaf-differs";
    struct check_advice *advice = against_advise(
        s, true, id,
        "the leaves differ%s: %.160s in %.120s (SHA-256 %.16s), %.160s in %.120s (SHA-256 "
        "%.16s); they expire on %s",
        same_key ? ", for the same key" : "", against_label(x), a->name, x->sha256_hex,
        against_label(y), b->name, y->sha256_hex, text_str(&dates));
    advice->action = is_newer ? "The newer one is in the store and not in use: reload or restart "
                                "whoever serves it, and see that it reads this store."
                              : "What is in use is newer than the store: put it there, or the next "
                                "restart will bring the old one back.";
    against_name_certificate(s, advice, is_newer ? x : y,
                             x509_chain_der(is_newer ? a->chain : b->chain, 0));
    text_deinit(&dates);
}

static bool holds(const struct x509_chain *chain, struct bytes der)
{
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        if (bytes_equal(x509_chain_der(chain, i), der)) {
            return true;
        }
    }
    return false;
}

/* CA certificates that one side has and the other lacks; roots do not count. */
static void compare_rest(struct sides *s, const struct presented *has,
                         const struct presented *lacks, const char *id, const char *action)
{
    for (size_t i = 1; i < x509_chain_n(has->chain); i++) {
        const struct x509_facts *f = x509_chain_facts(has->chain, i);
        struct bytes der = x509_chain_der(has->chain, i);
        if (f->is_self_signed || holds(lacks->chain, der)) {
            continue;
        }
        struct check_advice *a =
            against_advise(s, true, id, "%.160s has \"%.200s\" in its chain, %.160s has not",
                           has->name, f->subject, lacks->name);
        a->action = action;
        against_name_certificate(s, a, f, der);
    }
}

static void compare_chains(struct sides *s, const struct presented *ours,
                           const struct presented *theirs)
{
    compare_leaves(s, ours, theirs);
    compare_rest(s, ours, theirs, "chain-shorter",
                 "The other side does not send it: whoever has only the root cannot build the "
                 "chain. Serve the whole chain of the store.");
    compare_rest(s, theirs, ours, "store-shorter",
                 "It is missing in the store: put it after the leaf, or it will be missed after "
                 "the next restart.");
}

/* --- a client's certificate and the names that a server asks for --- */

static void compare_names(struct sides *s, const struct presented *ours,
                          const struct pool_input *in)
{
    struct bytes left = in->ca_names;
    struct bytes name;
    struct text asked = { 0 };
    size_t n = 0;
    bool is_asked = false;
    while (tls_authority_next(&left, &name)) {
        is_asked = is_asked || x509_issued_by(ours->chain, name);
        if (n++ < 6) {
            text_puts(&asked, n == 1 ? "" : "; ");
            x509_name_put(&asked, name);
        }
    }
    const struct x509_facts *leaf = x509_chain_facts(ours->chain, 0);
    if (n == 0) {
        (void)against_advise(
            s, false, "any-ca",
            "%.160s asks for a client's certificate and names no CAs: any may be sent", in->name);
    } else if (is_asked) {
        (void)against_advise(s, false, "ca-asked-for",
                             "%.160s asks for certificates of the CA that issued %.160s", in->name,
                             against_label(leaf));
    } else {
        struct check_advice *a = against_advise(
            s, true, "ca-not-asked-for",
            "%.120s asks for certificates of %zu CAs (%.400s), and the issuer of %.120s is "
            "none of them: the client will send no certificate",
            in->name, n, text_str(&asked), against_label(leaf));
        a->action = "Put the CA of the client's certificate into the trust store of the server, or "
                    "have one issued by a CA that it asks for.";
    }
    text_deinit(&asked);
}

static enum status open_chain(struct check *c, const struct against_chain *from,
                              struct presented *out, struct err *err)
{
    struct bytes der[ENGINE_SENT_MAX];
    for (size_t i = 0; i < from->n; i++) {
        der[i] = c->pool.certs[from->certs[i]].der;
    }
    out->name = from->name;
    out->chain = x509_store_chain(c->store, der, from->n);
    return out->chain == NULL ? check_no_memory(err) : ST_OK;
}

/* Ours is a client's, where it is for clients alone or the other side is a server that asks. */
static bool is_for_client(const struct check *c, const struct x509_facts *leaf)
{
    bool is_client_only = leaf->has_eku && leaf->eku_client && !leaf->eku_server;
    return c->rq->purpose_is_given ? c->rq->purpose == X509_FOR_CLIENT : is_client_only;
}

static void compare(struct sides *s, const struct presented *a, const struct presented *b,
                    const struct pool_input *theirs)
{
    bool is_client = is_for_client(s->c, x509_chain_facts(a->chain, 0));
    if (is_client && theirs->asked_for_certificate && theirs->source != CHECK_FILE) {
        compare_names(s, a, theirs);
    } else if (is_client && !theirs->is_client && theirs->source != CHECK_FILE) {
        (void)against_advise(s, false, "not-asked",
                             "%.160s did not ask for a client's certificate in this handshake",
                             theirs->name);
    } else {
        compare_chains(s, a, b);
    }
}

enum status against_chains(struct sides *s, const struct against_chain *ours,
                           const struct against_chain *theirs, struct err *err)
{
    struct presented a = { .chain = NULL };
    struct presented b = { .chain = NULL };
    TRY(open_chain(s->c, ours, &a, err));
    enum status st = open_chain(s->c, theirs, &b, err);
    if (st == ST_OK) {
        compare(s, &a, &b, theirs->in);
    }
    x509_chain_unref(a.chain);
    x509_chain_unref(b.chain);
    return st;
}
