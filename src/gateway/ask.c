#include "gateway/ask.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ASK_LIMIT_US = 500 * 1000, ANSWER_ROOM = 1024 };

static int dial(const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval limit = { 0, ASK_LIMIT_US };
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    int fd = n > 0 && (size_t)n < sizeof at.sun_path
                 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
                 : -1;
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static size_t read_answer(int fd, char *out, size_t room)
{
    size_t len = 0;
    while (len < room - 1) {
        ssize_t n = recv(fd, out + len, room - 1 - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    out[len] = '\0';
    return len;
}

bool ask_mark(const char *socket_path, char *out, size_t room)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    char answer[ANSWER_ROOM];
    int fd = dial(socket_path);
    if (fd < 0) {
        return false;
    }
    bool sent = send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1;
    size_t len = sent ? read_answer(fd, answer, sizeof answer) : 0;
    close(fd);
    const char *body = len > 0 ? strstr(answer, "\r\n\r\n") : NULL;
    if (body == NULL || strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        return false;
    }
    int n = snprintf(out, room, "%.*s", (int)strspn(body + 4, "0123456789abcdef"), body + 4);
    return n > 0 && (size_t)n < room;
}
