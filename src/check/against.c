/*
 * --against: what one side lacks to get on with the other.
 *
 * A trust store and a chain: is the chain accepted by this store, and which certificate has to go
 * where. Two chains (a key store and what a server presents): is it the same leaf, and are the
 * issuers the same. A client's key store and a server that asks for certificates: is the issuer
 * among the names asked for.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "check/against.h"

enum { SENTENCE_MAX = 900, CHAINS_MAX = 64 };

const char *against_label(const struct x509_facts *f)
{
    return f->common_name[0] != '\0' ? f->common_name
           : f->subject[0] != '\0'   ? f->subject
           : f->n_names > 0          ? f->names[0]
                                     : "(no name)";
}

struct check_advice *against_advise(struct sides *s, bool is_fault, const char *id, const char *fmt,
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

static const char *place_of(struct check *c, struct bytes der)
{
    for (size_t i = 0; i < c->pool.n_certs; i++) {
        if (bytes_equal(c->pool.certs[i].der, der)) {
            return pool_where(&c->arena, &c->pool, i);
        }
    }
    return NULL;
}

void against_name_certificate(struct sides *s, struct check_advice *a, const struct x509_facts *f,
                              struct bytes der)
{
    a->subject = check_say(s->c, "%s", f->subject);
    a->sha256_hex = check_say(s->c, "%s", f->sha256_hex);
    a->found_in = place_of(s->c, der);
    a->der = arena_copy(&s->c->arena, der);
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

/* --- the chains of an input --- */

static bool is_leaf_by(const struct pool_cert *cert, bool by_key)
{
    return !cert->is_trusted && (by_key ? cert->has_key : !cert->is_ca);
}

/* By key, else those that are no CAs; of what was sent, and where there is neither: the first. */
static size_t find_leaves(const struct check *c, const struct pool_input *in, bool *out_by_key)
{
    size_t n_keyed = 0;
    size_t n_others = 0;
    for (size_t i = in->first; i < in->first + in->n && in->source == CHECK_FILE; i++) {
        n_keyed += is_leaf_by(&c->pool.certs[i], true) ? 1 : 0;
        n_others += is_leaf_by(&c->pool.certs[i], false) ? 1 : 0;
    }
    *out_by_key = n_keyed > 0;
    return n_keyed > 0 ? n_keyed : n_others;
}

/* With `leaf` first; of a Java key store those of its alias, else all that are no leaves. */
static void gather_chain(const struct check *c, const struct pool_input *in, size_t leaf,
                         bool by_key, struct against_chain *out)
{
    const struct pool_cert *first = &c->pool.certs[leaf];
    out->in = in;
    out->n = 0;
    out->certs[out->n++] = leaf;
    for (size_t i = in->first; i < in->first + in->n && out->n < ENGINE_SENT_MAX; i++) {
        const struct pool_cert *cert = &c->pool.certs[i];
        bool is_other_leaf = in->source == CHECK_FILE && is_leaf_by(cert, by_key);
        bool is_elsewhere = in->is_store && cert->group != first->group;
        if (i != leaf && !is_other_leaf && !is_elsewhere) {
            out->certs[out->n++] = i;
        }
    }
}

struct chain_list {
    size_t n;
    struct against_chain *p;
};

static enum status list_chains(struct check *c, const struct pool_input *in, struct chain_list *out,
                               struct err *err)
{
    bool by_key = false;
    size_t n = find_leaves(c, in, &by_key);
    size_t room = n == 0 ? 1 : n < CHAINS_MAX ? n : (size_t)CHAINS_MAX;
    out->n = 0;
    out->p = calloc(room, sizeof *out->p);
    if (out->p == NULL) {
        return check_no_memory(err);
    }
    for (size_t i = in->first; i < in->first + in->n && out->n < room; i++) {
        if (n > 0 && !is_leaf_by(&c->pool.certs[i], by_key)) {
            continue;
        }
        struct against_chain *chain = &out->p[out->n++];
        gather_chain(c, in, i, by_key, chain);
        chain->name = n > 1 ? pool_where(&c->arena, &c->pool, i) : in->name;
    }
    return ST_OK;
}

/* --- each with each --- */

static enum status by_trust(struct sides *s, const struct pool_input *trust,
                            const struct pool_input *other, struct err *err)
{
    struct chain_list chains;
    TRY(list_chains(s->c, other, &chains, err));
    enum status st = ST_OK;
    for (size_t i = 0; i < chains.n && st == ST_OK; i++) {
        st = against_trust(s, trust, &chains.p[i], err);
    }
    free(chains.p);
    return st;
}

static bool is_of_same(const struct check *c, const struct against_chain *a,
                       const struct against_chain *b)
{
    return c->pool.certs[a->certs[0]].subject_key == c->pool.certs[b->certs[0]].subject_key;
}

/* Of several the one with the name that the other side has; where there is none, all. */
static enum status compare_with(struct sides *s, const struct chain_list *ours,
                                const struct against_chain *theirs, struct err *err)
{
    bool has_same = false;
    for (size_t i = 0; i < ours->n; i++) {
        has_same = has_same || is_of_same(s->c, &ours->p[i], theirs);
    }
    for (size_t i = 0; i < ours->n; i++) {
        if (!has_same || is_of_same(s->c, &ours->p[i], theirs)) {
            TRY(against_chains(s, &ours->p[i], theirs, err));
        }
    }
    return ST_OK;
}

static enum status by_chain(struct sides *s, const struct pool_input *ours,
                            const struct pool_input *theirs, struct err *err)
{
    struct chain_list a = { 0 };
    struct chain_list b = { 0 };
    enum status st = list_chains(s->c, ours, &a, err);
    st = st == ST_OK ? list_chains(s->c, theirs, &b, err) : st;
    for (size_t i = 0; i < b.n && st == ST_OK; i++) {
        st = compare_with(s, &a, &b.p[i], err);
    }
    free(a.p);
    free(b.p);
    return st;
}

static enum status compare_two(struct sides *s, const struct pool_input *ours,
                               const struct pool_input *theirs, struct err *err)
{
    bool ours_trusts = is_trust(s->c, ours);
    bool theirs_trusts = is_trust(s->c, theirs);
    if (ours_trusts && theirs_trusts) {
        (void)against_advise(
            s, true, "two-truststores",
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
