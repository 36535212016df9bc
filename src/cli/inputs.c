#include "cli/inputs.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/capture.h"

/* Directories still to be read: a list, not a recursion, so that depth costs no stack. */
struct folder {
    char *path;
    unsigned depth;
};

struct walk {
    struct folder *folders;
    size_t n, room;
    DIR *open;
};

static void walk_deinit(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->folders[i].path);
    }
    free(w->folders);
    if (w->open != NULL) {
        closedir(w->open);
    }
    *w = (struct walk){ 0 };
}

/* Room for one more; NULL without memory. */
static void *grown(void *list, size_t n, size_t *room, size_t size)
{
    if (n < *room) {
        return list;
    }
    size_t more = *room == 0 ? 16 : *room * 2;
    void *p = reallocarray(list, more, size);
    if (p != NULL) {
        *room = more;
    }
    return p;
}

/* Takes `path`, on failure too. */
static enum status take_file(struct inputs *in, char *path, struct err *err)
{
    char **paths = path == NULL ? NULL : grown(in->paths, in->n, &in->room, sizeof *in->paths);
    if (paths == NULL) {
        free(path);
        return err_set(err, ST_NOMEM, "no memory for the list of captures");
    }
    in->paths = paths;
    in->paths[in->n++] = path;
    return ST_OK;
}

/* Takes `path`, on failure too. */
static enum status take_folder(struct walk *w, char *path, unsigned depth, struct err *err)
{
    struct folder *folders =
        path == NULL ? NULL : grown(w->folders, w->n, &w->room, sizeof *w->folders);
    if (folders == NULL) {
        free(path);
        return err_set(err, ST_NOMEM, "no memory for the list of directories");
    }
    w->folders = folders;
    w->folders[w->n++] = (struct folder){ path, depth };
    return ST_OK;
}

/* Whether the file opens as a capture. A capture that is there and may not be read counts: the
 * refusal has to be reported, not passed over. */
static bool is_capture(const char *path)
{
    static const struct capture_options plain = { .idle_ms = -1 };
    struct capture *c = NULL;
    struct err err;
    enum status st = capture_open(path, &plain, &c, &err);
    if (st == ST_OK) {
        capture_free(c);
    }
    return st != ST_FORMAT;
}

static char *joined(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    bool has_slash = len > 0 && folder[len - 1] == '/';
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, has_slash ? "" : "/", name) < 0) {
        return NULL;
    }
    return path;
}

/* Takes `path`, on failure too. */
static enum status take_entry(struct inputs *in, struct walk *w, char *path, unsigned depth,
                              struct err *err)
{
    struct stat target;
    struct stat entry;
    bool is_there = lstat(path, &entry) == 0 && stat(path, &target) == 0;
    if (is_there && S_ISDIR(entry.st_mode) && depth < INPUTS_DEPTH_MAX) {
        return take_folder(w, path, depth + 1, err);
    }
    /* Opening a FIFO or a device could wait for ever. */
    if (!is_there || !S_ISREG(target.st_mode) || !is_capture(path)) {
        free(path);
        return ST_OK;
    }
    if (in->n >= INPUTS_FILES_MAX) {
        err_set(err, ST_USAGE, "%s: more than %d captures", path, INPUTS_FILES_MAX);
        free(path);
        return ST_USAGE;
    }
    return take_file(in, path, err);
}

static enum status read_entry(struct inputs *in, struct walk *w, const struct folder *folder,
                              const char *name, struct err *err)
{
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return ST_OK;
    }
    char *path = joined(folder->path, name);
    if (path == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", folder->path);
    }
    return take_entry(in, w, path, folder->depth, err);
}

static enum status read_folder(struct inputs *in, struct walk *w, const struct folder *folder,
                               struct err *err)
{
    w->open = opendir(folder->path);
    if (w->open == NULL) {
        return err_sys(err, "%s", folder->path);
    }
    enum status st = ST_OK;
    for (struct dirent *d = readdir(w->open); d != NULL && st == ST_OK; d = readdir(w->open)) {
        st = read_entry(in, w, folder, d->d_name, err);
    }
    closedir(w->open);
    w->open = NULL;
    return st;
}

static enum status read_folders(struct inputs *in, struct walk *w, const char *path,
                                struct err *err)
{
    TRY(take_folder(w, strdup(path), 0, err));
    enum status st = ST_OK;
    while (w->n > 0 && st == ST_OK) {
        struct folder folder = w->folders[--w->n];
        st = read_folder(in, w, &folder, err);
        free(folder.path);
    }
    return st;
}

static int by_path(const void *a, const void *b)
{
    const char *const *x = a;
    const char *const *y = b;
    return strcmp(*x, *y);
}

static enum status add_folder(struct inputs *in, const char *path, struct err *err)
{
    struct walk w = { 0 };
    size_t first = in->n;
    enum status st = read_folders(in, &w, path, err);
    walk_deinit(&w);
    if (in->n > first) {
        qsort(in->paths + first, in->n - first, sizeof *in->paths, by_path);
    }
    if (st == ST_OK && in->n == first) {
        return err_set(err, ST_IO, "%s: no capture in this directory", path);
    }
    return st;
}

enum status inputs_add(struct inputs *in, const char *path, struct err *err)
{
    struct stat st;
    if (strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return add_folder(in, path, err);
    }
    return take_file(in, strdup(path), err);
}

void inputs_deinit(struct inputs *in)
{
    for (size_t i = 0; i < in->n; i++) {
        free(in->paths[i]);
    }
    free(in->paths);
    *in = (struct inputs){ 0 };
}
