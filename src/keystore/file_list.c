/* The files below a folder, each once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore/files.h"

/* Which of the names of one file is shown: the least one. */
enum rank { RANK_FILE, RANK_LINK, RANK_HASH_LINK };

struct found {
    char *path;
    dev_t dev;
    ino_t ino;
    enum rank rank;
    bool is_folder;
    unsigned depth;
};

struct walk {
    struct found *all; /* folders are looked into in turn, as they were found */
    size_t n, cap, n_files, n_folders, n_left_out;
    struct err *err;
};

static void walk_deinit(struct walk *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->all[i].path);
    }
    free(w->all);
}

static enum status no_memory(struct err *err, const char *path)
{
    return err_set(err, ST_NOMEM, "%s: no memory", path);
}

/* Takes over f.path. */
static enum status push(struct walk *w, struct found f)
{
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 256 : w->cap * 2;
        struct found *grown = realloc(w->all, cap * sizeof *grown);
        if (grown == NULL) {
            free(f.path);
            return no_memory(w->err, "folder");
        }
        w->all = grown;
        w->cap = cap;
    }
    w->all[w->n++] = f;
    return ST_OK;
}

/* openssl-rehash(1): eight hexadecimal digits, a dot, "r" for CRLs, a number. */
static bool is_hash_name(const char *name)
{
    size_t at = strspn(name, "0123456789abcdef");
    if (at != 8 || name[8] != '.') {
        return false;
    }
    const char *number = name + 9 + (name[9] == 'r');
    return number[0] != '\0' && number[strspn(number, "0123456789")] == '\0';
}

static bool is_walked(const struct walk *w, const struct stat *info)
{
    for (size_t i = 0; i < w->n; i++) {
        if (w->all[i].is_folder && w->all[i].dev == info->st_dev && w->all[i].ino == info->st_ino) {
            return true;
        }
    }
    return false;
}

static char *join(const char *folder, const char *name)
{
    struct text path = { 0 };
    bool has_slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/';
    text_printf(&path, "%s%s%s", folder, has_slash ? "" : "/", name);
    if (path.failed) {
        text_deinit(&path);
    }
    return path.p;
}

static enum status take_name(struct walk *w, int dir_fd, const struct found *folder,
                             const char *name)
{
    struct stat own;
    struct stat info;
    if (fstatat(dir_fd, name, &own, AT_SYMLINK_NOFOLLOW) != 0) {
        return ST_OK; /* gone since */
    }
    bool is_link = S_ISLNK(own.st_mode);
    info = own;
    if (is_link && fstatat(dir_fd, name, &info, 0) != 0) {
        return ST_OK; /* leads nowhere */
    }
    bool is_folder = S_ISDIR(info.st_mode);
    if (is_folder ? is_walked(w, &info) : !S_ISREG(info.st_mode)) {
        return ST_OK;
    }
    if (is_folder ? folder->depth + 1 >= FOLDER_DEPTH_MAX || w->n_folders >= FOLDERS_MAX
                  : w->n_files >= FOLDER_FILES_MAX) {
        w->n_left_out++;
        return ST_OK;
    }
    struct found f = { .path = join(folder->path, name),
                       .dev = info.st_dev,
                       .ino = info.st_ino,
                       .rank =
                           !is_link ? RANK_FILE : (is_hash_name(name) ? RANK_HASH_LINK : RANK_LINK),
                       .is_folder = is_folder,
                       .depth = folder->depth + 1 };
    if (f.path == NULL) {
        return no_memory(w->err, folder->path);
    }
    w->n_files += !is_folder;
    w->n_folders += is_folder;
    return push(w, f);
}

static enum status take_names(struct walk *w, DIR *dir, const struct found *folder)
{
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            TRY(take_name(w, dirfd(dir), folder, e->d_name));
        }
    }
    return ST_OK;
}

/* A folder below the one named that cannot be opened is left out. */
static enum status walk_folder(struct walk *w, struct found folder)
{
    DIR *dir = opendir(folder.path);
    if (dir == NULL) {
        w->n_left_out++;
        return folder.depth == 0 ? err_sys(w->err, "%s", folder.path) : ST_OK;
    }
    enum status st = take_names(w, dir, &folder);
    closedir(dir);
    return st;
}

static enum status walk_all(struct walk *w, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        return err_sys(w->err, "%s", path);
    }
    struct found top = {
        .path = strdup(path), .dev = info.st_dev, .ino = info.st_ino, .is_folder = true
    };
    if (top.path == NULL) {
        return no_memory(w->err, path);
    }
    TRY(push(w, top));
    for (size_t i = 0; i < w->n; i++) {
        if (w->all[i].is_folder) {
            TRY(walk_folder(w, w->all[i])); /* by value: the list moves as it grows */
        }
    }
    return ST_OK;
}

static int by_file(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;
    if (x->is_folder != y->is_folder) {
        return x->is_folder ? 1 : -1;
    }
    if (x->dev != y->dev) {
        return x->dev < y->dev ? -1 : 1;
    }
    if (x->ino != y->ino) {
        return x->ino < y->ino ? -1 : 1;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return strcmp(x->path, y->path);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first name of each file moves from the walk to the list. */
static enum status list_files(struct file_list *l, struct walk *w)
{
    if (w->all != NULL) {
        qsort(w->all, w->n, sizeof *w->all, by_file);
    }
    l->paths = calloc(w->n_files + 1, sizeof *l->paths);
    if (l->paths == NULL) {
        return no_memory(w->err, "folder");
    }
    for (size_t i = 0; w->all != NULL && i < w->n && !w->all[i].is_folder; i++) {
        const struct found *f = &w->all[i];
        if (i == 0 || f->dev != f[-1].dev || f->ino != f[-1].ino) {
            l->paths[l->n++] = f->path;
            w->all[i].path = NULL;
        }
    }
    qsort(l->paths, l->n, sizeof *l->paths, by_path);
    l->n_left_out = w->n_left_out;
    return ST_OK;
}

enum status file_list_init(struct file_list *l, const char *folder, struct err *err)
{
    struct walk w = { .err = err };
    *l = (struct file_list){ 0 };
    enum status st = walk_all(&w, folder);
    if (st == ST_OK) {
        st = list_files(l, &w);
    }
    walk_deinit(&w);
    return st;
}

void file_list_deinit(struct file_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->paths[i]);
    }
    free(l->paths);
    *l = (struct file_list){ 0 };
}
