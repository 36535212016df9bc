/* The questions that the rules of verifier_rules.def ask of a certificate in its path. */
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509v3.h>

#include "check/verifier_view.h"

#define DAY INT64_C(86400)

enum { BITS_LEVEL_1 = 80, BITS_LEVEL_2 = 112 }; /* SSL_CTX_set_security_level(3) */

/* --- where it stands --- */

/* By its names and key identifiers: nobody checks the signature of what is trusted. */
static bool claims_to_be_root(const struct view *v, size_t i)
{
    return (X509_get_extension_flags(v->links[i].x) & EXFLAG_SS) != 0;
}

static bool is_not_self_signed(const struct view *v, size_t i)
{
    return v->path->reaches_anchor && !claims_to_be_root(v, i);
}

static bool is_trusted_leaf(const struct view *v)
{
    return v->path->reaches_anchor && v->n == 1;
}

static bool is_trusted_self_signed_leaf(const struct view *v, size_t i)
{
    return is_trusted_leaf(v) && claims_to_be_root(v, i);
}

static bool is_trusted_issued_leaf(const struct view *v, size_t i)
{
    return is_trusted_leaf(v) && !claims_to_be_root(v, i);
}

static bool is_trusted_leaf_with_more(const struct view *v, size_t i)
{
    return is_trusted_issued_leaf(v, i) && x509_chain_n(v->chain) > 1;
}

static bool is_longer_than_10(const struct view *v, size_t i)
{
    (void)i;
    return x509_chain_n(v->chain) > 10;
}

static bool is_longer_than_16(const struct view *v, size_t i)
{
    (void)i;
    return x509_chain_n(v->chain) > 16;
}

static bool is_spelled_otherwise(const struct view *v, size_t i)
{
    const unsigned char *mine, *its;
    size_t mine_len, its_len;
    if (i + 1 >= v->n ||
        X509_NAME_get0_der(X509_get_issuer_name(v->links[i].x), &mine, &mine_len) != 1 ||
        X509_NAME_get0_der(X509_get_subject_name(v->links[i + 1].x), &its, &its_len) != 1) {
        return false;
    }
    return !bytes_equal(bytes_of(mine, mine_len), bytes_of(its, its_len));
}

/* --- how long it is valid --- */

static const struct period {
    int64_t since_s;
    int64_t days;
} periods[] = {
    { INT64_C(1519862400), 825 }, /* 2018-03-01 */
    { INT64_C(1598918400), 398 }, /* 2020-09-01 */
    { INT64_C(1773532800), 200 }, /* 2026-03-15 */
    { INT64_C(1805068800), 100 }, /* 2027-03-15 */
    { INT64_C(1868227200), 47 },  /* 2029-03-15 */
};

/* The period that applied when it was issued is this one, and is exceeded. */
static bool is_beyond(const struct view *v, size_t i, size_t period)
{
    const struct x509_facts *f = v->links[i].from->facts;
    bool is_later =
        period + 1 < ARRAY_LEN(periods) && f->not_before_s >= periods[period + 1].since_s;
    return v->is_public && f->not_before_s >= periods[period].since_s && !is_later &&
           f->not_after_s > f->not_before_s + periods[period].days * DAY;
}

static bool is_public_beyond_825_days(const struct view *v, size_t i)
{
    return is_beyond(v, i, 0);
}

static bool is_public_beyond_398_days(const struct view *v, size_t i)
{
    return is_beyond(v, i, 1);
}

static bool is_public_beyond_200_days(const struct view *v, size_t i)
{
    return is_beyond(v, i, 2);
}

static bool is_public_beyond_100_days(const struct view *v, size_t i)
{
    return is_beyond(v, i, 3);
}

static bool is_public_beyond_47_days(const struct view *v, size_t i)
{
    return is_beyond(v, i, 4);
}

/* --- how strong it is --- */

static int digest_of(const struct view *v, size_t i)
{
    int digest = NID_undef;
    bool is_root = claims_to_be_root(v, i); /* its signature proves nothing */
    if (is_root || (is_trusted_leaf(v) && i == 0) ||
        OBJ_find_sigid_algs(X509_get_signature_nid(v->links[i].x), &digest, NULL) != 1) {
        return NID_undef;
    }
    return digest;
}

static bool is_signed_with_md5(const struct view *v, size_t i)
{
    int digest = digest_of(v, i);
    return digest == NID_md5 || digest == NID_md4 || digest == NID_md2;
}

static bool is_signed_with_sha1(const struct view *v, size_t i)
{
    return digest_of(v, i) == NID_sha1;
}

static bool is_signed_with_sha1_under_public_root(const struct view *v, size_t i)
{
    return v->is_public && is_signed_with_sha1(v, i);
}

static bool has_key_below(const struct view *v, size_t i, int bits)
{
    const EVP_PKEY *key = X509_get0_pubkey(v->links[i].x);
    return key != NULL && EVP_PKEY_get_security_bits(key) < bits;
}

static bool has_key_below_112_bits(const struct view *v, size_t i)
{
    return has_key_below(v, i, BITS_LEVEL_2);
}

static bool has_key_below_80_bits(const struct view *v, size_t i)
{
    return has_key_below(v, i, BITS_LEVEL_1);
}

static bool is_of_type(const struct view *v, size_t i, int type)
{
    const EVP_PKEY *key = X509_get0_pubkey(v->links[i].x);
    return key != NULL && EVP_PKEY_get_base_id(key) == type;
}

static bool has_rsa_below_1024(const struct view *v, size_t i)
{
    bool is_rsa = is_of_type(v, i, EVP_PKEY_RSA) || is_of_type(v, i, EVP_PKEY_RSA_PSS);
    return is_rsa && v->links[i].from->facts->key_bits < 1024;
}

static bool has_ec_below_224(const struct view *v, size_t i)
{
    return is_of_type(v, i, EVP_PKEY_EC) && v->links[i].from->facts->key_bits < 224;
}

/* An EC key on a curve that is not among these. */
static bool has_curve_beside(const struct view *v, size_t i, const int *nids, size_t n)
{
    char group[80];
    size_t len;
    const EVP_PKEY *key = X509_get0_pubkey(v->links[i].x);
    if (!is_of_type(v, i, EVP_PKEY_EC)) {
        return false;
    }
    int nid = EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 ? OBJ_sn2nid(group) : 0;
    for (size_t k = 0; k < n; k++) {
        if (nids[k] == nid) {
            return false;
        }
    }
    return true;
}

static const int curves[] = { NID_X9_62_prime256v1, NID_secp384r1, NID_secp521r1, NID_secp224r1,
                              NID_X9_62_prime192v1 };
enum { CURVES_OF_TLS = 3, CURVES_OF_GO = 4, CURVES_OF_GNUTLS = 5 }; /* how many of them */

static bool has_curve_beside_nist_three(const struct view *v, size_t i)
{
    return has_curve_beside(v, i, curves, CURVES_OF_TLS);
}

static bool has_curve_nobody_offers(const struct view *v, size_t i)
{
    return has_curve_beside_nist_three(v, i);
}

static bool has_curve_unknown_to_go(const struct view *v, size_t i)
{
    return has_curve_beside(v, i, curves, CURVES_OF_GO);
}

static bool has_curve_unknown_to_gnutls(const struct view *v, size_t i)
{
    return has_curve_beside(v, i, curves, CURVES_OF_GNUTLS);
}

static bool has_edwards_key(const struct view *v, size_t i)
{
    return is_of_type(v, i, EVP_PKEY_ED25519) || is_of_type(v, i, EVP_PKEY_ED448);
}

static bool has_dsa_key(const struct view *v, size_t i)
{
    return is_of_type(v, i, EVP_PKEY_DSA);
}

/* --- what it may be used for --- */

static uint32_t uses_of(const struct view *v, size_t i)
{
    return X509_get_extended_key_usage(v->links[i].x);
}

/* Some use was asked for, and the certificate has the extension. Of one with extensions that are
 * not valid OpenSSL tells no usage at all. */
static bool has_uses(const struct view *v, size_t i)
{
    uint32_t flags = X509_get_extension_flags(v->links[i].x);
    return v->q->purpose != X509_FOR_ANY && (flags & EXFLAG_XKUSAGE) != 0 &&
           (flags & EXFLAG_INVALID) == 0;
}

static uint32_t use_asked(const struct view *v)
{
    return v->q->purpose == X509_FOR_CLIENT ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
}

static uint32_t gated(const struct view *v)
{
    return v->q->purpose == X509_FOR_SERVER ? XKU_SGC : 0;
}

static bool eku_lacks_purpose(const struct view *v, size_t i)
{
    return has_uses(v, i) && (uses_of(v, i) & (use_asked(v) | gated(v) | XKU_ANYEKU)) == 0;
}

static bool eku_is_any(const struct view *v, size_t i)
{
    return has_uses(v, i) && (uses_of(v, i) & (use_asked(v) | gated(v) | XKU_ANYEKU)) == XKU_ANYEKU;
}

static bool eku_is_gated(const struct view *v, size_t i)
{
    return has_uses(v, i) && gated(v) != 0 &&
           (uses_of(v, i) & (use_asked(v) | gated(v) | XKU_ANYEKU)) == gated(v);
}

static bool eku_lacks_tls(const struct view *v, size_t i)
{
    uint32_t tls = XKU_SSL_SERVER | XKU_SSL_CLIENT | XKU_SGC | XKU_ANYEKU;
    return has_uses(v, i) && (uses_of(v, i) & tls) == 0;
}

static bool has_key_usage(const struct view *v, size_t i)
{
    uint32_t flags = X509_get_extension_flags(v->links[i].x);
    return (flags & EXFLAG_KUSAGE) != 0 && (flags & EXFLAG_INVALID) == 0;
}

static bool key_usage_lacks(const struct view *v, size_t i, uint32_t usages)
{
    return has_key_usage(v, i) && (X509_get_key_usage(v->links[i].x) & usages) == 0;
}

static bool key_usage_fits_no_exchange(const struct view *v, size_t i)
{
    uint32_t fitting = KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT;
    if (v->q->purpose == X509_FOR_SERVER) {
        fitting |= KU_KEY_ENCIPHERMENT;
    }
    return v->q->purpose != X509_FOR_ANY && key_usage_lacks(v, i, fitting);
}

static bool key_usage_lacks_signature(const struct view *v, size_t i)
{
    return v->q->purpose != X509_FOR_ANY && key_usage_lacks(v, i, KU_DIGITAL_SIGNATURE);
}

static bool key_usage_lacks_agreement(const struct view *v, size_t i)
{
    return v->q->purpose != X509_FOR_ANY && is_of_type(v, i, EVP_PKEY_EC) &&
           key_usage_lacks(v, i, KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT);
}

static bool key_usage_lacks_cert_sign(const struct view *v, size_t i)
{
    return key_usage_lacks(v, i, KU_KEY_CERT_SIGN);
}

/* --- who may issue --- */

static bool has_basic_constraints(const struct view *v, size_t i)
{
    return (X509_get_extension_flags(v->links[i].x) & EXFLAG_BCONS) != 0;
}

static bool is_ca_by_constraints(const struct view *v, size_t i)
{
    return v->q->purpose == X509_FOR_SERVER && has_basic_constraints(v, i) &&
           (X509_get_extension_flags(v->links[i].x) & EXFLAG_CA) != 0;
}

static bool is_no_ca_by_constraints(const struct view *v, size_t i)
{
    return has_basic_constraints(v, i) &&
           (X509_get_extension_flags(v->links[i].x) & EXFLAG_CA) == 0;
}

static bool is_version_1_root(const struct view *v, size_t i)
{
    return (X509_get_extension_flags(v->links[i].x) & EXFLAG_V1) != 0;
}

static bool is_root_without_constraints(const struct view *v, size_t i)
{
    return !has_basic_constraints(v, i) && !is_version_1_root(v, i);
}

static bool is_root_without_both(const struct view *v, size_t i)
{
    return is_root_without_constraints(v, i) && !has_key_usage(v, i);
}

/* RFC 5280 section 4.2.1.9 leaves self-issued certificates out of the count. */
static bool path_length_counts_self_issued(const struct view *v, size_t i)
{
    const struct x509_facts *f = v->links[i].from->facts;
    size_t below = i - 1; /* CA certificates between it and the leaf */
    size_t n_self_issued = 0;
    for (size_t k = 1; k < i; k++) {
        n_self_issued += v->links[k].from->facts->is_self_issued;
    }
    return f->has_basic_constraints && f->path_length >= 0 && below > (size_t)f->path_length &&
           below - n_self_issued <= (size_t)f->path_length;
}

static bool has_strange_subtree(const STACK_OF(GENERAL_SUBTREE) * trees)
{
    for (int i = 0; i < sk_GENERAL_SUBTREE_num(trees); i++) {
        int type = sk_GENERAL_SUBTREE_value(trees, i)->base->type;
        if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI) {
            return true;
        }
    }
    return false;
}

static bool has_constraints_unknown_to_go(const struct view *v, size_t i)
{
    int is_critical = 0;
    NAME_CONSTRAINTS *nc =
        X509_get_ext_d2i(v->links[i].x, NID_name_constraints, &is_critical, NULL);
    bool is_so =
        nc != NULL && is_critical == 1 &&
        (has_strange_subtree(nc->permittedSubtrees) || has_strange_subtree(nc->excludedSubtrees));
    NAME_CONSTRAINTS_free(nc);
    return is_so;
}

/* --- extensions and form --- */

static bool is_one_of(int nid, const int *nids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (nids[i] == nid) {
            return true;
        }
    }
    return false;
}

static bool has_critical(const struct view *v, size_t i, const int *nids, size_t n)
{
    const X509 *x = v->links[i].x;
    for (int k = 0; k < X509_get_ext_count(x); k++) {
        X509_EXTENSION *e = X509_get_ext(x, k);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
        if (X509_EXTENSION_get_critical(e) == 1 && is_one_of(nid, nids, n)) {
            return true;
        }
    }
    return false;
}

/* Extensions that help to build a path and restrict nothing. */
static const int hints[] = { NID_authority_key_identifier, NID_subject_key_identifier,
                             NID_info_access };

static bool has_unknown_critical(const struct view *v, size_t i)
{
    const X509 *x = v->links[i].x;
    for (int k = 0; k < X509_get_ext_count(x); k++) {
        X509_EXTENSION *e = X509_get_ext(x, k);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
        if (X509_EXTENSION_get_critical(e) == 1 && X509_supported_extension(e) == 0 &&
            !is_one_of(nid, hints, ARRAY_LEN(hints))) {
            return true;
        }
    }
    return false;
}

static bool has_critical_hint(const struct view *v, size_t i)
{
    return has_critical(v, i, hints, ARRAY_LEN(hints));
}

static bool has_critical_policy_extension(const struct view *v, size_t i)
{
    static const int nids[] = { NID_policy_constraints, NID_policy_mappings,
                                NID_inhibit_any_policy };
    return has_critical(v, i, nids, ARRAY_LEN(nids));
}

static bool has_critical_resources(const struct view *v, size_t i)
{
    static const int nids[] = { NID_sbgp_ipAddrBlock, NID_sbgp_autonomousSysNum };
    return has_critical(v, i, nids, ARRAY_LEN(nids));
}

static bool has_extension_twice(const struct view *v, size_t i)
{
    const X509 *x = v->links[i].x;
    int n = X509_get_ext_count(x);
    for (int k = 0; k < n && n <= X509_NAMES_MAX; k++) {
        if (X509_get_ext_by_OBJ(x, X509_EXTENSION_get_object(X509_get_ext(x, k)), k) >= 0) {
            return true;
        }
    }
    return false;
}

bool view_has_extension_twice(const struct view *v, size_t i)
{
    return has_extension_twice(v, i);
}

static bool has_empty_subject_and_plain_names(const struct view *v, size_t i)
{
    const X509 *x = v->links[i].x;
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
    return X509_NAME_entry_count(X509_get_subject_name(x)) == 0 && at >= 0 &&
           X509_EXTENSION_get_critical(X509_get_ext(x, at)) == 0;
}

static bool has_negative_serial(const struct view *v, size_t i)
{
    return ASN1_STRING_type(X509_get0_serialNumber(v->links[i].x)) == V_ASN1_NEG_INTEGER;
}

static bool has_unmet_must_staple(const struct view *v, size_t i)
{
    return v->q->purpose != X509_FOR_CLIENT && v->links[i].from->facts->must_staple &&
           v->q->ocsp_response.len == 0;
}

#define BIT(symbol) (1U << VERIFIER_##symbol)

const struct rule_row verifier_rules[N_VERIFIER_RULES] = {
#define VERIFIER_RULE(symbol, id, fault, where, is_so, refused_by, later, what, source)            \
    { { id, what, source, X509_FAULT_##fault, refused_by, later }, where, is_so },
#include "check/verifier_rules.def"
};

const struct verifier_rule_row *verifier_rule_at(size_t i)
{
    return i < N_VERIFIER_RULES ? &verifier_rules[i].row : NULL;
}
