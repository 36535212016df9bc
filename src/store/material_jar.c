/* A JAR with a certificate, its key, and META-INF/descriptor.properties that says which is which.
 * Where there is no descriptor, the only file with certificates and the only one with a key. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "keystore/pem_block.h"
#include "store/bundle_zip.h"
#include "store/descriptor.h"
#include "store/material.h"

enum { JAR_ARENA_MAX = 8 << 20 };

static const char DESCRIPTOR[] = "META-INF/descriptor.properties";

static enum status bad_jar(struct store_problem *problem, const char *fmt, ...) PRINTF_LIKE(2, 3);

static enum status bad_jar(struct store_problem *problem, const char *fmt, ...)
{
    char why[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    return problem_set(problem, PROBLEM_ID_UPLOAD_INVALID, "file: %s", why);
}

static const struct bundle_file *find_file(const struct bundle_files *files, const char *path)
{
    for (size_t i = 0; i < files->n; i++) {
        if (strcmp(files->list[i].path, path) == 0) {
            return &files->list[i];
        }
    }
    return NULL;
}

struct contents {
    const struct bundle_file *certs, *key;
};

/* --- without a descriptor --- */

static bool ends_with(struct bytes b, struct bytes end)
{
    return b.len >= end.len && bytes_equal(bytes_skip(b, b.len - end.len), end);
}

static void look_for(const struct bundle_file *file, bool *has_cert, bool *has_key)
{
    struct pem_text text = pem_text_of(file->content);
    struct pem_block block;
    while (pem_next(&text, &block)) {
        *has_cert = *has_cert || ends_with(block.label, BYTES("CERTIFICATE"));
        *has_key = *has_key || ends_with(block.label, BYTES("PRIVATE KEY"));
    }
}

static enum status guess(const struct bundle_files *files, struct contents *out,
                         struct store_problem *problem)
{
    size_t n_certs = 0;
    size_t n_keys = 0;
    for (size_t i = 0; i < files->n; i++) {
        bool has_cert = false;
        bool has_key = false;
        look_for(&files->list[i], &has_cert, &has_key);
        if (has_cert) {
            out->certs = &files->list[i];
            n_certs++;
        }
        if (has_key) {
            out->key = &files->list[i];
            n_keys++;
        }
    }
    if (n_certs != 1 || n_keys != 1 || out->certs == out->key) {
        return bad_jar(problem,
                       "the JAR has no %s, and it is not plain which file is the certificate and "
                       "which the key",
                       DESCRIPTOR);
    }
    return ST_OK;
}

/* --- with one --- */

static enum status named(const struct bundle_files *files, const char *key, const char *path,
                         const struct bundle_file **out, struct store_problem *problem)
{
    if (path[0] == '\0') {
        return bad_jar(problem, "META-INF/descriptor.properties does not say %s", key);
    }
    *out = find_file(files, path);
    if (*out == NULL) {
        struct text safe = { 0 };
        text_put_safe(&safe, bytes_of_str(path));
        enum status st =
            bad_jar(problem, "the JAR has no %.255s, which its descriptor names", text_str(&safe));
        text_deinit(&safe);
        return st;
    }
    return ST_OK;
}

static enum status choose(const struct bundle_files *files, struct contents *out,
                          struct store_problem *problem)
{
    struct descriptor d;
    const struct bundle_file *file = find_file(files, DESCRIPTOR);
    if (file == NULL) {
        return guess(files, out, problem);
    }
    const char *fault = descriptor_read(file->content, &d);
    if (fault != NULL) {
        return bad_jar(problem, "META-INF/descriptor.properties: %s", fault);
    }
    TRY(named(files, "certFile", d.cert_file, &out->certs, problem));
    return named(files, "keyFile", d.key_file, &out->key, problem);
}

static const char *part_name(struct material *m, const struct bundle_file *file)
{
    struct text safe = { 0 };
    text_put_safe(&safe, bytes_of_str(file->path));
    const char *name = arena_printf(&m->arena, "file, %.200s", text_str(&safe));
    text_deinit(&safe);
    return name != NULL ? name : "file";
}

static enum status read_files(struct material *m, const struct alias_upload *u,
                              const struct bundle_files *files, struct store_problem *problem)
{
    struct contents found = { 0 };
    TRY(choose(files, &found, problem));
    if (found.certs == NULL || found.key == NULL) {
        return bad_jar(problem, "the JAR has no certificate, or no key");
    }
    TRY(material_add_certs(m, part_name(m, found.certs), found.certs->content, u->ignore_newline,
                           problem));
    return material_add_key(m, part_name(m, found.key), found.key->content, u->password, problem);
}

static enum status unpack(struct remarks *remarks, struct bytes jar, struct bundle_files *out,
                          struct store_problem *problem)
{
    struct err err = { 0 };
    if (bundle_unzip(jar, remarks, out, &err) != ST_OK) {
        return remarks->arena->failed ? problem_failed(problem, &err)
                                      : bad_jar(problem, "the JAR unpacks to too much");
    }
    const struct remark *worst = remarks_worst(remarks, REMARK_BROKEN);
    return worst == NULL ? ST_OK : bad_jar(problem, "%.380s", worst->text);
}

static void wipe(const struct bundle_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        OPENSSL_cleanse((void *)files->list[i].content.p, files->list[i].content.len);
    }
}

enum status material_add_jar(struct material *m, const struct alias_upload *u,
                             struct store_problem *problem)
{
    struct arena arena = { .limit_bytes = JAR_ARENA_MAX };
    struct remarks remarks = { .arena = &arena };
    struct bundle_files files = { 0 };
    enum status st = unpack(&remarks, u->file, &files, problem);
    if (st == ST_OK) {
        st = read_files(m, u, &files, problem);
    }
    wipe(&files);
    arena_deinit(&arena);
    return st;
}
