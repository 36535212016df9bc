/*
 * --against: what one side lacks to get on with the other.
 *
 * A trust store and a chain: is the chain accepted by this store, and which certificate has to go
 * where. Two chains (a key store and what a server presents): is it the same leaf, and are the
 * issuers the same. A client's key store and a server that asks for certificates: is the issuer
 * among the names asked for.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "check/engine.h"
#include "tls/message.h"
#include "x509/tie.h"

enum { SENTENCE_MAX = 900 };

struct sides {
    struct check *c;
    struct check_comparison *out;
    const char *trust_name, *trust_format; /* the trust store, whichever side it is on */
    const char *chain_name;
    bool chain_is_served; /* by a server, or seen on the wire */
};

static const char *label_of(const struct x509_facts *f)
{
    return f->common_name[0] != '\0' ? f->common_name
           : f->subject[0] != '\0'   ? f->subject
           : f->n_names > 0          ? f->names[0]
                                     : "(no name)";
}

static struct check_advice *advise(struct sides *s, bool is_fault, const char *id, const char *fmt,
                                   ...) PRINTF_LIKE(4, 5);

static struct check_advice *advise(struct sides *s, bool is_fault, const char *id, const char *fmt,
                                   ...)
{
    static struct check_advice nowhere; /* written to and never read: there is no room */
    char text[SENTENCE_MAX];
    va_list args;
    s->out->fits = s->out->fits && !is_fault;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (s->out->n == CHECK_ADVICE_MAX) {
        s->out->n_left_out++;
        nowhere = (struct check_advice){ 0 };
        return &nowhere;
    }
    struct check_advice *a = &s->out->advice[s->out->n++];
    *a = (struct check_advice){ .is_fault = is_fault,
                                .id = id,
                                .text = len < 0 ? "" : check_say(s->c, "%s", text) };
    return a;
}

static void name_certificate(struct sides *s, struct check_advice *a, const struct x509_facts *f,
                             struct bytes der)
{
    a->subject = check_say(s->c, "%s", f->subject);
    a->sha256_hex = check_say(s->c, "%s", f->sha256_hex);
    a->der = der;
}

/* --- a trust store and a chain --- */

static enum status fill_store(struct check *c, const size_t *anchors, size_t n, struct err *err)
{
    TRY(x509_store_new(&c->peer_store, err));
    for (size_t i = 0; i < n; i++) {
        if (c->pool.certs[anchors[i]].is_parsed) {
            TRY(x509_store_add_anchor(c->peer_store, c->pool.certs[anchors[i]].der, err));
        }
    }
    for (size_t i = 0; i < c->pool.n_certs; i++) {
        const struct x509_chain *chain =
            c->pool.certs[i].is_ca ? x509_store_chain(c->peer_store, &c->pool.certs[i].der, 1)
                                   : NULL;
        if (chain != NULL) {
            x509_store_note_seen(c->peer_store, chain);
        }
        x509_chain_unref(chain);
    }
    return ST_OK;
}

static const char *place_of(struct check *c, struct bytes der)
{
    for (size_t i = 0; i < c->pool.n_certs; i++) {
        if (bytes_equal(c->pool.certs[i].der, der)) {
            return pool_where(&c->arena, &c->pool, i);
        }
    }
    return NULL;
}

/* How a certificate gets into a store of this format. keytool does not tell a JCEKS from others. */
static const char *how_to_trust(struct sides *s)
{
    bool is_jceks = strcmp(s->trust_format, "JCEKS") == 0;
    bool is_java =
        is_jceks || strcmp(s->trust_format, "JKS") == 0 || strcmp(s->trust_format, "PKCS#12") == 0;
    struct text where = { 0 };
    again_put_word(&where, s->trust_name, "STORE");
    const char *how =
        is_java
            ? check_say(s->c,
                        "Upload it there: its PEM block alone in root.pem, then `keytool "
                        "-importcert -alias NAME -file root.pem -keystore %.200s%s`.",
                        text_str(&where), is_jceks ? " -storetype JCEKS" : "")
            : check_say(s->c, "Upload it there: append its PEM block to %.200s.", text_str(&where));
    text_deinit(&where);
    return how;
}

static void advise_root(struct sides *s, const struct x509_link *root)
{
    const char *place = place_of(s->c, root->der);
    struct check_advice *a = advise(s, true, "root-not-trusted",
                                    "%.160s does not hold the root of %.160s: \"%.200s\"%s%.160s",
                                    s->trust_name, s->chain_name, root->facts->subject,
                                    place == NULL ? "" : "; it is in ", place == NULL ? "" : place);
    a->action = how_to_trust(s);
    name_certificate(s, a, root->facts, root->der);
}

/* The system's trust store may hold what neither side does. */
static bool advise_root_of_system(struct sides *s, const struct x509_path *p)
{
    struct check *c = s->c;
    const struct bytes last = p->links[p->n - 1].der;
    const struct x509_chain *below = x509_store_chain(c->store, &last, 1);
    bool is_found = false;
    for (size_t i = 0; below != NULL && i < x509_store_n_anchors(c->store) && !is_found; i++) {
        struct bytes der = x509_store_anchor(c->store, i);
        const struct x509_chain *anchor = x509_store_chain(c->store, &der, 1);
        is_found = anchor != NULL && x509_tie(below, 0, anchor, 0) == X509_TIED;
        if (is_found) {
            struct check_advice *a =
                advise(s, true, "root-not-trusted",
                       "%.160s does not hold the root of %.160s: \"%.200s\"; it is among the "
                       "certificates that --trust names, or the system's",
                       s->trust_name, s->chain_name, x509_chain_facts(anchor, 0)->subject);
            a->action = how_to_trust(s);
            name_certificate(s, a, x509_chain_facts(anchor, 0), der);
        }
        x509_chain_unref(anchor);
    }
    x509_chain_unref(below);
    return is_found;
}

static void advise_missing(struct sides *s, const struct x509_facts *below)
{
    bool has_url = below->aia_issuer_url != NULL;
    struct check_advice *a = advise(
        s, true, "intermediate-not-sent",
        "%.160s does not send the certificate that issued \"%.160s\", and the peer will miss "
        "it: \"%.200s\"%s%.64s",
        s->chain_name, label_of(below), below->issuer,
        below->authority_key_id[0] == '\0' ? "" : ", key identifier ", below->authority_key_id);
    a->action =
        check_say(s->c,
                  "Get it from the CA%s%.300s and send it after \"%.160s\". Where it turns out "
                  "to be a root, put it into %.160s instead.",
                  has_url ? ", at " : "", has_url ? below->aia_issuer_url : "", label_of(below),
                  s->trust_name);
}

static void advise_end(struct sides *s, const struct x509_path *p, enum x509_fault_kind kind)
{
    const struct x509_link *last = &p->links[p->n - 1];
    if (last->facts->is_self_signed) {
        advise_root(s, last);
    } else if (advise_root_of_system(s, p)) {
        return;
    } else if (kind == X509_FAULT_CHAIN_INCOMPLETE) {
        advise_missing(s, last->facts);
    } else {
        struct check_advice *a =
            advise(s, true, "root-not-trusted",
                   "%.160s holds no issuer of \"%.160s\": wanted is \"%.200s\"%s%.64s",
                   s->trust_name, label_of(last->facts), last->facts->issuer,
                   last->facts->authority_key_id[0] == '\0' ? "" : ", key identifier ",
                   last->facts->authority_key_id);
        a->action = "Get that certificate from the CA, check its fingerprint, and upload it there.";
    }
}

/* What whoever presents the chain has to send besides. */
static void advise_intermediates(struct sides *s, const struct x509_path *p)
{
    for (size_t i = 1; i < p->n; i++) {
        const struct x509_link *link = &p->links[i];
        if (link->origin != X509_SEEN || link->facts->is_self_signed) {
            continue;
        }
        const char *place = place_of(s->c, link->der);
        struct check_advice *a = advise(
            s, true, "intermediate-not-sent",
            "%.160s does not send the intermediate \"%.200s\", and the peer will miss it%s%.160s",
            s->chain_name, link->facts->subject, place == NULL ? "" : "; it is in ",
            place == NULL ? "" : place);
        a->action = s->chain_is_served
                        ? "Put it after the leaf into the certificate file of the server. Until "
                          "then it can stand in the trust store."
                        : "Put it after the leaf into the key store, in the same alias.";
        name_certificate(s, a, link->facts, link->der);
    }
}

static bool is_about_building(enum x509_fault_kind kind)
{
    return kind == X509_FAULT_CHAIN_INCOMPLETE || kind == X509_FAULT_UNTRUSTED_CA ||
           kind == X509_FAULT_SELF_SIGNED;
}

static enum status explain_refusal(struct sides *s, const struct x509_chain *chain,
                                   const struct x509_question *q, const struct x509_judgement *j,
                                   struct err *err)
{
    struct x509_paths *found = NULL;
    struct x509_question with = *q;
    with.use_seen = true;
    TRY(x509_find_paths(s->c->peer_store, chain, &with, &found, err));
    for (size_t i = 0; i < j->n_faults; i++) {
        const struct x509_fault *f = &j->faults[i];
        if (!is_about_building(f->kind)) {
            (void)advise(s, true, x509_fault_id(f->kind), "%.160s: %.600s", s->chain_name,
                         f->detail == NULL ? x509_fault_summary(f->kind) : f->detail);
        } else if (found->n > 0) {
            advise_intermediates(s, &found->paths[0]);
            if (!found->paths[0].reaches_anchor) {
                advise_end(s, &found->paths[0], f->kind);
            }
        }
    }
    x509_paths_free(found);
    return ST_OK;
}

static enum status judge_by_store(struct sides *s, const struct pool_input *in, const size_t *certs,
                                  size_t n, struct err *err)
{
    struct check *c = s->c;
    struct bytes der[ENGINE_SENT_MAX];
    struct x509_judgement j;
    struct check_item asked = {
        .purpose = in->is_client && !c->rq->purpose_is_given ? X509_FOR_CLIENT : c->rq->purpose,
        .host = c->rq->host != NULL ? c->rq->host : in->host,
        .at_s = c->rq->at_capture && in->at_s != 0 ? in->at_s : c->rq->at_s
    };
    size_t used = n < ENGINE_SENT_MAX ? n : ENGINE_SENT_MAX;
    for (size_t i = 0; i < used; i++) {
        der[i] = c->pool.certs[certs[i]].der;
    }
    const struct x509_chain *chain = x509_store_chain(c->peer_store, der, used);
    if (chain == NULL) {
        return check_no_memory(err);
    }
    struct x509_question q = judge_question(c, in, &asked);
    q.demand_revocation = false;
    enum status st = x509_judge(c->peer_store, chain, &q, &j, err);
    if (st == ST_OK && j.is_valid) {
        (void)advise(s, false, "accepted", "%.160s accepts %.160s", s->trust_name, s->chain_name);
    } else if (st == ST_OK) {
        st = explain_refusal(s, chain, &q, &j, err);
    }
    x509_chain_unref(chain);
    return st;
}

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
        (void)advise(s, false, "leaf-same", "both have the same leaf, %.160s", label_of(x));
        return;
    }
    bool same_key = bytes_equal(x->spki, y->spki) && x->spki.len > 0;
    bool is_newer = x->not_before_s > y->not_before_s;
    clock_put_date(&dates, x->not_after_s);
    text_puts(&dates, " and ");
    clock_put_date(&dates, y->not_after_s);
    const char *id = is_newer ? "stale-certificate" : "leaf-differs";
    struct check_advice *advice =
        advise(s, true, id,
               "the leaves differ%s: %.160s in %.120s (SHA-256 %.16s), %.160s in %.120s (SHA-256 "
               "%.16s); they expire on %s",
               same_key ? ", for the same key" : "", label_of(x), a->name, x->sha256_hex,
               label_of(y), b->name, y->sha256_hex, text_str(&dates));
    advice->action = is_newer ? "The newer one is in the store and not in use: reload or restart "
                                "whoever serves it, and see that it reads this store."
                              : "What is in use is newer than the store: put it there, or the next "
                                "restart will bring the old one back.";
    name_certificate(s, advice, is_newer ? x : y,
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
            advise(s, true, id, "%.160s has \"%.200s\" in its chain, %.160s has not", has->name,
                   f->subject, lacks->name);
        a->action = action;
        name_certificate(s, a, f, der);
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
        (void)advise(s, false, "any-ca",
                     "%.160s asks for a client's certificate and names no CAs: any may be sent",
                     in->name);
    } else if (is_asked) {
        (void)advise(s, false, "ca-asked-for",
                     "%.160s asks for certificates of the CA that issued %.160s", in->name,
                     label_of(leaf));
    } else {
        struct check_advice *a =
            advise(s, true, "ca-not-asked-for",
                   "%.120s asks for certificates of %zu CAs (%.400s), and the issuer of %.120s is "
                   "none of them: the client will send no certificate",
                   in->name, n, text_str(&asked), label_of(leaf));
        a->action = "Put the CA of the client's certificate into the trust store of the server, or "
                    "have one issued by a CA that it asks for.";
    }
    text_deinit(&asked);
}

/* --- who is who --- */

static bool is_trust(const struct check *c, const struct pool_input *in)
{
    for (size_t i = in->first; i < in->first + in->n; i++) {
        const struct pool_cert *cert = &c->pool.certs[i];
        if (!cert->is_trusted && (!cert->is_ca || cert->names_hosts || cert->has_key)) {
            return false;
        }
    }
    return in->source == CHECK_FILE && in->n > 0;
}

static const char *role_of(const struct check *c, const struct pool_input *in)
{
    switch (in->source) {
    case CHECK_SERVER:
        return "server";
    case CHECK_CAPTURE:
        return in->is_client ? "client on the wire" : "server on the wire";
    case CHECK_FILE:
        return is_trust(c, in) ? "trust store" : "key store";
    }
    return "";
}

/* Its place in the input: by key, else the first that is no CA, else the first. */
static size_t leaf_of(const struct check *c, const struct pool_input *in)
{
    for (size_t i = 0; i < in->n && in->source == CHECK_FILE; i++) {
        if (c->pool.certs[in->first + i].has_key) {
            return i;
        }
    }
    for (size_t i = 0; i < in->n && in->source == CHECK_FILE; i++) {
        if (!c->pool.certs[in->first + i].is_ca) {
            return i;
        }
    }
    return 0;
}

/* The leaf first, then the rest as it stands, judged by nothing but the store. */
static enum status by_trust(struct sides *s, const struct pool_input *trust,
                            const struct pool_input *chain, struct err *err)
{
    struct check *c = s->c;
    size_t *indices = calloc(trust->n + chain->n + 1, sizeof *indices);
    if (indices == NULL) {
        return check_no_memory(err);
    }
    for (size_t i = 0; i < trust->n; i++) {
        indices[i] = trust->first + i;
    }
    s->trust_name = trust->name;
    s->trust_format = trust->format;
    s->chain_name = chain->name;
    s->chain_is_served = chain->source != CHECK_FILE;
    x509_store_free(c->peer_store);
    c->peer_store = NULL;
    enum status st = fill_store(c, indices, trust->n, err);
    size_t leaf = leaf_of(c, chain);
    size_t n = 0;
    indices[n++] = chain->first + leaf;
    for (size_t i = 0; i < chain->n; i++) {
        if (i != leaf) {
            indices[n++] = chain->first + i;
        }
    }
    st = st == ST_OK ? judge_by_store(s, chain, indices, n, err) : st;
    free(indices);
    return st;
}

static const struct check_item *item_of(const struct check *c, const struct pool_input *in)
{
    for (size_t i = 0; i < c->result.n_items; i++) {
        const struct check_item *item = c->result.items[i];
        if (item->role == CHECK_CHAIN && item->input == in->name && item->detail != NULL) {
            return item;
        }
    }
    return NULL;
}

static enum status chain_of_input(struct check *c, const struct pool_input *in,
                                  const struct x509_chain **out, struct err *err)
{
    const struct check_item *item = item_of(c, in);
    struct bytes der[ENGINE_SENT_MAX];
    size_t n = in->n < ENGINE_SENT_MAX ? in->n : ENGINE_SENT_MAX;
    if (item != NULL) {
        *out = x509_chain_ref(item->detail->certs);
        return ST_OK;
    }
    for (size_t i = 0; i < n; i++) {
        der[i] = c->pool.certs[in->first + i].der;
    }
    *out = x509_store_chain(c->store, der, n);
    return *out == NULL ? check_no_memory(err) : ST_OK;
}

/* Ours is a client's, where it is for clients alone or the other side is a server that asks. */
static bool is_for_client(const struct check *c, const struct x509_facts *leaf)
{
    bool is_client_only = leaf->has_eku && leaf->eku_client && !leaf->eku_server;
    return c->rq->purpose_is_given ? c->rq->purpose == X509_FOR_CLIENT : is_client_only;
}

static enum status by_chain(struct sides *s, const struct pool_input *ours,
                            const struct pool_input *theirs, struct err *err)
{
    struct check *c = s->c;
    struct presented a = { .name = ours->name };
    struct presented b = { .name = theirs->name };
    TRY(chain_of_input(c, ours, &a.chain, err));
    enum status st = chain_of_input(c, theirs, &b.chain, err);
    if (st == ST_OK) {
        bool asks = theirs->asked_for_certificate && theirs->source != CHECK_FILE;
        if (is_for_client(c, x509_chain_facts(a.chain, 0)) && asks) {
            compare_names(s, &a, theirs);
        } else if (is_for_client(c, x509_chain_facts(a.chain, 0)) && !theirs->is_client &&
                   theirs->source != CHECK_FILE) {
            (void)advise(s, false, "not-asked",
                         "%.160s did not ask for a client's certificate in this handshake",
                         theirs->name);
        } else {
            compare_chains(s, &a, &b);
        }
    }
    x509_chain_unref(a.chain);
    x509_chain_unref(b.chain);
    return st;
}

static enum status compare_two(struct sides *s, const struct pool_input *ours,
                               const struct pool_input *theirs, struct err *err)
{
    bool ours_trusts = is_trust(s->c, ours);
    bool theirs_trusts = is_trust(s->c, theirs);
    if (ours_trusts && theirs_trusts) {
        (void)advise(s, true, "two-truststores",
                     "%.160s and %.160s are both trust stores: one of the two has to present "
                     "certificates",
                     ours->name, theirs->name);
        return ST_OK;
    }
    if (ours_trusts) {
        return by_trust(s, ours, theirs, err);
    }
    return theirs_trusts ? by_trust(s, theirs, ours, err) : by_chain(s, ours, theirs, err);
}

enum status against_compare(struct check *c, size_t n_inputs, struct err *err)
{
    struct check_comparison *out = arena_alloc(&c->arena, sizeof *out);
    struct sides s = { .c = c, .out = out };
    if (out == NULL) {
        return check_no_memory(err);
    }
    *out = (struct check_comparison){ 0 };
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(c->rq->inputs.p[0]));
    out->ours = check_say(c, "%s", text_str(&safe));
    text_clear(&safe);
    text_put_safe(&safe, bytes_of_str(c->rq->against));
    out->theirs = check_say(c, "%s", text_str(&safe));
    text_deinit(&safe);
    out->our_role = "nothing";
    out->their_role = "nothing";
    out->fits = n_inputs < c->pool.n_inputs; /* nothing was read of the other side */
    c->result.comparison = out;
    for (size_t i = 0; i < n_inputs; i++) {
        for (size_t k = n_inputs; k < c->pool.n_inputs; k++) {
            const struct pool_input *ours = &c->pool.inputs[i];
            const struct pool_input *theirs = &c->pool.inputs[k];
            if (ours->is_trust || ours->n == 0 || theirs->n == 0) {
                continue;
            }
            out->our_role = role_of(c, ours);
            out->their_role = role_of(c, theirs);
            TRY(compare_two(&s, ours, theirs, err));
        }
    }
    return ST_OK;
}
