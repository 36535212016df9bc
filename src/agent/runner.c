#include "agent/runner.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 250, EXIT_NOT_FOUND = 127, EXIT_NOT_EXECUTABLE = 126, EXIT_SIGNAL = 128 };

extern char **environ;

/* --- the guest and the environment --- */

static bool is_readable(const char *path)
{
    return access(path, R_OK) == 0;
}

static bool join(char *out, size_t room, const char *folder, const char *name)
{
    int len = snprintf(out, room, "%s/%s", folder, name);
    return len > 0 && (size_t)len < room && is_readable(out);
}

enum status runner_find_guest(char *path, size_t room, struct err *err)
{
    static const char *const places[] = { HANDFAST_GUEST_INSTALLED,
                                          "src/agent/libhandfast-agent.so",
                                          "../src/agent/libhandfast-agent.so" };
    char self[PATH_MAX];
    const char *given = getenv("HANDFAST_AGENT");
    if (given != NULL && given[0] != '\0') {
        return bytes_copy(path, room, bytes_of(given, strlen(given) + 1)) && is_readable(path)
                   ? ST_OK
                   : err_sys(err, "HANDFAST_AGENT: %.200s", given);
    }
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash != NULL) {
        *slash = '\0';
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            if (join(path, room, self, places[i])) {
                return ST_OK;
            }
        }
    }
    return err_set(err, ST_IO,
                   "libhandfast-agent.so was not found next to %.200s; HANDFAST_AGENT says where "
                   "it is",
                   self);
}

static enum status set(const char *name, const char *value, struct err *err)
{
    return setenv(name, value, 1) == 0 ? ST_OK : err_sys(err, "%s", name);
}

/* For the command and all that it starts. What was preloaded stays, behind ours. */
static enum status prepare_environment(const struct runner_options *o, const struct collector *c,
                                       struct err *err)
{
    char guest[PATH_MAX];
    char preload[2 * PATH_MAX];
    const char *before = getenv("LD_PRELOAD");
    TRY(runner_find_guest(guest, sizeof guest, err));
    if (strpbrk(guest, " :") != NULL) {
        return err_set(err, ST_IO, "%.200s: LD_PRELOAD takes no path with spaces or colons", guest);
    }
    bool has_before = before != NULL && before[0] != '\0';
    int len = snprintf(preload, sizeof preload, "%s%s%s", guest, has_before ? ":" : "",
                       has_before ? before : "");
    if (len < 0 || (size_t)len >= sizeof preload) {
        return err_set(err, ST_IO, "LD_PRELOAD is too long");
    }
    TRY(set("LD_PRELOAD", preload, err));
    TRY(set("HANDFAST_SOCKET", collector_socket(c), err));
    TRY(set("HANDFAST_KEY", collector_key(c), err));
    TRY(set("HANDFAST_ALL", o->wants_all ? "1" : "0", err));
    TRY(set("HANDFAST_KEYS", o->wants_keys ? "1" : "0", err));
    return set("HANDFAST_WIRE", o->wants_wire ? "1" : "0", err);
}

/* --- the command --- */

/* What this process does otherwise than the command: a broken pipe or a full quota is told by
 * errno, and who ignores SIGCHLD learns of no end. */
static const struct {
    int number;
    void (*ours)(int);
} dispositions[] = { { SIGPIPE, SIG_IGN }, { SIGXFSZ, SIG_IGN }, { SIGCHLD, SIG_DFL } };

struct running {
    pid_t pid; /* 0: none, or it has ended */
    int signals;
    bool is_over;
    struct sigaction before[ARRAY_LEN(dispositions)]; /* the command's */
    struct runner_end *end;
};

static const int watched_signals[] = {
    SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2
};

/* Meant for a command too, and most of them would end who stands before it. */
static const int passed_signals[] = { SIGALRM, SIGVTALRM, SIGPROF, SIGIO,  SIGPWR,
                                      SIGXCPU, SIGWINCH,  SIGURG,  SIGCONT };

static void watched_set(sigset_t *out, bool has_command)
{
    sigemptyset(out);
    for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++) {
        sigaddset(out, watched_signals[i]);
    }
    for (size_t i = 0; has_command && i < ARRAY_LEN(passed_signals); i++) {
        sigaddset(out, passed_signals[i]);
    }
    for (int number = SIGRTMIN; has_command && number <= SIGRTMAX; number++) {
        sigaddset(out, number);
    }
}

static void set_dispositions(struct running *r)
{
    for (size_t i = 0; i < ARRAY_LEN(dispositions); i++) {
        struct sigaction ours = { .sa_handler = dispositions[i].ours };
        sigaction(dispositions[i].number, &ours, &r->before[i]);
    }
}

/* 0, or errno of what kept the command from being started. What is ignored here is as the command
 * ought to find it; SIGCHLD, where somebody ignored it, is not ignored any more: else nobody would
 * learn of the command's end. */
static int start_child(const struct runner_options *o, struct running *r, const sigset_t *before)
{
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    for (size_t i = 0; i < ARRAY_LEN(dispositions); i++) {
        if (r->before[i].sa_handler == SIG_DFL) {
            sigaddset(&defaults, dispositions[i].number);
        }
    }
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        return error;
    }
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, before);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawnp(&r->pid, o->command[0], NULL, &attributes, o->command, environ);
    posix_spawnattr_destroy(&attributes);
    return error;
}

static enum status start(const struct runner_options *o, struct running *r, const sigset_t *before,
                         struct err *err)
{
    r->end->not_found = start_child(o, r, before);
    if (r->end->not_found != 0) {
        r->pid = 0;
        r->is_over = true;
        return err_set(err, ST_IO, "%.200s: %s", o->command[0], strerror(r->end->not_found));
    }
    return ST_OK;
}

static void reap(struct running *r)
{
    int status = 0;
    if (r->pid > 0 && waitpid(r->pid, &status, WNOHANG) == r->pid) {
        r->end->status = status;
        r->pid = 0;
        r->is_over = true;
    }
}

static void pass_on(pid_t pid, const struct signalfd_siginfo *info)
{
    union sigval value = { .sival_ptr = (void *)(uintptr_t)info->ssi_ptr };
    if (info->ssi_code == SI_QUEUE) {
        sigqueue(pid, (int)info->ssi_signo, value);
    } else {
        kill(pid, (int)info->ssi_signo);
    }
}

/* The terminal sends its signals to the command by itself; what others send to us is for it. */
static void on_signal(struct running *r, const struct signalfd_siginfo *info)
{
    bool from_terminal = info->ssi_code == SI_KERNEL;
    if (info->ssi_signo == SIGCHLD) {
        reap(r);
    } else if (r->pid > 0 && !from_terminal) {
        pass_on(r->pid, info);
    } else if (r->pid == 0 && info->ssi_signo != SIGHUP && info->ssi_signo != SIGUSR1 &&
               info->ssi_signo != SIGUSR2) {
        r->is_over = true; /* listening only */
    }
}

static void wait_a_little(struct running *r, struct collector *c)
{
    struct pollfd polls[COLLECTOR_POLLS_MAX + 1];
    struct signalfd_siginfo info;
    polls[0] = (struct pollfd){ .fd = r->signals, .events = POLLIN };
    size_t n = 1 + collector_polls(c, polls + 1);
    if (poll(polls, n, TICK_MS) > 0 && (polls[0].revents & POLLIN) != 0) {
        while (read(r->signals, &info, sizeof info) == (ssize_t)sizeof info) {
            on_signal(r, &info);
        }
    }
}

static enum status loop(const struct runner_options *o, struct running *r, struct collector *c,
                        const sigset_t *before, struct err *err)
{
    enum status st = o->command != NULL ? start(o, r, before, err) : ST_OK;
    while (!r->is_over) {
        wait_a_little(r, c);
        collector_take(c);
        o->tick(o->arg, false);
    }
    while (collector_take(c)) { /* what was sent before the end is there */
    }
    o->tick(o->arg, true);
    return st;
}

enum status runner_run(const struct runner_options *options, struct collector *c,
                       struct runner_end *out, struct err *err)
{
    sigset_t watched;
    sigset_t before;
    struct running r = { .end = out };
    *out = (struct runner_end){ 0 };
    if (options->command != NULL) {
        TRY(prepare_environment(options, c, err));
    }
    watched_set(&watched, options->command != NULL);
    set_dispositions(&r);
    sigprocmask(SIG_BLOCK, &watched, &before);
    r.signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
    if (r.signals < 0) {
        return err_sys(err, "signals");
    }
    enum status st = loop(options, &r, c, &before, err);
    close(r.signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return st;
}

int runner_exit_code(const struct runner_end *end)
{
    if (end->not_found != 0) {
        return end->not_found == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
    }
    if (!WIFSIGNALED(end->status)) {
        return WEXITSTATUS(end->status);
    }
    struct rlimit no_core = { 0, 0 }; /* the command's own is there already */
    int number = WTERMSIG(end->status);
    setrlimit(RLIMIT_CORE, &no_core);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    signal(number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    raise(number);
    return EXIT_SIGNAL + number;
}
