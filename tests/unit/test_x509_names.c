/* Which hosts a certificate names, and names as text. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "make_cert.h"
#include "x509/idn.h"
#include "x509/x509.h"

#define NAMES                                                                                      \
    "DNS:leaf.example,DNS:*.wild.example,DNS:xn--bcher-kva.example,DNS:f*.part.example,"           \
    "DNS:192.0.2.9,IP:192.0.2.7,IP:2001:db8::7,DNS:*.com"

struct row {
    const char *name, *host;
    bool is_named;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "exact", "leaf.example", true },
    { "case does not count", "LEAF.Example", true },
    { "final dot", "leaf.example.", true },
    { "other name", "other.example", false },
    { "name below", "www.leaf.example", false },
    { "wildcard", "a.wild.example", true },
    { "wildcard, not two labels", "a.b.wild.example", false },
    { "wildcard, not none", "wild.example", false },
    { "no partial wildcard", "foo.part.example", false },
    { "A-label", "xn--bcher-kva.example", true },
    { "U-label",
      "b\xc3\xbc"
      "cher.example",
      true },
    { "U-label, upper case",
      "B\xc3\x9c"
      "cher.example",
      true },
    { "IPv4", "192.0.2.7", true },
    { "IPv4, other", "192.0.2.8", false },
    { "IPv4 in a dNSName", "192.0.2.9", false },
    { "IPv6", "2001:db8::7", true },
    { "IPv6, long form", "2001:0db8:0:0:0:0:0:7", true },
    { "IPv6 in brackets", "[2001:db8::7]", true },
    { "common name does not count", "common.example", false },
    { "leading dot means nothing", ".wild.example", false },
    { "empty", "", false },
    { "a dot", ".", false },
    { "broken UTF-8", "\xff.example", false },
    { "a wildcard asked for", "*.wild.example", false },
};
/* clang-format on */

static struct x509_store *store;
static const struct x509_chain *chain;
static struct made_cert cert;

static int open_chain(void **state)
{
    struct err err = { 0 };
    (void)state;
    cert = make_cert(&(struct cert_recipe){
        .name = "common.example", .organization = "Tab\there \xe2\x80\xae", .names = NAMES });
    assert_int_equal(x509_store_new(&store, &err), ST_OK);
    chain = x509_store_chain(store, &cert.der, 1);
    assert_non_null(chain);
    return 0;
}

static int close_chain(void **state)
{
    (void)state;
    x509_chain_unref(chain);
    x509_store_free(store);
    made_cert_free(&cert);
    return 0;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    assert_int_equal(x509_names_host(chain, row->host), row->is_named);
    assert_int_equal(x509_names_host(chain, row->host), row->is_named); /* cached */
}

static void check_long_host(void **state)
{
    char host[300];
    (void)state;
    memset(host, 'a', sizeof host);
    host[sizeof host - 1] = '\0';
    assert_false(x509_names_host(chain, host));
}

static void check_facts(void **state)
{
    const struct x509_facts *f = x509_chain_facts(chain, 0);
    (void)state;
    assert_true(f->is_parsed && f->is_self_issued && f->is_self_signed && !f->is_ca);
    assert_string_equal(f->common_name, "common.example");
    assert_int_equal(f->n_names, 8);
    assert_string_equal(f->names[5], "192.0.2.7");
    assert_string_equal(f->names[6], "2001:db8::7");
    assert_string_equal(f->key_type, "EC P-256");
    assert_int_equal(f->key_bits, 256);
    assert_string_equal(f->signature_algorithm, "ecdsa-with-SHA256");
    assert_int_equal(strlen(f->sha256_hex), 64);
    assert_null(strchr(f->subject, '\t'));           /* control characters are shown, not sent */
    assert_null(strstr(f->subject, "\xe2\x80\xae")); /* nor is text turned around */
    assert_non_null(strstr(f->subject, "CN=common.example"));
    assert_false(x509_chain_facts(chain, 1)->is_parsed);
    assert_string_equal(x509_chain_facts(chain, 1)->subject, "");
}

static void check_name_put(void **state)
{
    struct text t = { 0 };
    uint8_t *der = NULL;
    (void)state;
    int len = i2d_X509_NAME(X509_get_issuer_name(cert.x), &der);
    struct bytes name = bytes_of(der, (size_t)len);
    assert_true(x509_issued_by(chain, name));
    assert_false(x509_issued_by(chain, BYTES("\x30\x00")));
    assert_false(x509_issued_by(chain, bytes_head(name, name.len - 1)));
    x509_name_put(&t, name);
    assert_non_null(strstr(text_str(&t), "CN=common.example"));
    text_clear(&t);
    x509_name_put(&t, BYTES("\x30\x05 no"));
    assert_string_equal(text_str(&t), "(a name that cannot be decoded)");
    text_clear(&t);
    x509_name_put(&t, BYTES("\x30\x00"));
    assert_string_equal(text_str(&t), "(empty name)");
    text_deinit(&t);
    OPENSSL_free(der);
}

/* RFC 3492 section 7.1 (D, L), and what does not fit. */
static void check_idn(void **state)
{
    char out[64];
    (void)state;
    assert_true(idn_to_ascii(BYTES("Pro\xc4\x8dprost\xc4\x9bnemluv\xc3\xad\xc4\x8d"
                                   "esky"),
                             out, sizeof out));
    assert_string_equal(out, "xn--proprostnemluvesky-uyb24dma41a");
    assert_true(idn_to_ascii(BYTES("3\xe5\xb9\xb4"
                                   "B\xe7\xb5\x84\xe9\x87\x91\xe5\x85\xab\xe5\x85\x88\xe7\x94\x9f"),
                             out, sizeof out));
    assert_string_equal(out, "xn--3b-ww4c5e180e575a65lsy2b");
    assert_false(idn_to_ascii(BYTES("b\xc3\xbc"
                                    "cher"),
                              out, 8));
    assert_false(idn_to_ascii(BYTES("a\0b"), out, sizeof out));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 4];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] =
            (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_long_host);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_facts);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_name_put);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(check_idn);
    return cmocka_run_group_tests_name("x509_names", tests, open_chain, close_chain);
}
