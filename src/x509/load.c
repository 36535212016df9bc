/* Trust anchors and revocation lists from files and folders. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "x509/store.h"

enum { FILE_BYTES_MAX = 256 * 1024 * 1024, FOLDER_FILES_MAX = 65536 };

/* One file: what is looked for, and what was found. */
struct loading {
    struct x509_store *s;
    const char *path;
    struct err *err;
    bool wants_crls;
    size_t n_found;
};

static const char *thing(const struct loading *l)
{
    return l->wants_crls ? "CRL" : "certificate";
}

static enum status take_cert(struct loading *l, struct bytes der, const char *place)
{
    struct cert *c = cert_get(l->s, der);
    if (c == NULL) {
        return err_set(l->err, ST_NOMEM, "%s: no memory", l->path);
    }
    if (c->x == NULL) {
        cert_unref(c);
        return err_set(l->err, ST_FORMAT, "%s: %s: the certificate cannot be decoded", l->path,
                       place);
    }
    TRY(store_take_anchor(l->s, c, l->err));
    l->n_found++;
    return ST_OK;
}

static enum status take_crl(struct loading *l, struct bytes der)
{
    l->n_found++;
    return x509_store_add_crl_der(l->s, der, l->err);
}

/* TRUSTED CERTIFICATE is a certificate followed by OpenSSL's own trust settings: the first value.
 */
static struct bytes first_value(struct bytes der)
{
    const unsigned char *p = der.p;
    long len = 0;
    int tag;
    int class;
    if (der.len == 0 || (ASN1_get_object(&p, &len, &tag, &class, (long)der.len) & 0x80) != 0) {
        return der;
    }
    return bytes_head(der, (size_t)(p - der.p) + (size_t)len);
}

static enum status take_block(struct loading *l, const char *name, struct bytes der, size_t nth)
{
    char place[48];
    bool is_trusted = strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
    bool is_cert =
        is_trusted || strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
    snprintf(place, sizeof place, "PEM block %zu", nth);
    if (l->wants_crls) {
        return strcmp(name, PEM_STRING_X509_CRL) == 0 ? take_crl(l, der) : ST_OK;
    }
    return is_cert ? take_cert(l, is_trusted ? first_value(der) : der, place) : ST_OK;
}

/* The line of the n-th "-----BEGIN" (from 1), for the message. */
static size_t line_of_block(struct bytes text, size_t nth)
{
    size_t line = 1;
    size_t seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '-' && (i == 0 || text.p[i - 1] == '\n') &&
            bytes_start_with(bytes_skip(text, i), BYTES("-----BEGIN")) && ++seen == nth) {
            return line;
        }
        line += text.p[i] == '\n';
    }
    return line;
}

static enum status bad_pem(struct loading *l, struct bytes text, size_t nth)
{
    return err_set(l->err, ST_FORMAT, "%s: line %zu: PEM block %zu cannot be read", l->path,
                   line_of_block(text, nth), nth);
}

static enum status load_block(struct loading *l, BIO *bio, struct bytes text, size_t nth,
                              bool *out_end)
{
    char *name = NULL;
    char *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    if (PEM_read_bio(bio, &name, &header, &data, &len) != 1) {
        *out_end = true;
        bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        return is_end ? ST_OK : bad_pem(l, text, nth);
    }
    enum status st = take_block(l, name, bytes_of(data, (size_t)len), nth);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    return st;
}

static enum status load_pem(struct loading *l, struct bytes text)
{
    enum status st = ST_OK;
    bool is_end = false;
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.len);
    if (bio == NULL) {
        return err_set(l->err, ST_NOMEM, "%s: no memory", l->path);
    }
    for (size_t nth = 1; st == ST_OK && !is_end; nth++) {
        st = load_block(l, bio, text, nth, &is_end);
    }
    BIO_free(bio);
    return st;
}

static bool is_pem(struct bytes b)
{
    return b.len > 0 && memmem(b.p, b.len, "-----BEGIN ", 11) != NULL;
}

static enum status load_any(struct loading *l, struct bytes b)
{
    if (is_pem(b)) {
        return load_pem(l, b);
    }
    if (b.len < 2 || b.p[0] != 0x30) { /* no DER SEQUENCE either */
        return ST_OK;
    }
    return l->wants_crls ? take_crl(l, b) : take_cert(l, b, "byte 0");
}

static enum status load_bytes(struct loading *l, struct bytes b)
{
    TRY(load_any(l, b));
    if (l->n_found == 0) {
        return err_set(l->err, ST_FORMAT, "%s: no %s in it (PEM or DER)", l->path, thing(l));
    }
    return ST_OK;
}

static enum status read_all(FILE *f, size_t size, uint8_t *to, const struct loading *l)
{
    if (fread(to, 1, size, f) != size) {
        return ferror(f) ? err_sys(l->err, "%s", l->path)
                         : err_set(l->err, ST_IO, "%s: ended while it was read", l->path);
    }
    return ST_OK;
}

static enum status load_open(struct loading *l, FILE *f)
{
    struct stat info;
    if (fstat(fileno(f), &info) != 0) {
        return err_sys(l->err, "%s", l->path);
    }
    if (!S_ISREG(info.st_mode) || info.st_size > FILE_BYTES_MAX) {
        return err_set(l->err, ST_USAGE, "%s: not a file, or larger than %d MB", l->path,
                       FILE_BYTES_MAX >> 20);
    }
    size_t size = (size_t)info.st_size;
    uint8_t *content = malloc(size + 1);
    if (content == NULL) {
        return err_set(l->err, ST_NOMEM, "%s: no memory", l->path);
    }
    enum status st = read_all(f, size, content, l);
    if (st == ST_OK) {
        st = load_bytes(l, bytes_of(content, size));
    }
    free(content);
    return st;
}

static enum status load_file(struct loading *l)
{
    FILE *f = fopen(l->path, "rbe");
    if (f == NULL) {
        return err_sys(l->err, "%s", l->path);
    }
    enum status st = load_open(l, f);
    fclose(f);
    return st;
}

/* In a folder, what holds none of the things looked for is passed over; other errors count. */
static enum status load_entry(struct loading *folder, const char *name, struct err *err)
{
    struct text path = { 0 };
    struct stat info;
    text_printf(&path, "%s/%s", folder->path, name);
    struct loading l = *folder;
    l.path = text_str(&path);
    l.err = err;
    l.n_found = 0;
    enum status st = ST_OK;
    if (stat(l.path, &info) == 0 && S_ISREG(info.st_mode)) {
        st = load_file(&l);
    }
    folder->n_found += l.n_found;
    text_deinit(&path);
    return st == ST_NOMEM ? st : ST_OK;
}

static enum status load_entries(struct loading *l, DIR *dir)
{
    struct err first = { 0 };
    struct err err = { 0 };
    enum status st = ST_OK;
    size_t n = 0;
    for (struct dirent *e = readdir(dir); e != NULL && st == ST_OK && n < FOLDER_FILES_MAX;
         e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            n++;
            st = load_entry(l, e->d_name, &err);
            first = first.text[0] == '\0' ? err : first;
        }
    }
    if (st != ST_OK || l->n_found > 0) {
        return st;
    }
    return err_set(l->err, ST_FORMAT, "%s: no %s in any of its %zu files%s%s", l->path, thing(l), n,
                   first.text[0] == '\0' ? "" : "; the first error: ", first.text);
}

static enum status load_path(struct loading *l)
{
    DIR *dir = opendir(l->path);
    if (dir == NULL) {
        return errno == ENOTDIR ? load_file(l) : err_sys(l->err, "%s", l->path);
    }
    enum status st = load_entries(l, dir);
    closedir(dir);
    return st;
}

static enum status load(struct loading *l)
{
    ERR_set_mark();
    enum status st = load_path(l);
    ERR_pop_to_mark();
    return st;
}

enum status x509_store_add_trust(struct x509_store *s, const char *path, struct err *err)
{
    struct loading l = { .s = s, .path = path, .err = err };
    TRY(load(&l));
    s->trust = X509_TRUST_FILES;
    return ST_OK;
}

enum status x509_store_add_crl(struct x509_store *s, const char *path, struct err *err)
{
    struct loading l = { .s = s, .path = path, .err = err, .wants_crls = true };
    return load(&l);
}

/* OpenSSL's own way to name another bundle (X509_get_default_cert_file_env(3)), or the first place
 * there is. */
static const char *system_trust_place(void)
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
    const char *place = system_trust_place();
    if (place == NULL) {
        return err_set(err, ST_IO, "no system trust store found in the usual places below /etc");
    }
    TRY(x509_store_add_trust(s, place, err));
    s->trust = X509_TRUST_SYSTEM;
    return ST_OK;
}
