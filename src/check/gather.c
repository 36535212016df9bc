/*
 * What the command line names, read into the pool: files and folders, servers, captures.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "check/engine.h"
#include "dial/dial_steps.h"
#include "tls/names.h"

enum { HOST_ROOM = 512 };

/* --- files --- */

static enum status add_entry(struct check *c, const struct keystore_entry *e, struct err *err)
{
    struct pool *p = &c->pool;
    enum status st = ST_OK;
    if (e->kind == KEYSTORE_CERTIFICATE && e->der.len > 0) {
        struct pool_cert cert = { .der = e->der,
                                  .alias = e->alias,
                                  .group = e->group,
                                  .line = e->line,
                                  .is_trusted = e->is_trusted };
        st = pool_add(p, &cert);
    } else if (e->kind == KEYSTORE_KEY) {
        struct pool_key key = { .spki = e->spki,
                                .alias = e->alias,
                                .group = e->group,
                                .line = e->line,
                                .is_locked = e->is_locked };
        st = pool_add_key(p, &key);
    } else if (e->kind == KEYSTORE_CRL && e->der.len > 0) {
        TRY(x509_store_add_crl_der(c->store, e->der, err));
    }
    return st == ST_OK ? ST_OK : check_no_memory(err);
}

static void note_entry(struct check *c, const char *file, const struct keystore_entry *e)
{
    if (e->fault == NULL) {
        return;
    }
    if (e->alias != NULL) {
        check_note(c, "%s, %s: %s", file, e->alias, e->fault);
    } else {
        check_note(c, "%s: %s", file, e->fault);
    }
}

static void note_file(struct check *c, const char *name, const struct keystore_file *file)
{
    if (file->fault != NULL) {
        check_note(c, "%s: %s", name, file->fault);
    }
    switch (file->integrity) {
    case KEYSTORE_NO_SEAL:
    case KEYSTORE_INTACT:
        return;
    case KEYSTORE_NOT_CHECKED:
        check_note(c, "%s: its integrity was not checked: no password was given", name);
        return;
    case KEYSTORE_WRONG_PASSWORD_OR_ALTERED:
        check_error(c, check_say(c,
                                 "%s: the password is wrong, or the file was altered: its seal "
                                 "does not fit",
                                 name));
        return;
    }
}

static struct pool_input *open_file(struct check *c, size_t file, bool is_trust)
{
    const struct keystore_file *f = keystore_file(c->stores, file);
    struct pool_input *in = pool_open_input(&c->pool, CHECK_FILE, f->path);
    if (in != NULL) {
        in->format = keystore_format_name(f->format);
        in->is_store = f->format == KEYSTORE_JKS || f->format == KEYSTORE_JCEKS;
        in->is_trust = is_trust;
        note_file(c, in->name, f);
    }
    return in;
}

/* What keystore_add() brought, from the entry on. */
static enum status take_entries(struct check *c, size_t entry, size_t file, bool is_trust,
                                struct err *err)
{
    for (; file < keystore_n_files(c->stores); file++) {
        struct pool_input *in = open_file(c, file, is_trust);
        const char *name = in == NULL ? NULL : in->name;
        if (in == NULL) {
            return check_no_memory(err);
        }
        for (; entry < keystore_n(c->stores) && keystore_entry(c->stores, entry)->file == file;
             entry++) {
            note_entry(c, name, keystore_entry(c->stores, entry));
            TRY(add_entry(c, keystore_entry(c->stores, entry), err));
        }
    }
    return ST_OK;
}

/* A file that cannot be read is told; what of a folder could be read is taken. */
static enum status gather_files(struct check *c, const char *path, bool is_trust, struct err *err)
{
    struct err why = { 0 };
    struct keystore_options options = {
        .password = c->rq->password.given,
        .skip_foreign = true,
        .progress = c->rq->progress,
        .arg = c->rq->arg,
    };
    size_t entry = keystore_n(c->stores);
    size_t file = keystore_n_files(c->stores);
    enum status st = keystore_add(c->stores, path, &options, &why);
    if (st != ST_OK && keystore_wants_password(c->stores) && c->rq->password.ask != NULL) {
        options.password = c->rq->password.ask(c->rq->password.arg, path);
        st = options.password == NULL ? st : keystore_add(c->stores, path, &options, &why);
    }
    if (st == ST_NOMEM) {
        *err = why;
        return st;
    }
    if (st != ST_OK && !is_trust) { /* the trust store itself tells what is wrong with it */
        check_error(c, why.text);
    }
    return take_entries(c, entry, file, is_trust, err);
}

/* --- servers --- */

static struct dial_fetched *new_fetched(struct check *c)
{
    struct fetched_list *list = &c->fetched;
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 4 : list->cap * 2;
        struct dial_fetched *grown = realloc(list->p, cap * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        list->p = grown;
        list->cap = cap;
    }
    list->p[list->n] = (struct dial_fetched){ 0 };
    return &list->p[list->n];
}

static enum status take_fetched(struct check *c, const char *name, const char *host,
                                const struct dial_fetched *f, struct err *err)
{
    struct pool_input *in = pool_open_input(&c->pool, CHECK_SERVER, name);
    if (in == NULL) {
        return check_no_memory(err);
    }
    in->format = tls_version_name(f->version);
    in->host = arena_strndup(&c->arena, host, strlen(host));
    in->ocsp_response = f->ocsp_response;
    in->asked_for_certificate = f->asked_for_certificate;
    in->ca_names = f->ca_names;
    for (size_t i = 0; i < f->n; i++) {
        struct pool_cert cert = { .der = f->certificates[i] };
        if (pool_add(&c->pool, &cert) != ST_OK) {
            return check_no_memory(err);
        }
    }
    if (f->n == 0) {
        check_error(c, check_say(c, "%s: the server presents no certificate", name));
    }
    return ST_OK;
}

/* --host is the name that a client would ask for; an address is never asked for (RFC 6066). */
static const char *name_to_ask_for(const char *host)
{
    bool is_name = host != NULL && strchr(host, '*') == NULL && !dial_is_address(host);
    return is_name ? host : NULL;
}

static enum status gather_server(struct check *c, const char *name, struct err *err)
{
    char host[HOST_ROOM];
    struct dial_target target = { 0 };
    struct err why = { 0 };
    if (!dial_parse_target(name, &target, host, sizeof host)) {
        check_error(c, check_say(c, "%s: no such file, and no host:port either", name));
        return ST_OK;
    }
    target.starttls = c->rq->starttls != DIAL_NO_STARTTLS ? c->rq->starttls : target.starttls;
    target.timeout_ms = c->rq->timeout_ms;
    target.connect_to = c->rq->connect_to;
    target.server_name = name_to_ask_for(c->rq->host);
    struct dial_fetched *fetched = new_fetched(c);
    if (fetched == NULL) {
        return check_no_memory(err);
    }
    enum status st = dial_fetch(&target, fetched, &why);
    if (st == ST_NOMEM) {
        *err = why;
        return st;
    }
    if (st != ST_OK) {
        bool is_plain = strstr(why.text, "wrong version number") != NULL;
        check_error(c, is_plain ? check_say(c,
                                            "%s: it answers, but not in TLS: another port, or "
                                            "--starttls NAME",
                                            why.text)
                                : why.text);
        return ST_OK;
    }
    c->fetched.n++;
    return take_fetched(c, name, host, fetched, err);
}

/* --- telling them apart --- */

static bool looks_like_server(const char *name)
{
    return strstr(name, "://") != NULL || strchr(name, ':') != NULL;
}

enum status gather_one(struct check *c, const char *name, struct err *err)
{
    struct stat info = { 0 };
    char *path = NULL;
    int64_t stream = -1;
    if (strcmp(name, "-") == 0 || stat(name, &info) == 0) {
        return strcmp(name, "-") != 0 && S_ISREG(info.st_mode) && gather_is_capture(name)
                   ? gather_capture(c, name, -1, err)
                   : gather_files(c, name, false, err);
    }
    bool is_missing = errno == ENOENT;
    if (gather_split_stream(name, &path, &stream)) {
        enum status st = gather_capture(c, path, stream, err);
        free(path);
        return st;
    }
    if (looks_like_server(name)) {
        return gather_server(c, name, err);
    }
    if (is_missing && strchr(name, '/') == NULL) {
        check_error(c, check_say(c, "%s: no such file; a server is named with its port: %s:443",
                                 name, name));
        return ST_OK;
    }
    return gather_files(c, name, false, err);
}

enum status gather_all(struct check *c, struct err *err)
{
    for (size_t i = 0; i < c->rq->inputs.n; i++) {
        TRY(gather_one(c, c->rq->inputs.p[i], err));
    }
    for (size_t i = 0; i < c->rq->trust.n; i++) {
        TRY(gather_files(c, c->rq->trust.p[i], true, err));
    }
    return ST_OK;
}
