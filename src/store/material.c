#include "store/material.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "keystore/keystore.h"
#include "keystore/pem_block.h"
#include "x509/tie.h"

/* --- certificates --- */

static enum status too_many(struct store_problem *problem, const char *part)
{
    return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s holds more than %d certificates",
                       part, ALIAS_CERTS_MAX);
}

static enum status add_cert(struct material *m, const struct keystore_entry *e,
                            struct store_problem *problem)
{
    if (m->n == ALIAS_CERTS_MAX) {
        return too_many(problem, m->part);
    }
    m->der[m->n] = arena_copy(&m->arena, e->der);
    m->line[m->n] = e->line;
    return m->der[m->n++].p != NULL ? ST_OK : problem_no_memory(problem);
}

static enum status broken_entry(const char *part, const struct keystore_entry *e,
                                struct store_problem *problem)
{
    struct problem_context *c =
        problem_add(problem, false, e->kind == KEYSTORE_CERTIFICATE ? "certificate-malformed" : "");
    snprintf(c->where, sizeof c->where, "%s", part);
    snprintf(c->message, sizeof c->message, "%s", e->fault);
    return problem_set(problem,
                       e->kind == KEYSTORE_CERTIFICATE ? PROBLEM_ID_CERTIFICATE_REFUSED
                                                       : PROBLEM_ID_UPLOAD_INVALID,
                       "%s cannot be read: %s", part, e->fault);
}

static enum status take_entry(struct material *m, const struct keystore_entry *e,
                              struct store_problem *problem)
{
    switch (e->kind) {
    case KEYSTORE_CERTIFICATE:
        return e->fault != NULL ? broken_entry(m->part, e, problem) : add_cert(m, e, problem);
    case KEYSTORE_KEY:
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID,
                           "%s holds a private key: certificates belong there, the key is a part "
                           "of its own (keyFile)",
                           m->part);
    case KEYSTORE_CRL:
    case KEYSTORE_SECRET:
    case KEYSTORE_OTHER:
        return e->fault != NULL ? broken_entry(m->part, e, problem) : ST_OK;
    }
    return ST_OK;
}

/* A store of another format has another upload. */
static enum status want_plain(const struct keystore *k, const char *part,
                              struct store_problem *problem)
{
    enum keystore_format format = keystore_file(k, 0)->format;
    if (format != KEYSTORE_PEM && format != KEYSTORE_DER && format != KEYSTORE_PKCS7) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID,
                           "%s is %s; certificates are wanted in PEM%s", part,
                           keystore_format_name(format),
                           format == KEYSTORE_PKCS12 ? " (or upload it with format=pkcs12)" : "");
    }
    const char *fault = keystore_file(k, 0)->fault;
    if (fault != NULL) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s cannot be read: %s", part,
                           fault);
    }
    return ST_OK;
}

static enum status take_entries(struct material *m, const struct keystore *k,
                                struct store_problem *problem)
{
    TRY(want_plain(k, m->part, problem));
    for (size_t i = 0; i < keystore_n(k); i++) {
        TRY(take_entry(m, keystore_entry(k, i), problem));
    }
    if (m->n == 0) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s holds no certificate", m->part);
    }
    return ST_OK;
}

/* --- the empty line between certificates --- */

/* Whether a line without text stands in what follows the first line end. */
static bool has_empty_line(struct bytes gap)
{
    bool in_first = true;
    bool is_empty = true;
    for (size_t i = 0; i < gap.len; i++) {
        uint8_t c = gap.p[i];
        if (c == '\n') {
            if (!in_first && is_empty) {
                return true;
            }
            in_first = false;
            is_empty = true;
        } else if (c != '\r' && c != ' ' && c != '\t') {
            is_empty = false;
        }
    }
    return false;
}

static enum status want_empty_lines(const char *part, struct bytes content,
                                    struct store_problem *problem)
{
    struct pem_text text = pem_text_of(content);
    struct pem_block block;
    size_t end = 0; /* of the block before; 0: there is none */
    while (pem_next(&text, &block)) {
        bool is_apart = end == 0 || block.at < end ||
                        has_empty_line(bytes_skip(bytes_head(content, block.at), end));
        if (!is_apart) {
            return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID,
                               "%s, line %u: an empty line is wanted between certificates; "
                               "ignoreNewlineValidation=true takes them without",
                               part, (unsigned)block.line);
        }
        end = block.body_at + block.body.len;
    }
    return ST_OK;
}

/* Our own failure as such, all else as a fault of what was sent. */
static enum status cannot_read(const char *part, const struct keystore *k, const char *password,
                               const struct err *err, struct store_problem *problem)
{
    if (err->status == ST_NOMEM) {
        return problem_failed(problem, err);
    }
    if (keystore_wants_password(k)) {
        return problem_set(problem, PROBLEM_ID_PASSWORD_WRONG,
                           password == NULL || password[0] == '\0'
                               ? "%s is locked: it needs its password"
                               : "The password does not open %s, or it was altered",
                           part);
    }
    return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s", err->text);
}

static enum status read_certs(struct material *m, struct keystore *k, struct bytes content,
                              struct store_problem *problem)
{
    struct err err = { 0 };
    if (keystore_add_bytes(k, m->part, content, NULL, &err) != ST_OK) {
        return cannot_read(m->part, k, NULL, &err, problem);
    }
    return take_entries(m, k, problem);
}

enum status material_add_certs(struct material *m, const char *part, struct bytes content,
                               bool ignore_newline, struct store_problem *problem)
{
    struct err err = { 0 };
    struct keystore *k = NULL;
    m->part = part;
    if (keystore_new(&k, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st = read_certs(m, k, content, problem);
    keystore_free(k);
    TRY(st);
    return ignore_newline || m->n < 2 ? ST_OK : want_empty_lines(part, content, problem);
}

/* --- sorting --- */

/* The certificate that issued `at`, of those from `from` on; n: none of them. */
static size_t find_issuer(const struct x509_chain *chain, const size_t *order, size_t at,
                          size_t from, size_t n)
{
    for (size_t i = from; i < n; i++) {
        if (x509_tie(chain, order[at], chain, order[i]) == X509_TIED) {
            return i;
        }
    }
    return n;
}

static void swap(size_t *a, size_t *b)
{
    size_t kept = *a;
    *a = *b;
    *b = kept;
}

static void sort(struct material *m, const struct x509_chain *chain)
{
    size_t order[ALIAS_CERTS_MAX];
    struct bytes der[ALIAS_CERTS_MAX];
    for (size_t i = 0; i < m->n; i++) {
        order[i] = i;
        der[i] = m->der[i];
        m->line[i] = 0;
    }
    for (size_t i = 0; i < m->n; i++) {
        if (bytes_equal(x509_chain_facts(chain, i)->spki, m->spki)) {
            swap(&order[0], &order[i]);
            break;
        }
    }
    for (size_t i = 0; i + 1 < m->n; i++) {
        size_t issuer = find_issuer(chain, order, i, i + 1, m->n);
        if (issuer == m->n) {
            break;
        }
        swap(&order[i + 1], &order[issuer]);
    }
    for (size_t i = 0; i < m->n; i++) {
        m->der[i] = der[order[i]];
    }
}

enum status material_sort(struct material *m, struct store_problem *problem)
{
    struct err err = { 0 };
    struct x509_store *store = NULL;
    if (x509_store_new(&store, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    const struct x509_chain *chain = x509_store_chain(store, m->der, m->n);
    if (chain != NULL) {
        sort(m, chain);
    }
    x509_chain_unref(chain);
    x509_store_free(store);
    return chain != NULL ? ST_OK : problem_no_memory(problem);
}

/* --- all of it --- */

static enum status want_part(struct bytes part, const char *name, struct store_problem *problem)
{
    if (part.len == 0) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "The part %s is missing or empty",
                           name);
    }
    if (part.len > ALIAS_UPLOAD_MAX) {
        return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "%s is larger than %d KiB", name,
                           ALIAS_UPLOAD_MAX >> 10);
    }
    return ST_OK;
}

static enum status read_pair(const struct alias_upload *u, struct material *m,
                             struct store_problem *problem)
{
    TRY(want_part(u->cert_file, "certFile", problem));
    TRY(material_add_certs(m, "certFile", u->cert_file, u->ignore_newline, problem));
    if (u->key_file.len == 0) {
        return ST_OK;
    }
    TRY(want_part(u->key_file, "keyFile", problem));
    return material_add_key(m, "keyFile", u->key_file, u->password, problem);
}

enum status material_read(const struct alias_upload *u, struct material *out,
                          struct store_problem *problem)
{
    *out = (struct material){ .arena.limit_bytes = MATERIAL_ARENA_MAX, .part = "" };
    switch (u->format) {
    case ALIAS_KEY_CERT_FILE:
        return read_pair(u, out, problem);
    case ALIAS_TRUST_CERT:
        TRY(want_part(u->cert_file, "certFile", problem));
        return material_add_certs(out, "certFile", u->cert_file, u->ignore_newline, problem);
    case ALIAS_PKCS12:
        TRY(want_part(u->file, "file", problem));
        return material_add_pkcs12(out, "file", u->file, u->password, problem);
    case ALIAS_KEY_CERT_JAR:
        TRY(want_part(u->file, "file", problem));
        return material_add_jar(out, u, problem);
    case ALIAS_SELF_SIGNED:
    case ALIAS_N_FORMATS:
        break;
    }
    return problem_set(problem, PROBLEM_ID_FORMAT_UNKNOWN, "This format brings no file");
}

void material_deinit(struct material *m)
{
    EVP_PKEY_free(m->key);
    arena_deinit(&m->arena);
    *m = (struct material){ 0 };
}

bool material_put_pem(struct text *out, const struct bytes *der, size_t n)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        ok = (i == 0 || BIO_puts(bio, "\n") == 1) &&
             PEM_write_bio(bio, PEM_STRING_X509, "", der[i].p, (long)der[i].len) > 0;
    }
    char *p = NULL;
    long len = ok ? BIO_get_mem_data(bio, &p) : 0;
    if (len > 0) {
        text_put(out, p, (size_t)len);
    }
    BIO_free(bio);
    return ok && !out->failed;
}
