/* Chains by their bytes, references, limits, files, and what other connections showed. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "make_cert.h"
#include "x509/digest.h"
#include "x509/x509.h"

static struct made_cert root, inter, leaf;
static struct x509_store *store;
static char folder[64];
static char path[96];

static int make_all(void **state)
{
    (void)state;
    root = make_cert(&(struct cert_recipe){ .name = "A", .is_ca = true });
    inter = make_cert(&(struct cert_recipe){ .name = "B", .is_ca = true, .issuer = &root });
    leaf = make_cert(&(struct cert_recipe){
        .name = "C", .issuer = &inter, .names = "DNS:leaf.example", .eku = "serverAuth" });
    return 0;
}

static int free_all(void **state)
{
    (void)state;
    made_cert_free(&root);
    made_cert_free(&inter);
    made_cert_free(&leaf);
    return 0;
}

static int open_store(void **state)
{
    struct err err = { 0 };
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/handfast-store-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file.pem", folder);
    return x509_store_new(&store, &err) == ST_OK ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    x509_store_free(store);
    unlink(path);
    rmdir(folder);
    return 0;
}

static void write_file(struct bytes b)
{
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
    fclose(f);
}

static void same_bytes_same_chain(void **state)
{
    struct bytes der[] = { leaf.der, inter.der };
    (void)state;
    const struct x509_chain *a = x509_store_chain(store, der, 2);
    const struct x509_chain *b = x509_store_chain(store, der, 1);
    assert_ptr_equal(a, x509_store_chain(store, der, 2));
    assert_ptr_not_equal(a, b);
    x509_chain_unref(a);
    x509_chain_unref(a);
    assert_ptr_equal(a, x509_store_chain(store, der, 2)); /* kept without a reference */
    assert_int_equal(x509_chain_n(a), 2);
    assert_true(bytes_equal(x509_chain_der(a, 1), inter.der));
    assert_int_equal(x509_chain_der(a, 2).len, 0);
    /* shared between chains */
    assert_ptr_equal(x509_chain_facts(a, 0), x509_chain_facts(b, 0));
    x509_chain_unref(a);
    x509_chain_unref(b);
}

static void referred_to_survives_trim(void **state)
{
    (void)state;
    const struct x509_chain *a = x509_store_chain(store, &leaf.der, 1);
    const struct x509_chain *b = x509_store_chain(store, &inter.der, 1);
    x509_chain_unref(b);
    x509_store_trim(store);
    assert_string_equal(x509_chain_facts(a, 0)->common_name, "C");
    assert_ptr_equal(a, x509_store_chain(store, &leaf.der, 1));
    x509_chain_unref(a);
    x509_chain_unref(a);
    x509_chain_unref(NULL);
    x509_store_trim(store);
}

/* A capture full of chains that differ: what nobody refers to goes, oldest first. */
static void many_chains(void **state)
{
    uint8_t bytes[64] = { 0 };
    (void)state;
    const struct x509_chain *held = x509_store_chain(store, &leaf.der, 1);
    for (unsigned i = 0; i < 3 * X509_CHAINS_KEPT; i++) {
        bytes[0] = (uint8_t)i;
        bytes[1] = (uint8_t)(i >> 8);
        struct bytes der = bytes_of(bytes, sizeof bytes);
        const struct x509_chain *chain = x509_store_chain(store, &der, 1);
        assert_non_null(chain);
        assert_false(x509_chain_facts(chain, 0)->is_parsed);
        x509_chain_unref(chain);
    }
    assert_ptr_equal(held, x509_store_chain(store, &leaf.der, 1));
    x509_chain_unref(held);
    x509_chain_unref(held);
}

static void long_chain(void **state)
{
    static struct bytes der[X509_CHAIN_MAX + 3];
    struct x509_judgement j;
    struct err err = { 0 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(der); i++) {
        der[i] = i == 0 ? leaf.der : inter.der;
    }
    const struct x509_chain *chain = x509_store_chain(store, der, ARRAY_LEN(der));
    assert_int_equal(x509_chain_n(chain), X509_CHAIN_MAX);
    assert_int_equal(x509_chain_n_ignored(chain), 3);
    struct x509_question q = { .at_s = MAKE_CERT_NOW };
    assert_int_equal(x509_judge(store, chain, &q, &j, &err), ST_OK);
    x509_chain_unref(chain);
}

static void undecodable(void **state)
{
    struct x509_judgement j;
    struct err err = { 0 };
    struct bytes der[] = { leaf.der, BYTES("\x30\x03not") };
    (void)state;
    struct x509_question q = { .at_s = MAKE_CERT_NOW, .host = "leaf.example" };
    for (size_t i = 0; i < 2; i++) { /* after the leaf, then in its place */
        const struct x509_chain *chain = x509_store_chain(store, der + i, 2 - i);
        assert_int_equal(x509_judge(store, chain, &q, &j, &err), ST_OK);
        assert_false(j.is_valid);
        assert_int_equal(j.faults[0].kind, X509_FAULT_MALFORMED);
        assert_int_equal(j.faults[0].culprit, i == 0 ? 1 : 0);
        x509_chain_unref(chain);
    }
    const struct x509_chain *empty = x509_store_chain(store, NULL, 0);
    assert_int_equal(x509_judge(store, empty, &q, &j, &err), ST_OK);
    assert_false(j.is_valid);
    x509_chain_unref(empty);
}

static struct x509_judgement judge(const struct x509_chain *chain, int64_t at_s)
{
    struct x509_judgement j;
    struct err err = { 0 };
    struct x509_question q = { .at_s = at_s };
    assert_int_equal(x509_judge(store, chain, &q, &j, &err), ST_OK);
    return j;
}

/* The issuer's certificate in another connection turns "not trusted" into "not sent". */
static void seen_elsewhere(void **state)
{
    struct err err = { 0 };
    (void)state;
    made_cert_write(&root, path);
    assert_int_equal(x509_store_add_trust(store, path, &err), ST_OK);
    const struct x509_chain *alone = x509_store_chain(store, &leaf.der, 1);
    struct bytes der[] = { leaf.der, inter.der };
    const struct x509_chain *whole = x509_store_chain(store, der, 2);
    struct x509_judgement before = judge(alone, MAKE_CERT_NOW);
    assert_int_equal(before.faults[0].kind, X509_FAULT_UNTRUSTED_CA);
    assert_string_equal(before.unseen_issuer, "CN=B"); /* which may be an intermediate */
    x509_store_note_seen(store, whole);
    struct x509_judgement j = judge(alone, MAKE_CERT_NOW);
    assert_int_equal(j.faults[0].kind, X509_FAULT_CHAIN_INCOMPLETE);
    assert_string_equal(j.missing_issuer, "CN=B");
    assert_null(j.unseen_issuer);
    assert_false(j.has_anchor);
    assert_true(judge(whole, MAKE_CERT_NOW).has_anchor);
    x509_chain_unref(alone);
    x509_chain_unref(whole);
}

/* One cached judgement serves a span of time, and no more. */
static void time_moves(void **state)
{
    struct err err = { 0 };
    (void)state;
    made_cert_write(&root, path);
    assert_int_equal(x509_store_add_trust(store, path, &err), ST_OK);
    struct bytes der[] = { leaf.der, inter.der };
    const struct x509_chain *chain = x509_store_chain(store, der, 2);
    struct x509_judgement now = judge(chain, MAKE_CERT_NOW);
    assert_true(now.is_valid);
    assert_true(judge(chain, now.valid_until_s).is_valid);
    struct x509_judgement late = judge(chain, now.valid_until_s + 1);
    assert_int_equal(late.faults[0].kind, X509_FAULT_EXPIRED);
    assert_int_equal(late.faults[0].limit_s, now.valid_until_s);
    assert_true(judge(chain, now.valid_from_s).is_valid);
    assert_int_equal(judge(chain, now.valid_from_s - 1).faults[0].kind, X509_FAULT_NOT_YET_VALID);
    x509_chain_unref(chain);
}

static void check_error(enum status got, enum status wanted, const struct err *err,
                        const char *part)
{
    assert_int_equal(got, wanted);
    if (strstr(err->text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err->text, part);
    }
}

static void files(void **state)
{
    struct err err = { 0 };
    (void)state;
    check_error(x509_store_add_trust(store, "/nonexistent", &err), ST_IO, &err, "/nonexistent");
    check_error(x509_store_add_trust(store, folder, &err), ST_FORMAT, &err, "no file");
    write_file(BYTES("hello\n"));
    check_error(x509_store_add_trust(store, path, &err), ST_FORMAT, &err, "no certificate");
    made_cert_write(&root, path);
    assert_int_equal(x509_store_add_trust(store, folder, &err), ST_OK);
    made_cert_write(&inter, path);
    assert_int_equal(x509_store_add_trust(store, path, &err), ST_OK);
    assert_int_equal(x509_store_n_anchors(store), 2); /* the same one counts once */
    write_file(BYTES("-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"));
    check_error(x509_store_add_trust(store, path, &err), ST_FORMAT, &err, "cannot be decoded");
    write_file(BYTES("-----BEGIN CERTIFICATE-----\n!!\n"));
    unlink(path);
    write_file(BYTES("\n-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"));
    check_error(x509_store_add_trust(store, path, &err), ST_FORMAT, &err, "line 2");
    unlink(path);
    write_file(leaf.der); /* DER */
    assert_int_equal(x509_store_add_trust(store, path, &err), ST_OK);
    assert_int_equal(x509_store_n_anchors(store), 3);
    unlink(path);
    write_file(BYTES("-----BEGIN X509 CRL-----\nMAMCAQE=\n-----END X509 CRL-----\n"));
    assert_int_equal(x509_store_add_crl(store, path, &err), ST_OK);
    assert_int_equal(x509_store_n_broken_crls(store), 1);
}

static void digests(void **state)
{
    static uint8_t b[3000];
    struct digest_key key;
    (void)state;
    digest_key_init(&key);
    uint64_t whole = digest_bytes(&key, bytes_of(b, sizeof b));
    for (size_t i = 0; i < sizeof b; i += 7) { /* every byte counts */
        b[i] ^= 1;
        assert_true(digest_bytes(&key, bytes_of(b, sizeof b)) != whole);
        b[i] ^= 1;
    }
    for (size_t len = 0; len < sizeof b; len += 13) { /* zeros at the end count */
        assert_true(digest_bytes(&key, bytes_of(b, len)) != whole);
    }
    struct bytes one[] = { bytes_of(b, 100), bytes_of(b, 200) };
    struct bytes other[] = { bytes_of(b, 200), bytes_of(b, 100) };
    assert_true(digest_pieces(&key, one, 2) != digest_pieces(&key, other, 2));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(same_bytes_same_chain),
        TEST(referred_to_survives_trim),
        TEST(many_chains),
        TEST(long_chain),
        TEST(undecodable),
        TEST(seen_elsewhere),
        TEST(time_moves),
        TEST(files),
        TEST(digests),
    };
    return cmocka_run_group_tests_name("x509_store", tests, make_all, free_all);
}
