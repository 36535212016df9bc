/* --against: a trust store and a chain. */
#include "check/against.h"
#include "x509/tie.h"

static enum status fill_store(struct check *c, const struct pool_input *trust, struct err *err)
{
    x509_store_free(c->peer_store);
    c->peer_store = NULL;
    TRY(x509_store_new(&c->peer_store, err));
    for (size_t i = trust->first; i < trust->first + trust->n; i++) {
        if (c->pool.certs[i].is_parsed) {
            TRY(x509_store_add_anchor(c->peer_store, c->pool.certs[i].der, err));
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

/* An API gateway is a client of its target servers, and a server to those who call its virtual
 * hosts: each has a truststore of its own. */
static const char *gateway_place(const struct sides *s)
{
    return s->chain_is_client ? "In an API gateway that is the truststore of the virtual host that "
                                "asks for clients' certificates."
                              : "In an API gateway that is the truststore of the target server "
                                "that presents this chain.";
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
        is_java ? check_say(s->c,
                            "Upload it there: its PEM block alone in root.pem, then `keytool "
                            "-importcert -alias NAME -file root.pem -keystore %.200s%s`. %s",
                            text_str(&where), is_jceks ? " -storetype JCEKS" : "", gateway_place(s))
                : check_say(s->c, "Upload it there: append its PEM block to %.200s. %s",
                            text_str(&where), gateway_place(s));
    text_deinit(&where);
    return how;
}

static void advise_root(struct sides *s, const struct x509_link *root)
{
    struct check_advice *a = against_advise(s, true, "root-not-trusted",
                                            "%.160s does not hold the root of %.160s: \"%.200s\"",
                                            s->trust_name, s->chain_name, root->facts->subject);
    a->action = how_to_trust(s);
    against_name_certificate(s, a, root->facts, root->der);
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
            struct check_advice *a = against_advise(
                s, true, "root-not-trusted",
                "%.160s does not hold the root of %.160s: \"%.200s\"; it is among the "
                "certificates that --trust names, or the system's",
                s->trust_name, s->chain_name, x509_chain_facts(anchor, 0)->subject);
            a->action = how_to_trust(s);
            against_name_certificate(s, a, x509_chain_facts(anchor, 0), der);
        }
        x509_chain_unref(anchor);
    }
    x509_chain_unref(below);
    return is_found;
}

static void advise_missing(struct sides *s, const struct x509_facts *below)
{
    bool has_url = below->aia_issuer_url != NULL;
    struct check_advice *a = against_advise(
        s, true, "intermediate-not-sent",
        "%.160s does not send the certificate that issued \"%.160s\", and the peer will miss "
        "it: \"%.200s\"%s%.64s",
        s->chain_name, against_label(below), below->issuer,
        below->authority_key_id[0] == '\0' ? "" : ", key identifier ", below->authority_key_id);
    a->action =
        check_say(s->c,
                  "Get it from the CA%s%.300s and send it after \"%.160s\". Where it turns out "
                  "to be a root, put it into %.160s instead.",
                  has_url ? ", at " : "", has_url ? below->aia_issuer_url : "",
                  against_label(below), s->trust_name);
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
            against_advise(s, true, "root-not-trusted",
                           "%.160s holds no issuer of \"%.160s\": wanted is \"%.200s\"%s%.64s",
                           s->trust_name, against_label(last->facts), last->facts->issuer,
                           last->facts->authority_key_id[0] == '\0' ? "" : ", key identifier ",
                           last->facts->authority_key_id);
        a->action = check_say(s->c,
                              "Get that certificate from the CA, check its fingerprint, and upload "
                              "it there. %s",
                              gateway_place(s));
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
        struct check_advice *a = against_advise(
            s, true, "intermediate-not-sent",
            "%.160s does not send the intermediate \"%.200s\", and the peer will miss it",
            s->chain_name, link->facts->subject);
        a->action = s->chain_is_served
                        ? "Put it after the leaf into the certificate file of the server. Until "
                          "then it can stand in the trust store."
                        : "Put it after the leaf into the key store, in the same alias.";
        against_name_certificate(s, a, link->facts, link->der);
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
            (void)against_advise(s, true, x509_fault_id(f->kind), "%.160s: %.600s", s->chain_name,
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

static enum status judge_by_store(struct sides *s, const struct against_chain *from,
                                  struct err *err)
{
    struct check *c = s->c;
    const struct pool_input *in = from->in;
    struct bytes der[ENGINE_SENT_MAX];
    struct x509_judgement j;
    struct check_item asked = {
        .purpose = in->is_client && !c->rq->purpose_is_given ? X509_FOR_CLIENT : c->rq->purpose,
        .host = c->rq->host != NULL ? c->rq->host : in->host,
        .at_s = c->rq->at_capture && in->at_s != 0 ? in->at_s : c->rq->at_s
    };
    s->chain_is_client = asked.purpose == X509_FOR_CLIENT;
    for (size_t i = 0; i < from->n; i++) {
        der[i] = c->pool.certs[from->certs[i]].der;
    }
    const struct x509_chain *chain = x509_store_chain(c->peer_store, der, from->n);
    if (chain == NULL) {
        return check_no_memory(err);
    }
    struct x509_question q = judge_question(c, in, &asked);
    q.demand_revocation = false;
    enum status st = x509_judge(c->peer_store, chain, &q, &j, err);
    if (st == ST_OK && j.is_valid) {
        (void)against_advise(s, false, "accepted", "%.160s accepts %.160s", s->trust_name,
                             s->chain_name);
    } else if (st == ST_OK) {
        st = explain_refusal(s, chain, &q, &j, err);
    }
    x509_chain_unref(chain);
    return st;
}

enum status against_trust(struct sides *s, const struct pool_input *trust,
                          const struct against_chain *chain, struct err *err)
{
    s->trust_name = trust->name;
    s->trust_format = trust->format;
    s->chain_name = chain->name;
    s->chain_is_served = chain->in->source != CHECK_FILE;
    TRY(fill_store(s->c, trust, err));
    return judge_by_store(s, chain, err);
}
