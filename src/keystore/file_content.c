#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "keystore/files.h"
#include "keystore/keystore.h"

enum { FIRST_SIZE = 65536 };

void file_content_wipe(struct file_content *c)
{
    OPENSSL_cleanse(c->p, c->len);
    c->len = 0;
}

void file_content_deinit(struct file_content *c)
{
    file_content_wipe(c);
    free(c->p);
    *c = (struct file_content){ 0 };
}

/* Never realloc(): it may leave a copy of a key behind. */
static bool grow(struct file_content *c, size_t wanted)
{
    size_t size = wanted < FIRST_SIZE ? FIRST_SIZE : wanted;
    unsigned char *p = malloc(size);
    if (p == NULL) {
        return false;
    }
    (void)bytes_copy(p, size, bytes_of(c->p, c->len));
    OPENSSL_cleanse(c->p, c->len);
    free(c->p);
    c->p = p;
    c->size = size;
    return true;
}

static enum status too_large(const char *path, struct err *err)
{
    return err_set(err, ST_USAGE, "%s: larger than %d MB", path, KEYSTORE_FILE_BYTES_MAX >> 20);
}

static enum status make_room(struct file_content *c, const struct stat *info, const char *path,
                             struct err *err)
{
    size_t wanted = FIRST_SIZE;
    if (S_ISREG(info->st_mode)) {
        if (info->st_size > KEYSTORE_FILE_BYTES_MAX) {
            return too_large(path, err);
        }
        wanted = (size_t)info->st_size + 1; /* one more, to see the end */
    }
    if (wanted > c->size && !grow(c, wanted)) {
        return err_set(err, ST_NOMEM, "%s: no memory", path);
    }
    return ST_OK;
}

static enum status read_all(struct file_content *c, int fd, const char *path, struct err *err)
{
    for (;;) {
        if (c->len == c->size && !grow(c, c->size * 2)) {
            return err_set(err, ST_NOMEM, "%s: no memory", path);
        }
        ssize_t n = read(fd, c->p + c->len, c->size - c->len);
        if (n == 0) {
            return ST_OK;
        }
        if (n < 0 && errno != EINTR) {
            return err_sys(err, "%s", path);
        }
        c->len += n < 0 ? 0 : (size_t)n;
        if (c->len > KEYSTORE_FILE_BYTES_MAX) {
            return too_large(path, err);
        }
    }
}

static enum status load_open(struct file_content *c, int fd, const char *path, bool regular_only,
                             struct err *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return err_sys(err, "%s", path);
    }
    if (S_ISDIR(info.st_mode) || S_ISBLK(info.st_mode) ||
        (regular_only && !S_ISREG(info.st_mode))) {
        return err_set(err, ST_USAGE, "%s: not a file", path);
    }
    TRY(make_room(c, &info, path, err));
    return read_all(c, fd, path, err);
}

enum status file_content_load(struct file_content *c, const char *path, bool regular_only,
                              struct err *err)
{
    file_content_wipe(c);
    if (strcmp(path, "-") == 0) {
        return load_open(c, STDIN_FILENO, "standard input", false, err);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | (regular_only ? O_NONBLOCK : 0));
    if (fd < 0) {
        return err_sys(err, "%s", path);
    }
    enum status st = load_open(c, fd, path, regular_only, err);
    close(fd);
    return st;
}
