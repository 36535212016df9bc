#include "gateway/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16, PATIENCE_S = 2, ANSWER_PATIENCE_S = 60 };

static bool name_it(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s", path);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

static void limit(int fd, int seconds)
{
    struct timeval t = { seconds, 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

enum status control_listen(const struct places *places, int *fd, struct err *err)
{
    struct sockaddr_un at;
    if (!name_it(places->control_socket, &at)) {
        return err_set(err, ST_USAGE, "%s: the path is too long", places->control_socket);
    }
    (void)unlink(at.sun_path); /* of a manager before us: we hold the lock */
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0) {
        return err_sys(err, "%s", places->control_socket);
    }
    if (bind(s, (struct sockaddr *)&at, sizeof at) != 0 || chmod(at.sun_path, 0600) != 0 ||
        listen(s, BACKLOG) != 0) {
        enum status st = err_sys(err, "%s", places->control_socket);
        close(s);
        return st;
    }
    *fd = s;
    return ST_OK;
}

static bool may_ask(int fd)
{
    struct ucred who = { 0 };
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
           (who.uid == 0 || who.uid == geteuid());
}

/* Up to the newline, which is left out. */
static bool read_line(int fd, char line[CONTROL_LINE_MAX])
{
    size_t len = 0;
    while (len < CONTROL_LINE_MAX - 1) {
        ssize_t n = recv(fd, line + len, 1, 0);
        if (n <= 0) {
            return false;
        }
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
        len++;
    }
    return false;
}

static void send_all(int fd, const char *s, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return;
        }
        s += n;
        len -= (size_t)n;
    }
}

void control_serve(int fd, bool (*act)(void *arg, const char *line, struct text *answer), void *arg)
{
    for (int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC); peer >= 0;
         peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) {
        char line[CONTROL_LINE_MAX];
        struct text answer = { 0 };
        limit(peer, PATIENCE_S);
        if (may_ask(peer) && read_line(peer, line)) {
            bool done = act(arg, line, &answer);
            send_all(peer, done ? "ok\n" : "error\n", done ? 3 : 6);
            send_all(peer, text_str(&answer), answer.len);
        }
        text_deinit(&answer);
        close(peer);
    }
}

/* --- the other end --- */

static enum status receive(int fd, struct text *out, struct err *err)
{
    char piece[4096];
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_sys(err, "the gateway does not answer");
        }
        if (n == 0) {
            return ST_OK;
        }
        if ((size_t)n > CONTROL_ANSWER_MAX - out->len) {
            return err_set(err, ST_FORMAT, "the gateway answers too much");
        }
        text_put(out, piece, (size_t)n);
    }
}

static enum status judge(const struct text *whole, struct text *answer, struct err *err)
{
    const char *rest = strchr(text_str(whole), '\n');
    if (rest == NULL) {
        return err_set(err, ST_IO, "the gateway ended without an answer");
    }
    if (strncmp(text_str(whole), "ok\n", 3) != 0) {
        return err_set(err, ST_USAGE, "%.*s", (int)strcspn(rest + 1, "\n"), rest + 1);
    }
    text_puts(answer, rest + 1);
    return ST_OK;
}

static enum status ask(int fd, const struct sockaddr_un *at, const char *line, struct text *answer,
                       struct err *err)
{
    struct text whole = { 0 };
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) != 0) {
        return err_set(err, ST_USAGE, "no gateway runs there (%s)", at->sun_path);
    }
    limit(fd, ANSWER_PATIENCE_S);
    send_all(fd, line, strlen(line));
    send_all(fd, "\n", 1);
    enum status st = receive(fd, &whole, err);
    if (st == ST_OK) {
        st = judge(&whole, answer, err);
    }
    text_deinit(&whole);
    return st;
}

enum status control_ask(const struct places *places, const char *line, struct text *answer,
                        struct err *err)
{
    struct sockaddr_un at;
    int fd =
        name_it(places->control_socket, &at) ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return err_sys(err, "%s", places->control_socket);
    }
    enum status st = ask(fd, &at, line, answer, err);
    close(fd);
    return st;
}
