#include "gateway/collector.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/note_desk.h"
#include "gateway/note_queue.h"
#include "observe/note.h"

enum {
    BACKLOG = 4096,
    CONNECTIONS_MAX = 1024, /* workers that keep one, and notes that come by one each */
    EVENTS_AT_ONCE = 64,
    NOTES_AT_ONCE = 64, /* of one connection, before the others' turn */
    NOTE_ROOM = 256 * 1024,
    LOOK_ROUND_MS = 500,
    LISTEN_AGAIN_MS = 200, /* where there was no room for one more connection */
    OTHER_FILES = 64,      /* descriptors beside the connections */
    TAKER_NICE = -10,      /* little work that must not wait */
    JUDGE_NICE = 5,        /* much work that may: traffic goes first */
};

#define BATCH_NS (100 * NS_PER_MS) /* a verdict is to be seen soon, in a flood too */

struct taker { /* the thread that empties the sockets */
    int socket, epoll, signals;
    gid_t group; /* whose processes may send too; (gid_t)-1: none */
    size_t n_connections;
    bool is_listening; /* who waits to be accepted is not looked at while there is no room */
    struct note_queue *queue;
    uint8_t note[NOTE_ROOM];
};

/* --- the socket --- */

static bool is_welcome(const struct taker *k, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return false;
    }
    return peer.uid == 0 || peer.uid == geteuid() ||
           (k->group != (gid_t)-1 && peer.gid == k->group);
}

/* A socket that an earlier collector left behind is in the way; anything else is not ours. */
static void remove_stale(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(path);
    }
}

/* Whoever may enter the directory of the sockets as its group may send. */
static gid_t group_of(const char *dir)
{
    struct stat st;
    bool is_shared = stat(dir, &st) == 0 && (st.st_mode & S_IXGRP) != 0;
    return is_shared ? st.st_gid : (gid_t)-1;
}

static enum status bind_socket(struct taker *k, const struct places *p, struct err *err)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (!bytes_copy(a.sun_path, sizeof a.sun_path - 1, bytes_of_str(p->collector_socket))) {
        return err_set(err, ST_USAGE, "%s: too long for a socket", p->collector_socket);
    }
    remove_stale(p->collector_socket);
    mode_t old = umask(0177);
    bool is_bound = bind(k->socket, (const struct sockaddr *)&a, sizeof a) == 0;
    umask(old);
    if (!is_bound || listen(k->socket, BACKLOG) != 0) {
        return err_sys(err, "%s", p->collector_socket);
    }
    k->group = group_of(p->run);
    if (k->group != (gid_t)-1 && (chown(p->collector_socket, (uid_t)-1, k->group) != 0 ||
                                  chmod(p->collector_socket, 0660) != 0)) {
        return err_sys(err, "%s", p->collector_socket);
    }
    return ST_OK;
}

static bool watch(const struct taker *k, int fd)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static enum status open_taker(struct taker *k, const struct places *p, struct err *err)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    k->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    k->epoll = epoll_create1(EPOLL_CLOEXEC);
    k->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (k->socket < 0 || k->epoll < 0 || k->signals < 0) {
        return err_sys(err, "collector");
    }
    TRY(bind_socket(k, p, err));
    if (!watch(k, k->socket) || !watch(k, k->signals)) {
        return err_sys(err, "collector");
    }
    k->is_listening = true;
    return note_queue_new(&k->queue, err);
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void close_taker(struct taker *k)
{
    close_fd(k->socket);
    close_fd(k->epoll);
    close_fd(k->signals);
    note_queue_free(k->queue);
    free(k);
}

/* --- taking --- */

/* epoll would say without end that somebody waits to be accepted. */
static void set_listening(struct taker *k, bool is_on)
{
    struct epoll_event e = { .events = is_on ? EPOLLIN : 0, .data.fd = k->socket };
    if (k->is_listening != is_on && epoll_ctl(k->epoll, EPOLL_CTL_MOD, k->socket, &e) == 0) {
        k->is_listening = is_on;
    }
}

/* The first of them is still there: it cannot be accepted, for want of descriptors or memory. */
static bool is_stuck(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void accept_all(struct taker *k)
{
    while (k->n_connections < CONNECTIONS_MAX) {
        int fd = accept4(k->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (is_stuck(errno)) {
                set_listening(k, false);
            }
            return;
        }
        if (!is_welcome(k, fd) || !watch(k, fd)) {
            close(fd);
            continue;
        }
        k->n_connections++;
    }
    set_listening(k, false);
}

static bool has_ended(ssize_t n)
{
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void take_from(struct taker *k, int fd)
{
    for (int i = 0; i < NOTES_AT_ONCE; i++) {
        ssize_t n = recv(fd, k->note, sizeof k->note, MSG_DONTWAIT | MSG_TRUNC);
        if (has_ended(n)) {
            close(fd); /* epoll forgets it by itself */
            k->n_connections--;
            set_listening(k, true);
            return;
        }
        if (n < 0) {
            return;
        }
        if ((size_t)n <= sizeof k->note) {
            note_queue_put(k->queue, bytes_of(k->note, (size_t)n)); /* the queue counts its loss */
        }
    }
}

/* True where a signal says that it is over. */
static bool take_event(struct taker *k, int fd)
{
    struct signalfd_siginfo info;
    if (fd == k->signals) {
        return read(fd, &info, sizeof info) == (ssize_t)sizeof info;
    }
    if (fd == k->socket) {
        accept_all(k);
    } else {
        take_from(k, fd);
    }
    return false;
}

/* Of the calling thread alone, as Linux has it (setpriority(2)); not granted, it goes on as it is.
 */
static void set_nice(int nice)
{
    (void)setpriority(PRIO_PROCESS, 0, nice);
}

static void *take_all(void *arg)
{
    struct taker *k = arg;
    struct epoll_event ready[EVENTS_AT_ONCE];
    bool is_over = false;
    set_nice(TAKER_NICE);
    while (!is_over) {
        int n = epoll_wait(k->epoll, ready, EVENTS_AT_ONCE, k->is_listening ? -1 : LISTEN_AGAIN_MS);
        if (n == 0) {
            set_listening(k, true);
        }
        for (int i = 0; i < n; i++) {
            is_over = take_event(k, ready[i].data.fd) || is_over;
        }
        is_over = is_over || (n < 0 && errno != EINTR);
    }
    note_queue_end(k->queue);
    return NULL;
}

/* --- judging --- */

struct pace {
    int64_t batch_ns;  /* when the open batch began; 0: none is open */
    int64_t looked_ns; /* round */
};

static void keep_pace(struct pace *pace, struct note_desk *d, struct note_queue *q, bool is_idle)
{
    int64_t now = clock_monotonic_ns();
    if (pace->batch_ns == 0 && !note_desk_is_flushed(d)) {
        pace->batch_ns = now;
    }
    if (pace->batch_ns != 0 && (is_idle || now - pace->batch_ns > BATCH_NS)) {
        note_desk_flush(d);
        pace->batch_ns = 0;
    }
    if (now - pace->looked_ns > LOOK_ROUND_MS * NS_PER_MS) {
        pace->looked_ns = now;
        note_desk_count_lost(d, "queue", note_queue_dropped(q));
        note_desk_look_round(d);
    }
}

static void judge_all(struct note_desk *d, struct note_queue *q)
{
    struct pace pace = { 0 };
    note_desk_look_round(d);
    while (!note_queue_has_ended(q)) {
        size_t len = 0;
        bool is_flushed = note_desk_is_flushed(d);
        uint8_t *note = note_queue_take(q, is_flushed ? LOOK_ROUND_MS : 0, &len);
        if (note != NULL) {
            note_desk_take(d, bytes_of(note, len));
            free(note);
        }
        keep_pace(&pace, d, q, note == NULL);
    }
    note_desk_count_lost(d, "queue", note_queue_dropped(q));
    note_desk_flush(d);
}

static int fail(const struct err *err)
{
    fprintf(stderr, "collector: %s\n", err->text);
    return 1;
}

static int run(struct taker *k, const struct places *places)
{
    struct note_desk *d = NULL;
    struct err err = { 0 };
    pthread_t thread;
    const char *all = getenv("HANDFAST_COLLECTOR_ALL");
    bool keeps_all = all != NULL && strcmp(all, "1") == 0;
    if (note_desk_new(places, keeps_all, &d, &err) != ST_OK ||
        open_taker(k, places, &err) != ST_OK) {
        note_desk_free(d);
        return fail(&err);
    }
    int code = pthread_create(&thread, NULL, take_all, k);
    if (code == 0) {
        set_nice(JUDGE_NICE);
        judge_all(d, k->queue);
        pthread_join(thread, NULL);
        unlink(places->collector_socket);
    } else {
        fprintf(stderr, "collector: no thread: %s\n", strerror(code));
    }
    note_desk_free(d);
    return code == 0 ? 0 : 1;
}

/* For as many connections as are taken; the usual limit is as many descriptors in all. */
static void raise_limit(void)
{
    struct rlimit files;
    rlim_t wanted = CONNECTIONS_MAX + OTHER_FILES;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < wanted) {
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int gateway_collector_run(const struct places *places)
{
    struct taker *k = calloc(1, sizeof *k);
    raise_limit();
    if (k == NULL) {
        return fail(&(struct err){ .text = "no memory" });
    }
    k->socket = k->epoll = k->signals = -1;
    int status = run(k, places);
    close_taker(k);
    return status;
}
