/* Each fault alone, pairs of faults in their order, and chains that are right. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>

#include "make_cert.h"
#include "x509/x509.h"

#define DAY     INT64_C(86400)
#define PAST    (MAKE_CERT_NOW - 30 * DAY)
#define FUTURE  (MAKE_CERT_NOW + 30 * DAY)
#define IN_2013 INT64_C(1370000000)
#define F(kind) (X509_FAULT_##kind + 1) /* 0 ends a list */
#define AIA     "caIssuers;URI:http://ca.example/inter.crt"

enum { FAULTS_EXPECTED = 4 };
enum leaf_by { BY_INTER, BY_ROOT, BY_ITSELF };
enum sent {
    SENT_INTER,
    SENT_NOTHING,
    SENT_INTER_ROOT,
    SENT_STRANGER,
    SENT_NAMESAKE,
    SENT_REVERSED
};
enum trusted { TRUST_ROOT, TRUST_OTHER, TRUST_NOTHING, TRUST_LEAF, TRUST_INTER };
enum crls { CRL_NONE, CRL_CLEAN, CRL_REVOKES, CRL_STALE };

struct row {
    const char *name;
    struct cert_recipe root, inter, leaf;
    enum leaf_by by;
    enum sent sent;
    enum trusted trust;
    enum crls crls;
    struct x509_question q; /* at_s 0: MAKE_CERT_NOW */
    int expect[FAULTS_EXPECTED];
    int culprit; /* of the first */
};

/* excludedSubtrees { rfc822Name "" }, which no configuration can say */
static void exclude_every_mailbox(X509 *x)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_true(
        ASN1_OCTET_STRING_set(value, (const uint8_t *)"\x30\x06\xA1\x04\x30\x02\x81\x00", 8) == 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_NID(NULL, NID_name_constraints, 1, value);
    assert_true(X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
}

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { .name = "valid" },
    { .name = "valid with root sent", .sent = SENT_INTER_ROOT },
    { .name = "valid in any order", .sent = SENT_REVERSED },
    { .name = "valid leaf by root", .by = BY_ROOT, .sent = SENT_NOTHING },
    { .name = "valid with host", .q = { .host = "leaf.example" } },
    { .name = "valid as client",
      .leaf = { .eku = "clientAuth" },
      .q = { .purpose = X509_FOR_CLIENT } },
    { .name = "valid leaf trusted", .by = BY_ITSELF, .trust = TRUST_LEAF, .sent = SENT_NOTHING },
    { .name = "valid Ed25519", .leaf = { .key = MADE_ED25519 } },
    { .name = "valid intermediate trusted", .trust = TRUST_INTER, .q = { .partial_chain = true } },
    { .name = "intermediate trusted, no partial chain",
      .trust = TRUST_INTER,
      .expect = { F(UNTRUSTED_CA) },
      .culprit = 1 },
    { .name = "valid at notAfter", .leaf = { .until_s = MAKE_CERT_NOW } },
    { .name = "valid at notBefore", .leaf = { .from_s = MAKE_CERT_NOW } },
    { .name = "valid, dates ignored", .leaf = { .until_s = PAST }, .q = { .ignore_dates = true } },
    { .name = "valid with anyExtendedKeyUsage", .leaf = { .eku = "anyExtendedKeyUsage" } },
    { .name = "trust not known", .trust = TRUST_NOTHING },
    { .name = "trust not known, self-signed",
      .trust = TRUST_NOTHING,
      .by = BY_ITSELF,
      .sent = SENT_NOTHING },

    { .name = "unknown critical extension",
      .leaf = { .unknown_critical = true },
      .expect = { F(MALFORMED) } },
    { .name = "unknown critical in intermediate",
      .inter = { .unknown_critical = true },
      .expect = { F(MALFORMED) },
      .culprit = 1 },
    { .name = "incomplete, public",
      .leaf = { .info_access = AIA },
      .sent = SENT_NOTHING,
      .expect = { F(CHAIN_INCOMPLETE) } },
    { .name = "incomplete by the issuer's name",
      .sent = SENT_NOTHING,
      .expect = { F(CHAIN_INCOMPLETE) } },
    { .name = "incomplete without trust",
      .sent = SENT_NOTHING,
      .trust = TRUST_NOTHING,
      .expect = { F(CHAIN_INCOMPLETE) } },
    { .name = "a stranger in its place",
      .sent = SENT_STRANGER,
      .expect = { F(CHAIN_INCOMPLETE), F(CHAIN_INVALID) } },
    { .name = "self-signed", .by = BY_ITSELF, .sent = SENT_NOTHING, .expect = { F(SELF_SIGNED) } },
    { .name = "self-signed as a CA",
      .by = BY_ITSELF,
      .leaf = { .is_ca = true, .usage = "digitalSignature,keyCertSign" },
      .sent = SENT_NOTHING,
      .expect = { F(SELF_SIGNED) } },
    { .name = "untrusted, root not sent",
      .trust = TRUST_OTHER,
      .expect = { F(UNTRUSTED_CA) },
      .culprit = 1 },
    { .name = "untrusted, root sent",
      .trust = TRUST_OTHER,
      .sent = SENT_INTER_ROOT,
      .expect = { F(UNTRUSTED_CA) },
      .culprit = 2 },
    { .name = "untrusted, leaf by root",
      .trust = TRUST_OTHER,
      .by = BY_ROOT,
      .sent = SENT_NOTHING,
      .expect = { F(UNTRUSTED_CA) } },
    { .name = "same name, other key", .sent = SENT_NAMESAKE, .expect = { F(CHAIN_INVALID) } },
    { .name = "leaf signature broken",
      .leaf = { .signature_broken = true },
      .expect = { F(CHAIN_INVALID) } },
    { .name = "intermediate signature broken",
      .inter = { .signature_broken = true },
      .expect = { F(CHAIN_INVALID) },
      .culprit = 1 },
    { .name = "issuer is no CA",
      .inter = { .basic = "critical,CA:FALSE" },
      .expect = { F(CHAIN_INVALID), F(WRONG_PURPOSE) },
      .culprit = 1 },
    { .name = "issuer without keyCertSign",
      .inter = { .usage = "critical,digitalSignature" },
      .expect = { F(CHAIN_INVALID), F(WRONG_PURPOSE) },
      .culprit = 1 },
    { .name = "path length exceeded",
      .root = { .basic = "critical,CA:TRUE,pathlen:0" },
      .expect = { F(CHAIN_INVALID) },
      .culprit = X509_CULPRIT_TRUST },
    { .name = "name excluded",
      .inter = { .constraints = "excluded;DNS:example" },
      .expect = { F(CONSTRAINT) } },
    { .name = "name not permitted",
      .inter = { .constraints = "permitted;DNS:other.test" },
      .expect = { F(CONSTRAINT) } },
    { .name = "name excluded behind a wildcard",
      .leaf = { .names = "DNS:*.apps.example" },
      .inter = { .constraints = "excluded;DNS:secret.apps.example" },
      .expect = { F(CONSTRAINT) } },
    { .name = "name beside what is excluded",
      .leaf = { .names = "DNS:*.apps.example" },
      .inter = { .constraints = "excluded;DNS:secret.other.example" } },
    { .name = "every mailbox excluded",
      .leaf = { .names = "email:a@leaf.example" },
      .inter = { .tweak = exclude_every_mailbox },
      .expect = { F(CONSTRAINT) } },
    { .name = "host is met before constraints",
      .inter = { .constraints = "excluded;DNS:example" },
      .q = { .host = "other.example" },
      .expect = { F(HOSTNAME_MISMATCH), F(CONSTRAINT) } },
    { .name = "dates are met before constraints",
      .inter = { .constraints = "excluded;DNS:example" },
      .leaf = { .until_s = PAST },
      .expect = { F(EXPIRED), F(CONSTRAINT) } },
    { .name = "policy required and not there",
      .inter = { .policy_constraints = "critical,requireExplicitPolicy:0" },
      .expect = { F(CONSTRAINT) } },
    { .name = "policy required one certificate further",
      .inter = { .policy_constraints = "critical,requireExplicitPolicy:1" },
      .expect = { F(CONSTRAINT) } },
    { .name = "policy required below the leaf only",
      .inter = { .policy_constraints = "critical,requireExplicitPolicy:2" } },
    { .name = "policy required by the leaf itself",
      .leaf = { .policy_constraints = "critical,requireExplicitPolicy:0" },
      .expect = { F(CONSTRAINT) } },
    { .name = "policy mapping constrained, none required",
      .inter = { .policy_constraints = "critical,inhibitPolicyMapping:0" } },
    { .name = "issuer misnamed",
      .leaf = { .issuer_name = "Another Name" },
      .expect = { F(CHAIN_INVALID) } },
    { .name = "expired", .leaf = { .until_s = PAST }, .expect = { F(EXPIRED) } },
    { .name = "intermediate expired",
      .inter = { .until_s = PAST },
      .expect = { F(EXPIRED) },
      .culprit = 1 },
    { .name = "root expired",
      .root = { .until_s = PAST },
      .expect = { F(EXPIRED) },
      .culprit = X509_CULPRIT_TRUST },
    { .name = "not yet valid", .leaf = { .from_s = FUTURE }, .expect = { F(NOT_YET_VALID) } },
    { .name = "revoked", .crls = CRL_REVOKES, .expect = { F(REVOKED) } },
    { .name = "not revoked", .crls = CRL_CLEAN, .q = { .demand_revocation = true } },
    { .name = "CRL stale and demanded",
      .crls = CRL_STALE,
      .q = { .demand_revocation = true },
      .expect = { F(REVOCATION_UNKNOWN) } },
    { .name = "CRL stale, not demanded", .crls = CRL_STALE },
    { .name = "staple demanded by the certificate",
      .leaf = { .tls_feature = "status_request" },
      .expect = { F(REVOCATION_UNKNOWN) } },
    { .name = "wrong extended key usage",
      .leaf = { .eku = "clientAuth" },
      .expect = { F(WRONG_PURPOSE) } },
    { .name = "server's as client",
      .q = { .purpose = X509_FOR_CLIENT },
      .expect = { F(WRONG_PURPOSE) } },
    { .name = "wrong key usage",
      .leaf = { .usage = "critical,cRLSign" },
      .expect = { F(WRONG_PURPOSE) } },
    { .name = "intermediate for other use",
      .inter = { .eku = "clientAuth" },
      .expect = { F(WRONG_PURPOSE) },
      .culprit = 1 },
    { .name = "any purpose asked",
      .leaf = { .eku = "clientAuth" },
      .q = { .purpose = X509_FOR_ANY } },
    { .name = "RSA 1024", .leaf = { .key = MADE_RSA1024 }, .expect = { F(WEAK) } },
    { .name = "RSA 1024, lower floor", .leaf = { .key = MADE_RSA1024 }, .q = { .floor_bits = 80 } },
    { .name = "RSA 1024 in 2013",
      .leaf = { .key = MADE_RSA1024, .from_s = IN_2013 - DAY },
      .root = { .from_s = IN_2013 - DAY },
      .inter = { .from_s = IN_2013 - DAY },
      .q = { .at_s = IN_2013 } },
    { .name = "wrong host", .q = { .host = "other.example" }, .expect = { F(HOSTNAME_MISMATCH) } },
    { .name = "host in the common name only",
      .leaf = { .names = "DNS:other.example" },
      .q = { .host = "leaf.example" },
      .expect = { F(HOSTNAME_MISMATCH) } },
    { .name = "strict without key identifiers",
      .leaf = { .no_key_ids = true },
      .q = { .strict = true },
      .expect = { F(MALFORMED) } },
    { .name = "no key identifiers", .leaf = { .no_key_ids = true } },

    { .name = "malformed and incomplete",
      .leaf = { .unknown_critical = true },
      .sent = SENT_NOTHING,
      .expect = { F(MALFORMED), F(CHAIN_INCOMPLETE) } },
    { .name = "malformed and expired",
      .leaf = { .unknown_critical = true, .until_s = PAST },
      .expect = { F(MALFORMED), F(EXPIRED) } },
    { .name = "incomplete and expired",
      .leaf = { .until_s = PAST },
      .sent = SENT_NOTHING,
      .expect = { F(CHAIN_INCOMPLETE), F(EXPIRED) } },
    { .name = "incomplete and wrong host",
      .sent = SENT_NOTHING,
      .q = { .host = "other.example" },
      .expect = { F(CHAIN_INCOMPLETE), F(HOSTNAME_MISMATCH) } },
    { .name = "self-signed and expired",
      .by = BY_ITSELF,
      .leaf = { .until_s = PAST },
      .sent = SENT_NOTHING,
      .expect = { F(SELF_SIGNED), F(EXPIRED) } },
    { .name = "self-signed and wrong host",
      .by = BY_ITSELF,
      .sent = SENT_NOTHING,
      .q = { .host = "x.example" },
      .expect = { F(SELF_SIGNED), F(HOSTNAME_MISMATCH) } },
    { .name = "untrusted and expired",
      .trust = TRUST_OTHER,
      .leaf = { .until_s = PAST },
      .expect = { F(UNTRUSTED_CA), F(EXPIRED) },
      .culprit = 1 },
    { .name = "broken and expired",
      .leaf = { .signature_broken = true, .until_s = PAST },
      .expect = { F(CHAIN_INVALID), F(EXPIRED) } },
    { .name = "broken, intermediate expired",
      .leaf = { .signature_broken = true },
      .inter = { .until_s = PAST },
      .expect = { F(CHAIN_INVALID), F(EXPIRED) } },
    { .name = "expired and revoked",
      .leaf = { .until_s = PAST },
      .crls = CRL_REVOKES,
      .expect = { F(EXPIRED), F(REVOKED) } },
    { .name = "expired and wrong purpose",
      .leaf = { .until_s = PAST, .eku = "clientAuth" },
      .expect = { F(EXPIRED), F(WRONG_PURPOSE) } },
    { .name = "expired and not yet valid",
      .leaf = { .until_s = PAST },
      .inter = { .from_s = FUTURE },
      .expect = { F(EXPIRED), F(NOT_YET_VALID) } },
    { .name = "revoked and wrong purpose",
      .leaf = { .eku = "clientAuth" },
      .crls = CRL_REVOKES,
      .expect = { F(REVOKED), F(WRONG_PURPOSE) } },
    { .name = "no staple and wrong purpose",
      .leaf = { .tls_feature = "status_request", .eku = "clientAuth" },
      .expect = { F(REVOCATION_UNKNOWN), F(WRONG_PURPOSE) } },
    { .name = "wrong purpose and weak",
      .leaf = { .eku = "clientAuth", .key = MADE_RSA1024 },
      .expect = { F(WRONG_PURPOSE), F(WEAK) } },
    { .name = "weak and wrong host",
      .leaf = { .key = MADE_RSA1024 },
      .q = { .host = "other.example" },
      .expect = { F(WEAK), F(HOSTNAME_MISMATCH) } },
};
/* clang-format on */

/* One row's certificates, in the roles they play. */
struct scene {
    char path[64], crl_path[64];
    struct made_cert root, inter, leaf, other_root, stranger, namesake;
    struct x509_store *store;
};

static const char *or_else(const char *value, const char *usual)
{
    return value == NULL ? usual : value;
}

static void make_leaf(struct scene *s, const struct row *row)
{
    struct cert_recipe leaf = row->leaf;
    leaf.name = or_else(leaf.name, "leaf.example");
    leaf.names = or_else(leaf.names, "DNS:leaf.example,IP:192.0.2.7");
    leaf.eku = or_else(leaf.eku, "serverAuth");
    leaf.issuer = row->by == BY_INTER ? &s->inter : (row->by == BY_ROOT ? &s->root : NULL);
    s->leaf = make_cert(&leaf);
}

static void make_scene(struct scene *s, const struct row *row)
{
    struct cert_recipe root = row->root;
    struct cert_recipe inter = row->inter;
    root.name = "Test Root";
    root.is_ca = true;
    s->root = make_cert(&root);
    inter.name = "Test Intermediate";
    inter.is_ca = true;
    inter.issuer = &s->root;
    s->inter = make_cert(&inter);
    make_leaf(s, row);
    s->other_root = make_cert(&(struct cert_recipe){ .name = "Other Root", .is_ca = true });
    s->stranger = make_cert(&(struct cert_recipe){
        .name = "Other Intermediate", .is_ca = true, .issuer = &s->other_root });
    s->namesake = make_cert(
        &(struct cert_recipe){ .name = "Test Intermediate", .is_ca = true, .issuer = &s->root });
}

static const struct made_cert *trusted_of(const struct scene *s, enum trusted trust)
{
    switch (trust) {
    case TRUST_ROOT:
        return &s->root;
    case TRUST_OTHER:
        return &s->other_root;
    case TRUST_LEAF:
        return &s->leaf;
    case TRUST_INTER:
        return &s->inter;
    case TRUST_NOTHING:
        return NULL;
    }
    return NULL;
}

static void load_trust(struct scene *s, const struct row *row)
{
    struct err err = { 0 };
    const struct made_cert *trusted = trusted_of(s, row->trust);
    if (trusted == NULL) {
        return;
    }
    made_cert_write(trusted, s->path);
    assert_int_equal(x509_store_add_trust(s->store, s->path, &err), ST_OK);
    assert_int_equal(x509_store_n_anchors(s->store), 1);
    assert_int_equal(x509_store_trust(s->store), X509_TRUST_FILES);
}

static void load_crls(struct scene *s, const struct row *row)
{
    struct err err = { 0 };
    if (row->crls == CRL_NONE) {
        return;
    }
    make_crl(&(struct crl_recipe){ .issuer = &s->root }, s->crl_path);
    make_crl(&(struct crl_recipe){ .issuer = &s->inter,
                                   .revoked = row->crls == CRL_REVOKES ? &s->leaf : NULL,
                                   .this_update_s = row->crls == CRL_STALE ? PAST : 0,
                                   .next_update_s = row->crls == CRL_STALE ? PAST + DAY : 0 },
             s->crl_path);
    assert_int_equal(x509_store_add_crl(s->store, s->crl_path, &err), ST_OK);
}

static size_t fill_chain(const struct scene *s, enum sent sent, struct bytes der[3])
{
    der[0] = s->leaf.der;
    der[1] = s->inter.der;
    der[2] = s->root.der;
    switch (sent) {
    case SENT_NOTHING:
        return 1;
    case SENT_INTER:
        return 2;
    case SENT_INTER_ROOT:
        return 3;
    case SENT_STRANGER:
        der[1] = s->stranger.der;
        return 2;
    case SENT_NAMESAKE:
        der[1] = s->namesake.der;
        return 2;
    case SENT_REVERSED:
        der[1] = s->root.der;
        der[2] = s->inter.der;
        return 3;
    }
    return 0;
}

static int open_scene(void **state)
{
    static struct scene s;
    struct err err = { 0 };
    const struct row *row = *state;
    s = (struct scene){ .path = "/tmp/handfast-judge-XXXXXX",
                        .crl_path = "/tmp/handfast-crl-XXXXXX" };
    assert_int_equal(close(mkstemp(s.path)), 0);
    assert_int_equal(close(mkstemp(s.crl_path)), 0);
    assert_int_equal(x509_store_new(&s.store, &err), ST_OK);
    make_scene(&s, row);
    load_trust(&s, row);
    load_crls(&s, row);
    *state = &s;
    return 0;
}

static void close_scene(struct scene *s)
{
    struct made_cert *all[] = { &s->root,       &s->inter,    &s->leaf,
                                &s->other_root, &s->stranger, &s->namesake };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        made_cert_free(all[i]);
    }
    x509_store_free(s->store);
    unlink(s->path);
    unlink(s->crl_path);
}

static void check_fault(const struct x509_fault *fault, int expected)
{
    assert_non_null(fault->detail);
    if (expected != (int)fault->kind + 1) {
        fail_msg("unexpected %s: %s", x509_fault_id(fault->kind), fault->detail);
    }
}

static void check_faults(const struct row *row, const struct x509_judgement *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->n_faults; i++) {
        bool is_again = i > 0 && j->faults[i].kind == j->faults[i - 1].kind; /* counts once */
        assert_true(is_again || n < FAULTS_EXPECTED);
        n += is_again ? 0 : 1;
        check_fault(&j->faults[i], row->expect[n - 1]);
    }
    assert_true(n == FAULTS_EXPECTED || row->expect[n] == 0);
    assert_int_equal(j->is_valid, n == 0);
    if (n > 0) {
        assert_int_equal(j->faults[0].culprit, row->culprit);
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    void *opened = (void *)(uintptr_t)row;
    open_scene(&opened);
    struct scene *s = opened;
    struct bytes der[3];
    struct err err = { 0 };
    struct x509_judgement j;
    struct x509_question q = row->q;
    q.at_s = q.at_s == 0 ? MAKE_CERT_NOW : q.at_s;
    size_t n = fill_chain(s, row->sent, der);
    const struct x509_chain *chain = x509_store_chain(s->store, der, n);
    assert_non_null(chain);
    ERR_clear_error();
    for (int again = 0; again < 2; again++) { /* the second answer comes from the cache */
        assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
        check_faults(row, &j);
        assert_int_equal(j.trust_is_known, row->trust != TRUST_NOTHING);
    }
    assert_int_equal(ERR_peek_error(), 0); /* OpenSSL's queue is as it was */
    x509_chain_unref(chain);
    close_scene(s);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("x509_judge", tests, NULL, NULL);
}
