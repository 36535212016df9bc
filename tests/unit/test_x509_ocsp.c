/* What a stapled response says, and whom it may be believed. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <unistd.h>

#include <openssl/ocsp.h>

#include "make_cert.h"
#include "x509/x509.h"

#define DAY INT64_C(86400)

enum about { ABOUT_LEAF, ABOUT_OTHER };
enum signer { BY_ISSUER, BY_DELEGATE, BY_DELEGATE_WITHOUT_USE, BY_STRANGER };
enum bytes_as { AS_MADE, AS_GARBAGE, AS_CUT, AS_NOTHING };

struct row {
    const char *name;
    enum about about;
    enum signer signer;
    struct ocsp_recipe recipe; /* without certificates */
    enum bytes_as as;
    const char *staple;     /* NULL: none; a part of the sentence */
    int plain, must_staple; /* fault + 1 for a leaf without and with must-staple, 0: none */
};

#define F(kind)  (X509_FAULT_##kind + 1)
#define GOOD     V_OCSP_CERTSTATUS_GOOD
#define REVOKED  V_OCSP_CERTSTATUS_REVOKED
#define UNKNOWN  V_OCSP_CERTSTATUS_UNKNOWN
#define PAST     (MAKE_CERT_NOW - 9 * DAY)
#define TRYLATER OCSP_RESPONSE_STATUS_TRYLATER

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "good", .recipe = { .status = GOOD }, .staple = "good" },
    { "revoked", .recipe = { .status = REVOKED }, .staple = "is revoked", .plain = F(REVOKED),
      .must_staple = F(REVOKED) },
    { "unknown", .recipe = { .status = UNKNOWN }, .staple = "does not know",
      .must_staple = F(REVOCATION_UNKNOWN) },
    { "by a delegate", .signer = BY_DELEGATE, .recipe = { .status = GOOD }, .staple = "good" },
    { "revoked by a delegate", .signer = BY_DELEGATE, .recipe = { .status = REVOKED },
      .staple = "is revoked", .plain = F(REVOKED), .must_staple = F(REVOKED) },
    { "by a delegate who may not", .signer = BY_DELEGATE_WITHOUT_USE, .recipe = { .status = GOOD },
      .staple = "signature", .must_staple = F(REVOCATION_UNKNOWN) },
    { "by a stranger", .signer = BY_STRANGER, .recipe = { .status = REVOKED },
      .staple = "signature", .must_staple = F(REVOCATION_UNKNOWN) },
    { "stale", .recipe = { .status = GOOD, .this_update_s = PAST, .next_update_s = PAST + DAY },
      .staple = "nextUpdate", .must_staple = F(REVOCATION_UNKNOWN) },
    { "of the future",
      .recipe = { .status = GOOD,
                  .this_update_s = MAKE_CERT_NOW + DAY,
                  .next_update_s = MAKE_CERT_NOW + 2 * DAY },
      .staple = "not yet", .must_staple = F(REVOCATION_UNKNOWN) },
    { "about another", .about = ABOUT_OTHER, .recipe = { .status = REVOKED }, .staple = "another",
      .must_staple = F(REVOCATION_UNKNOWN) },
    { "an error", .recipe = { .status = GOOD, .response_status = TRYLATER }, .staple = "error",
      .must_staple = F(REVOCATION_UNKNOWN) },
    { "garbage", .as = AS_GARBAGE, .staple = "decoded", .must_staple = F(REVOCATION_UNKNOWN) },
    { "cut short", .as = AS_CUT, .staple = "decoded", .must_staple = F(REVOCATION_UNKNOWN) },
    { "none", .as = AS_NOTHING, .must_staple = F(REVOCATION_UNKNOWN) },
};
/* clang-format on */

struct scene {
    struct x509_store *store;
    char path[64];
    struct made_cert root, leaf, other, signer;
};

static struct made_cert make_signer(const struct scene *s, enum signer kind)
{
    struct cert_recipe r = { .name = "Responder", .usage = "digitalSignature" };
    r.issuer = kind == BY_STRANGER ? NULL : &s->root;
    r.eku = kind == BY_DELEGATE_WITHOUT_USE ? "serverAuth" : "OCSPSigning";
    return make_cert(&r);
}

static void make_scene(struct scene *s, const struct row *row, bool must_staple)
{
    struct err err = { 0 };
    *s = (struct scene){ .path = "/tmp/handfast-ocsp-XXXXXX" };
    assert_int_equal(close(mkstemp(s->path)), 0);
    s->root = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    s->leaf =
        make_cert(&(struct cert_recipe){ .name = "leaf",
                                         .issuer = &s->root,
                                         .names = "DNS:leaf.example",
                                         .tls_feature = must_staple ? "status_request" : NULL });
    s->other = make_cert(&(struct cert_recipe){ .name = "other", .issuer = &s->root });
    s->signer = make_signer(s, row->signer);
    assert_int_equal(x509_store_new(&s->store, &err), ST_OK);
    made_cert_write(&s->root, s->path);
    assert_int_equal(x509_store_add_trust(s->store, s->path, &err), ST_OK);
}

static void free_scene(struct scene *s)
{
    x509_store_free(s->store);
    made_cert_free(&s->root);
    made_cert_free(&s->leaf);
    made_cert_free(&s->other);
    made_cert_free(&s->signer);
    unlink(s->path);
}

static struct bytes response_of(const struct scene *s, const struct row *row, struct bytes made)
{
    (void)s;
    switch (row->as) {
    case AS_MADE:
        return made;
    case AS_GARBAGE:
        return BYTES("garbage");
    case AS_CUT:
        return bytes_head(made, made.len / 2);
    case AS_NOTHING:
        return bytes_of(NULL, 0);
    }
    return made;
}

static void check(const struct row *row, bool must_staple)
{
    struct scene s;
    struct x509_judgement j;
    struct err err = { 0 };
    make_scene(&s, row, must_staple);
    struct ocsp_recipe recipe = row->recipe;
    recipe.leaf = row->about == ABOUT_LEAF ? &s.leaf : &s.other;
    recipe.issuer = &s.root;
    recipe.signer = row->signer == BY_ISSUER ? NULL : &s.signer;
    struct bytes made = make_ocsp(&recipe);
    struct x509_question q = { .at_s = MAKE_CERT_NOW, .ocsp_response = response_of(&s, row, made) };
    const struct x509_chain *chain = x509_store_chain(s.store, &s.leaf.der, 1);
    assert_int_equal(x509_judge(s.store, chain, &q, &j, &err), ST_OK);
    int expected = must_staple ? row->must_staple : row->plain;
    assert_int_equal(j.n_faults, expected == 0 ? 0 : 1);
    assert_int_equal(j.n_faults == 0 ? 0 : (int)j.faults[0].kind + 1, expected);
    assert_int_equal(j.staple == NULL, row->staple == NULL);
    if (row->staple != NULL && j.staple != NULL && strstr(j.staple, row->staple) == NULL) {
        fail_msg("%s", j.staple);
    }
    x509_chain_unref(chain);
    free((void *)(uintptr_t)made.p);
    free_scene(&s);
}

static void check_row(void **state)
{
    check(*state, false);
    check(*state, true);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("x509_ocsp", tests, NULL, NULL);
}
