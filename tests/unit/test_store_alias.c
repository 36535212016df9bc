/* Aliases: what is taken, what is refused and with which verdict, what is shown and what is not. */
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

/* --- the empty line --- */

static void newline_rule(void **state)
{
    (void)state;
    static const struct {
        const char *between;
        bool is_taken;
    } gaps[] = { { "", false },      { "\n", true },        { "\r\n", true },
                 { "  \n", true },   { "# next\n", false }, { "text\n\nmore\n", true },
                 { "text\n", false } };
    const enum who list[PART_CERTS_MAX] = { LEAF, ISSUER };
    for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
        struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
        u.cert_file = certs_pem(list, gaps[i].between);
        u.key_file = key_pem(LEAF, NULL);
        char alias[8];
        snprintf(alias, sizeof alias, "a%zu", i);
        enum status st = put(alias, &u);
        assert_int_equal(st == ST_OK, gaps[i].is_taken);
        if (!gaps[i].is_taken) {
            assert_string_equal(problem.code, problem_code(PROBLEM_ID_UPLOAD_INVALID));
            assert_non_null(strstr(problem.message, "empty line"));
            u.ignore_newline = true;
            assert_int_equal(put(alias, &u), ST_OK);
        }
        free_upload(&u);
    }
}

/* --- keys --- */

static void keys_in_many_forms(void **state)
{
    (void)state;
    const enum who list[PART_CERTS_MAX] = { LEAF, ISSUER };
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    u.cert_file = certs_pem(list, "\n");
    struct bytes forms[] = { key_pem(LEAF, NULL), key_pem(LEAF, "secret"),
                             traditional_pem(LEAF, "secret") };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        char alias[8];
        snprintf(alias, sizeof alias, "a%zu", i);
        u.key_file = forms[i];
        u.password = i == 0 ? NULL : "wrong";
        if (i > 0) {
            assert_int_equal(put(alias, &u), ST_USAGE);
            assert_string_equal(problem.code, problem_code(PROBLEM_ID_PASSWORD_WRONG));
            u.password = NULL;
            assert_int_equal(put(alias, &u), ST_USAGE);
            assert_string_equal(problem.code, problem_code(PROBLEM_ID_PASSWORD_WRONG));
            u.password = "secret";
        }
        if (put(alias, &u) != ST_OK) {
            fail_msg("%zu: %s", i, problem.message);
        }
        struct alias a;
        struct alias_name name = name_of(alias);
        assert_int_equal(alias_load(store, &name, true, &a, &problem), ST_OK);
        assert_true(bytes_start_with(a.key, BYTES("-----BEGIN PRIVATE KEY-----\n")));
        assert_int_equal(a.n_certs, 2);
        assert_true(a.has_key && !a.is_exportable);
        alias_deinit(&a);
        free((void *)forms[i].p);
    }
    free((void *)u.cert_file.p);
}

static void damaged_parts_are_refused(void **state)
{
    (void)state;
    const enum who list[PART_CERTS_MAX] = { LEAF, ISSUER };
    struct bytes certs = certs_pem(list, "\n");
    struct bytes key = key_pem(LEAF, NULL);
    struct bytes both = certs_pem(list, "\n");
    static const struct bytes none = { 0 };
    const struct {
        const char *name;
        struct bytes cert_file, key_file;
        const char *says;
    } bad[] = {
        { "nothing", none, none, "missing" },
        { "no certificate", BYTES("hello"), key, "certFile" },
        { "cut short", bytes_head(certs, 200), key, "certFile" },
        { "a key for a certificate", key, key, "holds a private key" },
        { "a certificate for a key", certs, both, "no private key" },
        { "no key", certs, BYTES("hello"), "keyFile" },
        { "half a key", certs, bytes_head(key, 300), "keyFile" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE,
                                  .cert_file = bad[i].cert_file,
                                  .key_file = bad[i].key_file,
                                  .at_s = MAKE_CERT_NOW };
        assert_int_equal(put("a", &u), ST_USAGE);
        assert_int_equal(problem.kind, PROBLEM_INVALID);
        if (strstr(problem.message, bad[i].says) == NULL) {
            fail_msg("%s: %s", bad[i].name, problem.message);
        }
    }
    free((void *)certs.p);
    free((void *)key.p);
    free((void *)both.p);
}

/* --- PKCS#12 --- */

static void pkcs12_files(void **state)
{
    (void)state;
    const enum who list[PART_CERTS_MAX] = { LEAF, ROOT, ISSUER };
    struct alias_upload u = { .format = ALIAS_PKCS12, .password = "secret", .at_s = MAKE_CERT_NOW };
    u.file = pkcs12_of(list, LEAF, "secret");
    if (put("a", &u) != ST_OK) {
        fail_msg("%s", problem.message);
    }
    assert_false(has_context(true, "wrong-order")); /* its order says nothing: it is put right */
    struct alias a;
    struct alias_name name = name_of("a");
    assert_int_equal(alias_load(store, &name, true, &a, &problem), ST_OK);
    assert_int_equal(a.n_certs, 3);
    assert_int_equal(a.format, ALIAS_PKCS12);
    alias_deinit(&a);
    json_t *json = NULL;
    assert_int_equal(alias_show_cert(store, &name, &json, &problem), ST_OK);
    const json_t *second = json_array_get(json_object_get(json, "certInfo"), 1);
    assert_string_equal(json_string_value(json_object_get(second, "subject")), "CN=Issuing CA");
    json_decref(json);

    u.password = "wrong";
    assert_int_equal(put("b", &u), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_PASSWORD_WRONG));
    u.password = NULL;
    assert_int_equal(put("b", &u), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_PASSWORD_WRONG));
    u.password = "secret";
    u.file.len -= 20;
    assert_int_equal(put("b", &u), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_INVALID);
    free_upload(&u);
    u.file = key_pem(LEAF, NULL);
    assert_int_equal(put("b", &u), ST_USAGE);
    assert_non_null(strstr(problem.message, "not PKCS#12"));
    free_upload(&u);
}

/* --- showing --- */

static void put_good(const char *alias, bool is_exportable)
{
    const enum who list[PART_CERTS_MAX] = { LEAF, ISSUER, ROOT };
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE,
                              .is_exportable = is_exportable,
                              .at_s = MAKE_CERT_NOW };
    u.cert_file = certs_pem(list, "\n");
    u.key_file = key_pem(LEAF, NULL);
    assert_int_equal(put(alias, &u), ST_OK);
    free_upload(&u);
}

static void put_root(const char *alias)
{
    const enum who list[PART_CERTS_MAX] = { ROOT };
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    u.cert_file = certs_pem(list, "\n");
    assert_int_equal(put(alias, &u), ST_OK);
    free_upload(&u);
}

static void expect_json(json_t *json, const char *expected)
{
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, expected);
    free(text);
    json_decref(json);
}

static void objects_have_their_form(void **state)
{
    (void)state;
    json_t *json = NULL;
    struct keystore_name name = keystore;
    assert_int_equal(keystores_show(store, &name, &json, &problem), ST_OK);
    expect_json(json, "{\"aliases\":[],\"certs\":[],\"keys\":[],\"name\":\"k\"}");
    put_good("web", false);
    put_root("ca");
    assert_int_equal(keystores_show(store, &name, &json, &problem), ST_OK);
    expect_json(json, "{\"aliases\":[{\"aliasName\":\"ca\",\"cert\":\"ca-cert\"},"
                      "{\"aliasName\":\"web\",\"cert\":\"web-cert\",\"key\":\"web-key\"}],"
                      "\"certs\":[\"ca-cert\",\"web-cert\"],\"keys\":[\"web\"],\"name\":\"k\"}");
    assert_int_equal(keystores_list(store, &name, &json, &problem), ST_OK);
    expect_json(json, "[\"k\"]");
    assert_int_equal(keystores_list_certs(store, &name, &json, &problem), ST_OK);
    expect_json(json, "[\"ca-cert\",\"web-cert\"]");

    struct alias_name web = name_of("web");
    assert_int_equal(alias_show(store, &web, &json, &problem), ST_OK);
    assert_string_equal(json_string_value(json_object_get(json, "alias")), "web");
    assert_string_equal(json_string_value(json_object_get(json, "keyName")), "web-key");
    const json_t *info = json_object_get(json_object_get(json, "certsInfo"), "certInfo");
    const json_t *leaf = json_array_get(info, 0);
    assert_int_equal(json_array_size(info), 3);
    assert_string_equal(json_string_value(json_object_get(leaf, "subject")),
                        "CN=a.example, O=\"Example, Inc.\"");
    assert_string_equal(json_string_value(json_object_get(leaf, "issuer")), "CN=Issuing CA");
    assert_string_equal(json_string_value(json_object_get(leaf, "publicKey")),
                        "RSA Public Key, 2048 bits");
    assert_string_equal(json_string_value(json_object_get(leaf, "basicConstraints")), "CA:FALSE");
    assert_true(json_is_integer(json_object_get(leaf, "expiryDate")));
    json_decref(json);
    struct alias_name ca = name_of("ca");
    assert_int_equal(alias_show(store, &ca, &json, &problem), ST_OK);
    assert_null(json_object_get(json, "keyName"));
    json_decref(json);
}

static void certificates_have_names(void **state)
{
    (void)state;
    static const char *const words[][2] = {
        { "web", "web" },  { "web-cert", "web" }, { "web-cert-cert", "web-cert" },
        { "-cert", NULL }, { "", NULL },          { "no", NULL }
    };
    put_root("web");
    put_root("web-cert");
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char *alias = NULL;
        enum status st = keystores_find_cert(store, &keystore, words[i][0], &alias, &problem);
        assert_int_equal(st, words[i][1] != NULL ? ST_OK : ST_USAGE);
        if (alias != NULL) {
            assert_string_equal(alias, words[i][1]);
        }
        free(alias);
    }
    struct text pem = { 0 };
    size_t n = 0;
    assert_int_equal(keystores_trusted_pem(store, &keystore, &pem, &n, &problem), ST_OK);
    assert_int_equal(n, 2);
    assert_non_null(strstr(text_str(&pem), "-----END CERTIFICATE-----\n\n-----BEGIN"));
    text_deinit(&pem);
}

/* --- private keys stay --- */

static void private_keys_stay(void **state)
{
    (void)state;
    struct bytes key;
    put_good("shut", false);
    put_good("open", true);
    put_root("ca");
    struct alias_name shut = name_of("shut");
    struct alias_name open = name_of("open");
    struct alias_name ca = name_of("ca");
    struct alias_name none = name_of("none");
    assert_int_equal(alias_export_key(store, &shut, &key, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_FORBIDDEN);
    assert_null(key.p);
    assert_int_equal(alias_export_key(store, &ca, &key, &problem), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_ALIAS_HAS_NO_KEY));
    assert_int_equal(alias_export_key(store, &none, &key, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);
    assert_int_equal(alias_export_key(store, &open, &key, &problem), ST_OK);
    assert_true(bytes_start_with(key, BYTES("-----BEGIN PRIVATE KEY-----")));
    store_bytes_free(key);
    /* Nothing else that is shown has it. */
    json_t *json = NULL;
    struct text text = { 0 };
    assert_int_equal(alias_show(store, &open, &json, &problem), ST_OK);
    char *shown = json_dumps(json, 0);
    assert_null(strstr(shown, "PRIVATE"));
    free(shown);
    json_decref(json);
    assert_int_equal(alias_put_pem(store, &open, &text, &problem), ST_OK);
    assert_int_equal(alias_put_csr(store, &open, &text, &problem), ST_OK);
    assert_null(strstr(text_str(&text), "PRIVATE"));
    text_deinit(&text);
}

static void requests_for_certificates(void **state)
{
    (void)state;
    struct text text = { 0 };
    put_good("web", false);
    put_root("ca");
    struct alias_name web = name_of("web");
    struct alias_name ca = name_of("ca");
    assert_int_equal(alias_put_csr(store, &ca, &text, &problem), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_ALIAS_HAS_NO_KEY));
    assert_int_equal(alias_put_csr(store, &web, &text, &problem), ST_OK);
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.len);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    assert_non_null(req);
    assert_int_equal(X509_REQ_verify(req, made[LEAF].key), 1);
    assert_int_equal(
        X509_NAME_cmp(X509_REQ_get_subject_name(req), X509_get_subject_name(made[LEAF].x)), 0);
    STACK_OF(X509_EXTENSION) *list = X509_REQ_get_extensions(req);
    assert_int_equal(sk_X509_EXTENSION_num(list), 1);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    X509_REQ_free(req);
    BIO_free(bio);
    text_deinit(&text);
}

/* --- changing --- */

static enum status replace(const char *alias, const enum who *list)
{
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    struct alias_name name = name_of(alias);
    u.cert_file = certs_pem(list, "\n");
    problem_clear(&problem);
    enum status st = alias_replace(store, &name, &u, &problem);
    free_upload(&u);
    return st;
}

static void certificates_are_replaced(void **state)
{
    (void)state;
    struct made_cert renewed = make_cert(&(struct cert_recipe){ .name = "a.example",
                                                                .issuer = &made[ISSUER],
                                                                .names = "DNS:a.example",
                                                                .key_of = &made[LEAF] });
    made[NOBODY] = renewed;
    put_good("web", true);
    const enum who wrong[PART_CERTS_MAX] = { OTHER, ISSUER };
    assert_int_equal(replace("web", wrong), ST_USAGE);
    assert_true(has_context(false, "key-alone"));
    const enum who gone[PART_CERTS_MAX] = { LEAF };
    assert_int_equal(replace("web", gone), ST_USAGE);
    assert_int_equal(replace("none", gone), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);

    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, renewed.x);
    BIO_puts(bio, "\n");
    PEM_write_bio_X509(bio, made[ISSUER].x);
    u.cert_file = part_of(bio);
    struct alias_name name = name_of("web");
    assert_int_equal(alias_replace(store, &name, &u, &problem), ST_OK);
    free_upload(&u);
    struct alias a;
    assert_int_equal(alias_load(store, &name, true, &a, &problem), ST_OK);
    assert_int_equal(a.n_certs, 2);
    assert_true(a.has_key && a.is_exportable && a.key.len > 0); /* the key stayed */
    alias_deinit(&a);

    put_root("ca");
    const enum who other[PART_CERTS_MAX] = { ISSUER };
    assert_int_equal(replace("ca", other), ST_OK);
    made_cert_free(&renewed);
    made[NOBODY] = (struct made_cert){ 0 };
}

static void some_formats_cannot_be_replaced(void **state)
{
    (void)state;
    const enum who list[PART_CERTS_MAX] = { LEAF, ISSUER };
    struct alias_upload u = { .format = ALIAS_PKCS12, .password = "secret", .at_s = MAKE_CERT_NOW };
    u.file = pkcs12_of(list, LEAF, "secret");
    assert_int_equal(put("p", &u), ST_OK);
    free_upload(&u);
    assert_int_equal(replace("p", list), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_FORMAT_UNKNOWN));
}

/* --- names, deletions --- */

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "a/b", "../x", "a\n", "\xc3\xa4", "a;b", NULL };
    static const char *const bad_keystores[] = { "", "a-b", "a_b", "a b", "a.b", "../x", NULL };
    const enum who list[PART_CERTS_MAX] = { ROOT };
    struct alias_upload u = { .format = ALIAS_KEY_CERT_FILE, .at_s = MAKE_CERT_NOW };
    u.cert_file = certs_pem(list, "\n");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(put(bad[i], &u), ST_USAGE);
        assert_string_equal(problem.code, problem_code(PROBLEM_ID_ALIAS_NAME));
        struct keystore_name name = { "o", "e", bad_keystores[i] };
        assert_int_equal(keystores_create(store, &name, &problem), ST_USAGE);
        assert_string_equal(problem.code, problem_code(PROBLEM_ID_KEYSTORE_NAME));
    }
    assert_int_equal(put("A b_c-d.1", &u), ST_OK);
    assert_int_equal(put("A b_c-d.1", &u), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_EXISTS);
    assert_int_equal(keystores_create(store, &keystore, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_EXISTS);
    struct alias_name elsewhere = { "o", "e", "nokeystore", "a" };
    char out[ALIAS_NAME_MAX + 1];
    assert_int_equal(alias_create(store, &elsewhere, &u, out, &problem), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_KEYSTORE_UNKNOWN));
    free_upload(&u);
}

static void put_document(enum store_kind kind, const char *name, const char *json)
{
    struct store_key key = { .kind = kind, .org = "o", .env = "e", .name = name };
    struct bytes none = { 0 };
    assert_int_equal(store_put(store, &key, json, none, none, NULL), ST_OK);
}

static void what_is_used_is_not_deleted(void **state)
{
    (void)state;
    struct alias_name web = name_of("web");
    struct alias_name ca = name_of("ca");
    struct reference_name ref = { "o", "e", "r" };
    put_good("web", false);
    put_root("ca");
    struct reference_fields fields = { "r", "k", "KeyStore" };
    assert_int_equal(references_create(store, "o", "e", &fields, &problem), ST_OK);
    put_document(STORE_VIRTUAL_HOST, "secure",
                 "{\"sSLInfo\":{\"keyStore\":\"ref://r\",\"keyAlias\":\"web\"}}");
    put_document(STORE_TARGET_SERVER, "backend", "{\"sSLInfo\":{\"trustStore\":\"k\"}}");
    put_document(STORE_TARGET_SERVER, "plain", "{\"sSLInfo\":{\"trustStore\":\"\"}}");

    problem_clear(&problem);
    assert_int_equal(keystores_delete(store, &keystore, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_IN_USE);
    assert_int_equal(problem.n_contexts, 3);
    problem_clear(&problem);
    assert_int_equal(alias_delete(store, &web, &problem), ST_USAGE);
    assert_int_equal(problem.n_contexts, 1);
    assert_string_equal(problem.contexts[0].where, "virtual host secure");
    problem_clear(&problem);
    assert_int_equal(references_delete(store, &ref, &problem), ST_USAGE);
    assert_string_equal(problem.code, problem_code(PROBLEM_ID_REFERENCE_IN_USE));
    assert_int_equal(alias_delete(store, &ca, &problem), ST_OK);

    put_document(STORE_VIRTUAL_HOST, "secure", "{}");
    put_document(STORE_TARGET_SERVER, "backend", "{}");
    assert_int_equal(alias_delete(store, &web, &problem), ST_OK);
    assert_int_equal(alias_delete(store, &web, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);
    assert_int_equal(references_delete(store, &ref, &problem), ST_OK);
    assert_int_equal(keystores_delete(store, &keystore, &problem), ST_OK);
    assert_int_equal(keystores_delete(store, &keystore, &problem), ST_USAGE);
    assert_int_equal(problem.kind, PROBLEM_NOT_FOUND);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, begin, rollback)

static const struct CMUnitTest tests[] = {
    ROW(newline_rule),
    ROW(keys_in_many_forms),
    ROW(damaged_parts_are_refused),
    ROW(pkcs12_files),
    ROW(objects_have_their_form),
    ROW(certificates_have_names),
    ROW(private_keys_stay),
    ROW(requests_for_certificates),
    ROW(certificates_are_replaced),
    ROW(some_formats_cannot_be_replaced),
    ROW(names_are_checked),
    ROW(what_is_used_is_not_deleted),
};

int main(void)
{
    return cmocka_run_group_tests_name("alias", tests, open_all, close_all);
}
