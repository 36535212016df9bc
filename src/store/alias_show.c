/* Aliases as they are shown, and what of them is given out. */
#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "base/clock.h"
#include "store/alias_document.h"
#include "store/cert_info.h"

/* --- certInfo --- */

static enum status show_chain(const struct alias *a, struct x509_store *x509, const char *cert,
                              json_t **out, struct store_problem *problem)
{
    const struct x509_chain *chain = NULL;
    TRY(alias_document_chain(a, x509, &chain, problem));
    struct text text = { 0 };
    cert_info_put(&text, chain, cert, clock_now_ns() / NS_PER_S);
    *out = text.failed ? NULL : json_loads(text_str(&text), 0, NULL);
    text_deinit(&text);
    x509_chain_unref(chain);
    return *out != NULL ? ST_OK : problem_no_memory(problem);
}

static enum status show_certs(const struct alias *a, const char *alias, json_t **out,
                              struct store_problem *problem)
{
    struct err err = { 0 };
    struct x509_store *x509 = NULL;
    char cert[ALIAS_NAME_MAX + sizeof "-cert"];
    snprintf(cert, sizeof cert, "%s-cert", alias);
    if (x509_store_new(&x509, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st = show_chain(a, x509, cert, out, problem);
    x509_store_free(x509);
    return st;
}

static enum status load_certs(struct store *s, const struct alias_name *name, struct alias *a,
                              json_t **out, struct store_problem *problem)
{
    TRY(alias_load(s, name, false, a, problem));
    return show_certs(a, name->alias, out, problem);
}

enum status alias_show_cert(struct store *s, const struct alias_name *name, json_t **out,
                            struct store_problem *problem)
{
    struct alias a = { 0 };
    enum status st = load_certs(s, name, &a, out, problem);
    alias_deinit(&a);
    return st;
}

enum status alias_show(struct store *s, const struct alias_name *name, json_t **out,
                       struct store_problem *problem)
{
    struct alias a = { 0 };
    json_t *certs = NULL;
    enum status st = load_certs(s, name, &a, &certs, problem);
    bool has_key = a.has_key;
    alias_deinit(&a);
    TRY(st);
    json_t *json = json_pack("{s:s, s:o}", "alias", name->alias, "certsInfo", certs);
    if (json != NULL && has_key &&
        json_object_set_new(json, "keyName", json_sprintf("%s-key", name->alias)) != 0) {
        json_decref(json);
        json = NULL;
    }
    *out = json;
    return json != NULL ? ST_OK : problem_no_memory(problem);
}

/* --- PEM --- */

enum status alias_put_pem(struct store *s, const struct alias_name *name, struct text *out,
                          struct store_problem *problem)
{
    struct alias a;
    TRY(alias_load(s, name, false, &a, problem));
    text_puts(out, a.pem);
    alias_deinit(&a);
    return out->failed ? problem_no_memory(problem) : ST_OK;
}

/* The caller has looked whether there is a key. */
static enum status no_key(const struct alias_name *name, struct store_problem *problem)
{
    return problem_set(problem, PROBLEM_ID_ALIAS_HAS_NO_KEY, "Alias %s has no private key",
                       name->alias);
}

enum status alias_export_key(struct store *s, const struct alias_name *name, struct bytes *out,
                             struct store_problem *problem)
{
    struct err err = { 0 };
    struct alias a;
    *out = (struct bytes){ 0 };
    TRY(alias_load(s, name, false, &a, problem));
    bool has_key = a.has_key;
    bool is_exportable = a.is_exportable;
    alias_deinit(&a);
    if (!has_key) {
        return no_key(name, problem);
    }
    if (!is_exportable) {
        return problem_set(problem, PROBLEM_ID_KEY_NOT_EXPORTABLE,
                           "The private key of alias %s was not marked exportable when it was put "
                           "in (privateKeyExportable=true)",
                           name->alias);
    }
    struct store_key key = alias_key_of(name);
    return store_secret(s, &key, out, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* --- requests for certificates --- */

struct request {
    BIO *cert_in, *key_in, *out;
    X509 *cert;
    EVP_PKEY *key;
    X509_REQ *req;
    STACK_OF(X509_EXTENSION) * extensions;
};

static void request_deinit(struct request *r)
{
    sk_X509_EXTENSION_pop_free(r->extensions, X509_EXTENSION_free);
    X509_REQ_free(r->req);
    X509_free(r->cert);
    EVP_PKEY_free(r->key);
    BIO_free(r->cert_in);
    BIO_free(r->key_in);
    BIO_free(r->out);
}

static bool request_read(struct request *r, const struct alias *a)
{
    r->cert_in = BIO_new_mem_buf(a->pem, -1);
    r->key_in = BIO_new_mem_buf(a->key.p, (int)a->key.len);
    r->out = BIO_new(BIO_s_mem());
    if (r->cert_in == NULL || r->key_in == NULL || r->out == NULL) {
        return false;
    }
    r->cert = PEM_read_bio_X509(r->cert_in, NULL, NULL, NULL);
    r->key = PEM_read_bio_PrivateKey(r->key_in, NULL, NULL, NULL);
    r->req = X509_REQ_new();
    return r->cert != NULL && r->key != NULL && r->req != NULL;
}

/* The names are asked for again; all else is the CA's to say. */
static bool request_copy_names(struct request *r)
{
    int at = X509_get_ext_by_NID(r->cert, NID_subject_alt_name, -1);
    if (at < 0) {
        return true;
    }
    return X509v3_add_ext(&r->extensions, X509_get_ext(r->cert, at), -1) != NULL &&
           X509_REQ_add_extensions(r->req, r->extensions) == 1;
}

/* Ed25519 and Ed448 bring their own digest (RFC 8410). */
static const EVP_MD *request_digest(EVP_PKEY *key)
{
    int kind = EVP_PKEY_get_base_id(key);
    return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? NULL : EVP_sha256();
}

static bool request_make(struct request *r, const struct alias *a, struct text *out)
{
    if (!request_read(r, a) ||
        X509_REQ_set_subject_name(r->req, X509_get_subject_name(r->cert)) != 1 ||
        X509_REQ_set_pubkey(r->req, r->key) != 1 || !request_copy_names(r) ||
        X509_REQ_sign(r->req, r->key, request_digest(r->key)) <= 0 ||
        PEM_write_bio_X509_REQ(r->out, r->req) != 1) {
        return false;
    }
    char *p = NULL;
    long len = BIO_get_mem_data(r->out, &p);
    text_put(out, p, len > 0 ? (size_t)len : 0);
    return !out->failed;
}

enum status alias_put_csr(struct store *s, const struct alias_name *name, struct text *out,
                          struct store_problem *problem)
{
    struct alias a;
    struct request r = { 0 };
    TRY(alias_load(s, name, true, &a, problem));
    enum status st = ST_OK;
    if (!a.has_key) {
        st = no_key(name, problem);
    } else {
        ERR_set_mark();
        st = request_make(&r, &a, out) ? ST_OK : problem_no_memory(problem);
        ERR_pop_to_mark();
        request_deinit(&r);
    }
    alias_deinit(&a);
    return st;
}
