/* Uploads: which are taken, which are refused, with which verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "store/alias.h"
#include "store/references.h"
#include "upload_parts.h"

static char dir[] = "/tmp/handfast-alias-XXXXXX";
static char path[64];
static struct store *store;
static struct store_problem problem;
static const struct keystore_name keystore = { "o", "e", "k" };

static int open_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    make_people();
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    free_people();
    store_close(store);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    problem_clear(&problem);
    if (store_begin(store, NULL) != ST_OK) {
        return -1;
    }
    return keystores_create(store, &keystore, &problem) == ST_OK ? 0 : -1;
}

static int rollback(void **state)
{
    (void)state;
    store_rollback(store);
    return 0;
}

static struct alias_name name_of(const char *alias)
{
    return (struct alias_name){ "o", "e", "k", alias };
}

static enum status put(const char *alias, const struct alias_upload *upload)
{
    char out[ALIAS_NAME_MAX + 1];
    struct alias_name name = name_of(alias);
    problem_clear(&problem);
    return alias_create(store, &name, upload, out, &problem);
}

static void free_upload(const struct alias_upload *u)
{
    free((void *)u->cert_file.p);
    free((void *)u->key_file.p);
    free((void *)u->file.p);
}

static bool has_context(bool is_warning, const char *cause)
{
    for (size_t i = 0; i < problem.n_contexts; i++) {
        const struct problem_context *c = &problem.contexts[i];
        if (c->is_warning == is_warning && strcmp(c->cause, cause) == 0) {
            assert_true(c->message[0] != '\0' && c->where[0] != '\0');
            return true;
        }
    }
    return false;
}

/* --- verdicts on uploads --- */

enum { EXPIRY = 1, NEWLINE = 2, CHAIN = 4 };

struct row {
    const char *name;
    enum who certs[PART_CERTS_MAX];
    enum who key;
    unsigned ignore;
    enum problem_id refused; /* PROBLEM_N_IDS: taken */
    const char *cause;       /* of a context that refuses; NULL: none */
    const char *warning;     /* of a warning; NULL: none is looked for */
};

#define TAKEN PROBLEM_N_IDS
#define BAD   PROBLEM_ID_CERTIFICATE_REFUSED

/* clang-format off */
static const struct row rows[] = {
    { "whole chain",              { LEAF, ISSUER, ROOT }, LEAF, 0, TAKEN, NULL, NULL },
    { "chain without its root",   { LEAF, ISSUER },       LEAF, 0, TAKEN, NULL, NULL },
    { "signs itself",             { OWN },                OWN,  0, TAKEN, NULL, NULL },
    { "right below a root",       { CLIENT_OF_ROOT },     CLIENT_OF_ROOT, 0, TAKEN, NULL, NULL },
    { "below a root, with it",    { CLIENT_OF_ROOT, ROOT }, CLIENT_OF_ROOT, 0, TAKEN, NULL, NULL },

    { "another key",              { LEAF, ISSUER },       OTHER, 0, BAD, "key-alone", NULL },
    { "another key, overridden",  { LEAF, ISSUER },       OTHER, EXPIRY | NEWLINE | CHAIN, BAD, "key-alone", NULL },
    { "the leaf comes last",      { ISSUER, LEAF },       LEAF, 0, BAD, "wrong-order", NULL },

    { "no intermediate",          { LEAF },               LEAF, 0, BAD, "certificate-chain-incomplete", NULL },
    { "a root, no intermediate",  { LEAF, ROOT },         LEAF, 0, BAD, "certificate-chain-incomplete", NULL },
    { "likewise, overridden",     { LEAF },               LEAF, CHAIN, TAKEN, NULL, "certificate-chain-incomplete" },
    { "other switches do not",    { LEAF },               LEAF, EXPIRY | NEWLINE, BAD, "certificate-chain-incomplete", NULL },

    { "expired",                  { OLD, ISSUER },        OLD,  0, BAD, "certificate-expired", NULL },
    { "expired, overridden",      { OLD, ISSUER },        OLD,  EXPIRY, TAKEN, NULL, "certificate-expired" },
    { "expired, other switches",  { OLD, ISSUER },        OLD,  CHAIN | NEWLINE, BAD, "certificate-expired", NULL },
    { "to come",                  { NEW, ISSUER },        NEW,  0, BAD, "certificate-not-yet-valid", NULL },
    { "to come, overridden",      { NEW, ISSUER },        NEW,  EXPIRY, TAKEN, NULL, "certificate-not-yet-valid" },
    { "expired and incomplete",   { OLD },                OLD,  EXPIRY, BAD, "certificate-chain-incomplete", "certificate-expired" },

    { "expires soon",             { SOON, ISSUER },       SOON, 0, TAKEN, NULL, "expires-soon" },
    { "weak",                     { WEAK, ISSUER },       WEAK, 0, TAKEN, NULL, "weak-crypto-refused" },
    { "no names",                 { PLAIN, ISSUER },      PLAIN, 0, TAKEN, NULL, "common-name-only" },
    { "not for TLS",              { MAIL, ISSUER },       MAIL, 0, TAKEN, NULL, "certificate-wrong-purpose" },
    { "out of order",             { LEAF, ROOT, ISSUER }, LEAF, 0, TAKEN, NULL, "wrong-order" },
    { "twice",                    { LEAF, ISSUER, ISSUER }, LEAF, 0, TAKEN, NULL, "duplicate" },
    { "a stranger",               { LEAF, ISSUER, OWN },  LEAF, 0, TAKEN, NULL, "unrelated" },

    { "trust: a root",            { ROOT },               NOBODY, 0, TAKEN, NULL, NULL },
    { "trust: an intermediate",   { ISSUER },             NOBODY, 0, TAKEN, NULL, NULL },
    { "trust: the full chain",    { LEAF, ISSUER, ROOT }, NOBODY, 0, TAKEN, NULL, NULL },
    { "trust: signs itself",      { OWN },                NOBODY, 0, TAKEN, NULL, NULL },
    { "trust: roots of two",      { ROOT, OWN },          NOBODY, 0, TAKEN, NULL, NULL },
    { "trust: a leaf",            { LEAF },               NOBODY, 0, BAD, "not-a-ca", NULL },
    { "trust: two leaves",        { LEAF, OTHER },        NOBODY, 0, BAD, "not-a-ca", NULL },
    { "trust: a leaf is meant",   { LEAF },               NOBODY, CHAIN, TAKEN, NULL, "not-a-ca" },
    { "trust: expired",           { OLD, ISSUER },        NOBODY, 0, BAD, "certificate-expired", NULL },
    { "trust: expired, meant",    { OLD, ISSUER },        NOBODY, EXPIRY, TAKEN, NULL, "certificate-expired" },
    { "trust: to come",           { NEW, ISSUER },        NOBODY, 0, BAD, "certificate-not-yet-valid", NULL },
};
/* clang-format on */

static void expect_row(const struct row *row, enum status st)
{
    if (row->refused == TAKEN) {
        if (st != ST_OK) {
            fail_msg("%s", problem.message);
        }
    } else {
        assert_int_equal(st, ST_USAGE);
        assert_string_equal(problem.code, problem_code(row->refused));
        assert_true(problem.message[0] != '\0');
    }
    assert_true(row->cause == NULL || has_context(false, row->cause));
    assert_true(row->warning == NULL || has_context(true, row->warning));
    for (size_t i = 0; i < problem.n_contexts; i++) {
        assert_true(row->cause != NULL || problem.contexts[i].is_warning);
    }
}

static struct alias_upload upload_of(const struct row *row)
{
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE,
                              .at_s = MAKE_CERT_NOW,
                              .ignore_expiry = (row->ignore & EXPIRY) != 0,
                              .ignore_newline = (row->ignore & NEWLINE) != 0,
                              .ignore_chain = (row->ignore & CHAIN) != 0 };
    u.cert_file = certs_pem(row->certs, "\n");
    if (row->key != NOBODY) {
        u.key_file = key_pem(row->key, NULL);
    }
    return u;
}

static void uploads_are_judged(void **state)
{
    const struct row *row = *state;
    begin(NULL);
    struct alias_upload u = upload_of(row);
    enum status st = put("a", &u);
    free_upload(&u);
    expect_row(row, st);
    json_t *list = NULL;
    struct keystore_name name = keystore;
    assert_int_equal(keystores_list_aliases(store, &name, &list, &problem), ST_OK);
    assert_int_equal(json_array_size(list), st == ST_OK ? 1 : 0);
    json_decref(list);
    rollback(NULL);
}

/* A root that the environment knows ends the chain, whatever its name. */
static void known_roots_complete_a_chain(void **state)
{
    (void)state;
    struct made_cert ca =
        make_cert(&(struct cert_recipe){ .name = "Corp Issuing CA", .is_ca = true });
    struct made_cert leaf = make_cert(&(struct cert_recipe){
        .name = "b.example", .issuer = &ca, .names = "DNS:b.example", .eku = "serverAuth" });
    struct alias_upload trust = { .format = ALIAS_TRUST_CERT, .at_s = MAKE_CERT_NOW };
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    made[NOBODY] = leaf;
    u.key_file = key_pem(NOBODY, NULL);
    trust.cert_file = ca.der; /* DER is taken too */
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, leaf.x);
    u.cert_file = part_of(bio);
    assert_int_equal(put("a", &u), ST_USAGE);
    assert_true(has_context(false, "certificate-chain-incomplete"));
    assert_int_equal(put("ca", &trust), ST_OK);
    assert_int_equal(put("a", &u), ST_OK);
    free_upload(&u);
    made_cert_free(&leaf);
    made_cert_free(&ca);
    made[NOBODY] = (struct made_cert){ 0 };
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, uploads_are_judged, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(
        known_roots_complete_a_chain, begin, rollback);
    return cmocka_run_group_tests_name("alias_judge", tests, open_all, close_all);
}
