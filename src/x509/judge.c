/* A question about a chain: answered from the cache, or by examining the chain. */
#include "x509/examine.h"

#include <openssl/x509_vfy.h>

static struct judged_key key_of(const struct x509_store *s, const struct x509_question *q)
{
    return (struct judged_key){
        .purpose = q->purpose,
        .ignore_dates = q->ignore_dates,
        .partial_chain = q->partial_chain,
        .demand_revocation = q->demand_revocation,
        .strict = q->strict,
        .has_host = q->host != NULL,
        .use_seen = q->use_seen,
        .profile = q->profile,
        .n_seen_ever = q->use_seen ? s->n_seen_ever : 0,
        .n_crl_signers = s->n_crl_signers,
        .floor_bits = q->floor_bits,
        .trust_generation = s->trust_generation,
        .ocsp_len = q->ocsp_response.len,
        .ocsp_hash = q->ocsp_response.len == 0 ? 0 : digest_bytes(&s->key, q->ocsp_response),
    };
}

static bool key_equal(const struct judged_key *a, const struct judged_key *b)
{
    return a->purpose == b->purpose && a->ignore_dates == b->ignore_dates &&
           a->partial_chain == b->partial_chain && a->demand_revocation == b->demand_revocation &&
           a->strict == b->strict && a->has_host == b->has_host && a->floor_bits == b->floor_bits &&
           a->use_seen == b->use_seen && a->profile == b->profile &&
           a->n_seen_ever == b->n_seen_ever && a->n_crl_signers == b->n_crl_signers &&
           a->trust_generation == b->trust_generation && a->ocsp_len == b->ocsp_len &&
           a->ocsp_hash == b->ocsp_hash;
}

/* Has a certificate of the missing name turned up in another connection since? */
static bool has_news(struct judged *e, const struct x509_store *s)
{
    if (e->missing_hash == 0 || e->seen_before == s->n_seen_ever) {
        return false;
    }
    for (size_t i = 0; i < s->n_seen; i++) {
        if (s->seen_as[i] > e->seen_before && s->seen[i]->subject_hash == e->missing_hash) {
            return true;
        }
    }
    e->seen_before = s->n_seen_ever;
    return false;
}

static struct judged *find(struct x509_chain *chain, const struct judged_key *key, int64_t at_s)
{
    for (size_t i = 0; i < CHAIN_ENTRIES; i++) {
        struct judged *e = &chain->entries[i];
        if (e->is_used && key_equal(&e->key, key) &&
            (key->ignore_dates || (at_s >= e->from_s && at_s < e->until_s)) &&
            !has_news(e, chain->store)) {
            return e;
        }
    }
    return NULL;
}

static enum status judge_anew(struct x509_chain *chain, const struct x509_question *q,
                              const struct judged_key *key, struct judged **out)
{
    struct examined found;
    TRY(examine_chain(chain, q, &found));
    struct judged *e = &chain->entries[chain->next_entry++ % CHAIN_ENTRIES];
    *e = (struct judged){
        .is_used = true,
        .key = *key,
        .seen_before = chain->store->n_seen_ever,
        .missing_hash = found.missing_hash,
        .from_s = found.span.from_s,
        .until_s = found.span.until_s,
        .j = found.j,
    };
    *out = e;
    return ST_OK;
}

/* Made once per chain: it does not depend on the host asked for. */
static const char *whom_it_names(struct x509_chain *chain)
{
    const struct x509_facts *facts = cert_facts(chain->certs[0]);
    struct text names = { 0 };
    if (chain->names_detail != NULL) {
        return chain->names_detail;
    }
    for (size_t i = 0; i < facts->n_names && i < 5; i++) {
        text_printf(&names, "%s%.80s", i == 0 ? "" : ", ", facts->names[i]);
    }
    if (facts->n_names > 5) {
        text_printf(&names, " and %zu more", facts->n_names - 5);
    }
    const char *none = "the leaf certificate names no host at all (no subjectAltName)";
    chain->names_detail = facts->n_names == 0
                              ? none
                              : chain_say(chain, x509_fault_summary(X509_FAULT_HOSTNAME_MISMATCH),
                                          "the leaf certificate is for %s", text_str(&names));
    text_deinit(&names);
    return chain->names_detail;
}

/* Where its kind stands; the last one gives way when there is no room. */
static void put_host(struct x509_chain *chain, struct x509_judgement *out)
{
    size_t n = out->n_faults < X509_FAULTS_MAX ? ++out->n_faults : (size_t)X509_FAULTS_MAX;
    size_t at = n - 1;
    for (; at > 0 && findings_rank(&out->faults[at - 1]) > X509_FAULT_HOSTNAME_MISMATCH; at--) {
        out->faults[at] = out->faults[at - 1];
    }
    out->is_valid = false;
    out->faults[at] = (struct x509_fault){
        .kind = X509_FAULT_HOSTNAME_MISMATCH,
        .openssl_error = X509_V_ERR_HOSTNAME_MISMATCH,
        .detail = whom_it_names(chain),
    };
}

static void judge_no_certificate(struct x509_judgement *out)
{
    *out = (struct x509_judgement){ .n_faults = 1 };
    out->faults[0] =
        (struct x509_fault){ .kind = X509_FAULT_MALFORMED, .detail = "there is no certificate" };
}

enum status x509_judge(struct x509_store *s, const struct x509_chain *chain,
                       const struct x509_question *q, struct x509_judgement *out, struct err *err)
{
    struct x509_chain *own = (struct x509_chain *)(uintptr_t)chain; /* for its cache */
    if (chain->n == 0) {
        judge_no_certificate(out);
        return ST_OK;
    }
    struct judged_key key = key_of(s, q);
    struct judged *e = find(own, &key, q->at_s);
    if (e == NULL && judge_anew(own, q, &key, &e) != ST_OK) {
        return err_set(err, ST_NOMEM, "judging a certificate chain: no memory");
    }
    *out = e->j;
    if (q->host != NULL && chain->certs[0]->x != NULL && !x509_names_host(chain, q->host)) {
        put_host(own, out);
    }
    return ST_OK;
}
