/* Paths side by side: cross-signed CAs, certificates noted elsewhere, searches that are cut. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <unistd.h>

#include "make_cert.h"
#include "x509/x509.h"

#define YESTERDAY (MAKE_CERT_NOW - INT64_C(86400))

enum { NAMESAKES = 300 };

struct scene {
    struct made_cert root, old_root, inter, cross, leaf;
    struct x509_store *store;
};

/* The intermediate has two certificates: by the root, and by the old root (expired). */
static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err err = { 0 };
    s->root = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    s->old_root = make_cert(&(struct cert_recipe){ .name = "Old Root", .is_ca = true });
    s->inter =
        make_cert(&(struct cert_recipe){ .name = "Inter", .is_ca = true, .issuer = &s->root });
    s->cross = make_cert(&(struct cert_recipe){ .name = "Inter",
                                                .is_ca = true,
                                                .issuer = &s->old_root,
                                                .key_of = &s->inter,
                                                .until_s = YESTERDAY });
    s->leaf = make_cert(&(struct cert_recipe){ .name = "leaf.example.com",
                                               .names = "DNS:leaf.example.com",
                                               .eku = "serverAuth",
                                               .issuer = &s->inter });
    assert_int_equal(x509_store_new(&s->store, &err), ST_OK);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    x509_store_free(s->store);
    made_cert_free(&s->leaf);
    made_cert_free(&s->cross);
    made_cert_free(&s->inter);
    made_cert_free(&s->old_root);
    made_cert_free(&s->root);
    free(s);
    return 0;
}

static void trust(struct scene *s, const struct made_cert *c)
{
    struct err err = { 0 };
    assert_int_equal(x509_store_add_anchor(s->store, c->der, &err), ST_OK);
}

static struct x509_paths *find(struct scene *s, const struct x509_chain *chain,
                               const struct x509_question *q)
{
    struct err err = { 0 };
    struct x509_paths *p = NULL;
    struct x509_judgement j;
    assert_int_equal(x509_find_paths(s->store, chain, q, &p, &err), ST_OK);
    assert_int_equal(x509_judge(s->store, chain, q, &j, &err), ST_OK);
    if (p->n > 0) { /* the first is the one that the judgement speaks of */
        assert_int_equal(p->paths[0].is_valid, j.is_valid);
        assert_int_equal(p->paths[0].n_faults, j.n_faults);
        assert_int_equal(p->paths[0].reaches_anchor, j.has_anchor);
    }
    return p;
}

static void one_fails_another_passes(void **state)
{
    struct scene *s = *state;
    const struct x509_question q = { .at_s = MAKE_CERT_NOW };
    struct bytes der[] = { s->leaf.der, s->cross.der, s->inter.der };
    trust(s, &s->root);
    trust(s, &s->old_root);
    const struct x509_chain *chain = x509_store_chain(s->store, der, 3);
    struct x509_paths *p = find(s, chain, &q);
    assert_int_equal(p->n, 2);
    assert_true(p->paths[0].is_valid);
    assert_int_equal(p->paths[0].n, 3);
    assert_int_equal(p->paths[0].links[0].origin, X509_SENT);
    assert_int_equal(p->paths[0].links[1].index, 2);
    assert_int_equal(p->paths[0].links[2].origin, X509_TRUSTED);
    assert_int_equal(p->paths[0].links[2].index, -1);
    assert_string_equal(p->paths[0].links[2].facts->common_name, "Root");
    assert_false(p->paths[1].is_valid);
    assert_true(p->paths[1].reaches_anchor);
    assert_int_equal(p->paths[1].links[1].index, 1);
    assert_int_equal(p->paths[1].faults[0].kind, X509_FAULT_EXPIRED);
    assert_int_equal(p->paths[1].faults[0].culprit, 1);
    assert_false(p->search_was_cut);
    x509_paths_free(p);
    x509_chain_unref(chain);
}

static void a_path_to_an_unknown_root_is_told(void **state)
{
    struct scene *s = *state;
    const struct x509_question q = { .at_s = MAKE_CERT_NOW };
    struct bytes der[] = { s->leaf.der, s->inter.der, s->cross.der, s->old_root.der };
    trust(s, &s->root);
    const struct x509_chain *chain = x509_store_chain(s->store, der, 4);
    struct x509_paths *p = find(s, chain, &q);
    assert_int_equal(p->n, 2);
    assert_true(p->paths[0].is_valid);
    assert_false(p->paths[1].reaches_anchor);
    assert_int_equal(p->paths[1].faults[0].kind, X509_FAULT_UNTRUSTED_CA);
    assert_int_equal(p->paths[1].links[p->paths[1].n - 1].index, 3);
    x509_paths_free(p);
    x509_chain_unref(chain);
}

static void what_was_seen_completes_a_path(void **state)
{
    struct scene *s = *state;
    struct x509_question q = { .at_s = MAKE_CERT_NOW };
    trust(s, &s->root);
    const struct x509_chain *other = x509_store_chain(s->store, &s->inter.der, 1);
    const struct x509_chain *chain = x509_store_chain(s->store, &s->leaf.der, 1);
    x509_store_note_seen(s->store, other);
    struct x509_paths *p = find(s, chain, &q);
    assert_int_equal(p->n, 1);
    assert_int_equal(p->paths[0].faults[0].kind, X509_FAULT_CHAIN_INCOMPLETE);
    x509_paths_free(p);
    q.use_seen = true;
    p = find(s, chain, &q);
    assert_int_equal(p->n, 1);
    assert_true(p->paths[0].is_valid);
    assert_int_equal(p->paths[0].links[1].origin, X509_SEEN);
    assert_int_equal(p->paths[0].links[1].index, -1);
    assert_memory_equal(p->paths[0].links[1].der.p, s->inter.der.p, s->inter.der.len);
    x509_paths_free(p);
    x509_chain_unref(chain);
    x509_chain_unref(other);
}

/* The same question, and another certificate noted since: not the answer of before. */
static void what_is_noted_later_counts(void **state)
{
    struct scene *s = *state;
    struct err err = { 0 };
    struct x509_judgement j;
    const struct x509_question q = { .at_s = MAKE_CERT_NOW, .use_seen = true };
    trust(s, &s->root);
    const struct x509_chain *chain = x509_store_chain(s->store, &s->leaf.der, 1);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_false(j.is_valid);
    const struct x509_chain *other = x509_store_chain(s->store, &s->inter.der, 1);
    x509_store_note_seen(s->store, other);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_true(j.is_valid);
    x509_chain_unref(other);
    x509_chain_unref(chain);
}

/* More certificates bear the issuer's name than are tried: said, and nothing else claimed. */
static void a_cut_search_is_told(void **state)
{
    struct scene *s = *state;
    struct err err = { 0 };
    struct x509_judgement j;
    const struct x509_question q = { .at_s = MAKE_CERT_NOW };
    struct made_cert leaf = make_cert(&(struct cert_recipe){
        .name = "x", .issuer = &s->leaf, .no_key_ids = true, .issuer_name = "Same" });
    for (int i = 0; i < NAMESAKES; i++) {
        struct made_cert c =
            make_cert(&(struct cert_recipe){ .name = "Same", .is_ca = true, .no_key_ids = true });
        trust(s, &c);
        made_cert_free(&c);
    }
    const struct x509_chain *chain = x509_store_chain(s->store, &leaf.der, 1);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_true(j.search_was_cut);
    assert_int_equal(j.faults[0].kind, X509_FAULT_UNTRUSTED_CA);
    assert_non_null(strstr(j.faults[0].detail, "more possible issuers"));
    x509_chain_unref(chain);
    made_cert_free(&leaf);
}

static void what_does_not_decode_has_no_path(void **state)
{
    struct scene *s = *state;
    struct bytes junk = BYTES("junk");
    const struct x509_question q = { .at_s = MAKE_CERT_NOW };
    const struct x509_chain *chain = x509_store_chain(s->store, &junk, 1);
    struct x509_paths *p = find(s, chain, &q);
    assert_int_equal(p->n, 0);
    x509_paths_free(p);
    x509_chain_unref(chain);
    x509_paths_free(NULL);
}

static void crl_to_store(struct scene *s, const struct made_cert *issuer)
{
    char path[] = "/tmp/handfast-crl-XXXXXX";
    struct err err = { 0 };
    assert_int_equal(close(mkstemp(path)), 0);
    make_crl(&(struct crl_recipe){ .issuer = issuer }, path);
    assert_int_equal(x509_store_add_crl(s->store, path, &err), ST_OK);
    unlink(path);
}

/* The CA signs its CRLs with a key of their own, whose certificate came in another file. */
static void a_crl_signer_seen_elsewhere(void **state)
{
    struct scene *s = *state;
    struct err err = { 0 };
    struct x509_judgement j;
    const struct x509_question q = { .at_s = MAKE_CERT_NOW, .demand_revocation = true };
    struct made_cert signer = make_cert(
        &(struct cert_recipe){ .name = "Inter", .usage = "critical,cRLSign", .issuer = &s->root });
    struct bytes der[] = { s->leaf.der, s->inter.der };
    trust(s, &s->root);
    crl_to_store(s, &s->root);
    crl_to_store(s, &signer);
    const struct x509_chain *chain = x509_store_chain(s->store, der, 2);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_false(j.is_valid);
    assert_int_equal(j.faults[0].kind, X509_FAULT_REVOCATION_UNKNOWN);
    const struct x509_chain *other = x509_store_chain(s->store, &signer.der, 1);
    x509_store_note_seen(s->store, other);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_true(j.is_valid);
    x509_chain_unref(other);
    x509_chain_unref(chain);
    made_cert_free(&signer);
}

/* RFC 5937: the anchor forbids anyPolicy, and demands a policy. */
static void an_anchor_may_demand_a_policy(void **state)
{
    struct scene *s = *state;
    struct err err = { 0 };
    struct x509_judgement j;
    struct x509_question q = { .at_s = MAKE_CERT_NOW };
    struct made_cert root = make_cert(
        &(struct cert_recipe){ .name = "Strict Root",
                               .is_ca = true,
                               .policy_constraints = "critical,requireExplicitPolicy:0" });
    struct made_cert leaf =
        make_cert(&(struct cert_recipe){ .name = "leaf", .eku = "serverAuth", .issuer = &root });
    trust(s, &root);
    const struct x509_chain *chain = x509_store_chain(s->store, &leaf.der, 1);
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_true(j.is_valid);
    q.profile = X509_PROFILE_CAREFUL;
    assert_int_equal(x509_judge(s->store, chain, &q, &j, &err), ST_OK);
    assert_int_equal(j.faults[0].kind, X509_FAULT_CONSTRAINT);
    x509_chain_unref(chain);
    made_cert_free(&leaf);
    made_cert_free(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_fails_another_passes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_to_an_unknown_root_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_seen_completes_a_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_noted_later_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cut_search_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_decode_has_no_path, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_crl_signer_seen_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_anchor_may_demand_a_policy, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("x509_alternatives", tests, NULL, NULL);
}
