/* Which rule keeps a name from being the host. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "make_cert.h"
#include "x509/x509.h"

struct row {
    const char *name, *common_name, *names, *host;
    enum x509_name_rule rule;
    const char *nearest; /* the first name told; NULL: not looked at */
};

#define B_UMLAUT "b\xC3\xBC"

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "the name", NULL, "DNS:a.example.com", "a.example.com", X509_NAME_MATCHES, "a.example.com" },
    { "in capitals", NULL, "DNS:A.Example.com", "a.example.COM", X509_NAME_MATCHES,
      "A.Example.com" },
    { "host with a dot", NULL, "DNS:a.example.com", "a.example.com.", X509_NAME_MATCHES, NULL },
    { "another", NULL, "DNS:b.example.com", "a.example.com", X509_NAME_OTHER, "b.example.com" },
    { "wildcard", NULL, "DNS:*.example.com", "a.example.com", X509_NAME_MATCHES, NULL },
    { "wildcard too deep", NULL, "DNS:b.example.com,DNS:*.example.com", "a.b.example.com",
      X509_NAME_WILDCARD_DEPTH, "*.example.com" },
    { "wildcard not deep", NULL, "DNS:*.example.com", "example.com", X509_NAME_WILDCARD_DEPTH,
      "*.example.com" },
    { "wildcard elsewhere", NULL, "DNS:*.example.com", "a.example.org", X509_NAME_OTHER, NULL },
    { "part of a label", NULL, "DNS:ba*.example.com", "baz.example.com", X509_NAME_WILDCARD_PLACE,
      "ba*.example.com" },
    { "part, another", NULL, "DNS:ba*.example.com", "foo.example.com", X509_NAME_OTHER, NULL },
    { "part over a dot", NULL, "DNS:ba*.example.com", "ba.x.example.com", X509_NAME_OTHER, NULL },
    { "not leftmost", NULL, "DNS:a.*.example.com", "a.b.example.com", X509_NAME_WILDCARD_PLACE,
      NULL },
    { "two wildcards", NULL, "DNS:*.*.example.com", "a.b.example.com", X509_NAME_WILDCARD_PLACE,
      NULL },
    { "below a top level", NULL, "DNS:*.com", "example.com", X509_NAME_WILDCARD_SUFFIX, "*.com" },
    { "address", NULL, "IP:192.0.2.1", "192.0.2.1", X509_NAME_MATCHES, "192.0.2.1" },
    { "another address", NULL, "IP:192.0.2.1", "192.0.2.2", X509_NAME_IP_OTHER, "192.0.2.1" },
    { "IPv6 in brackets", NULL, "IP:2001:db8::1", "[2001:db8::1]", X509_NAME_MATCHES, NULL },
    { "address as a name", NULL, "DNS:192.0.2.1", "192.0.2.1", X509_NAME_IP_AS_DNS, "192.0.2.1" },
    { "address, a name held", NULL, "DNS:a.example.com", "192.0.2.1", X509_NAME_OTHER, NULL },
    { "U-label asked", NULL, "DNS:xn--b-eha.example.com", B_UMLAUT ".example.com",
      X509_NAME_MATCHES, NULL },
    { "name ends in a dot", NULL, "DNS:a.example.com.", "a.example.com", X509_NAME_TRAILING_DOT,
      "a.example.com." },
    { "only a common name", "a.example.com", NULL, "a.example.com", X509_NAME_COMMON_NAME,
      "a.example.com" },
    { "common name beside", "a.example.com", "DNS:b.example.com", "a.example.com",
      X509_NAME_COMMON_NAME, "a.example.com" },
    { "address as common name", "192.0.2.1", NULL, "192.0.2.1", X509_NAME_COMMON_NAME,
      "192.0.2.1" },
    { "nothing", "Someone", NULL, "a.example.com", X509_NAME_NOTHING, NULL },
    { "a mailbox only", "Someone", "email:a@example.com", "a.example.com", X509_NAME_NOTHING,
      NULL },
    { "an empty host", NULL, "DNS:a.example.com", "", X509_NAME_NOTHING, NULL },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct x509_store *s = NULL;
    struct err err = { 0 };
    struct x509_host_check check;
    struct made_cert c =
        make_cert(&(struct cert_recipe){ .name = row->common_name, .names = row->names });
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    const struct x509_chain *chain = x509_store_chain(s, &c.der, 1);
    x509_check_host(chain, row->host, &check);
    assert_int_equal(check.rule, row->rule);
    assert_int_equal(check.is_named, row->rule == X509_NAME_MATCHES);
    assert_int_equal(check.is_named, x509_names_host(chain, row->host));
    if (row->nearest != NULL) {
        assert_true(check.n > 0);
        assert_string_equal(check.names[0].name, row->nearest);
        assert_int_equal(check.names[0].rule, row->rule);
    }
    assert_true(strlen(x509_name_rule_id(check.rule)) > 0);
    assert_true(strlen(x509_name_rule_says(check.rule)) > 0);
    x509_chain_unref(chain);
    x509_store_free(s);
    made_cert_free(&c);
}

/* U-labels have no place in an IA5String; some are put there all the same. */
static void name_in_letters(void **state)
{
    (void)state;
    struct x509_store *s = NULL;
    struct err err = { 0 };
    struct x509_host_check check;
    struct made_cert c =
        make_cert(&(struct cert_recipe){ .names = "DNS:" B_UMLAUT ".example.com" });
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    const struct x509_chain *chain = x509_store_chain(s, &c.der, 1);
    x509_check_host(chain, B_UMLAUT ".example.com", &check);
    assert_false(check.is_named);
    assert_int_equal(check.rule, X509_NAME_IDN_FORM);
    x509_chain_unref(chain);
    x509_store_free(s);
    made_cert_free(&c);
}

/* More names than are told: the near one is among them, wherever it stands. */
static void many_names(void **state)
{
    (void)state;
    struct x509_store *s = NULL;
    struct err err = { 0 };
    struct x509_host_check check;
    struct text names = { 0 };
    for (int i = 0; i < 200; i++) {
        text_printf(&names, "%sDNS:n%d.example.org", i == 0 ? "" : ",", i);
    }
    text_puts(&names, ",DNS:*.example.com");
    struct made_cert c = make_cert(&(struct cert_recipe){ .names = text_str(&names) });
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    const struct x509_chain *chain = x509_store_chain(s, &c.der, 1);
    x509_check_host(chain, "a.b.example.com", &check);
    assert_int_equal(check.n, X509_NAMES_MAX);
    assert_string_equal(check.names[0].name, "*.example.com");
    assert_string_equal(check.names[1].name, "n0.example.org");
    assert_int_equal(check.rule, X509_NAME_WILDCARD_DEPTH);
    assert_int_equal(x509_chain_facts(chain, 0)->n_all_names, 201);
    assert_int_equal(x509_chain_facts(chain, 0)->n_names, X509_NAMES_MAX);
    x509_chain_unref(chain);
    x509_store_free(s);
    made_cert_free(&c);
    text_deinit(&names);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2] = {
        cmocka_unit_test(name_in_letters),
        cmocka_unit_test(many_names),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i + 2] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("x509_host", tests, NULL, NULL);
}
