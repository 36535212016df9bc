#include "gateway/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 600, WALK_FDS = 8 };

enum status folder_make(const char *path, mode_t mode, struct err *err)
{
    if (mkdir(path, mode) != 0) {
        struct stat st;
        int error = errno;
        if (error == EEXIST && stat(path, &st) == 0) {
            error = ENOTDIR;
            if (S_ISDIR(st.st_mode)) {
                return ST_OK;
            }
        }
        errno = error;
        return err_sys(err, "%s", path);
    }
    return chmod(path, mode) == 0 ? ST_OK : err_sys(err, "%s", path); /* whatever the umask is */
}

static enum status write_all(int fd, const char *path, struct bytes content, struct err *err)
{
    while (content.len > 0) {
        ssize_t n = write(fd, content.p, content.len);
        if (n < 0 && errno != EINTR) {
            return err_sys(err, "%s", path);
        }
        content = bytes_skip(content, n > 0 ? (size_t)n : 0);
    }
    return ST_OK;
}

static enum status beside(char out[PATH_ROOM], const char *path, struct err *err)
{
    int n = snprintf(out, PATH_ROOM, "%s.new", path);
    return n > 0 && n < PATH_ROOM ? ST_OK
                                  : err_set(err, ST_USAGE, "%s: the path is too long", path);
}

enum status folder_write(const char *path, struct bytes content, struct err *err)
{
    char new_path[PATH_ROOM];
    TRY(beside(new_path, path, err));
    (void)unlink(new_path); /* left by somebody who was killed; its mode is not ours to trust */
    int fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_sys(err, "%s", path);
    }
    enum status st = write_all(fd, path, content, err);
    if (close(fd) != 0 && st == ST_OK) {
        st = err_sys(err, "%s", path);
    }
    if (st == ST_OK && rename(new_path, path) != 0) {
        st = err_sys(err, "%s", path);
    }
    if (st != ST_OK) {
        (void)unlink(new_path);
    }
    return st;
}

static enum status read_all(int fd, const char *path, size_t limit, struct text *out,
                            struct err *err)
{
    char piece[4096];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(err, "%s", path);
        }
        if (n == 0) {
            return out->failed ? err_set(err, ST_NOMEM, "%s: no memory", path) : ST_OK;
        }
        if ((size_t)n > limit - out->len) {
            return err_set(err, ST_FORMAT, "%s: longer than %zu bytes", path, limit);
        }
        text_put(out, piece, (size_t)n);
    }
}

enum status folder_read(const char *path, size_t limit, struct text *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return err_sys(err, "%s", path);
    }
    text_clear(out);
    enum status st = read_all(fd, path, limit, out, err);
    close(fd);
    return st;
}

bool folder_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum status folder_relink(const char *link, const char *target, struct err *err)
{
    char new_link[PATH_ROOM];
    TRY(beside(new_link, link, err));
    (void)unlink(new_link);
    if (symlink(target, new_link) != 0 || rename(new_link, link) != 0) {
        return err_sys(err, "%s", link);
    }
    return ST_OK;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *walk)
{
    (void)st;
    (void)flag;
    (void)walk;
    (void)remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    (void)nftw(path, remove_one, WALK_FDS, FTW_DEPTH | FTW_PHYS);
}
