#include "agent/delivery.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

enum { PATIENCE_MS = 2000 };

enum delivery_kind { TO_STDERR, TO_FILE, TO_SYSLOG, TO_SOCKET };

struct delivery {
    enum delivery_kind kind;
    const char *place;
    FILE *file;
    int socket;    /* -1: not connected */
    bool is_stuck; /* its reader reads nothing: it is not waited for again */
    bool has_complained;
};

static enum status open_file(struct delivery *d, struct err *err)
{
    d->file = fopen(d->place, "ae");
    return d->file == NULL ? err_sys(err, "%s", d->place) : ST_OK;
}

/* Datagrams where the reader takes them, else a stream. */
static bool connect_socket(struct delivery *d)
{
    static const int types[] = { SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET };
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (!bytes_copy(a.sun_path, sizeof a.sun_path - 1, bytes_of_str(d->place))) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(types) && d->socket < 0; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) == 0) {
            d->socket = fd;
        } else if (fd >= 0) {
            int saved = errno;
            close(fd);
            errno = saved;
        }
    }
    return d->socket >= 0;
}

static enum status open_place(struct delivery *d, struct err *err)
{
    static const char unix_prefix[] = "unix:";
    if (d->place == NULL) {
        return ST_OK;
    }
    if (strcmp(d->place, "syslog") == 0) {
        d->kind = TO_SYSLOG;
        openlog("handfast", LOG_PID, LOG_DAEMON);
        return ST_OK;
    }
    if (strncmp(d->place, unix_prefix, sizeof unix_prefix - 1) == 0) {
        d->kind = TO_SOCKET;
        d->place += sizeof unix_prefix - 1;
        return connect_socket(d) ? ST_OK : err_sys(err, "%s", d->place);
    }
    d->kind = TO_FILE;
    return open_file(d, err);
}

enum status delivery_open(const char *place, struct delivery **out, struct err *err)
{
    struct delivery *d = calloc(1, sizeof *d);
    if (d == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    d->place = place;
    d->socket = -1;
    enum status st = open_place(d, err);
    if (st != ST_OK) {
        delivery_free(d);
        return st;
    }
    *out = d;
    return ST_OK;
}

void delivery_free(struct delivery *d)
{
    if (d == NULL) {
        return;
    }
    if (d->file != NULL) {
        fclose(d->file);
    }
    if (d->socket >= 0) {
        close(d->socket);
    }
    if (d->kind == TO_SYSLOG) {
        closelog();
    }
    free(d);
}

bool delivery_is_stderr(const struct delivery *d)
{
    return d->kind == TO_STDERR;
}

bool delivery_wants_lines(const struct delivery *d)
{
    return d->kind == TO_SYSLOG;
}

static bool write_to(FILE *to, const struct text *t)
{
    return fwrite(text_str(t), 1, t->len, to) == t->len && fflush(to) == 0;
}

static bool can_wait(struct delivery *d)
{
    struct pollfd p = { .fd = d->socket, .events = POLLOUT };
    bool is_free = !d->is_stuck && poll(&p, 1, PATIENCE_MS) > 0;
    d->is_stuck = !is_free;
    errno = EAGAIN;
    return is_free;
}

/* Whoever stands between a command and its end must not wait for a reader for ever. How much of it
 * went. */
static size_t send_some(struct delivery *d, const struct text *t)
{
    size_t sent = 0;
    while (sent < t->len) {
        ssize_t n = send(d->socket, text_str(t) + sent, t->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            d->is_stuck = false;
            sent += (size_t)n;
        } else if (errno != EAGAIN || !can_wait(d)) {
            break;
        }
    }
    return sent;
}

/* A reader that was restarted is found again. */
static bool send_to(struct delivery *d, const struct text *t)
{
    for (int i = 0; i < 2; i++) {
        if (d->socket < 0 && !connect_socket(d)) {
            return false;
        }
        size_t sent = send_some(d, t);
        if (sent == t->len) {
            return true;
        }
        if (sent == 0 && errno == EAGAIN) {
            return false;
        }
        int saved = errno;
        close(d->socket); /* half a verdict ends with its connection */
        d->socket = -1;
        errno = saved;
        if (saved == EAGAIN) {
            return false;
        }
    }
    return false;
}

static bool put(struct delivery *d, const struct text *t)
{
    switch (d->kind) {
    case TO_STDERR:
        return write_to(stderr, t);
    case TO_FILE:
        return write_to(d->file, t);
    case TO_SYSLOG:
        syslog(LOG_WARNING, "%s", text_str(t));
        return true;
    case TO_SOCKET:
        return send_to(d, t);
    }
    return false;
}

bool delivery_put(struct delivery *d, const struct text *verdict)
{
    bool is_put = put(d, verdict);
    if (!is_put && !d->has_complained && d->kind != TO_STDERR) {
        fprintf(stderr, "handfast: %s: %s\n", d->place, strerror(errno));
        d->has_complained = true;
    }
    return is_put;
}
