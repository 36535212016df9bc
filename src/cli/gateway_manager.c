#include "cli/gateway_manager.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "cli/gateway_find.h"
#include "gateway/control.h"
#include "gateway/first_start.h"
#include "gateway/gateway.h"

enum { TICK_MS = 200, PID_ROOM = 32 };

struct manager {
    const struct gateway_line *line;
    struct places places;
    char nginx[PATH_MAX], module[PATH_MAX], self[PATH_MAX];
    int lock, signals, control;
    struct gateway *gateway;
    struct api *api;
    bool is_over;
};

/* --- one manager for a directory --- */

static enum status take_lock(struct manager *m, struct err *err)
{
    char pid[PID_ROOM] = "";
    m->lock = open(m->places.lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (m->lock < 0) {
        return err_sys(err, "%s", m->places.lock);
    }
    if (flock(m->lock, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = pread(m->lock, pid, sizeof pid - 1, 0);
        pid[n < 0 ? 0 : n] = '\0';
        return err_set(err, ST_USAGE, "%s: a gateway runs on it already (pid %.*s)", m->places.dir,
                       (int)strcspn(pid, "\n"), pid);
    }
    int n = snprintf(pid, sizeof pid, "%d\n", getpid());
    if (ftruncate(m->lock, 0) != 0 || pwrite(m->lock, pid, (size_t)n, 0) != n) {
        return err_sys(err, "%s", m->places.lock);
    }
    return ST_OK;
}

/* --- first start --- */

static const char *own_name(char room[256])
{
    return gethostname(room, 255) == 0 && room[0] != '\0' ? room : "localhost";
}

static enum status fill_store(const struct manager *m, struct store *s, struct err *err)
{
    char own[256] = "";
    char password[USER_MADE_PASSWORD + 1] = "";
    const char *usual[] = { "localhost", "127.0.0.1", own_name(own) };
    bool same = strcmp(usual[0], usual[2]) == 0;
    const struct gateway_line *line = m->line;
    struct first_start what = {
        .admin = line->admin,
        .org = line->org,
        .env = line->env,
        .hosts = line->n_hosts > 0 ? line->hosts : usual,
        .n_hosts = line->n_hosts > 0 ? line->n_hosts : ARRAY_LEN(usual) - (same ? 1 : 0),
        .http_port = line->http_port,
        .https_port = line->https_port,
    };
    bool was_first = false;
    TRY(first_start(s, &what, &was_first, password, err));
    if (was_first) {
        printf("First start in %s\n  user      %s\n  password  %s   (shown this once)\n",
               m->places.dir, line->admin, password);
        fflush(stdout);
    }
    OPENSSL_cleanse(password, sizeof password);
    return ST_OK;
}

static enum status make_store(const struct manager *m, struct err *err)
{
    struct store *s = NULL;
    TRY(store_open(m->places.store, &s, err));
    enum status st = fill_store(m, s, err);
    store_close(s);
    return st;
}

/* --- signals and orders --- */

static enum status take_signals(struct manager *m, struct err *err)
{
    static const int taken[] = { SIGTERM, SIGINT, SIGHUP };
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        sigaddset(&set, taken[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    m->signals = sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? signalfd(-1, &set, SFD_CLOEXEC) : -1;
    return m->signals >= 0 ? ST_OK : err_sys(err, "signalfd");
}

static void refresh(struct manager *m)
{
    struct err err = { 0 };
    if (gateway_refresh(m->gateway, &err) != ST_OK) {
        fprintf(stderr, "handfast-gateway: %s\n", err.text);
    }
}

static void on_signal(struct manager *m)
{
    struct signalfd_siginfo info = { 0 };
    if (read(m->signals, &info, sizeof info) != sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGHUP) {
        refresh(m);
    } else {
        m->is_over = true;
    }
}

static void put_status(const struct manager *m, struct text *out)
{
    text_printf(out, "%-18s %-5s pid %-8d API on port %u\n", "manager", "up", getpid(),
                api_port(m->api));
    for (int i = 0; i < GATEWAY_N_PARTS; i++) {
        struct gateway_state state;
        gateway_state(m->gateway, (enum gateway_part)i, &state);
        text_printf(out, "%-18s %-5s", gateway_part_name((enum gateway_part)i),
                    state.is_up ? "up" : "down");
        if (state.is_up) {
            text_printf(out, " pid %-8d since ", state.pid);
            clock_put(out, state.since_ms * NS_PER_MS, 0);
        }
        if (state.n_restarts > 0) {
            text_printf(out, ", started again %u times", state.n_restarts);
        }
        text_putc(out, '\n');
    }
}

static bool restart(struct manager *m, const char *name, struct text *answer)
{
    enum gateway_part part;
    struct err err = { 0 };
    if (!gateway_part_parse(name, &part)) {
        text_puts(answer, "the parts are router, message-processor and collector");
        return false;
    }
    if (gateway_restart(m->gateway, part, &err) != ST_OK) {
        text_puts(answer, err.text);
        return false;
    }
    text_printf(answer, "%s restarted\n", gateway_part_name(part));
    return true;
}

static bool act(void *arg, const char *line, struct text *answer)
{
    struct manager *m = arg;
    struct err err = { 0 };
    if (strncmp(line, "restart ", 8) == 0) {
        return restart(m, line + 8, answer);
    }
    if (strcmp(line, "status") == 0) {
        put_status(m, answer);
        return true;
    }
    if (strcmp(line, "stop") == 0) {
        m->is_over = true;
        return true;
    }
    if (strcmp(line, "reload") == 0) {
        bool done = gateway_refresh(m->gateway, &err) == ST_OK;
        text_puts(answer, done ? "" : err.text);
        return done;
    }
    text_puts(answer, "no such order");
    return false;
}

/* --- running --- */

static enum status find_programs(struct manager *m, struct err *err)
{
    const struct gateway_line *line = m->line;
    TRY(gateway_find_self(m->self, err));
    TRY(gateway_find_nginx(line->nginx, m->nginx, err));
    if (line->module != NULL && strcmp(line->module, "none") == 0) {
        return ST_OK;
    }
    return gateway_find_module(line->module, m->module, err);
}

/* nginx takes many descriptors; it inherits what we may. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static enum status begin(struct manager *m, struct err *err)
{
    umask(077);
    raise_limits();
    TRY(find_programs(m, err));
    TRY(gateway_make_places(m->line->dir, &m->places, err));
    TRY(take_lock(m, err));
    TRY(take_signals(m, err));
    TRY(control_listen(&m->places, &m->control, err));
    TRY(make_store(m, err));
    struct gateway_options options = {
        .places = &m->places,
        .nginx = m->nginx,
        .module = m->module[0] == '\0' ? NULL : m->module,
        .program = m->self,
    };
    TRY(gateway_open(&options, &m->gateway, err));
    struct api_options api = { .listen = m->line->listen,
                               .cert_path = m->line->cert,
                               .key_path = m->line->key,
                               .gateway = m->gateway };
    return api_start(&api, &m->api, err);
}

static void announce(const struct manager *m)
{
    const char *colon = strrchr(m->line->listen, ':');
    int host_len = colon == NULL ? (int)strlen(m->line->listen) : (int)(colon - m->line->listen);
    printf("handfast gateway: ready: %s://%.*s:%u/v1\n", m->line->cert == NULL ? "http" : "https",
           host_len, m->line->listen, api_port(m->api));
    fflush(stdout);
}

static void serve(struct manager *m)
{
    struct pollfd fds[] = { { .fd = m->signals, .events = POLLIN },
                            { .fd = m->control, .events = POLLIN } };
    while (!m->is_over) {
        int n = poll(fds, ARRAY_LEN(fds), TICK_MS);
        if (n > 0 && fds[0].revents != 0) {
            on_signal(m);
        }
        if (n > 0 && fds[1].revents != 0) {
            control_serve(m->control, act, m);
        }
        if (!m->is_over) {
            gateway_tick(m->gateway);
        }
    }
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void end(struct manager *m)
{
    api_stop(m->api);
    if (m->gateway != NULL) {
        gateway_stop(m->gateway);
        gateway_close(m->gateway);
    }
    if (m->control >= 0) {
        (void)unlink(m->places.control_socket);
    }
    close_fd(m->control);
    close_fd(m->signals);
    close_fd(m->lock);
}

enum status gateway_manager_run(const struct gateway_line *line, struct err *err)
{
    struct manager m = { .line = line, .lock = -1, .signals = -1, .control = -1 };
    enum status st = begin(&m, err);
    if (st == ST_OK) {
        announce(&m);
        serve(&m);
    }
    end(&m);
    return st;
}
