#include "api/access_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

struct access_log {
    pthread_mutex_t mutex;
    char *path;
    int fd;
    int64_t checked_ns; /* when it was last seen under its name */
};

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

enum status access_log_open(const char *path, struct access_log **out, struct err *err)
{
    struct access_log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    log->path = strdup(path);
    log->fd = log->path == NULL ? -1 : open_file(path);
    if (log->fd < 0) {
        enum status st = err_sys(err, "%s", path);
        free(log->path);
        free(log);
        return st;
    }
    (void)pthread_mutex_init(&log->mutex, NULL);
    *out = log;
    return ST_OK;
}

void access_log_close(struct access_log *log)
{
    if (log != NULL) {
        (void)close(log->fd);
        (void)pthread_mutex_destroy(&log->mutex);
        free(log->path);
        free(log);
    }
}

/* Once a second at most. */
static void follow_name(struct access_log *log)
{
    int64_t now = clock_monotonic_ns();
    if (now - log->checked_ns < NS_PER_S) {
        return;
    }
    log->checked_ns = now;
    struct stat ours;
    struct stat named;
    if (fstat(log->fd, &ours) == 0 && lstat(log->path, &named) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev) {
        return;
    }
    int fd = open_file(log->path);
    if (fd >= 0) {
        (void)close(log->fd);
        log->fd = fd;
    }
}

static const char *or_dash(const char *s)
{
    return s == NULL || s[0] == '\0' ? "-" : s;
}

void access_log_put(struct access_log *log, const struct access_line *line)
{
    struct text t = { 0 };
    clock_put(&t, clock_now_ns(), 3);
    text_printf(&t, " %s ", or_dash(line->client));
    text_put_safe(&t, bytes_of_str(or_dash(line->user)));
    text_puts(&t, " \"");
    text_put_safe(&t, bytes_head(bytes_of_str(or_dash(line->method)), 32));
    text_putc(&t, ' ');
    text_put_safe(&t, bytes_head(bytes_of_str(or_dash(line->path)), 1024));
    text_printf(&t, "\" %u %zu %lld %s\n", line->status, line->n_bytes,
                (long long)(line->took_ns / NS_PER_MS), or_dash(line->id));
    (void)pthread_mutex_lock(&log->mutex);
    follow_name(log);
    ssize_t n = t.failed ? 0 : write(log->fd, t.p, t.len); /* one call: lines do not mix */
    (void)n;
    (void)pthread_mutex_unlock(&log->mutex);
    text_deinit(&t);
}
