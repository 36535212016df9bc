/* Streams that take their time while they are asked: neither other connections nor the end of their
 * own wait for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/streams.h"
#include "base/clock.h"

enum { SOON_MS = 2000, LONG_MS = 10000 };

/* What the slow stream and the test tell each other. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned n_asked, n_closed, n_inside;
    bool is_held;       /* whoever asks the slow stream has to wait */
    bool closed_inside; /* while it was asked */
} slow = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

struct lab {
    struct streams *streams;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

static bool next_slow(void *arg, struct text *out)
{
    (void)arg;
    pthread_mutex_lock(&slow.mutex);
    slow.n_asked++;
    slow.n_inside++;
    pthread_cond_broadcast(&slow.changed);
    while (slow.is_held) {
        pthread_cond_wait(&slow.changed, &slow.mutex);
    }
    slow.n_inside--;
    pthread_mutex_unlock(&slow.mutex);
    text_puts(out, "data: slow\n\n");
    return true;
}

static void close_slow(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&slow.mutex);
    slow.n_closed++;
    slow.closed_inside = slow.closed_inside || slow.n_inside > 0;
    pthread_cond_broadcast(&slow.changed);
    pthread_mutex_unlock(&slow.mutex);
}

static void hold(bool is_held)
{
    pthread_mutex_lock(&slow.mutex);
    slow.is_held = is_held;
    pthread_cond_broadcast(&slow.changed);
    pthread_mutex_unlock(&slow.mutex);
}

/* Until one of the counters is that high; false after LONG_MS. */
static bool await(const unsigned *counter, unsigned n)
{
    bool is_there = false;
    for (int64_t until = clock_monotonic_ns() + LONG_MS * NS_PER_MS;
         !is_there && clock_monotonic_ns() < until; poll(NULL, 0, 2)) {
        pthread_mutex_lock(&slow.mutex);
        is_there = *counter >= n;
        pthread_mutex_unlock(&slow.mutex);
    }
    return is_there;
}

/* --- a server --- */

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_len, void **of_request)
{
    struct lab *lab = cls;
    static const char plain[] = "plain\n";
    struct api_stream stream = { next_slow, close_slow, NULL };
    (void)method;
    (void)version;
    (void)upload;
    (void)upload_len;
    if (*of_request == NULL) { /* the headers; the next call is for the answer */
        *of_request = lab;
        return MHD_YES;
    }
    struct MHD_Response *response =
        strcmp(url, "/slow") == 0
            ? streams_add(lab->streams, connection, &stream)
            : MHD_create_response_from_buffer(sizeof plain - 1, (void *)(uintptr_t)plain,
                                              MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    return result;
}

static void tick(void *arg)
{
    (void)arg;
}

static int set_up(void **state)
{
    static struct lab lab;
    struct err err = { 0 };
    slow.n_asked = slow.n_closed = slow.n_inside = 0;
    slow.is_held = slow.closed_inside = false;
    assert_int_equal(streams_start(tick, NULL, &lab.streams, &err), ST_OK);
    lab.daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNALLY | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
                                  NULL, answer, &lab, MHD_OPTION_END);
    assert_non_null(lab.daemon);
    lab.port = MHD_get_daemon_info(lab.daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *state = &lab;
    return 0;
}

static int take_down(void **state)
{
    struct lab *lab = *state;
    hold(false);
    streams_end(lab->streams);
    poll(NULL, 0, 600); /* a turn or two: suspended connections are resumed by it */
    MHD_stop_daemon(lab->daemon);
    streams_stop(lab->streams);
    return 0;
}

/* --- its clients --- */

static int get(const struct lab *lab, const char *path)
{
    char request[128];
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(lab->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

/* Do these words come within that time? */
static bool hears(int fd, const char *words, int wait_ms)
{
    char got[8192];
    size_t len = 0;
    int64_t until = clock_monotonic_ns() + wait_ms * NS_PER_MS;
    while (len < sizeof got - 1 && clock_monotonic_ns() < until) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 50) <= 0) {
            continue;
        }
        ssize_t n = recv(fd, got + len, sizeof got - 1 - len, 0);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        got[len] = '\0';
        if (strstr(got, words) != NULL) {
            return true;
        }
    }
    return false;
}

static void others_do_not_wait(void **state)
{
    struct lab *lab = *state;
    hold(true);
    int first = get(lab, "/slow");
    assert_true(await(&slow.n_inside, 1));
    int second = get(lab, "/slow"); /* is added, and has nothing to read yet */
    int third = get(lab, "/plain");
    assert_true(hears(third, "plain", SOON_MS));
    hold(false);
    assert_true(hears(first, "data: slow", LONG_MS));
    assert_true(hears(second, "data: slow", LONG_MS));
    close(first);
    close(second);
    close(third);
}

static void one_that_goes_while_it_is_asked(void **state)
{
    struct lab *lab = *state;
    int fd = get(lab, "/slow");
    assert_true(hears(fd, "data: slow", LONG_MS));
    hold(true);
    assert_true(await(&slow.n_inside, 1));
    struct linger reset = { 1, 0 };
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(fd);
    int plain = get(lab, "/plain"); /* the server has seen the end when it answers this */
    assert_true(hears(plain, "plain", SOON_MS));
    close(plain);
    hold(false);
    assert_true(await(&slow.n_closed, 1));
    poll(NULL, 0, 300);
    assert_int_equal(slow.n_closed, 1);
    assert_false(slow.closed_inside);
}

static void too_many(void **state)
{
    struct lab *lab = *state;
    int fds[STREAMS_MAX + 1];
    for (int i = 0; i < STREAMS_MAX; i++) {
        fds[i] = get(lab, "/slow");
        assert_true(hears(fds[i], "data: slow", LONG_MS));
    }
    fds[STREAMS_MAX] = get(lab, "/slow");
    assert_false(hears(fds[STREAMS_MAX], "data: slow", SOON_MS));
    assert_int_equal(slow.n_closed, 0); /* the one too many stays its maker's */
    for (int i = 0; i <= STREAMS_MAX; i++) {
        close(fds[i]);
    }
    assert_true(await(&slow.n_closed, STREAMS_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_do_not_wait, set_up, take_down),
        cmocka_unit_test_setup_teardown(one_that_goes_while_it_is_asked, set_up, take_down),
        cmocka_unit_test_setup_teardown(too_many, set_up, take_down),
    };
    return cmocka_run_group_tests_name("api_streams", tests, NULL, NULL);
}
