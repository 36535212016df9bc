/* Files and folders by their path. */
#include <sys/stat.h>

#include "keystore/files.h"
#include "keystore/reading.h"

static enum status add_file(struct keystore *k, const char *path,
                            const struct keystore_options *options, struct err *err)
{
    struct file_content content = { 0 };
    enum status st = file_content_load(&content, path, false, err);
    if (st == ST_OK) {
        const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
        st = keystore_add_bytes(k, name, bytes_of(content.p, content.len), options, err);
    }
    file_content_deinit(&content);
    return st;
}

/* A folder while it is read. */
struct folder {
    struct keystore *k;
    const char *path;
    const struct keystore_options *options;
    struct err *err;
    size_t n_useful;
    struct err first; /* what was wrong with the first file that was of no use */
};

/* The path stands before the sentence in an error, not in a file's fault. */
static const char *without_path(const char *sentence, const char *path)
{
    size_t len = strlen(path);
    bool is_there = strncmp(sentence, path, len) == 0 && strncmp(sentence + len, ": ", 2) == 0;
    return is_there ? sentence + len + 2 : sentence;
}

static bool is_fatal(enum status st)
{
    return st == ST_NOMEM || st == ST_USAGE; /* a limit of the store: the next file meets it too */
}

/* A file that is of no use does not end the reading of its folder: it is listed with its fault, or
 * passed over. */
static enum status add_of_folder(struct folder *f, struct file_content *content, const char *path)
{
    struct reading r;
    struct err err = { 0 };
    bool skips = f->options != NULL && f->options->skip_foreign;
    TRY(reading_open(&r, f->k, path, f->options, f->err));
    r.err = &err;
    enum status st = file_content_load(content, path, true, &err);
    st = st == ST_OK ? reading_run(&r, bytes_of(content->p, content->len))
                     : (st == ST_NOMEM ? st : ST_FORMAT);
    if (is_fatal(st)) {
        return err_set(f->err, st, "%s", err.text);
    }
    if (st == ST_OK) {
        f->n_useful++;
        return ST_OK;
    }
    if (f->first.text[0] == '\0') {
        f->first = err;
    }
    if (r.is_foreign && skips) {
        reading_undo(&r);
        return ST_OK;
    }
    r.file->fault = arena_printf(&f->k->arena, "%s", without_path(err.text, path));
    return r.file->fault == NULL ? reading_no_room(&r) : ST_OK;
}

/* The folder itself stands in the list where not all of it was read. */
static enum status tell_left_out(struct folder *f, size_t n)
{
    struct reading r;
    if (n == 0) {
        return ST_OK;
    }
    TRY(reading_open(&r, f->k, f->path, f->options, f->err));
    r.file->fault = arena_printf(&f->k->arena,
                                 "%zu of its files and folders were left out: more than %d files, "
                                 "more than %d folders, deeper than %d, or not readable",
                                 n, FOLDER_FILES_MAX, FOLDERS_MAX, FOLDER_DEPTH_MAX);
    return r.file->fault == NULL ? reading_no_room(&r) : ST_OK;
}

static enum status add_listed(struct folder *f, struct file_content *content,
                              const struct file_list *list)
{
    bool wants_password = false;
    for (size_t i = 0; i < list->n; i++) {
        f->k->wants_password = false;
        TRY(add_of_folder(f, content, list->paths[i]));
        wants_password = wants_password || f->k->wants_password;
        if (f->options != NULL && f->options->progress != NULL) {
            f->options->progress(f->options->arg, i + 1);
        }
    }
    f->k->wants_password = wants_password;
    TRY(tell_left_out(f, list->n_left_out));
    if (list->n == 0) {
        return err_set(f->err, ST_FORMAT, "%s: there is no file in this directory", f->path);
    }
    if (f->n_useful == 0) {
        return err_set(f->err, ST_FORMAT,
                       "%s: no certificate, CRL or key in any of its %zu files%s%s", f->path,
                       list->n, f->first.text[0] == '\0' ? "" : "; the first: ", f->first.text);
    }
    return ST_OK;
}

static enum status add_folder(struct keystore *k, const char *path,
                              const struct keystore_options *options, struct err *err)
{
    struct file_list list;
    struct file_content content = { 0 };
    struct folder f = { .k = k, .path = path, .options = options, .err = err };
    size_t n_files = k->n_files;
    size_t n_entries = k->n_entries;
    TRY(file_list_init(&list, path, err));
    enum status st = add_listed(&f, &content, &list);
    if (st != ST_OK) {
        k->n_files = n_files;
        k->n_entries = n_entries;
    }
    file_content_deinit(&content);
    file_list_deinit(&list);
    return st;
}

enum status keystore_add(struct keystore *k, const char *path,
                         const struct keystore_options *options, struct err *err)
{
    struct stat info;
    bool is_folder = strcmp(path, "-") != 0 && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    k->wants_password = false;
    return is_folder ? add_folder(k, path, options, err) : add_file(k, path, options, err);
}
