/*
 * handshake_load: TLS handshakes with servers on 127.0.0.1 by turns, as many at once as asked, from
 * one thread. What tools/bench_observer counts handshakes with; it compiles this file itself.
 *
 * usage: handshake_load VERSION PARALLEL handshake|get PORT...
 *   VERSION 1.2 or 1.3; get: one HTTP request on each connection
 *
 * Prints "ready". For each line "INDEX N" on its input it makes N handshakes with the INDEXth port,
 * then prints "done". Each connection is a full handshake, close_notify (with `get`: a request and
 * its answer), then a reset, so that no port is left in TIME_WAIT. Certificates are not verified:
 * the server's work is what is measured. Ends with 1 when a handshake fails.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_EVENTS = 64, WAIT_MS = 10000, MAX_PARALLEL = 512, MAX_PORTS = 8 };
enum step { STEP_WAIT, STEP_DONE, STEP_FAILED };

struct slot {
    int fd;
    SSL *ssl;
    bool has_asked, has_left;
};

struct load {
    SSL_CTX *context;
    bool is_asking;
    struct sockaddr_in server;
    int poll;
    unsigned long n_begun, n_done, n_wanted;
};

static bool slot_open(struct load *l, struct slot *slot)
{
    struct linger reset = { 1, 0 };
    int on = 1;
    l->n_begun++;
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0) {
        return false;
    }
    setsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(slot->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(slot->fd, (struct sockaddr *)&l->server, sizeof l->server) != 0 &&
        errno != EINPROGRESS) {
        return false;
    }
    slot->ssl = SSL_new(l->context);
    if (slot->ssl == NULL || SSL_set_fd(slot->ssl, slot->fd) != 1) {
        return false;
    }
    SSL_set_connect_state(slot->ssl);
    SSL_set_tlsext_host_name(slot->ssl, "good.test");
    struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data = { .ptr = slot } };
    return epoll_ctl(l->poll, EPOLL_CTL_ADD, slot->fd, &event) == 0;
}

static void slot_close(struct slot *slot)
{
    SSL_free(slot->ssl);
    close(slot->fd);
    *slot = (struct slot){ .fd = -1 };
}

static enum step step_of(struct slot *slot, int result)
{
    int why = SSL_get_error(slot->ssl, result);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? STEP_WAIT : STEP_FAILED;
}

/* The answer is small: all of it comes at once. */
static enum step slot_ask(struct slot *slot)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: good.test\r\n\r\n";
    char answer[4096];
    if (!slot->has_asked) {
        slot->has_asked = true;
        if (SSL_write(slot->ssl, request, sizeof request - 1) <= 0) {
            return STEP_FAILED;
        }
    }
    int result = SSL_read(slot->ssl, answer, sizeof answer);
    return result > 0 ? STEP_DONE : step_of(slot, result);
}

/* The server has read the Finished once it answers close_notify, or closes: a reset before that
 * would cut its handshake. */
static enum step slot_leave(struct slot *slot)
{
    char left[4096];
    int result = 1;
    if (!slot->has_left) {
        slot->has_left = true;
        SSL_shutdown(slot->ssl);
    }
    while (result > 0) {
        result = SSL_read(slot->ssl, left, sizeof left);
    }
    return SSL_get_error(slot->ssl, result) == SSL_ERROR_WANT_READ ? STEP_WAIT : STEP_DONE;
}

static enum step slot_step(const struct load *l, struct slot *slot)
{
    int result = SSL_is_init_finished(slot->ssl) ? 1 : SSL_do_handshake(slot->ssl);
    if (result != 1) {
        return step_of(slot, result);
    }
    return l->is_asking ? slot_ask(slot) : slot_leave(slot);
}

/* One event: false where a handshake failed, or a new connection cannot be opened. */
static bool advance(struct load *l, struct slot *slot)
{
    if (slot->ssl == NULL) {
        return true;
    }
    enum step step = slot_step(l, slot);
    if (step == STEP_WAIT) {
        return true;
    }
    l->n_done++;
    slot_close(slot);
    return step == STEP_DONE && (l->n_begun == l->n_wanted || slot_open(l, slot));
}

static bool load_run(struct load *l, struct slot *slots, size_t n, unsigned long wanted)
{
    struct epoll_event events[N_EVENTS];
    l->n_begun = l->n_done = 0;
    l->n_wanted = wanted;
    for (size_t i = 0; i < n && i < wanted; i++) {
        if (!slot_open(l, &slots[i])) {
            return false;
        }
    }
    while (l->n_done < wanted) {
        int n_ready = epoll_wait(l->poll, events, N_EVENTS, WAIT_MS);
        if (n_ready == 0) {
            errno = ETIMEDOUT;
            return false;
        }
        for (int i = 0; i < n_ready; i++) {
            if (!advance(l, events[i].data.ptr)) {
                return false;
            }
        }
    }
    return true;
}

static bool load_init(struct load *l, const char *version)
{
    int wanted = strcmp(version, "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
    l->poll = epoll_create1(EPOLL_CLOEXEC);
    l->server.sin_family = AF_INET;
    l->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l->context = SSL_CTX_new(TLS_client_method());
    return l->poll >= 0 && l->context != NULL &&
           SSL_CTX_set_min_proto_version(l->context, wanted) == 1 &&
           SSL_CTX_set_max_proto_version(l->context, wanted) == 1;
}

static bool say(const char *word)
{
    return puts(word) >= 0 && fflush(stdout) == 0;
}

/* True at the end of the input. */
static bool obey(struct load *l, size_t n, char **ports, size_t n_ports)
{
    static struct slot slots[MAX_PARALLEL];
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = NULL;
        size_t which = strtoul(line, &rest, 10);
        if (which >= n_ports) {
            return false;
        }
        l->server.sin_port = htons((uint16_t)strtoul(ports[which], NULL, 10));
        if (!load_run(l, slots, n, strtoul(rest, NULL, 10)) || !say("done")) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct load l = { .is_asking = argc > 3 && strcmp(argv[3], "get") == 0 };
    size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    if (argc < 5 || argc - 4 > MAX_PORTS || n == 0 || n > MAX_PARALLEL) {
        fprintf(stderr, "usage: handshake_load VERSION PARALLEL handshake|get PORT...\n");
        return 2;
    }
    if (!load_init(&l, argv[1]) || !say("ready") || !obey(&l, n, argv + 4, (size_t)argc - 4)) {
        perror("handshake_load: a handshake failed");
        return 1;
    }
    return 0;
}
