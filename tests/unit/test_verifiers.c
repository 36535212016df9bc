/* The same chain by other eyes: each rule that needs no second verifier to be seen, and the table.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <unistd.h>

#include "check/verifiers.h"
#include "make_cert.h"

#define DAY       INT64_C(86400)
#define PAST      (MAKE_CERT_NOW - 30 * DAY)
#define O         BIT(OPENSSL)
#define P         BIT(PYTHON)
#define S         BIT(PYTHON_STRICT)
#define N         BIT(NODE)
#define J         BIT(JAVA)
#define G         BIT(GO)
#define F         BIT(NSS)
#define T         BIT(GNUTLS)
#define C         BIT(CHROME)
#define ALL       ((1U << N_VERIFIERS) - 1)
#define BIT(name) (1U << VERIFIER_##name)
#define HOST      "leaf.example"
#define AIA       "caIssuers;URI:http://ca.example/inter.crt"

enum sent { SENT_INTER, SENT_NOTHING };
enum trusted { TRUST_ROOT, TRUST_INTER, TRUST_LEAF, TRUST_BOTH };

struct row {
    const char *name;
    struct cert_recipe root, inter, leaf;
    enum sent sent;
    enum trusted trust;
    bool is_public; /* the root is one of the public web */
    bool is_sha1;   /* the leaf's signature */
    bool has_no_names;
    struct x509_question q;
    unsigned refused_by;
    const char
        *rule; /* of the first that refuses, or that accepts what the usual judgement does not */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { .name = "valid" },
    { .name = "valid without host",
      .q = { .purpose = X509_FOR_CLIENT },
      .leaf = { .eku = "clientAuth" } },
    { .name = "other host", .q = { .host = "other.example" }, .refused_by = ALL },
    { .name = "leaf expired", .leaf = { .until_s = PAST }, .refused_by = ALL },
    { .name = "root expired",
      .root = { .until_s = PAST },
      .refused_by = ALL & ~J,
      .rule = "dates/anchor-expired" },
    { .name = "intermediate not sent", .sent = SENT_NOTHING, .refused_by = ALL },
    { .name = "intermediate not sent, address known",
      .sent = SENT_NOTHING,
      .leaf = { .info_access = AIA },
      .refused_by = ALL & ~C,
      .rule = "path/fetches-issuers" },
    { .name = "intermediate trusted",
      .trust = TRUST_INTER,
      .refused_by = O | P | N,
      .rule = "path/anchor-not-root" },
    { .name = "intermediate and root trusted", .trust = TRUST_BOTH },
    { .name = "leaf trusted", .trust = TRUST_LEAF, .refused_by = O | P | N | F | T | C },
    { .name = "leaf trusted, sent alone",
      .trust = TRUST_LEAF,
      .sent = SENT_NOTHING,
      .refused_by = O | P | N | F | C,
      .rule = "path/leaf-as-anchor" },
    { .name = "SHA-1",
      .is_sha1 = true,
      .refused_by = O | P | S | N | G | T | C,
      .rule = "strength/sha1" },
    { .name = "SHA-1 under a public root",
      .is_sha1 = true,
      .is_public = true,
      .refused_by = ALL & ~F,
      .rule = "strength/sha1" },
    { .name = "RSA 1024",
      .leaf = { .key = MADE_RSA1024 },
      .refused_by = O | P | S,
      .rule = "strength/level-2-key" },
    { .name = "Ed25519",
      .leaf = { .key = MADE_ED25519 },
      .refused_by = F | C,
      .rule = "strength/eddsa" },
    { .name = "common name only",
      .has_no_names = true,
      .leaf = { .name = HOST },
      .refused_by = G | C,
      .rule = "name/common-name" },
    { .name = "wildcard in a label",
      .leaf = { .names = "DNS:le*.example" },
      .refused_by = ALL & ~J },
    { .name = "wildcard in a label, three labels",
      .leaf = { .names = "DNS:w*.leaf.example" },
      .q = { .host = "www.leaf.example" },
      .refused_by = P | S | G | T | C,
      .rule = "name/wildcard-after-letters" },
    { .name = "intermediate for clients",
      .inter = { .eku = "clientAuth" },
      .refused_by = O | P | S | N | G | T | C,
      .rule = "usage/issuer" },
    { .name = "intermediate for mail",
      .inter = { .eku = "emailProtection" },
      .refused_by = ALL & ~J },
    { .name = "root for mail",
      .root = { .eku = "emailProtection" },
      .refused_by = O | P | S | N | G | C,
      .rule = "usage/anchor" },
    { .name = "any use",
      .leaf = { .eku = "anyExtendedKeyUsage" },
      .refused_by = O | P | S | N | F,
      .rule = "usage/leaf-any" },
    { .name = "no digital signature",
      .leaf = { .usage = "keyEncipherment", .key = MADE_RSA2048 },
      .refused_by = J | C,
      .rule = "usage/digital-signature" },
    { .name = "leaf is a CA",
      .leaf = { .basic = "critical,CA:TRUE" },
      .refused_by = F | S,
      .rule = "strict/rfc-5280" },
    { .name = "leaf with keyCertSign",
      .leaf = { .usage = "digitalSignature,keyCertSign" },
      .refused_by = S,
      .rule = "strict/rfc-5280" },
    { .name = "unknown critical extension",
      .leaf = { .unknown_critical = true },
      .refused_by = ALL },
    { .name = "unknown critical extension of the root",
      .root = { .unknown_critical = true },
      .refused_by = ALL & ~(J | F),
      .rule = "form/anchor-unknown-critical" },
    { .name = "path length of the root",
      .root = { .basic = "critical,CA:TRUE,pathlen:0" },
      .refused_by = ALL & ~J,
      .rule = "anchor/path-length" },
    { .name = "names beyond the root's",
      .root = { .constraints = "critical,permitted;DNS:other.example" },
      .refused_by = ALL & ~J,
      .rule = "anchor/name-constraints" },
    { .name = "names beyond the intermediate's",
      .inter = { .constraints = "critical,permitted;DNS:other.example" },
      .refused_by = ALL },
    { .name = "must-staple",
      .leaf = { .tls_feature = "status_request" },
      .refused_by = T,
      .rule = "revocation/must-staple" },

    /* MAKE_CERT_NOW is 2026-09-21; a period applies from its own day on */
    { .name = "825 days of 2026, private root",
      .leaf = { .from_s = MAKE_CERT_NOW - DAY, .until_s = MAKE_CERT_NOW + 824 * DAY } },
    { .name = "200 days",
      .is_public = true,
      .leaf = { .from_s = MAKE_CERT_NOW - DAY, .until_s = MAKE_CERT_NOW + 199 * DAY } },
    { .name = "201 days",
      .is_public = true,
      .leaf = { .from_s = MAKE_CERT_NOW - DAY, .until_s = MAKE_CERT_NOW + 200 * DAY },
      .refused_by = C,
      .rule = "dates/200-days" },
    { .name = "398 days of 2026-03-14",
      .is_public = true,
      .leaf = { .from_s = 1773446400, .until_s = 1773446400 + 398 * DAY } },
    { .name = "399 days of 2026-03-14",
      .is_public = true,
      .leaf = { .from_s = 1773446400, .until_s = 1773446400 + 399 * DAY },
      .refused_by = C,
      .rule = "dates/398-days" },
    { .name = "101 days of 2027-03-15",
      .is_public = true,
      .q = { .at_s = 1805155200 },
      .leaf = { .from_s = 1805068800, .until_s = 1805068800 + 101 * DAY },
      .refused_by = C,
      .rule = "dates/100-days" },
    { .name = "100 days of 2027-03-15",
      .is_public = true,
      .q = { .at_s = 1805155200 },
      .leaf = { .from_s = 1805068800, .until_s = 1805068800 + 100 * DAY } },
    { .name = "48 days of 2029-03-15",
      .is_public = true,
      .q = { .at_s = 1868313600 },
      .leaf = { .from_s = 1868227200, .until_s = 1868227200 + 48 * DAY },
      .refused_by = C,
      .rule = "dates/47-days" },
    { .name = "825 days of 2020-08-31",
      .is_public = true,
      .q = { .at_s = 1598918400 },
      .leaf = { .from_s = 1598832000, .until_s = 1598832000 + 825 * DAY } },
    { .name = "826 days of 2020-08-31",
      .is_public = true,
      .q = { .at_s = 1598918400 },
      .leaf = { .from_s = 1598832000, .until_s = 1598832000 + 826 * DAY },
      .refused_by = C,
      .rule = "dates/825-days" },
};
/* clang-format on */

struct scene {
    struct made_cert root, inter, leaf;
    struct x509_store *store;
    const struct x509_chain *chain;
    struct verifiers *verifiers;
    struct arena texts;
    char public_roots[64];
    struct err err;
};

static void make_certs(struct scene *s, const struct row *row)
{
    struct cert_recipe root = row->root;
    struct cert_recipe inter = row->inter;
    struct cert_recipe leaf = row->leaf;
    root.name = "Test Root";
    root.is_ca = true;
    root.from_s = MAKE_CERT_NOW - 4000 * DAY;
    root.until_s = root.until_s == 0 ? MAKE_CERT_NOW + 4000 * DAY : root.until_s;
    s->root = make_cert(&root);
    inter.name = "Test Intermediate";
    inter.is_ca = true;
    inter.issuer = &s->root;
    inter.from_s = root.from_s;
    inter.until_s = MAKE_CERT_NOW + 3000 * DAY;
    s->inter = make_cert(&inter);
    leaf.name = leaf.name == NULL ? "Test Leaf" : leaf.name;
    leaf.issuer = &s->inter;
    leaf.names = leaf.names == NULL && !row->has_no_names ? "DNS:" HOST : leaf.names;
    leaf.digest = row->is_sha1 ? EVP_sha1() : NULL;
    s->leaf = make_cert(&leaf);
}

static void trust(struct scene *s, const struct made_cert *c)
{
    assert_int_equal(x509_store_add_anchor(s->store, c->der, &s->err), ST_OK);
}

static void make_store(struct scene *s, const struct row *row)
{
    assert_int_equal(x509_store_new(&s->store, &s->err), ST_OK);
    if (row->trust == TRUST_ROOT || row->trust == TRUST_BOTH) {
        trust(s, &s->root);
    }
    if (row->trust == TRUST_INTER || row->trust == TRUST_BOTH) {
        trust(s, &s->inter);
    }
    if (row->trust == TRUST_LEAF) {
        trust(s, &s->leaf);
    }
    struct bytes sent[] = { s->leaf.der, s->inter.der };
    s->chain = x509_store_chain(s->store, sent, row->sent == SENT_INTER ? 2 : 1);
    assert_non_null(s->chain);
}

/* A file with the root, or with another. */
static void make_public_roots(struct scene *s, const struct row *row)
{
    struct made_cert other = make_cert(&(struct cert_recipe){ .name = "Public", .is_ca = true });
    snprintf(s->public_roots, sizeof s->public_roots, "/tmp/handfast-public-XXXXXX");
    int fd = mkstemp(s->public_roots);
    assert_true(fd >= 0);
    close(fd);
    made_cert_write(row->is_public ? &s->root : &other, s->public_roots);
    made_cert_free(&other);
}

static void scene_init(struct scene *s, const struct row *row)
{
    *s = (struct scene){ .texts = { .limit_bytes = (size_t)1 << 20 } };
    make_certs(s, row);
    make_store(s, row);
    make_public_roots(s, row);
    assert_int_equal(verifiers_new(s->store, ALL, s->public_roots, &s->verifiers, &s->err), ST_OK);
}

static void scene_deinit(struct scene *s)
{
    verifiers_free(s->verifiers);
    x509_chain_unref(s->chain);
    x509_store_free(s->store);
    arena_deinit(&s->texts);
    made_cert_free(&s->root);
    made_cert_free(&s->inter);
    made_cert_free(&s->leaf);
    unlink(s->public_roots);
}

static void judge(struct scene *s, const struct row *row, struct verifier_judgements *out)
{
    struct x509_question q = row->q;
    q.at_s = q.at_s == 0 ? MAKE_CERT_NOW : q.at_s;
    q.host = q.host == NULL && q.purpose == X509_FOR_SERVER ? HOST : q.host;
    assert_int_equal(verifiers_judge(s->verifiers, s->chain, &q, &s->texts, out, &s->err), ST_OK);
    assert_int_equal(out->n, N_VERIFIERS);
}

static void check_one(const struct row *row, const struct verifier_judgement *v, bool *rule_seen)
{
    bool is_refused = (row->refused_by & (1U << (unsigned)v->who)) != 0;
    if (is_refused != (v->answer == VERIFIER_REFUSES)) {
        fail_msg("%s %s: %s (%s)", verifier_id(v->who), verifier_answer_id(v->answer),
                 v->sentence == NULL ? "" : v->sentence, v->rule == NULL ? "" : v->rule);
    }
    assert_true(!is_refused || v->sentence != NULL);
    assert_true((v->rule == NULL) == (v->source == NULL));
    if (is_refused && row->rule != NULL && !*rule_seen) {
        assert_non_null(v->rule);
        assert_string_equal(v->rule, row->rule);
        *rule_seen = true;
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct scene s;
    struct verifier_judgements out;
    bool rule_seen = row->rule == NULL;
    scene_init(&s, row);
    judge(&s, row, &out);
    for (size_t i = 0; i < out.n; i++) {
        check_one(row, &out.list[i], &rule_seen);
    }
    assert_true(rule_seen);
    scene_deinit(&s);
}

static const struct verifier_judgement *of(const struct verifier_judgements *all, enum verifier who)
{
    assert_true(who < all->n && all->list[who].who == who);
    return &all->list[who];
}

static void check_fetching(void **state)
{
    const struct row row = { .sent = SENT_NOTHING, .leaf = { .info_access = AIA } };
    struct scene s;
    struct verifier_judgements out;
    (void)state;
    scene_init(&s, &row);
    judge(&s, &row, &out);
    assert_int_equal(of(&out, VERIFIER_CHROME)->answer, VERIFIER_MAY_ACCEPT);
    assert_non_null(of(&out, VERIFIER_CHROME)->note);
    assert_int_equal(of(&out, VERIFIER_JAVA)->cause, X509_FAULT_CHAIN_INCOMPLETE);
    assert_false(of(&out, VERIFIER_JAVA)->differs);
    scene_deinit(&s);
}

/* "Works in Java, fails in OpenSSL": the rule that lets it pass is named too. */
static void check_acceptance(void **state)
{
    const struct row row = { .root = { .until_s = PAST } };
    struct scene s;
    struct verifier_judgements out;
    (void)state;
    scene_init(&s, &row);
    judge(&s, &row, &out);
    const struct verifier_judgement *java = of(&out, VERIFIER_JAVA);
    assert_int_equal(java->answer, VERIFIER_ACCEPTS);
    assert_true(java->differs);
    assert_string_equal(java->rule, "dates/anchor-expired");
    scene_deinit(&s);
}

/* Go looks at the name before it looks for a path. */
static void check_order(void **state)
{
    const struct row row = { .sent = SENT_NOTHING, .q = { .host = "other.example" } };
    struct scene s;
    struct verifier_judgements out;
    (void)state;
    scene_init(&s, &row);
    judge(&s, &row, &out);
    assert_int_equal(of(&out, VERIFIER_GO)->cause, X509_FAULT_HOSTNAME_MISMATCH);
    assert_int_equal(of(&out, VERIFIER_OPENSSL)->cause, X509_FAULT_CHAIN_INCOMPLETE);
    assert_int_equal(of(&out, VERIFIER_OPENSSL)->n_also, 1);
    scene_deinit(&s);
}

static void check_nonsense(void **state)
{
    const struct row row = { .name = "" };
    struct scene s;
    struct verifier_judgements out;
    struct bytes junk = BYTES("no certificate");
    (void)state;
    scene_init(&s, &row);
    x509_chain_unref(s.chain);
    s.chain = x509_store_chain(s.store, &junk, 1);
    judge(&s, &row, &out);
    for (size_t i = 0; i < out.n; i++) {
        assert_int_equal(out.list[i].answer, VERIFIER_REFUSES);
        assert_int_equal(out.list[i].cause, X509_FAULT_MALFORMED);
    }
    scene_deinit(&s);
}

static void check_table(void **state)
{
    size_t n = 0;
    (void)state;
    for (const struct verifier_rule_row *r = verifier_rule_at(0); r != NULL;
         r = verifier_rule_at(++n)) {
        assert_true(strlen(r->id) > 0 && strchr(r->id, '/') != NULL);
        assert_true(strlen(r->what) > 0 && strlen(r->source) > 0);
        for (size_t k = 0; k < n; k++) {
            assert_string_not_equal(r->id, verifier_rule_at(k)->id);
        }
    }
    assert_true(n > 50);
}

static void check_parse(void **state)
{
    unsigned set;
    struct err err;
    (void)state;
    assert_int_equal(verifiers_parse("all", &set, &err), ST_OK);
    assert_int_equal(set, ALL);
    assert_int_equal(verifiers_parse("java,python-strict,java", &set, &err), ST_OK);
    assert_int_equal(set, J | S);
    assert_int_equal(verifiers_parse("", &set, &err), ST_USAGE);
    assert_int_equal(verifiers_parse("java,", &set, &err), ST_USAGE);
    assert_int_equal(verifiers_parse("jav", &set, &err), ST_USAGE);
    assert_non_null(strstr(err.text, "python-strict"));
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(check_fetching), cmocka_unit_test(check_acceptance),
        cmocka_unit_test(check_order),    cmocka_unit_test(check_nonsense),
        cmocka_unit_test(check_table),    cmocka_unit_test(check_parse),
    };
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(others)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        tests[ARRAY_LEN(rows) + i] = others[i];
    }
    return cmocka_run_group_tests_name("verifiers", tests, NULL, NULL);
}
