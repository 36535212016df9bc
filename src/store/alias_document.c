#include "store/alias_document.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "keystore/keystore.h"

struct store_key alias_key_of(const struct alias_name *name)
{
    return (struct store_key){ .kind = STORE_ALIAS,
                               .org = name->org,
                               .env = name->env,
                               .parent = name->keystore,
                               .name = name->alias };
}

struct keystore_name alias_keystore(const struct alias_name *name)
{
    return (struct keystore_name){ name->org, name->env, name->keystore };
}

/* --- putting --- */

static char *print(enum alias_format format, bool is_exportable, const struct material *m)
{
    struct text pem = { 0 };
    char *text = NULL;
    if (material_put_pem(&pem, m->der, m->n)) {
        json_t *json =
            json_pack("{s:s, s:b, s:s, s:I}", "format", alias_format_id(format), "exportable",
                      is_exportable, "certificates", text_str(&pem), "length", (json_int_t)pem.len);
        text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
        json_decref(json);
    }
    text_deinit(&pem);
    return text;
}

enum status alias_document_put(struct store *s, const struct alias_name *name,
                               enum alias_format format, bool is_exportable,
                               const struct material *m, struct store_problem *problem)
{
    struct err err = { 0 };
    struct bytes secret = { 0 };
    struct store_key key = alias_key_of(name);
    if (m->key != NULL) {
        TRY(material_key_pem(m->key, &secret, problem));
    }
    char *json = print(format, is_exportable, m);
    enum status st = json != NULL ? store_put(s, &key, json, secret, (struct bytes){ 0 }, &err)
                                  : err_set(&err, ST_NOMEM, "alias: no memory");
    free(json);
    store_bytes_free(secret);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* --- loading --- */

static size_t count_certs(const char *pem)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----";
    size_t n = 0;
    for (const char *at = strstr(pem, begin); at != NULL; at = strstr(at + 1, begin)) {
        n++;
    }
    return n;
}

static enum status read_document(const char *text, struct alias *out, struct store_problem *problem)
{
    json_t *json = json_loads(text, 0, NULL);
    const char *pem = json_string_value(json_object_get(json, "certificates"));
    const char *format = json_string_value(json_object_get(json, "format"));
    json_int_t length = json_integer_value(json_object_get(json, "length"));
    /* Without memory jansson 2.14 cuts a text short and says nothing. */
    bool is_whole = pem != NULL && format != NULL && alias_format_parse(format, &out->format) &&
                    length == (json_int_t)strlen(pem);
    if (is_whole) {
        out->pem = strdup(pem);
        out->n_certs = count_certs(pem);
        out->is_exportable = json_is_true(json_object_get(json, "exportable"));
    }
    json_decref(json);
    if (!is_whole) {
        struct err err;
        (void)err_set(&err, ST_FORMAT, "an alias of the store is damaged");
        return problem_failed(problem, &err);
    }
    return out->pem != NULL ? ST_OK : problem_no_memory(problem);
}

static enum status load(struct store *s, const struct alias_name *name, bool with_key,
                        const struct store_document *d, struct alias *out,
                        struct store_problem *problem)
{
    struct err err = { 0 };
    TRY(read_document(d->json, out, problem));
    out->has_key = d->has_secret;
    out->created_at_ms = d->created_at_ms;
    out->modified_at_ms = d->modified_at_ms;
    struct store_key key = alias_key_of(name);
    if (with_key && store_secret(s, &key, &out->key, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    return ST_OK;
}

enum status alias_load(struct store *s, const struct alias_name *name, bool with_key,
                       struct alias *out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct keystore_name keystore = alias_keystore(name);
    struct store_key key = alias_key_of(name);
    *out = (struct alias){ 0 };
    TRY(keystores_want(s, &keystore, problem));
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    if (d.json == NULL) {
        return problem_set(problem, PROBLEM_ID_ALIAS_UNKNOWN,
                           "Alias %s does not exist in keystore %s", name->alias, name->keystore);
    }
    enum status st = load(s, name, with_key, &d, out, problem);
    store_document_deinit(&d);
    if (st != ST_OK) {
        alias_deinit(out);
    }
    return st;
}

void alias_deinit(struct alias *a)
{
    free(a->pem);
    store_bytes_free(a->key);
    *a = (struct alias){ 0 };
}

/* --- as x509 has it --- */

static enum status chain_of(const struct alias *a, struct keystore *k, struct x509_store *x509,
                            const struct x509_chain **out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct bytes der[ALIAS_CERTS_MAX];
    size_t n = 0;
    if (a->pem == NULL) {
        return problem_no_memory(problem);
    }
    if (keystore_add_bytes(k, "alias", bytes_of_str(a->pem), NULL, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    for (size_t i = 0; i < keystore_n(k) && n < ALIAS_CERTS_MAX; i++) {
        const struct keystore_entry *e = keystore_entry(k, i);
        if (e->kind == KEYSTORE_CERTIFICATE && e->fault == NULL) {
            der[n++] = e->der;
        }
    }
    /* What is kept was read before: that some is missing now is for want of memory. */
    *out = n == a->n_certs ? x509_store_chain(x509, der, n) : NULL;
    return *out != NULL ? ST_OK : problem_no_memory(problem);
}

enum status alias_document_chain(const struct alias *a, struct x509_store *x509,
                                 const struct x509_chain **out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore *k = NULL;
    *out = NULL;
    if (keystore_new(&k, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st = chain_of(a, k, x509, out, problem);
    keystore_free(k);
    return st;
}

static enum status add_roots(const struct x509_chain *chain, struct x509_store *x509,
                             struct store_problem *problem)
{
    struct err err = { 0 };
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        if (x509_chain_facts(chain, i)->is_self_signed &&
            x509_store_add_anchor(x509, x509_chain_der(chain, i), &err) != ST_OK) {
            return problem_failed(problem, &err);
        }
    }
    x509_store_note_seen(x509, chain);
    return ST_OK;
}

enum status alias_document_add_roots(struct store *s, const struct alias_name *name,
                                     struct x509_store *x509, struct store_problem *problem)
{
    struct alias a;
    const struct x509_chain *chain = NULL;
    TRY(alias_load(s, name, false, &a, problem));
    enum status st = alias_document_chain(&a, x509, &chain, problem);
    alias_deinit(&a);
    if (st == ST_OK) {
        st = add_roots(chain, x509, problem);
    }
    x509_chain_unref(chain);
    return st;
}
