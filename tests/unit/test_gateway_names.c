/* What the store calls the keystores of a handshake, and which names are free. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/known_names.h"
#include "store/references.h"

static char dir[] = "/tmp/handfast-names-XXXXXX";
static char path[64];
static struct store *store;

static const struct bytes NONE = { 0 };

static void put(enum store_kind kind, const char *parent, const char *name, const char *json)
{
    struct store_key key = { .kind = kind, .org = "o", .env = "e", .parent = parent, .name = name };
    assert_int_equal(store_put(store, &key, json, NONE, NONE, NULL), ST_OK);
}

static int open_all(void **state)
{
    static const char *const keystores[] = { "keys", "keys2", "trust", "orderstrust" };
    struct store_problem problem = { 0 };
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    assert_int_equal(store_open(path, &store, NULL), ST_OK);
    assert_int_equal(store_begin(store, NULL), ST_OK);
    for (size_t i = 0; i < ARRAY_LEN(keystores); i++) {
        struct keystore_name name = { "o", "e", keystores[i] };
        assert_int_equal(keystores_create(store, &name, &problem), ST_OK);
    }
    struct reference_fields fields = { "r", "keys", "KeyStore" };
    assert_int_equal(references_create(store, "o", "e", &fields, &problem), ST_OK);
    put(STORE_ALIAS, "trust", "ca", "{}");
    put(STORE_TARGET_SERVER, NULL, "orders-api",
        "{\"sSLInfo\":{\"trustStore\":\"trust\",\"keyStore\":\"ref://r\",\"keyAlias\":\"a\"}}");
    put(STORE_TARGET_SERVER, NULL, "or.ders", "{\"sSLInfo\":{\"enabled\":\"true\"}}");
    put(STORE_VIRTUAL_HOST, NULL, "site",
        "{\"sSLInfo\":{\"keyStore\":\"keys2\",\"keyAlias\":\"b\",\"trustStore\":\"gone\"}}");
    assert_int_equal(store_commit(store, NULL), ST_OK);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    store_close(store);
    unlink(path);
    char more[80];
    snprintf(more, sizeof more, "%s-wal", path);
    unlink(more);
    snprintf(more, sizeof more, "%s-shm", path);
    unlink(more);
    assert_int_equal(rmdir(dir), 0);
    return 0;
}

struct row {
    const char *name;
    enum side side;
    const char *subject; /* virtual host, target */
    const char *labels[4];
    const char *document; /* NULL: as the store has it */
    const char *keystore, *word, *reference, *alias, *truststore;
    const char *new_keystore, *new_truststore, *new_alias; /* NULL: nothing is said */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "a target server",
      SIDE_CLIENT,
      "orders-api",
      { NULL },
      NULL,
      "keys",
      "ref://r",
      "r",
      "a",
      "trust",
      "keys3",
      "ordersapitrust",
      "ca2" },
    { "one that names none",
      SIDE_CLIENT,
      "or.ders",
      { NULL },
      NULL,
      NULL,
      NULL,
      NULL,
      "own",
      NULL,
      "orderskeys",
      "orderstrust2",
      "ca" },
    { "one that is not there yet",
      SIDE_CLIENT,
      "new",
      { NULL },
      "{\"sSLInfo\":{\"trustStore\":\"trust\"}}",
      NULL,
      NULL,
      NULL,
      "own",
      "trust",
      "newkeys",
      "newtrust",
      "ca2" },
    { "one that nobody knows",
      SIDE_CLIENT,
      "nobody",
      { NULL },
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL,
      NULL },
    { "a virtual host, its truststore gone",
      SIDE_SERVER,
      "site",
      { NULL },
      NULL,
      "keys2",
      "keys2",
      NULL,
      "b",
      NULL,
      "keys22",
      "sitetrust",
      "ca" },
    { "in a bundle",
      SIDE_CLIENT,
      "orders-api",
      { "endpoint=default", "truststore=trust" },
      NULL,
      NULL,
      NULL,
      NULL,
      "own",
      "trust",
      "ordersapikeys",
      "ordersapitrust",
      "ca2" },
    { "in a bundle, by a reference",
      SIDE_CLIENT,
      "x",
      { "endpoint=x", "keystore=ref://r", "keyalias=k" },
      NULL,
      "keys",
      "ref://r",
      "r",
      "k",
      NULL,
      "keys3",
      "xtrust",
      "ca" },
    { "a route",
      SIDE_CLIENT,
      "r & s",
      { "route=r & s" },
      NULL,
      NULL,
      NULL,
      NULL,
      "own",
      NULL,
      "rskeys",
      "rstrust",
      "ca" },
};
/* clang-format on */

static void check(const char *was, const char *wanted)
{
    if (wanted == NULL) {
        assert_null(was);
    } else {
        assert_non_null(was);
        assert_string_equal(was, wanted);
    }
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct story s = { 0 };
    struct known_names names;
    s.local.side = row->side;
    s.annotations[FACT_ORG - FACT_ID] = "o";
    s.annotations[FACT_ENV - FACT_ID] = "e";
    s.annotations[(row->side == SIDE_CLIENT ? FACT_TARGET : FACT_VHOST) - FACT_ID] = row->subject;
    for (size_t i = 0; i < ARRAY_LEN(row->labels) && row->labels[i] != NULL; i++) {
        s.labels[s.n_labels++] = row->labels[i];
    }
    json_t *document = row->document == NULL ? NULL : json_loads(row->document, 0, NULL);
    known_names_find(store, &s, document, &names);
    json_decref(document);
    check(s.local.gateway[GATEWAY_NAME_KEYSTORE], row->keystore);
    check(s.local.gateway[GATEWAY_NAME_KEYSTORE_WORD], row->word);
    check(s.local.gateway[GATEWAY_NAME_KEY_REFERENCE], row->reference);
    check(s.local.gateway[GATEWAY_NAME_KEY_ALIAS], row->alias);
    check(s.local.gateway[GATEWAY_NAME_TRUSTSTORE], row->truststore);
    check(s.local.gateway[GATEWAY_NAME_NEW_KEYSTORE], row->new_keystore);
    check(s.local.gateway[GATEWAY_NAME_NEW_TRUSTSTORE], row->new_truststore);
    check(s.local.gateway[GATEWAY_NAME_NEW_ALIAS], row->new_alias);
}

static void no_store_says_nothing(void **state)
{
    struct story s = { 0 };
    struct known_names names;
    (void)state;
    s.annotations[FACT_ORG - FACT_ID] = "o";
    s.annotations[FACT_ENV - FACT_ID] = "e";
    known_names_find(NULL, &s, NULL, &names);
    for (size_t i = 0; i < N_GATEWAY_NAMES; i++) {
        assert_null(s.local.gateway[i]);
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest){ "no store", no_store_says_nothing, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("names", tests, open_all, close_all);
}
