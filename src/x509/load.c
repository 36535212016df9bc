/* Trust anchors and revocation lists from files and folders, of whatever format. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/err.h>

#include "keystore/keystore.h"
#include "x509/store.h"

/* What is looked for, and what was found. In a folder what cannot be read is passed over; of a file
 * that was named every entry counts. */
struct loading {
    struct x509_store *s;
    const struct keystore *k;
    struct err *err;
    bool wants_crls, is_folder;
    size_t n_found;
    struct err first; /* what was wrong first */
};

static const char *thing(const struct loading *l)
{
    return l->wants_crls ? "CRL" : "certificate";
}

static enum status complain(struct loading *l, const struct keystore_entry *e, const char *why)
{
    struct err err;
    const char *path = keystore_file(l->k, e->file)->path;
    if (e->fault != NULL) { /* which names the place */
        (void)err_set(&err, ST_FORMAT, "%s: %s", path, why);
    } else if (e->line > 0) {
        (void)err_set(&err, ST_FORMAT, "%s: line %u: %s", path, e->line, why);
    } else {
        (void)err_set(&err, ST_FORMAT, "%s: at byte %llu: %s", path, (unsigned long long)e->at,
                      why);
    }
    if (l->is_folder) {
        l->first = l->first.text[0] == '\0' ? err : l->first;
        return ST_OK;
    }
    return err_set(l->err, ST_FORMAT, "%s", err.text);
}

static enum status take_cert(struct loading *l, const struct keystore_entry *e)
{
    if (e->fault != NULL) {
        return complain(l, e, e->fault);
    }
    struct cert *c = cert_get(l->s, e->der);
    if (c == NULL) {
        return err_set(l->err, ST_NOMEM, "trusted certificates: no memory");
    }
    if (c->x == NULL) {
        cert_unref(c);
        return complain(l, e, "the certificate cannot be decoded");
    }
    l->n_found++;
    return store_take_anchor(l->s, c, l->err);
}

/* A list that cannot be decoded is evidence; only what has no bytes at all is complained of. */
static enum status take_crl(struct loading *l, const struct keystore_entry *e)
{
    if (e->der.len == 0) {
        return complain(l, e, e->fault);
    }
    l->n_found++;
    return x509_store_add_crl_der(l->s, e->der, l->err);
}

/* Java trusts the entries that are there to be trusted, and of a private key's chain the first
 * certificate (sun.security.validator.TrustStoreUtil, JDK 17). */
static bool is_anchor(const struct loading *l, size_t i)
{
    const struct keystore_entry *e = keystore_entry(l->k, i);
    enum keystore_format format = keystore_file(l->k, e->file)->format;
    if (e->kind != KEYSTORE_CERTIFICATE) {
        return false;
    }
    if (e->is_trusted || (format != KEYSTORE_JKS && format != KEYSTORE_JCEKS)) {
        return true;
    }
    const struct keystore_entry *before = i == 0 ? NULL : keystore_entry(l->k, i - 1);
    return before == NULL || before->group != e->group || before->kind != KEYSTORE_CERTIFICATE;
}

static enum status take_entries(struct loading *l)
{
    for (size_t i = 0; i < keystore_n(l->k); i++) {
        const struct keystore_entry *e = keystore_entry(l->k, i);
        if (l->wants_crls ? e->kind == KEYSTORE_CRL : is_anchor(l, i)) {
            TRY(l->wants_crls ? take_crl(l, e) : take_cert(l, e));
        }
    }
    return ST_OK;
}

/* A Java keystore or the like that ends in the middle is no trust store to judge by. A seal that
 * does not fit is: the password may be that of another file. */
static enum status check_files(struct loading *l)
{
    for (size_t i = 0; i < keystore_n_files(l->k); i++) {
        const struct keystore_file *f = keystore_file(l->k, i);
        if (f->fault == NULL) {
            continue;
        }
        if (!l->is_folder) {
            return err_set(l->err, ST_FORMAT, "%s: %s", f->path, f->fault);
        }
        if (l->first.text[0] == '\0') {
            (void)err_set(&l->first, ST_FORMAT, "%s: %s", f->path, f->fault);
        }
    }
    return ST_OK;
}

static enum status take_all(struct loading *l, const char *name)
{
    TRY(check_files(l));
    TRY(take_entries(l));
    if (l->n_found > 0) {
        return ST_OK;
    }
    return err_set(l->err, ST_FORMAT, "%s: no %s in %s%s%s", name, thing(l),
                   l->is_folder ? "any of its files" : "it",
                   l->first.text[0] == '\0' ? "" : "; the first error: ", l->first.text);
}

static enum status read_path(struct loading *l, struct keystore *k, const char *path,
                             const struct x509_password *password)
{
    struct keystore_options options = { .password = password->given, .skip_foreign = true };
    enum status st = keystore_add(k, path, &options, l->err);
    if (st != ST_OK && keystore_wants_password(k) && password->ask != NULL) {
        options.password = password->ask(password->arg, path);
        st = options.password == NULL ? st : keystore_add(k, path, &options, l->err);
    }
    return st;
}

static enum status load_path(struct loading *l, struct keystore *k, const char *path,
                             const struct x509_password *password)
{
    struct stat info;
    TRY(read_path(l, k, path, password));
    l->k = k;
    l->is_folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    return take_all(l, path);
}

static enum status load(struct loading *l, const char *path, const struct x509_password *password)
{
    static const struct x509_password none;
    struct keystore *k = NULL;
    TRY(keystore_new(&k, l->err));
    ERR_set_mark();
    enum status st = load_path(l, k, path, password == NULL ? &none : password);
    ERR_pop_to_mark();
    keystore_free(k);
    return st;
}

enum status x509_store_add_trust_opened(struct x509_store *s, const char *path,
                                        const struct x509_password *password, struct err *err)
{
    struct loading l = { .s = s, .err = err };
    TRY(load(&l, path, password));
    s->trust = X509_TRUST_FILES;
    return ST_OK;
}

enum status x509_store_add_trust(struct x509_store *s, const char *path, struct err *err)
{
    return x509_store_add_trust_opened(s, path, NULL, err);
}

enum status x509_store_add_trust_entries(struct x509_store *s, const struct keystore *k,
                                         struct err *err)
{
    struct loading l = { .s = s, .k = k, .err = err };
    ERR_set_mark();
    enum status st = take_all(&l, "trust store");
    ERR_pop_to_mark();
    if (st == ST_OK) {
        s->trust = X509_TRUST_FILES;
    }
    return st;
}

enum status x509_store_add_crl(struct x509_store *s, const char *path, struct err *err)
{
    struct loading l = { .s = s, .err = err, .wants_crls = true };
    return load(&l, path, NULL);
}

/* OpenSSL's own way to name another bundle (X509_get_default_cert_file_env(3)), or the first place
 * there is. */
const char *x509_system_trust_place(void)
{
    static const char *const places[] = {
        "/etc/ssl/certs/ca-certificates.crt", /* Debian, Alpine */
        "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL */
        "/etc/ssl/ca-bundle.pem",             /* openSUSE */
        "/etc/ssl/cert.pem",                  /* BSD, macOS */
        "/etc/ssl/certs",
    };
    const char *named = getenv(X509_get_default_cert_file_env());
    struct stat info;
    if (named != NULL && named[0] != '\0') {
        return named;
    }
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (stat(places[i], &info) == 0) {
            return places[i];
        }
    }
    return NULL;
}

enum status x509_store_add_system_trust(struct x509_store *s, struct err *err)
{
    const char *place = x509_system_trust_place();
    if (place == NULL) {
        return err_set(err, ST_IO, "no system trust store found in the usual places below /etc");
    }
    TRY(x509_store_add_trust(s, place, err));
    s->trust = X509_TRUST_SYSTEM;
    return ST_OK;
}
