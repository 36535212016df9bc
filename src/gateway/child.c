#include "gateway/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { REAP_STEP_MS = 20, KILL_MS = 2000, LEFT_MAX = 16 };

/* Killed and not ended, which takes a kernel that waits for a disk. 0: none. Whoever runs a program
 * next looks after them; beyond these they stay in the table of processes until we end. */
static atomic_int left_pids[LEFT_MAX];

struct plan {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

static void plan_init(struct plan *p, const char *cwd, bool own_session)
{
    sigset_t none;
    sigset_t all;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&p->actions);
    posix_spawnattr_init(&p->attributes);
    posix_spawnattr_setsigmask(&p->attributes, &none);
    posix_spawnattr_setsigdefault(&p->attributes, &all);
    if (own_session) {
        flags = (short)(flags | POSIX_SPAWN_SETSID);
    }
    posix_spawnattr_setflags(&p->attributes, flags);
    posix_spawn_file_actions_addopen(&p->actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addchdir_np(&p->actions, cwd);
}

static void plan_deinit(struct plan *p)
{
    posix_spawn_file_actions_destroy(&p->actions);
    posix_spawnattr_destroy(&p->attributes);
}

static enum status launch(const struct plan *p, const char *const *argv, int *pid, struct err *err)
{
    pid_t child = 0;
    int failed = posix_spawnp(&child, argv[0], &p->actions, &p->attributes,
                              (char *const *)(uintptr_t)argv, environ);
    if (failed != 0) {
        errno = failed;
        return err_sys(err, "%s", argv[0]);
    }
    *pid = child;
    return ST_OK;
}

/* What is written after the limit is read and dropped, so that the program does not stall. */
static bool drain(int fd, struct text *out)
{
    char piece[4096];
    ssize_t n = read(fd, piece, sizeof piece);
    if (n > 0) {
        size_t room = CHILD_OUTPUT_MAX - out->len;
        text_put(out, piece, (size_t)n < room ? (size_t)n : room);
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

static int left_ms(int64_t until_ns)
{
    int64_t left = (until_ns - clock_monotonic_ns()) / NS_PER_MS;
    return left < 0 ? 0 : (int)left;
}

static bool await_bytes(int fd, int64_t until_ns)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int n = 0;
    do {
        n = poll(&p, 1, left_ms(until_ns));
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static bool reap_until(int pid, int64_t until_ns, int *exit_status)
{
    int how = 0;
    for (;;) {
        pid_t got = waitpid(pid, &how, WNOHANG);
        if (got == pid) {
            *exit_status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
            return true;
        }
        if (got < 0 && errno != EINTR) {
            *exit_status = 0; /* somebody else has reaped it */
            return true;
        }
        if (left_ms(until_ns) == 0) {
            return false;
        }
        poll(NULL, 0, REAP_STEP_MS);
    }
}

static void leave(int pid)
{
    for (size_t i = 0; i < LEFT_MAX; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&left_pids[i], &none, pid)) {
            return;
        }
    }
}

/* A number is taken out before it is asked for: once it is reaped it may be another child's. */
static void reap_left(void)
{
    for (size_t i = 0; i < LEFT_MAX; i++) {
        int pid = atomic_exchange(&left_pids[i], 0);
        if (pid != 0 && waitpid(pid, NULL, WNOHANG) == 0) {
            leave(pid);
        }
    }
}

static enum status stop(int pid, const struct child *what, struct err *err)
{
    int exit_status = 0;
    kill(pid, SIGKILL);
    if (!reap_until(pid, clock_monotonic_ns() + KILL_MS * NS_PER_MS, &exit_status)) {
        leave(pid);
        return err_set(err, ST_IO, "%s took more than %u ms, was killed and does not end",
                       what->argv[0], what->limit_ms);
    }
    return err_set(err, ST_IO, "%s took more than %u ms", what->argv[0], what->limit_ms);
}

static enum status await(int pid, int fd, const struct child *what, struct text *out,
                         int *exit_status, struct err *err)
{
    int64_t until_ns = clock_monotonic_ns() + (int64_t)what->limit_ms * NS_PER_MS;
    while (left_ms(until_ns) > 0 && await_bytes(fd, until_ns) && drain(fd, out)) {
    }
    return reap_until(pid, until_ns, exit_status) ? ST_OK : stop(pid, what, err);
}

enum status child_run(const struct child *what, struct text *out, int *exit_status, struct err *err)
{
    int ends[2];
    int pid = 0;
    struct plan plan;
    reap_left();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return err_sys(err, "%s", what->argv[0]);
    }
    plan_init(&plan, what->cwd, false);
    posix_spawn_file_actions_adddup2(&plan.actions, ends[1], 1);
    posix_spawn_file_actions_adddup2(&plan.actions, ends[1], 2);
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);
    enum status st = launch(&plan, what->argv, &pid, err);
    close(ends[1]);
    if (st == ST_OK) {
        st = await(pid, ends[0], what, out, exit_status, err);
    }
    close(ends[0]);
    plan_deinit(&plan);
    return st;
}

enum status child_start(const struct child *what, const char *log_path, int *pid, struct err *err)
{
    struct plan plan;
    plan_init(&plan, what->cwd, true);
    posix_spawn_file_actions_addopen(&plan.actions, 1, log_path, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(&plan.actions, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, 3);
    enum status st = launch(&plan, what->argv, pid, err);
    plan_deinit(&plan);
    return st;
}
