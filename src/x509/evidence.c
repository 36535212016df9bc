#include "x509/evidence.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include <openssl/x509v3.h>

/* What the issuer that is not there would be. */
enum issuer { ISSUER_UNKNOWN, ISSUER_ROOT, ISSUER_INTERMEDIATE };

static bool has_word(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcasestr(text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool issued_it(struct cert *c, const struct cert *candidate)
{
    return cert_names_issuer(c, candidate) && cert_key_ids_agree(c, candidate) &&
           cert_is_signed_by(c, candidate);
}

/* The issuer's own certificate, seen in another connection: nothing proves more. A CA with both a
 * self-signed and a cross-signed certificate is a root. */
static enum issuer by_seen(const struct x509_store *s, struct cert *last)
{
    enum issuer found = ISSUER_UNKNOWN;
    for (size_t i = 0; i < s->n_seen; i++) {
        struct cert *seen = s->seen[i];
        if (seen == last || !issued_it(last, seen)) {
            continue;
        }
        if (cert_is_self_signed(seen)) {
            return ISSUER_ROOT;
        }
        found = ISSUER_INTERMEDIATE;
    }
    return found;
}

/* authorityCertIssuer names who issued the issuer's certificate (RFC 5280 section 4.2.1.1): itself,
 * if it is a root. */
static enum issuer by_authority_issuer(const struct cert *last)
{
    const GENERAL_NAMES *names = X509_get0_authority_issuer(last->x);
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type == GEN_DIRNAME) {
            bool is_own = X509_NAME_cmp(value, X509_get_issuer_name(last->x)) == 0;
            return is_own ? ISSUER_ROOT : ISSUER_INTERMEDIATE;
        }
    }
    return ISSUER_UNKNOWN;
}

/* Convention among CAs, not a rule: their names say what they are. */
static enum issuer by_name(const struct cert *last)
{
    static const char *const root_words[] = { "root", "trust anchor" };
    static const char *const intermediate_words[] = { "intermediate", "issuing",   "sub ca",
                                                      "subca",        "sub-ca",    "subordinate",
                                                      "server ca",    "signing ca" };
    struct text cn = { 0 };
    enum issuer found = ISSUER_UNKNOWN;
    const X509_NAME *issuer = X509_get_issuer_name(last->x);
    if (!name_put_entry(&cn, issuer, NID_commonName)) {
        name_put(&cn, issuer);
    }
    if (has_word(text_str(&cn), intermediate_words, ARRAY_LEN(intermediate_words))) {
        found = ISSUER_INTERMEDIATE;
    } else if (has_word(text_str(&cn), root_words, ARRAY_LEN(root_words))) {
        found = ISSUER_ROOT;
    }
    text_deinit(&cn);
    return found;
}

/* The organisation that issued `last` has an anchor here, under another name: the step between the
 * two is what is missing. */
static enum issuer by_anchors_of_same_organisation(const struct x509_store *s,
                                                   const struct cert *last)
{
    struct text wanted = { 0 };
    enum issuer found = ISSUER_UNKNOWN;
    bool has_one = name_put_entry(&wanted, X509_get_issuer_name(last->x), NID_organizationName);
    for (size_t i = 0; has_one && wanted.len > 0 && i < s->n_anchors; i++) {
        if (strcasecmp(cert_organization(s->anchors[i]), text_str(&wanted)) == 0) {
            found = ISSUER_INTERMEDIATE;
            break;
        }
    }
    text_deinit(&wanted);
    return found;
}

/* CAs of the web do not sign servers' certificates with their root keys (CA/Browser Forum Baseline
 * Requirements section 6.1.7), and say where the issuer's certificate is to be had (7.1.2.7.7);
 * a private root that signs servers directly rarely says so. */
static enum issuer by_public_profile(struct cert *last)
{
    bool has_policies = X509_get_ext_by_NID(last->x, NID_certificate_policies, -1) >= 0;
    bool has_scts = X509_get_ext_by_NID(last->x, NID_ct_precert_scts, -1) >= 0;
    bool is_public = cert_facts(last)->aia_issuer_url != NULL || has_policies || has_scts;
    return is_public ? ISSUER_INTERMEDIATE : ISSUER_UNKNOWN;
}

/* Other CA certificates were sent, none of them on the path: somebody meant to send an
 * intermediate. */
static enum issuer by_strangers(const struct x509_chain *chain)
{
    for (size_t i = 1; i < chain->n; i++) {
        struct cert *c = chain->certs[i];
        if (cert_is_ca(c) && !c->is_self_issued) {
            return ISSUER_INTERMEDIATE;
        }
    }
    return ISSUER_UNKNOWN;
}

static enum issuer by_proof(const struct x509_chain *chain, struct cert *last)
{
    enum issuer found = by_seen(chain->store, last);
    return found == ISSUER_UNKNOWN ? by_authority_issuer(last) : found;
}

static enum issuer by_habit(struct x509_chain *chain, struct cert *last, bool is_leaf)
{
    enum issuer found = by_name(last);
    if (found == ISSUER_UNKNOWN) {
        found = by_anchors_of_same_organisation(chain->store, last);
    }
    if (found == ISSUER_UNKNOWN && is_leaf && !cert_is_ca(last)) {
        found = by_public_profile(last);
        found = found == ISSUER_UNKNOWN ? by_strangers(chain) : found;
    }
    return found;
}

static struct cert *namesake(const struct cert *last, struct cert *const *certs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (certs[i] != last && cert_names_issuer(last, certs[i])) {
            return certs[i];
        }
    }
    return NULL;
}

/* A certificate bears the issuer's name and did not sign. True when that is the fault. */
static bool judge_namesakes(const struct path *p, struct cert *last, struct findings *out)
{
    const struct x509_chain *chain = out->chain;
    const struct x509_store *s = chain->store;
    struct cert *other = namesake(last, chain->certs, chain->n);
    if (other == NULL) {
        other = namesake(last, s->anchors, s->n_anchors);
        if (other == NULL || !cert_key_ids_agree(last, other)) {
            return false; /* another CA of that name is trusted: this one is not */
        }
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->certs[i] == other) {
            findings_put(out, X509_FAULT_CHAIN_INVALID, last, 0,
                         "was issued by a certificate below it: the chain is a circle");
            return true;
        }
    }
    bool is_key = cert_key_ids_agree(last, other);
    findings_put(out, X509_FAULT_CHAIN_INVALID, last,
                 is_key ? X509_V_ERR_CERT_SIGNATURE_FAILURE : X509_V_ERR_AKID_SKID_MISMATCH,
                 is_key ? "has a signature that does not verify with its issuer's key"
                        : "was issued with another key than that of the certificate that bears "
                          "its issuer's name");
    return true;
}

/* The key of a certificate sent or trusted signed it, and the names differ (RFC 5280 6.1.3 (a)
 * (4)). */
static bool judge_misnamed(struct cert *last, struct findings *out)
{
    const struct x509_chain *chain = out->chain;
    for (size_t i = 1; i < chain->n; i++) {
        const struct cert *other = chain->certs[i];
        if (other == last || other->x == NULL || X509_get0_authority_key_id(last->x) == NULL ||
            X509_get0_subject_key_id(other->x) == NULL || !cert_key_ids_agree(last, other)) {
            continue;
        }
        if (cert_is_signed_by(last, other)) {
            findings_put(out, X509_FAULT_CHAIN_INVALID, last, X509_V_ERR_SUBJECT_ISSUER_MISMATCH,
                         "names as its issuer another name than its issuer's certificate has");
            return true;
        }
    }
    return false;
}

/* Beside what is missing: CA certificates sent in its place that are of no use here. */
static void put_strangers(const struct path *p, struct findings *out)
{
    const struct x509_chain *chain = out->chain;
    for (size_t i = 1; i < chain->n; i++) {
        struct cert *c = chain->certs[i];
        bool is_linked = c->x == NULL || c->is_self_issued || !cert_is_ca(c);
        for (size_t k = 0; k < p->n; k++) {
            is_linked = is_linked || p->certs[k] == c;
        }
        if (!is_linked) {
            findings_put(out, X509_FAULT_CHAIN_INVALID, c, 0,
                         "issued none of the certificates of this chain");
        }
    }
}

static void put_missing(struct cert *last, struct findings *out, struct x509_judgement *j)
{
    const struct x509_facts *facts = cert_facts(last);
    struct text what = { 0 };
    text_printf(&what, "was issued by \"%.160s\", a CA whose certificate was not sent",
                facts->issuer);
    findings_put(out, X509_FAULT_CHAIN_INCOMPLETE, last,
                 X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, text_str(&what));
    text_deinit(&what);
    j->missing_issuer = facts->issuer;
    j->missing_issuer_url = facts->aia_issuer_url;
}

static void put_untrusted(struct cert *last, struct findings *out, struct x509_judgement *j,
                          bool is_proven)
{
    const char *issuer = cert_facts(last)->issuer;
    struct text what = { 0 };
    text_printf(&what, "was issued by \"%.160s\", which is not among the trusted certificates",
                issuer);
    findings_put(out, X509_FAULT_UNTRUSTED_CA, last, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                 text_str(&what));
    text_deinit(&what);
    j->unseen_issuer = is_proven ? NULL : issuer;
}

static bool is_own_issuer(const struct cert *c)
{
    return (X509_get_extension_flags(c->x) & EXFLAG_SS) != 0;
}

static void judge_root(const struct path *p, struct cert *last, struct findings *out)
{
    if (p->n == 1) {
        findings_put(out, X509_FAULT_SELF_SIGNED, last, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                     "is its own issuer and is not trusted");
    } else {
        findings_put(out, X509_FAULT_UNTRUSTED_CA, last, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
                     "is a root that is not trusted");
    }
}

void evidence_judge_end(const struct path *dead_end, struct findings *out, struct x509_judgement *j)
{
    struct cert *last = dead_end->certs[dead_end->n - 1];
    bool trust_is_known = out->chain->store->trust != X509_TRUST_NONE;
    if (is_own_issuer(last)) {
        if (!cert_is_self_signed(last)) {
            findings_put(out, X509_FAULT_CHAIN_INVALID, last, X509_V_ERR_CERT_SIGNATURE_FAILURE,
                         "is its own issuer, and its signature does not verify with its key");
        }
        if (trust_is_known) {
            judge_root(dead_end, last, out);
        }
        return;
    }
    if (judge_namesakes(dead_end, last, out) || judge_misnamed(last, out)) {
        return;
    }
    enum issuer issuer = by_proof(out->chain, last);
    bool is_proven = issuer != ISSUER_UNKNOWN;
    issuer = is_proven ? issuer : by_habit(out->chain, last, dead_end->n == 1);
    if (issuer == ISSUER_INTERMEDIATE) {
        put_missing(last, out, j);
        put_strangers(dead_end, out);
    } else if (trust_is_known) {
        put_untrusted(last, out, j, is_proven);
    }
}
