/*
 * The nth allocation of our own code, and of jansson, fails, n = 1, 2, 3 ...: a word about memory
 * or the whole outcome, never half of it. The linker leads the calls here (--wrap).
 */
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

#include "make_cert.h"
#include "store/alias.h"
#include "store/references.h"
#include "store/users.h"

enum { RUNS_MAX = 5000 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *s);

static struct {
    bool is_armed;
    unsigned long n_calls, failing;
} faults;

static bool fails(void)
{
    return faults.is_armed && ++faults.n_calls == faults.failing;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

/* --- what is there --- */

static char dir[] = "/tmp/handfast-memory-XXXXXX";
static char path[64];
static struct store *store;
static struct bytes certs, key, root;
static json_t *body;
static const struct keystore_name keystore = { "o", "e", "k" };
static const struct alias_name web = { "o", "e", "k", "web" };

static struct bytes pem_of(const struct made_cert *a, const struct made_cert *b, bool is_key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (is_key) {
        PEM_write_bio_PKCS8PrivateKey(bio, a->key, NULL, NULL, 0, NULL, NULL);
    } else {
        PEM_write_bio_X509(bio, a->x);
    }
    if (b != NULL) {
        BIO_puts(bio, "\n");
        PEM_write_bio_X509(bio, b->x);
    }
    char *p = NULL;
    long len = BIO_get_mem_data(bio, &p);
    uint8_t *copy = malloc((size_t)len);
    assert_true(bytes_copy(copy, (size_t)len, bytes_of(p, (size_t)len)));
    BIO_free(bio);
    return bytes_of(copy, (size_t)len);
}

static void make_parts(void)
{
    struct made_cert ca = make_cert(&(struct cert_recipe){ .name = "Root", .is_ca = true });
    struct made_cert leaf = make_cert(
        &(struct cert_recipe){ .name = "a.example", .issuer = &ca, .names = "DNS:a.example" });
    certs = pem_of(&leaf, &ca, false);
    key = pem_of(&leaf, NULL, true);
    root = pem_of(&ca, NULL, false);
    body = json_loads("{\"alias\":\"own\",\"subject\":{\"commonName\":\"a\",\"x\":1},"
                      "\"subjectAlternativeDNSNames\":[\"a.example\"]}",
                      0, NULL);
    made_cert_free(&leaf);
    made_cert_free(&ca);
}

static enum status put_alias(const char *alias, struct bytes cert_file, struct bytes key_file,
                             struct store_problem *problem)
{
    char out[ALIAS_NAME_MAX + 1];
    struct alias_name name = web;
    name.alias = alias;
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE,
                              .cert_file = cert_file,
                              .key_file = key_file,
                              .at_s = MAKE_CERT_NOW };
    return alias_create(store, &name, &u, out, problem);
}

static int open_all(void **state)
{
    (void)state;
    struct store_problem problem = { 0 };
    struct reference_fields fields = { "r", "k", NULL };
    struct store_key host = { .kind = STORE_VIRTUAL_HOST, .org = "o", .env = "e", .name = "v" };
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    make_parts();
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    assert_int_equal(store_begin(store, NULL), ST_OK);
    assert_int_equal(keystores_create(store, &keystore, &problem), ST_OK);
    assert_int_equal(put_alias("web", certs, key, &problem), ST_OK);
    assert_int_equal(put_alias("ca", root, (struct bytes){ 0 }, &problem), ST_OK);
    assert_int_equal(references_create(store, "o", "e", &fields, &problem), ST_OK);
    assert_int_equal(store_put(store, &host,
                               "{\"sSLInfo\":{\"keyStore\":\"ref://r\",\"keyAlias\":\"web\"}}",
                               (struct bytes){ 0 }, (struct bytes){ 0 }, NULL),
                     ST_OK);
    struct store_key user = { .kind = STORE_USER, .name = "a@b.example" };
    assert_int_equal(store_put(store, &user, "{\"firstName\":\"A\",\"lastName\":\"B\"}",
                               (struct bytes){ 0 }, (struct bytes){ 0 }, NULL),
                     ST_OK);
    assert_int_equal(store_commit(store, NULL), ST_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    store_close(store);
    free((void *)certs.p);
    free((void *)key.p);
    free((void *)root.p);
    json_decref(body);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

/* --- what is done: ST_OK, or what is wrong --- */

static enum status put_pair(struct store_problem *p)
{
    return put_alias("new", certs, key, p);
}

static enum status put_trust(struct store_problem *p)
{
    return put_alias("new", root, (struct bytes){ 0 }, p);
}

static enum status read_self_signed(struct store_problem *p)
{
    char out[ALIAS_NAME_MAX + 1];
    struct alias_name name = web;
    name.alias = NULL;
    struct alias_upload u = { .format = ALIAS_SELF_SIGNED, .body = body, .at_s = MAKE_CERT_NOW };
    return alias_create(store, &name, &u, out, p);
}

static enum status replace(struct store_problem *p)
{
    struct alias_upload u = { .cert_file = certs, .at_s = MAKE_CERT_NOW };
    return alias_replace(store, &web, &u, p);
}

static enum status show_alias(struct store_problem *p)
{
    json_t *json = NULL;
    enum status st = alias_show(store, &web, &json, p);
    if (st == ST_OK) {
        const json_t *certs_info = json_object_get(json, "certsInfo");
        assert_int_equal(json_array_size(json_object_get(certs_info, "certInfo")), 2);
        assert_non_null(json_object_get(json, "keyName"));
    }
    json_decref(json);
    return st;
}

static enum status show_keystore(struct store_problem *p)
{
    json_t *json = NULL;
    enum status st = keystores_show(store, &keystore, &json, p);
    if (st == ST_OK) {
        assert_int_equal(json_array_size(json_object_get(json, "aliases")), 2);
        assert_int_equal(json_array_size(json_object_get(json, "keys")), 1);
    }
    json_decref(json);
    return st;
}

static enum status put_csr(struct store_problem *p)
{
    struct text out = { 0 };
    enum status st = alias_put_csr(store, &web, &out, p);
    text_deinit(&out);
    return st;
}

static enum status put_trusted(struct store_problem *p)
{
    struct text out = { 0 };
    size_t n = 0;
    enum status st = keystores_trusted_pem(store, &keystore, &out, &n, p);
    assert_true(st != ST_OK || n == 3);
    text_deinit(&out);
    return st;
}

static enum status find_cert(struct store_problem *p)
{
    char *alias = NULL;
    enum status st = keystores_find_cert(store, &keystore, "web-cert", &alias, p);
    free(alias);
    return st;
}

/* All of these are in use: that they are deleted would be the fault. */
static enum status delete_used(struct store_problem *p)
{
    struct reference_name ref = { "o", "e", "r" };
    enum status first = keystores_delete(store, &keystore, p);
    assert_int_not_equal(first, ST_OK);
    if (p->kind != PROBLEM_IN_USE) {
        return first;
    }
    problem_clear(p);
    enum status second = alias_delete(store, &web, p);
    assert_int_not_equal(second, ST_OK);
    if (p->kind != PROBLEM_IN_USE) {
        return second;
    }
    problem_clear(p);
    enum status third = references_delete(store, &ref, p);
    assert_int_not_equal(third, ST_OK);
    return p->kind == PROBLEM_IN_USE ? ST_OK : third;
}

static enum status resolve(struct store_problem *p)
{
    char name[KEYSTORE_NAME_MAX + 1];
    enum status st = references_resolve(store, "o", "e", "ref://r", name, p);
    assert_true(st != ST_OK || strcmp(name, "k") == 0);
    return st;
}

static enum status change_reference(struct store_problem *p)
{
    struct reference_name ref = { "o", "e", "r" };
    struct reference_fields fields = { .refers = "k" };
    return references_change(store, &ref, &fields, p);
}

static enum status show_user(struct store_problem *p)
{
    json_t *json = NULL;
    enum status st = users_show(store, "a@b.example", &json, p);
    assert_true(st != ST_OK ||
                strcmp(json_string_value(json_object_get(json, "firstName")), "A") == 0);
    json_decref(json);
    return st;
}

static enum status grant(struct store_problem *p)
{
    json_t *json = NULL;
    enum status st = users_grant(store, "a@b.example", "o", ROLE_ORGADMIN, p);
    if (st == ST_OK) {
        st = users_show_roles(store, "a@b.example", &json, p);
        assert_true(st != ST_OK || json_array_size(json_object_get(json, "role")) == 1);
    }
    json_decref(json);
    return st;
}

static enum status open_again(struct store_problem *p)
{
    struct err err = { 0 };
    struct store *s = NULL;
    enum status st = store_open(path, &s, &err);
    store_close(s);
    return st == ST_OK ? ST_OK : problem_failed(p, &err);
}

struct row {
    const char *name;
    enum status (*run)(struct store_problem *p);
    unsigned step; /* every so many-th allocation */
};

static const struct row rows[] = {
    { "put a pair", put_pair, 1 },
    { "put a root", put_trust, 1 },
    { "make a self-signed one", read_self_signed, 9 },
    { "replace", replace, 1 },
    { "show an alias", show_alias, 1 },
    { "show a keystore", show_keystore, 1 },
    { "request", put_csr, 1 },
    { "trusted", put_trusted, 1 },
    { "find a certificate", find_cert, 1 },
    { "delete what is used", delete_used, 1 },
    { "resolve", resolve, 1 },
    { "change a reference", change_reference, 1 },
    { "show a user", show_user, 1 },
    { "grant", grant, 1 },
    { "open", open_again, 1 },
};

static enum status run_once(const struct row *row, unsigned long failing,
                            struct store_problem *problem)
{
    *problem = (struct store_problem){ 0 };
    assert_int_equal(store_begin(store, NULL), ST_OK);
    faults.n_calls = 0;
    faults.failing = failing;
    faults.is_armed = true;
    enum status st = row->run(problem);
    faults.is_armed = false;
    store_rollback(store);
    return st;
}

static void nth_allocation(void **state)
{
    const struct row *row = *state;
    struct store_problem problem;
    assert_int_equal(run_once(row, 0, &problem), ST_OK);
    unsigned long n_calls = faults.n_calls;
    assert_true(n_calls > 0 && n_calls < RUNS_MAX);
    unsigned n_failed = 0;
    for (unsigned long n = 1; n <= n_calls; n += row->step) {
        enum status st = run_once(row, n, &problem);
        if (st != ST_OK && problem.kind != PROBLEM_FAILED) {
            fail_msg("allocation %lu of %lu: %s", n, n_calls, problem.message);
        }
        n_failed += st != ST_OK;
    }
    print_message("# %s: %lu allocations, %u failed\n", row->name, n_calls, n_failed);
    assert_true(n_failed > 0);
    assert_int_equal(run_once(row, 0, &problem), ST_OK); /* nothing was left behind */
}

static int leave(void **state)
{
    (void)state;
    faults.is_armed = false;
    store_rollback(store);
    return 0;
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    json_set_alloc_funcs(__wrap_malloc, free);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, nth_allocation, NULL, leave, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("memory", tests, open_all, close_all);
}
