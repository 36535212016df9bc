/* Notes leave through a socket that is opened for each and closed at once: no descriptor of ours is
 * ever open when the program looks. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/guest.h"

static struct sockaddr_un collector;
static socklen_t collector_len;

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_key(const char *hex, uint8_t key[NOTE_KEY_BYTES])
{
    for (size_t i = 0; hex != NULL && i < NOTE_KEY_BYTES; i++) {
        int high = hex_digit(hex[2 * i]);
        int low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);
        if (low < 0) {
            return;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
}

bool outbox_init(uint8_t key[NOTE_KEY_BYTES])
{
    const char *path = getenv("HANDFAST_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);
    if (len == 0 || len >= sizeof collector.sun_path) {
        return false;
    }
    collector.sun_family = AF_UNIX;
    bytes_copy(collector.sun_path, sizeof collector.sun_path, bytes_of(path, len));
    collector_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
    if (path[0] == '@') { /* the abstract name space, unix(7): reached from a chroot too */
        collector.sun_path[0] = '\0';
        collector_len--;
    }
    read_key(getenv("HANDFAST_KEY"), key);
    return true;
}

void outbox_send(struct bytes note)
{
    int saved = errno;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        if (connect(fd, (const struct sockaddr *)&collector, collector_len) == 0) {
            send(fd, note.p, note.len, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR);
        }
        close(fd);
    }
    errno = saved;
}
