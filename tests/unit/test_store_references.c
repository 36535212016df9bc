/* References, and what uses a keystore, deployed bundles among it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <zip.h>

#include "store/references.h"

static char dir[] = "/tmp/handfast-references-XXXXXX";
static char path[64];
static struct store *store;
static struct store_problem problem;

static const struct bytes NONE = { 0 };

static int open_all(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    store_close(store);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    static const char *const names[] = { "k", "l" };
    problem_clear(&problem);
    if (store_begin(store, NULL) != ST_OK) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct keystore_name name = { "o", "e", names[i] };
        if (keystores_create(store, &name, &problem) != ST_OK) {
            return -1;
        }
    }
    return 0;
}

static int rollback(void **state)
{
    (void)state;
    store_rollback(store);
    return 0;
}

static enum status create(const char *name, const char *refers, const char *type)
{
    struct reference_fields fields = { name, refers, type };
    problem_clear(&problem);
    return references_create(store, "o", "e", &fields, &problem);
}

static enum status change(const char *reference, const struct reference_fields *fields)
{
    struct reference_name name = { "o", "e", reference };
    problem_clear(&problem);
    return references_change(store, &name, fields, &problem);
}

static void expect_shown(const char *reference, const char *expected)
{
    struct reference_name name = { "o", "e", reference };
    json_t *json = NULL;
    assert_int_equal(references_show(store, &name, &json, &problem), ST_OK);
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

/* --- references --- */

struct row {
    const char *name, *reference, *refers, *type;
    enum problem_id refused;
};

#define LONG16 "0123456789abcdef"
#define LONG256                                                                                    \
    LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16 LONG16     \
        LONG16 LONG16 LONG16

/* clang-format off */
static const struct row rows[] = {
    { "plain",            "r",   "k",  "KeyStore",   PROBLEM_N_IDS },
    { "truststore",       "r",   "k",  "TrustStore", PROBLEM_N_IDS },
    { "no type",          "r",   "k",  NULL,         PROBLEM_N_IDS },
    { "all letters",      "A-r_1.x", "k", NULL,      PROBLEM_N_IDS },
    { "another type",     "r",   "k",  "keystore",   PROBLEM_ID_REFERENCE_INVALID },
    { "no name",          NULL,  "k",  "KeyStore",   PROBLEM_ID_REFERENCE_INVALID },
    { "empty name",       "",    "k",  "KeyStore",   PROBLEM_ID_REFERENCE_INVALID },
    { "a slash",          "a/b", "k",  "KeyStore",   PROBLEM_ID_REFERENCE_INVALID },
    { "long name",        LONG256, "k", "KeyStore",  PROBLEM_ID_REFERENCE_INVALID },
    { "to nothing",       "r",   NULL, "KeyStore",   PROBLEM_ID_REFERENCE_INVALID },
    { "to no keystore",   "r",   "m",  "KeyStore",   PROBLEM_ID_REFERENCE_TO_NOTHING },
    { "to a reference",   "r",   "ref://k", "KeyStore", PROBLEM_ID_REFERENCE_TO_NOTHING },
};
/* clang-format on */

static void new_references(void **state)
{
    const struct row *row = *state;
    begin(NULL);
    enum status st = create(row->reference, row->refers, row->type);
    if (row->refused == PROBLEM_N_IDS) {
        assert_int_equal(st, ST_OK);
        assert_int_equal(create(row->reference, "l", NULL), ST_USAGE);
        assert_int_equal(problem.kind, PROBLEM_EXISTS);
    } else {
        assert_int_equal(st, ST_USAGE);
        assert_string_equal(problem.code, problem_code(row->refused));
    }
    rollback(NULL);
}

static void references_change_and_go(void **state)
{
    (void)state;
    struct reference_name name = { "o", "e", "r" };
    char keystore[KEYSTORE_NAME_MAX + 1];
    assert_int_equal(create("r", "k", "KeyStore"), ST_OK);
    expect_shown("r", "{\"name\":\"r\",\"refers\":\"k\",\"resourceType\":\"KeyStore\"}");
    assert_int_equal(change("r", &(struct reference_fields){ "r", "l", NULL }), ST_OK);
    expect_shown("r", "{\"name\":\"r\",\"refers\":\"l\",\"resourceType\":\"KeyStore\"}");
    assert_int_equal(change("r", &(struct reference_fields){ NULL, NULL, "TrustStore" }), ST_OK);
    expect_shown("r", "{\"name\":\"r\",\"refers\":\"l\",\"resourceType\":\"TrustStore\"}");
    assert_int_equal(change("r", &(struct reference_fields){ "q", "k", NULL }), ST_USAGE);
    assert_int_equal(change("r", &(struct reference_fields){ "r", "m", NULL }), ST_USAGE);
    assert_string_equal(problem.code, "messaging.config.beans.InvalidKeyStoreReference");
    assert_int_equal(change("q", &(struct reference_fields){ NULL, "k", NULL }), ST_USAGE);
    assert_string_equal(problem.code, "messaging.config.beans.ResourceReferenceDoesNotExist");

    assert_int_equal(references_resolve(store, "o", "e", "ref://r", keystore, &problem), ST_OK);
    assert_string_equal(keystore, "l");
    assert_int_equal(references_resolve(store, "o", "e", "k", keystore, &problem), ST_OK);
    assert_string_equal(keystore, "k");
    static const char *const bad[] = { "", "m", "ref://", "ref://m", "REF://r", LONG256 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(references_resolve(store, "o", "e", bad[i], keystore, &problem), ST_USAGE);
        assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);
    }
    assert_int_equal(references_resolve(store, "o", "f", "k", keystore, &problem), ST_USAGE);

    json_t *list = NULL;
    assert_int_equal(references_list(store, "o", "e", &list, &problem), ST_OK);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    assert_int_equal(references_delete(store, &name, &problem), ST_OK);
    assert_int_equal(references_delete(store, &name, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);
}

/* --- uses --- */

static char found[1024];

static void note(void *arg, const struct keystore_use *use)
{
    (void)arg;
    size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%s %s.%s=%s;", use->kind, use->name, use->field,
             use->how);
}

static void expect_uses(const struct keystore_use_question *q, const char *expected)
{
    found[0] = '\0';
    assert_int_equal(keystore_uses(store, q, note, NULL, &problem), ST_OK);
    assert_string_equal(found, expected);
}

static void put_document(enum store_kind kind, const char *parent, const char *name,
                         const char *json, struct bytes blob)
{
    bool has_env = kind != STORE_REVISION;
    struct store_key key = { kind, "o", has_env ? "e" : "", parent, name };
    assert_int_equal(store_put(store, &key, json, NONE, blob, NULL), ST_OK);
}

static struct bytes zip_of(const char *const files[][2], size_t n)
{
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_source_keep(source);
    zip_t *zip = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
    for (size_t i = 0; i < n; i++) {
        zip_source_t *from = zip_source_buffer(zip, files[i][1], strlen(files[i][1]), 0);
        assert_true(zip_file_add(zip, files[i][0], from, 0) >= 0);
    }
    assert_int_equal(zip_close(zip), 0);
    zip_stat_t st;
    zip_source_stat(source, &st);
    uint8_t *copy = malloc((size_t)st.size);
    zip_source_open(source);
    assert_int_equal(zip_source_read(source, copy, st.size), st.size);
    zip_source_close(source);
    zip_source_free(source);
    return bytes_of(copy, (size_t)st.size);
}

static const char *const bundle[][2] = {
    { "apiproxy/p.xml", "<APIProxy name=\"p\"/>" },
    { "apiproxy/proxies/default.xml",
      "<ProxyEndpoint name=\"default\"><HTTPProxyConnection><BasePath>/p</BasePath>"
      "<VirtualHost>secure</VirtualHost></HTTPProxyConnection>"
      "<RouteRule "
      "name=\"d\"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>" },
    { "apiproxy/targets/default.xml",
      "<TargetEndpoint name=\"default\"><HTTPTargetConnection><SSLInfo><Enabled>true</Enabled>"
      "<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://r</KeyStore>"
      "<KeyAlias>web</KeyAlias><TrustStore>l</TrustStore></SSLInfo>"
      "<URL>https://a.example</URL></HTTPTargetConnection></TargetEndpoint>" },
};

static void uses_are_found(void **state)
{
    (void)state;
    struct bytes zip = zip_of(bundle, ARRAY_LEN(bundle));
    assert_int_equal(create("r", "k", NULL), ST_OK);
    put_document(STORE_VIRTUAL_HOST, NULL, "v",
                 "{\"sSLInfo\":{\"keyStore\":\"ref://r\",\"keyAlias\":\"a\",\"trustStore\":\"l\"}}",
                 NONE);
    put_document(STORE_TARGET_SERVER, NULL, "t", "{\"sSLInfo\":{\"trustStore\":\"\"}}", NONE);
    put_document(STORE_REVISION, "p", "1", "{}", zip);
    struct keystore_use_question k = { .org = "o", .env = "e", .keystore = "k" };
    struct keystore_use_question l = { .org = "o", .env = "e", .keystore = "l" };
    struct keystore_use_question r = { .org = "o", .env = "e", .reference = "r" };
    expect_uses(&k, "reference r.refers=k;virtual host v.keyStore=ref://r;");
    put_document(STORE_DEPLOYMENT, "p", "1", "{}", NONE); /* only what is deployed counts */
    expect_uses(&k, "reference r.refers=k;virtual host v.keyStore=ref://r;"
                    "API proxy p, revision 1.keyStore=ref://r;");
    expect_uses(&l, "virtual host v.trustStore=l;API proxy p, revision 1.trustStore=l;");
    expect_uses(&r, "virtual host v.keyStore=ref://r;API proxy p, revision 1.keyStore=ref://r;");
    k.alias = "web";
    expect_uses(&k, "API proxy p, revision 1.keyStore=ref://r;");
    k.alias = "a";
    expect_uses(&k, "virtual host v.keyStore=ref://r;");
    k.alias = "b";
    expect_uses(&k, "");
    k = (struct keystore_use_question){ .org = "o", .env = "f", .keystore = "k" };
    expect_uses(&k, "");
    free((void *)zip.p);
}

/* More uses than there is room for contexts are counted. */
static void many_uses(void **state)
{
    (void)state;
    struct keystore_name name = { "o", "e", "k" };
    for (unsigned i = 0; i < PROBLEM_CONTEXTS_MAX + 3; i++) {
        char reference[16];
        snprintf(reference, sizeof reference, "r%u", i);
        assert_int_equal(create(reference, "k", NULL), ST_OK);
    }
    assert_int_equal(keystores_delete(store, &name, &problem), ST_USAGE);
    assert_int_equal(problem.n_contexts, PROBLEM_CONTEXTS_MAX);
    assert_int_equal(problem.n_contexts_left_out, 3);
    assert_string_equal(problem.message, "k is in use by reference r0 and 10 more");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, new_references, NULL, NULL, (void *)&rows[i] };
    }
    struct CMUnitTest *others = &tests[ARRAY_LEN(rows)];
    others[0] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(references_change_and_go, begin,
                                                                   rollback);
    others[1] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(uses_are_found, begin, rollback);
    others[2] = (struct CMUnitTest)cmocka_unit_test_setup_teardown(many_uses, begin, rollback);
    return cmocka_run_group_tests_name("references", tests, open_all, close_all);
}
