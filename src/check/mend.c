/*
 * --fix: a chain file in the right order, with the intermediates that were found and without the
 * root, judged again before anything is said of it. Nothing is ever overwritten.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "check/engine.h"

enum { NAME_MAX_LEN = 80, TRIES_MAX = 100, LINE_BYTES = 48 };

struct mending {
    struct check *c;
    struct check_item *item;
    struct check_detail *d;
    const struct x509_question *q;
    size_t n, n_added, n_left_out;
    bool was_reordered;
    struct bytes der[X509_LINKS_MAX];
};

/* --- what the chain should be --- */

static bool is_sent(const struct mending *m, struct bytes der)
{
    for (size_t i = 0; i < x509_chain_n(m->d->certs); i++) {
        if (bytes_equal(x509_chain_der(m->d->certs, i), der)) {
            return true;
        }
    }
    return false;
}

/* The path with all that was seen; a trusted root at its end is left out. */
static void take_path(struct mending *m, const struct x509_path *p)
{
    int last = -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct x509_link *link = &p->links[i];
        bool is_root = i > 0 && link->facts->is_self_issued;
        if (is_root) {
            continue;
        }
        bool was_sent = is_sent(m, link->der);
        m->n_added += was_sent ? 0 : 1;
        m->was_reordered = m->was_reordered || (link->index >= 0 && link->index < last) ||
                           (i == 0 && m->d->positions[0] != 0);
        last = link->index >= 0 ? link->index : last;
        m->der[m->n++] = link->der;
    }
    size_t n_kept = m->n - m->n_added;
    m->n_left_out = x509_chain_n(m->d->certs) - n_kept;
}

static enum status plan(struct mending *m, struct err *err)
{
    struct x509_paths *found = NULL;
    struct x509_question with = *m->q;
    with.use_seen = true;
    TRY(x509_find_paths(m->c->store, m->d->certs, &with, &found, err));
    if (found->n > 0) {
        take_path(m, &found->paths[0]);
    }
    x509_paths_free(found);
    return ST_OK;
}

/* --- writing --- */

static bool write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* RFC 7468 section 3: lines of 64 characters. */
static void put_pem(struct text *t, struct bytes der)
{
    unsigned char line[LINE_BYTES * 2];
    text_puts(t, "-----BEGIN CERTIFICATE-----\n");
    for (size_t at = 0; at < der.len; at += LINE_BYTES) {
        struct bytes part = bytes_head(bytes_skip(der, at), LINE_BYTES);
        int len = EVP_EncodeBlock(line, part.p, (int)part.len);
        text_put(t, (const char *)line, (size_t)len);
        text_putc(t, '\n');
    }
    text_puts(t, "-----END CERTIFICATE-----\n");
}

/* The label as a file name: letters, digits, dots and dashes; never a hidden file. */
static void put_file_name(struct text *t, const char *label)
{
    size_t start = t->len;
    for (const char *p = label; *p != '\0' && t->len - start < NAME_MAX_LEN; p++) {
        bool is_fine = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                       (*p >= '0' && *p <= '9') || *p == '-' || (*p == '.' && t->len > start);
        text_putc(t, (char)(is_fine ? *p : '_'));
    }
    text_puts(t, t->len == start ? "chain" : "");
}

/* The first free name of NAME-fullchain.pem, NAME-fullchain-2.pem ... */
static int open_new(struct mending *m, const char **out_path)
{
    int fd = -1;
    for (unsigned i = 1; i <= TRIES_MAX && fd < 0; i++) {
        struct text path = { 0 };
        text_printf(&path, "%s/", m->c->rq->fix_dir);
        put_file_name(&path, m->item->label);
        text_puts(&path, "-fullchain");
        if (i > 1) {
            text_printf(&path, "-%u", i);
        }
        text_puts(&path, ".pem");
        fd =
            path.failed ? -1 : open(text_str(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        *out_path = fd < 0 ? NULL : arena_strndup(&m->d->arena, text_str(&path), path.len);
        text_deinit(&path);
        if (fd < 0 && errno != EEXIST) {
            break;
        }
    }
    return fd;
}

static bool write_chain(struct mending *m, const char **out_path)
{
    struct text pem = { 0 };
    if (mkdir(m->c->rq->fix_dir, 0777) != 0 && errno != EEXIST) {
        return false;
    }
    for (size_t i = 0; i < m->n; i++) {
        put_pem(&pem, m->der[i]);
    }
    int fd = pem.failed ? -1 : open_new(m, out_path);
    bool is_written = fd >= 0 && write_all(fd, text_str(&pem), pem.len);
    if (fd >= 0 && close(fd) != 0) {
        is_written = false;
    }
    if (fd >= 0 && !is_written && *out_path != NULL) {
        (void)unlink(*out_path); /* ours: it was made a moment ago */
    }
    text_deinit(&pem);
    return is_written && *out_path != NULL;
}

/* --- what is said --- */

static const char *say(struct mending *m, struct text *t)
{
    const char *copy = arena_strndup(&m->d->arena, text_str(t), t->len);
    text_deinit(t);
    return copy == NULL ? "" : copy;
}

static const char *what_was_done(struct mending *m, const char *path, bool is_valid)
{
    struct text t = { 0 };
    text_printf(&t, "Wrote %s with %zu certificate%s", path, m->n, m->n == 1 ? "" : "s");
    if (m->n_added > 0) {
        text_printf(&t, ", %zu of them found elsewhere", m->n_added);
    }
    if (m->n_left_out > 0) {
        text_printf(&t, ", %zu left out", m->n_left_out);
    }
    text_puts(&t, m->was_reordered ? ", in the right order" : "");
    text_puts(&t, is_valid ? ". It was judged again: acceptable."
                           : ". It was judged again: better, but not acceptable.");
    return say(m, &t);
}

static struct check_fixed *answer(struct mending *m, const char *path, const char *text)
{
    struct check_fixed *f = arena_alloc(&m->d->arena, sizeof *f);
    if (f != NULL) {
        *f = (struct check_fixed){ .path = path, .text = text };
        m->d->fixed = f;
    }
    return f;
}

/* Is it worth writing: valid now, or at least another cause, met later by a verifier. */
static bool is_better(const struct mending *m, const struct x509_judgement *after)
{
    const struct x509_judgement *before = &m->d->judgement;
    bool has_changed = m->n_added > 0 || m->n_left_out > 0 || m->was_reordered;
    if (!has_changed) {
        return false;
    }
    return after->is_valid || (before->n_faults > 0 && after->n_faults > 0 &&
                               (after->faults[0].kind > before->faults[0].kind ||
                                (after->faults[0].kind == before->faults[0].kind &&
                                 after->n_faults <= before->n_faults)));
}

static void write_and_tell(struct mending *m, const struct x509_judgement *after)
{
    const char *path = NULL;
    if (!write_chain(m, &path)) {
        struct err why;
        err_sys(&why, "%.200s", m->c->rq->fix_dir);
        struct text t = { 0 };
        text_printf(&t, "Nothing was written: %s.", why.text);
        (void)answer(m, NULL, say(m, &t));
        check_error(m->c, why.text);
        return;
    }
    struct check_fixed *f = answer(m, path, what_was_done(m, path, after->is_valid));
    if (f != NULL) {
        f->is_valid = after->is_valid;
        const char *detail = after->is_valid ? NULL : after->faults[0].detail; /* the chain's */
        f->remains = detail == NULL ? NULL : arena_strndup(&m->d->arena, detail, strlen(detail));
    }
}

static enum status judge_again(struct mending *m, struct err *err)
{
    struct x509_judgement after;
    const struct x509_chain *mended = x509_store_chain(m->c->store, m->der, m->n);
    if (mended == NULL) {
        return check_no_memory(err);
    }
    enum status st = x509_judge(m->c->store, mended, m->q, &after, err);
    if (st == ST_OK && is_better(m, &after)) {
        write_and_tell(m, &after);
    } else if (st == ST_OK) {
        (void)answer(m, NULL,
                     m->d->judgement.is_valid
                         ? "Nothing to repair: the chain is in order."
                         : "Nothing was written: no order of the certificates that are here, and "
                           "none found elsewhere, makes the chain better.");
    }
    x509_chain_unref(mended);
    return st;
}

enum status mend_chain(struct check *c, struct check_item *item, const struct x509_question *q,
                       struct err *err)
{
    struct mending *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return check_no_memory(err);
    }
    m->c = c;
    m->item = item;
    m->d = item->detail;
    m->q = q;
    enum status st = plan(m, err);
    if (st == ST_OK && m->n > 0) {
        st = judge_again(m, err);
    }
    free(m);
    return st;
}
