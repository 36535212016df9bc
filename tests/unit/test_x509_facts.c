/* What certInfo and the tree are made of. */
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

struct opened {
    struct x509_store *s;
    const struct x509_chain *chain;
    struct made_cert c;
};

static struct opened open_cert(const struct cert_recipe *recipe)
{
    struct opened o = { .c = make_cert(recipe) };
    struct err err = { 0 };
    assert_int_equal(x509_store_new(&o.s, &err), ST_OK);
    o.chain = x509_store_chain(o.s, &o.c.der, 1);
    assert_non_null(o.chain);
    return o;
}

static void close_cert(struct opened *o)
{
    x509_chain_unref(o->chain);
    x509_store_free(o->s);
    made_cert_free(&o->c);
}

static void add(X509_NAME *name, const char *field, const char *value)
{
    assert_int_equal(
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)value, -1, -1, 0),
        1);
}

/* As the sample in a gateway's own guide: the most specific first, a comma in quotes. */
static void name_of_a_gateway(X509 *x)
{
    X509_NAME *name = X509_NAME_new();
    add(name, "C", "US");
    add(name, "ST", "Arizona");
    add(name, "O", "GoDaddy.com, Inc.");
    add(name, "CN", "Say \"hi\"");
    add(name, "serialNumber", "07969287");
    assert_int_equal(X509_set_subject_name(x, name), 1);
    X509_NAME_free(name);
}

/* certificatePolicies { 2.23.140.1.2.1 }: domain validated */
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

static void java_names(void **state)
{
    (void)state;
    struct opened o = open_cert(
        &(struct cert_recipe){ .name = "x", .serial = 0x07bca739, .tweak = name_of_a_gateway });
    const struct x509_java *java = x509_chain_java(o.chain, 0);
    assert_string_equal(java->subject, "SERIALNUMBER=07969287, CN=\"Say \\\"hi\\\"\", "
                                       "O=\"GoDaddy.com, Inc.\", ST=Arizona, C=US");
    assert_string_equal(java->issuer, "CN=x");
    assert_string_equal(java->serial_number, "07:bc:a7:39");
    assert_string_equal(java->sig_alg_name, "SHA256withECDSA");
    assert_string_equal(java->public_key, "EC Public Key, 256 bits");
    assert_string_equal(java->basic_constraints, "CA:FALSE");
    assert_ptr_equal(java, x509_chain_java(o.chain, 0));
    assert_string_equal(x509_chain_java(o.chain, 1)->subject, "");
    close_cert(&o);
}

static void java_of_a_ca(void **state)
{
    (void)state;
    struct opened o = open_cert(&(struct cert_recipe){ .name = "CA",
                                                       .organization = "One + Two",
                                                       .is_ca = true,
                                                       .key = MADE_RSA2048,
                                                       .serial = -5,
                                                       .basic = "critical,CA:TRUE,pathlen:0" });
    const struct x509_java *java = x509_chain_java(o.chain, 0);
    assert_string_equal(java->subject, "CN=CA, O=\"One + Two\"");
    assert_string_equal(java->serial_number, "-05");
    assert_string_equal(java->sig_alg_name, "SHA256withRSA");
    assert_string_equal(java->public_key, "RSA Public Key, 2048 bits");
    assert_string_equal(java->basic_constraints, "CA:TRUE, pathlen:0");
    close_cert(&o);
}

static void facts_of_extensions(void **state)
{
    (void)state;
    struct opened o = open_cert(&(struct cert_recipe){
        .name = "CA",
        .is_ca = true,
        .eku = "serverAuth,1.2.3.4.5",
        .basic = "critical,CA:TRUE,pathlen:3",
        .tweak = policy_of_the_forum,
        .constraints = "permitted;DNS:a.example,excluded;IP:192.0.2.0/255.255.255.0,"
                       "excluded;email:b.example" });
    const struct x509_facts *f = x509_chain_facts(o.chain, 0);
    assert_int_equal(f->version, 3);
    assert_int_equal(f->n_eku, 2);
    assert_string_equal(f->eku[0], "serverAuth");
    assert_string_equal(f->eku[1], "1.2.3.4.5");
    assert_true(f->has_basic_constraints);
    assert_int_equal(f->path_length, 3);
    assert_true(f->looks_public);
    assert_string_equal(f->name_constraints, "permitted DNS:a.example; excluded "
                                             "IP:192.0.2.0/255.255.255.0, email:b.example");
    assert_int_equal(strlen(f->sha1_hex), 40);
    assert_int_equal(strlen(f->sha256_hex), 64);
    close_cert(&o);
}

static void facts_of_nothing_special(void **state)
{
    (void)state;
    struct opened o = open_cert(&(struct cert_recipe){ .name = "x", .no_basic_constraints = true });
    const struct x509_facts *f = x509_chain_facts(o.chain, 0);
    assert_int_equal(f->n_eku, 0);
    assert_false(f->has_basic_constraints);
    assert_int_equal(f->path_length, -1);
    assert_false(f->looks_public);
    assert_string_equal(f->name_constraints, "");
    close_cert(&o);
}

/* What a private key's public half is compared with. */
static void public_key_is_that_of_the_key(void **state)
{
    (void)state;
    struct opened o = open_cert(&(struct cert_recipe){ .name = "x" });
    uint8_t *der = NULL;
    int len = i2d_PUBKEY(o.c.key, &der);
    const struct x509_facts *f = x509_chain_facts(o.chain, 0);
    assert_true(len > 0 && bytes_equal(f->spki, bytes_of(der, (size_t)len)));
    OPENSSL_free(der);
    close_cert(&o);
}

static void der_that_does_not_decode(void **state)
{
    (void)state;
    struct x509_store *s = NULL;
    struct err err = { 0 };
    struct bytes junk = BYTES("junk");
    assert_int_equal(x509_store_new(&s, &err), ST_OK);
    const struct x509_chain *chain = x509_store_chain(s, &junk, 1);
    assert_string_equal(x509_chain_java(chain, 0)->subject, "");
    assert_string_equal(x509_chain_facts(chain, 0)->name_constraints, "");
    assert_int_equal(x509_store_add_anchor(s, junk, &err), ST_FORMAT);
    assert_int_equal(x509_store_trust(s), X509_TRUST_NONE);
    assert_int_equal(x509_store_add_crl_der(s, junk, &err), ST_OK);
    assert_int_equal(x509_store_n_broken_crls(s), 1);
    x509_chain_unref(chain);
    x509_store_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(java_names),
        cmocka_unit_test(java_of_a_ca),
        cmocka_unit_test(facts_of_extensions),
        cmocka_unit_test(facts_of_nothing_special),
        cmocka_unit_test(public_key_is_that_of_the_key),
        cmocka_unit_test(der_that_does_not_decode),
    };
    return cmocka_run_group_tests_name("x509_facts", tests, NULL, NULL);
}
