#include "nginx/outbox.h"

#include <sys/un.h>

enum { TRIES = 2 };

static int fd = -1;
static uint64_t n_lost;

char *hf_outbox_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    static const char prefix[] = "unix:";
    struct hf_main_conf *all = conf;
    ngx_str_t *words = cf->args->elts;
    struct bytes place = bytes_of(words[1].data, words[1].len);
    (void)cmd;
    if (all->collector.len > 0) {
        return "is duplicate";
    }
    if (!bytes_start_with(place, BYTES("unix:"))) {
        return "needs \"unix:PATH\"";
    }
    place = bytes_skip(place, sizeof prefix - 1);
    if (place.len == 0 || place.len >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return "names a path that is too long, or none";
    }
    all->collector = (ngx_str_t){ place.len, words[1].data + sizeof prefix - 1 };
    return NGX_CONF_OK;
}

static void hang_up(void)
{
    if (fd >= 0) {
        close(fd);
    }
    fd = -1;
}

static bool dial(const ngx_str_t *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    bytes_copy(a.sun_path, sizeof a.sun_path - 1, bytes_of(path->data, path->len));
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        hang_up();
    }
    return fd >= 0;
}

bool hf_outbox_send(const ngx_str_t *path, struct bytes note)
{
    for (int i = 0; i < TRIES; i++) {
        if (fd < 0 && !dial(path)) {
            break;
        }
        if (send(fd, note.p, note.len, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR) ==
            (ssize_t)note.len) {
            n_lost = 0;
            return true;
        }
        if (errno == EAGAIN || errno == EMSGSIZE) { /* it is there, and has no room */
            break;
        }
        hang_up();
    }
    n_lost++;
    return false;
}

uint64_t hf_outbox_n_lost(void)
{
    return n_lost;
}
