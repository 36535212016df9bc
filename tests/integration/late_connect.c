/*
 * late_connect: preloaded into nginx so that a connection is up only once the other side has spoken
 * or closed, or has said nothing for a while. What a fast peer sends at once is there then together
 * with the connection, however fast or slow the machine is.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAIT_MS = 300 };

/* glibc declares it with a type of its own. */
__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG sa, socklen_t len)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int result = (int)syscall(SYS_connect, fd, sa.__sockaddr__, len);
    int saved = errno;
    if (sa.__sockaddr__->sa_family == AF_INET && result != 0 && saved == EINPROGRESS) {
        (void)poll(&one, 1, WAIT_MS);
    }
    errno = saved;
    return result;
}
