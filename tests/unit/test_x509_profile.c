/* Each rule of profile.def: a certificate that breaks it and nothing else; where rules do not hold.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "make_cert.h"
#include "x509/x509.h"

#define IN_2023 INT64_C(1690000000)
#define IN_2011 INT64_C(1300000000)

struct row {
    const char *name;
    struct cert_recipe root, leaf;
    const char *rule; /* NULL: no fault */
    int culprit;
    struct x509_question q; /* what differs from a careful client's question */
    bool no_host;
};

static void set_critical(X509 *x, int nid, int critical)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    assert_true(at >= 0);
    assert_int_equal(X509_EXTENSION_set_critical(X509_get_ext(x, at), critical), 1);
}

static void drop(X509 *x, int nid)
{
    int at = X509_get_ext_by_NID(x, nid, -1);
    assert_true(at >= 0);
    X509_EXTENSION_free(X509_delete_ext(x, at));
}

static void put_raw(X509 *x, int nid, const char *der, int len)
{
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_true(ASN1_OCTET_STRING_set(value, (const uint8_t *)der, len) == 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_NID(NULL, nid, 0, value);
    assert_true(X509_add_ext(x, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
}

static void be_version_2(X509 *x)
{
    assert_int_equal(X509_set_version(x, X509_VERSION_2), 1);
}

static void be_version_1_bare(X509 *x)
{
    while (X509_get_ext_count(x) > 0) {
        X509_EXTENSION_free(X509_delete_ext(x, 0));
    }
    assert_int_equal(X509_set_version(x, X509_VERSION_1), 1);
}

static void set_serial(X509 *x, size_t n_octets)
{
    BIGNUM *n = BN_new();
    assert_true(BN_one(n) == 1 && BN_lshift(n, n, (int)n_octets * 8 - 1) == 1);
    assert_non_null(BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)));
    BN_free(n);
}

static void serial_of_21(X509 *x)
{
    set_serial(x, 21);
}

static void serial_of_20(X509 *x)
{
    set_serial(x, 20);
}

static void no_issuer_name(X509 *x)
{
    X509_NAME *empty = X509_NAME_new();
    assert_int_equal(X509_set_issuer_name(x, empty), 1);
    X509_NAME_free(empty);
}

static void empty_san(X509 *x)
{
    put_raw(x, NID_subject_alt_name, "\x30\x00", 2);
}

static void critical_aki(X509 *x)
{
    set_critical(x, NID_authority_key_identifier, 1);
}

static void critical_ski(X509 *x)
{
    set_critical(x, NID_subject_key_identifier, 1);
}

static void no_aki(X509 *x)
{
    drop(x, NID_authority_key_identifier);
}

static void empty_aia(X509 *x)
{
    put_raw(x, NID_info_access, "\x30\x00", 2);
}

static void null_aia(X509 *x)
{
    put_raw(x, NID_info_access, "\x05\x00", 2);
}

static void other_aki(X509 *x)
{
    if (X509_get_ext_by_NID(x, NID_authority_key_identifier, -1) >= 0) {
        drop(x, NID_authority_key_identifier);
    }
    put_raw(x, NID_authority_key_identifier, "\x30\x05\x80\x03\x01\x02\x03", 7);
}

static void rsa_of_2052(X509 *x)
{
    EVP_PKEY *key = EVP_RSA_gen(2052);
    assert_int_equal(X509_set_pubkey(x, key), 1);
    EVP_PKEY_free(key);
}

#define AIA      "caIssuers;URI:http://ca.example.com/ca.crt"
#define IN_TRUST X509_CULPRIT_TRUST

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { .name = "nothing broken" },
    { .name = "extensions-version",
      .leaf = { .tweak = be_version_2 },
      .rule = "extensions-version" },
    { .name = "serial-negative", .leaf = { .serial = -77 }, .rule = "serial-negative" },
    { .name = "serial-negative in 2011",
      .leaf = { .serial = -77, .from_s = IN_2011 - 1 },
      .root = { .from_s = IN_2011 - 1 },
      .q = { .at_s = IN_2011 } },
    { .name = "serial-negative of a root", .root = { .serial = -77 } },
    { .name = "serial-long", .leaf = { .tweak = serial_of_21 }, .rule = "serial-long" },
    { .name = "serial of 20 octets", .leaf = { .tweak = serial_of_20 } },
    { .name = "name-syntax",
      .leaf = { .names = "DNS:leaf.example.com,DNS:a b.example.com" },
      .rule = "name-syntax" },
    { .name = "name-underscore",
      .leaf = { .names = "DNS:leaf.example.com,DNS:a_b.example.com" },
      .rule = "name-underscore" },
    { .name = "underscore without host",
      .leaf = { .names = "DNS:leaf.example.com,DNS:a_b.example.com" },
      .no_host = true },
    { .name = "san-empty",
      .leaf = { .names = NULL, .tweak = empty_san },
      .rule = "san-empty",
      .no_host = true },
    { .name = "san-not-critical", .leaf = { .name = "" }, .rule = "san-not-critical" },
    { .name = "san critical without subject",
      .leaf = { .name = "", .names = "critical,DNS:leaf.example.com" } },
    { .name = "san-critical",
      .leaf = { .names = "critical,DNS:leaf.example.com" },
      .rule = "san-critical" },
    { .name = "aki-critical", .leaf = { .tweak = critical_aki }, .rule = "aki-critical" },
    { .name = "ski-critical",
      .root = { .tweak = critical_ski },
      .rule = "ski-critical",
      .culprit = IN_TRUST },
    { .name = "aia", .leaf = { .info_access = AIA } },
    { .name = "aia-critical", .leaf = { .info_access = "critical," AIA }, .rule = "aia-critical" },
    { .name = "aia-content", .leaf = { .tweak = empty_aia }, .rule = "aia-content" },
    { .name = "aia-content, no list", .leaf = { .tweak = null_aia }, .rule = "aia-content" },
    { .name = "policy-not-critical",
      .root = { .policy_constraints = "requireExplicitPolicy:5" },
      .rule = "policy-not-critical",
      .culprit = IN_TRUST },
    { .name = "policy critical",
      .root = { .policy_constraints = "critical,requireExplicitPolicy:5" } },
    { .name = "constraints-in-leaf",
      .leaf = { .constraints = "critical,permitted;DNS:example.com" },
      .rule = "constraints-in-leaf" },
    { .name = "constraints in a CA",
      .root = { .constraints = "critical,permitted;DNS:example.com" } },
    { .name = "ca-missing-basic",
      .root = { .no_basic_constraints = true },
      .rule = "ca-missing-basic",
      .culprit = IN_TRUST },
    { .name = "ca-basic-critical",
      .root = { .basic = "CA:TRUE" },
      .rule = "ca-basic-critical",
      .culprit = IN_TRUST },
    { .name = "basic not critical in 2023",
      .root = { .basic = "CA:TRUE" },
      .q = { .at_s = IN_2023 } },
    { .name = "leaf-cert-sign",
      .leaf = { .usage = "critical,digitalSignature,keyCertSign" },
      .rule = "leaf-cert-sign" },
    { .name = "aki-missing", .leaf = { .tweak = no_aki }, .rule = "aki-missing" },
    { .name = "aki missing, no server",
      .leaf = { .tweak = no_aki, .eku = "clientAuth" },
      .q = { .purpose = X509_FOR_CLIENT } },
    { .name = "aki missing, private name",
      .leaf = { .tweak = no_aki, .names = "DNS:leaf.example.com,DNS:leaf.corp" } },
    { .name = "aki missing, one label",
      .leaf = { .tweak = no_aki, .names = "DNS:leaf.example.com,DNS:leaf" } },
    { .name = "aki missing, plain profile",
      .leaf = { .tweak = no_aki },
      .q = { .profile = X509_PROFILE_TLS } },
    { .name = "ski-missing",
      .root = { .no_key_ids = true },
      .leaf = { .tweak = other_aki, .no_key_ids = true },
      .rule = "ski-missing",
      .culprit = IN_TRUST },
    { .name = "root-key-ids",
      .root = { .tweak = other_aki },
      .rule = "root-key-ids",
      .culprit = IN_TRUST },
    { .name = "root-eku",
      .root = { .eku = "serverAuth" },
      .rule = "root-eku",
      .culprit = IN_TRUST },
    { .name = "leaf-version", .leaf = { .tweak = be_version_1_bare }, .rule = "leaf-version" },
    { .name = "eku-critical", .leaf = { .eku = "critical,serverAuth" }, .rule = "eku-critical" },
    { .name = "eku-any", .leaf = { .eku = "serverAuth,anyExtendedKeyUsage" }, .rule = "eku-any" },
    { .name = "rsa-odd-size", .leaf = { .tweak = rsa_of_2052 }, .rule = "rsa-odd-size" },
    { .name = "cn-spelling, case", .leaf = { .name = "Leaf.example.com" }, .rule = "cn-spelling" },
    { .name = "cn-spelling, zeros",
      .leaf = { .name = "192.000.002.007", .names = "DNS:leaf.example.com,IP:192.0.2.7" },
      .rule = "cn-spelling" },
    { .name = "cn-spelling, figure",
      .leaf = { .name = "0xC0000207", .names = "DNS:leaf.example.com,IP:192.0.2.7" },
      .rule = "cn-spelling" },
    { .name = "cn-spelling, IPv6",
      .leaf = { .name = "2001:DB8::7", .names = "DNS:leaf.example.com,IP:2001:db8::7" },
      .rule = "cn-spelling" },
    { .name = "cn-spelling, U-label",
      .leaf = { .name = "b\xC3\xBC"
                        "cher.example.com" },
      .rule = "cn-spelling" },
    { .name = "common name of a person", .leaf = { .name = "J\xC3\xBCrgen Example Inc." } },
    { .name = "common name that is no name of it", .leaf = { .name = "other.example.com" } },
};
/* clang-format on */

/* What no table row can make with a chain that still links. */
static const char *const made_elsewhere[] = { "issuer-empty", "ca-subject-empty" };

static void make_pair(const struct row *row, struct made_cert *root, struct made_cert *leaf)
{
    struct cert_recipe r = row->root;
    struct cert_recipe l = row->leaf;
    r.name = r.name == NULL ? "Test Root" : r.name;
    r.is_ca = true;
    *root = make_cert(&r);
    l.name = l.name == NULL ? "leaf.example.com" : (l.name[0] == '\0' ? NULL : l.name);
    l.names = l.names == NULL && !row->no_host ? "DNS:leaf.example.com" : l.names;
    l.eku = l.eku == NULL ? "serverAuth" : l.eku;
    l.issuer = root;
    *leaf = make_cert(&l);
}

static struct x509_judgement judge(const struct row *row, const struct made_cert *root,
                                   const struct made_cert *leaf)
{
    struct x509_store *s = NULL;
    struct err err = { 0 };
    static struct x509_judgement j;
    static char details[X509_FAULTS_MAX][256];
    struct x509_question q = row->q;
    bool is_plain = q.profile == X509_PROFILE_TLS && strstr(row->name, "plain") != NULL;
    q.profile = is_plain ? X509_PROFILE_TLS : X509_PROFILE_CAREFUL;
    q.host = row->no_host ? NULL : "leaf.example.com";
    q.at_s = q.at_s == 0 ? MAKE_CERT_NOW : q.at_s;
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    assert_int_equal(x509_store_add_anchor(s, root->der, &err), ST_OK);
    const struct x509_chain *chain = x509_store_chain(s, &leaf->der, 1);
    assert_int_equal(x509_judge(s, chain, &q, &j, &err), ST_OK);
    for (size_t i = 0; i < j.n_faults; i++) {
        snprintf(details[i], sizeof details[i], "%s", j.faults[i].detail);
        j.faults[i].detail = details[i];
    }
    x509_store_free(s);
    return j;
}

static const struct x509_fault *find_rule(const struct x509_judgement *j, const char *rule)
{
    for (size_t i = 0; i < j->n_faults; i++) {
        const char *id = j->faults[i].rule;
        if (id != NULL && strcmp(id + strlen("profile/"), rule) == 0) {
            return &j->faults[i];
        }
    }
    return NULL;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct made_cert root;
    struct made_cert leaf;
    make_pair(row, &root, &leaf);
    struct x509_judgement j = judge(row, &root, &leaf);
    const struct x509_fault *fault = row->rule == NULL ? NULL : find_rule(&j, row->rule);
    if (row->rule == NULL && !j.is_valid) {
        fail_msg("%s: %s", j.faults[0].rule == NULL ? "" : j.faults[0].rule, j.faults[0].detail);
    }
    if (row->rule != NULL) {
        assert_non_null(fault);
        assert_int_equal(fault->culprit, row->culprit);
        for (size_t i = 0; i < j.n_faults; i++) { /* minor ones come after all others */
            assert_true(i == 0 || j.faults[i].is_minor || !j.faults[i - 1].is_minor);
        }
    }
    made_cert_free(&leaf);
    made_cert_free(&root);
}

static void each_rule_has_a_row(void **state)
{
    static const char *const ids[] = {
#define PROFILE_RULE(id, scope, kind, since, fault, test, says, source) id,
#include "x509/profile.def"
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        bool is_tested = false;
        for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
            is_tested = is_tested || (rows[k].rule != NULL && strcmp(rows[k].rule, ids[i]) == 0);
        }
        for (size_t k = 0; k < ARRAY_LEN(made_elsewhere); k++) {
            is_tested = is_tested || strcmp(made_elsewhere[k], ids[i]) == 0;
        }
        if (!is_tested) {
            fail_msg("no row for %s", ids[i]);
        }
    }
}

/* The CA has no name, so what it issued names no issuer. */
static void names_left_empty(void **state)
{
    (void)state;
    struct made_cert root = make_cert(&(struct cert_recipe){ .is_ca = true });
    struct made_cert leaf = make_cert(&(struct cert_recipe){ .name = "leaf.example.com",
                                                             .names = "DNS:leaf.example.com",
                                                             .eku = "serverAuth",
                                                             .issuer = &root,
                                                             .tweak = no_issuer_name });
    struct x509_judgement j = judge(&rows[0], &root, &leaf);
    const struct x509_fault *issuer = find_rule(&j, "issuer-empty");
    const struct x509_fault *subject = find_rule(&j, "ca-subject-empty");
    assert_non_null(issuer);
    assert_non_null(subject);
    assert_int_equal(issuer->culprit, 0);
    assert_int_equal(subject->culprit, IN_TRUST);
    made_cert_free(&leaf);
    made_cert_free(&root);
}

/* A rule that others let pass never hides what nobody lets pass. */
static void minor_faults_come_last(void **state)
{
    (void)state;
    const struct row row = { .name = "expired",
                             .leaf = { .tweak = no_aki, .until_s = MAKE_CERT_NOW - 1 } };
    struct made_cert root;
    struct made_cert leaf;
    make_pair(&row, &root, &leaf);
    struct x509_judgement j = judge(&row, &root, &leaf);
    assert_int_equal(j.n_faults, 2);
    assert_int_equal(j.faults[0].kind, X509_FAULT_EXPIRED);
    assert_string_equal(j.faults[1].rule, "profile/aki-missing");
    assert_true(j.faults[1].is_minor);
    made_cert_free(&leaf);
    made_cert_free(&root);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3] = {
        cmocka_unit_test(each_rule_has_a_row),
        cmocka_unit_test(names_left_empty),
        cmocka_unit_test(minor_faults_come_last),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i + 3] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("x509_profile", tests, NULL, NULL);
}
