/* Each finding of check: a chain that has it, and one that is a single fact away. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "check_script.h"

enum { DAY_S = 86400 };

static struct made_cert root, inter, namesake, other_root, cross, proxy;
static struct made_cert leaf, soon, later, bare, small, proxied, unproxied, shop, private_shop;

/* certificatePolicies { 2.23.140.1.2.1 }: domain validated, as the CA/Browser Forum has it */
static void policy_of_the_forum(X509 *x)
{
    static const uint8_t der[] = "\x30\x0A\x30\x08\x06\x06\x67\x81\x0C\x01\x02\x01";
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(value, der, sizeof der - 1), 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_NID(NULL, NID_certificate_policies, 0, value);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
}

static void make_leaves(void)
{
    const int64_t now = MAKE_CERT_NOW;
    struct cert_recipe usual = {
        .name = "leaf", .issuer = &inter, .names = "DNS:a.test", .eku = "serverAuth"
    };
    struct cert_recipe r = usual;
    leaf = make_cert(&r);
    r.until_s = now + INT64_C(29) * DAY_S;
    soon = make_cert(&r);
    r.until_s = now + INT64_C(31) * DAY_S;
    later = make_cert(&r);
    r = usual;
    r.names = NULL;
    bare = make_cert(&r);
    r = usual;
    r.key = MADE_RSA1024;
    small = make_cert(&r);
    r = usual;
    r.issuer = &proxy;
    proxied = make_cert(&r);
    r.issuer = &other_root;
    unproxied = make_cert(&r);
    r = usual;
    r.eku = "serverAuth,clientAuth";
    private_shop = make_cert(&r);
    r.tweak = policy_of_the_forum;
    shop = make_cert(&r);
}

static int make_all(void **state)
{
    (void)state;
    root = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    inter = make_cert(&(struct cert_recipe){ .name = "Issuing", .is_ca = true, .issuer = &root });
    namesake =
        make_cert(&(struct cert_recipe){ .name = "Issuing", .is_ca = true, .issuer = &root });
    other_root = make_cert(&(struct cert_recipe){ .name = "Other", .is_ca = true });
    cross = make_cert(&(struct cert_recipe){
        .name = "Issuing", .is_ca = true, .issuer = &other_root, .key_of = &inter });
    proxy = make_cert(&(struct cert_recipe){
        .name = "Zscaler Root CA", .organization = "Zscaler Inc.", .is_ca = true });
    make_leaves();
    return 0;
}

static int free_all(void **state)
{
    struct made_cert *all[] = { &root,  &inter, &namesake, &other_root, &cross,
                                &proxy, &leaf,  &soon,     &later,      &bare,
                                &small, &shop,  &proxied,  &unproxied,  &private_shop };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        made_cert_free(all[i]);
    }
    return 0;
}

struct row {
    const char *name;
    enum check_finding_kind kind;
    bool is_there;
    struct check_script script;
};

#define FINDING(kind) CHECK_FINDING_##kind
#define SENT(...)     .script.files[0].certs = { __VA_ARGS__ }, .script.trust = { &root }

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "a root sent along", FINDING(ROOT_SENT), true, SENT(&leaf, &inter, &root) },
    { "no root sent", FINDING(ROOT_SENT), false, SENT(&leaf, &inter) },
    { "the same twice", FINDING(DUPLICATE), true, SENT(&leaf, &inter, &inter) },
    { "each once", FINDING(DUPLICATE), false, SENT(&leaf, &inter) },
    { "a stranger", FINDING(UNRELATED), true, SENT(&leaf, &inter, &other_root) },
    { "no stranger", FINDING(UNRELATED), false, SENT(&leaf, &inter, &cross) },
    { "root before intermediate", FINDING(WRONG_ORDER), true, SENT(&leaf, &root, &inter) },
    { "intermediate before root", FINDING(WRONG_ORDER), false, SENT(&leaf, &inter, &root) },
    { "leaf last", FINDING(WRONG_ORDER), true, SENT(&inter, &leaf) },
    { "leaf first", FINDING(WRONG_ORDER), false, SENT(&leaf, &inter) },
    { "the name with another key", FINDING(NAMESAKE), true, SENT(&leaf, &namesake) },
    { "the name with this key", FINDING(NAMESAKE), false, SENT(&leaf, &cross) },
    { "29 days left", FINDING(EXPIRES_SOON), true, SENT(&soon, &inter), .script.rq.warn_days = 30 },
    { "31 days left", FINDING(EXPIRES_SOON), false, SENT(&later, &inter),
      .script.rq.warn_days = 30 },
    { "31 days left, 32 asked for", FINDING(EXPIRES_SOON), true, SENT(&later, &inter),
      .script.rq.warn_days = 32 },
    { "a common name alone", FINDING(COMMON_NAME_ONLY), true, SENT(&bare, &inter) },
    { "a common name, for a client", FINDING(COMMON_NAME_ONLY), false, SENT(&bare, &inter),
      .script.rq.purpose = X509_FOR_CLIENT },
    { "a name as it should be", FINDING(COMMON_NAME_ONLY), false, SENT(&leaf, &inter) },
    { "RSA 1024, none asked above", FINDING(WEAK), true, SENT(&small, &inter),
      .script.rq.floor_bits = 64 },
    { "P-256, none asked above", FINDING(WEAK), false, SENT(&leaf, &inter),
      .script.rq.floor_bits = 64 },
    { "issued by a known proxy", FINDING(PROXY), true, SENT(&proxied) },
    { "issued by another", FINDING(PROXY), false, SENT(&unproxied) },
    { "public, as a client", FINDING(NO_CLIENT_AUTH), true, SENT(&shop, &inter),
      .script.rq.purpose = X509_FOR_CLIENT },
    { "public, as a server", FINDING(NO_CLIENT_AUTH), false, SENT(&shop, &inter) },
    { "private, as a client", FINDING(NO_CLIENT_AUTH), false, SENT(&private_shop, &inter),
      .script.rq.purpose = X509_FOR_CLIENT },
    { "trusted intermediate", FINDING(PARTIAL_CHAIN), true,
      .script = { .files[0].certs = { &leaf }, .trust = { &inter }, .rq.partial_chain = true } },
    { "trusted root", FINDING(PARTIAL_CHAIN), false,
      .script = { .files[0].certs = { &leaf, &inter },
                  .trust = { &root },
                  .rq.partial_chain = true } },
    { "two ways, one of them fails", FINDING(OTHER_PATH), true,
      .script = { .files[0].certs = { &leaf, &inter, &cross }, .trust = { &root } } },
    { "one way", FINDING(OTHER_PATH), false, SENT(&leaf, &inter) },
    { "nothing is known of trust", FINDING(TRUST_UNKNOWN), true,
      .script.files[0].certs = { &leaf, &inter } },
    { "trust is known", FINDING(TRUST_UNKNOWN), false, SENT(&leaf, &inter) },
    { "another's key", FINDING(KEY_MISSING), true,
      .script = { .files[0] = { { &leaf, &inter }, &small }, .trust = { &root } } },
    { "its own key", FINDING(KEY_MISSING), false,
      .script = { .files[0] = { { &leaf, &inter }, &leaf }, .trust = { &root } } },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct check_result *r = check_script_run(&row->script);
    assert_int_equal(r->n_items, 1);
    assert_int_equal(check_script_has(r->items[0], row->kind), row->is_there);
    check_result_free(r);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("check_findings", tests, make_all, free_all);
}
