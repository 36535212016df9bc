#include "gateway/part.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/ask.h"
#include "gateway/child.h"
#include "gateway/complaint.h"
#include "gateway/folder.h"

enum { STEP_MS = 5, START_MS = 10000, TEST_MS = 20000, PID_ROOM = 32 };

enum status part_init(struct part *p, const struct places *places, const char *id, const char *name,
                      struct err *err)
{
    char rest[64];
    p->name = name;
    TRY(places_join(p->cwd, places->run, id, err));
    TRY(places_join(p->pid_file, p->cwd, "nginx.pid", err));
    TRY(places_join(p->ask, p->cwd, "ask.sock", err));
    snprintf(rest, sizeof rest, "%s/nginx.conf", id);
    TRY(places_join(p->conf, places->current, rest, err));
    snprintf(rest, sizeof rest, "%s.error.log", name);
    TRY(places_join(p->log, places->logs, rest, err));
    return folder_make(p->cwd, 0700, err);
}

static int read_pid(const char *path)
{
    char line[PID_ROOM];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return 0;
    }
    bool got = fgets(line, sizeof line, f) != NULL;
    fclose(f);
    long pid = got ? strtol(line, NULL, 10) : 0;
    return pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

bool part_adopt(struct part *p)
{
    int pid = read_pid(p->pid_file);
    if (!process_is_at(pid, p->cwd)) {
        return false;
    }
    p->pid = pid;
    p->since_ms = process_started_ms(pid);
    process_children(pid, &p->workers);
    return true;
}

bool part_lives(struct part *p)
{
    if (!process_is_at(p->pid, p->cwd)) {
        return false;
    }
    process_children(p->pid, &p->workers);
    return true;
}

/* --- ending --- */

static bool is_empty(const struct part *p, unsigned limit_ms)
{
    struct process_list left;
    int64_t until = clock_monotonic_ns() + (int64_t)limit_ms * NS_PER_MS;
    for (;;) {
        process_list_at(p->cwd, &left);
        if (left.n == 0) {
            return true;
        }
        if (clock_monotonic_ns() >= until) {
            return false;
        }
        poll(NULL, 0, 4 * STEP_MS);
    }
}

static void signal_all(const struct part *p, int number)
{
    struct process_list left;
    process_list_at(p->cwd, &left);
    for (size_t i = 0; i < left.n; i++) {
        (void)kill(left.pid[i], number);
    }
}

void part_stop(struct part *p, unsigned gentle_ms)
{
    if (process_is_at(p->pid, p->cwd)) {
        (void)kill(p->pid, SIGQUIT);
    } else {
        signal_all(p, SIGQUIT); /* workers of a master that was killed */
    }
    if (!is_empty(p, gentle_ms)) {
        signal_all(p, SIGTERM);
        if (!is_empty(p, 1000)) {
            signal_all(p, SIGKILL);
            (void)is_empty(p, 1000);
        }
    }
    p->pid = 0;
    p->workers.n = 0;
}

/* --- starting --- */

static enum status run_nginx(const struct part *p, const char *conf, bool test, struct text *said,
                             int *exit_status, struct err *err)
{
    const char *argv[] = {
        p->nginx, "-p", ".", "-e", p->log, "-c", conf, test ? "-t" : NULL, NULL
    };
    struct child what = { argv, p->cwd, test ? TEST_MS : START_MS };
    return child_run(&what, said, exit_status, err);
}

static enum status refuse(const struct part *p, struct text *said, struct err *err)
{
    struct text reason = { 0 };
    complaint_put(&reason, text_str(said));
    enum status st =
        err_set(err, ST_USAGE, "%s: nginx refuses: %.400s", p->name, text_str(&reason));
    text_deinit(&reason);
    return st;
}

enum status part_test(const struct part *p, const char *conf, struct err *err)
{
    struct text said = { 0 };
    int exit_status = 0;
    enum status st = run_nginx(p, conf, true, &said, &exit_status, err);
    if (st == ST_OK && exit_status != 0) {
        st = refuse(p, &said, err);
    }
    text_deinit(&said);
    return st;
}

/* nginx returns before its daemon has written its number and taken connections. */
static bool comes_up(struct part *p)
{
    char mark[PART_MARK_LEN + 1];
    int64_t until = clock_monotonic_ns() + (int64_t)START_MS * NS_PER_MS;
    while (clock_monotonic_ns() < until) {
        if (part_adopt(p) && part_mark(p, mark)) {
            return true;
        }
        poll(NULL, 0, STEP_MS);
    }
    return false;
}

enum status part_start(struct part *p, struct err *err)
{
    struct text said = { 0 };
    int exit_status = 0;
    part_stop(p, 0); /* whatever a killed master has left: it holds the ports */
    (void)unlink(p->ask);
    (void)unlink(p->pid_file);
    if (p->served[0] != '\0') {
        (void)unlink(p->served);
    }
    enum status st = run_nginx(p, p->conf, false, &said, &exit_status, err);
    if (st == ST_OK && exit_status != 0) {
        st = refuse(p, &said, err);
    }
    text_deinit(&said);
    if (st == ST_OK && !comes_up(p)) {
        st = err_set(err, ST_IO, "%s: nginx was started and does not answer; see %s", p->name,
                     p->log);
    }
    return st;
}

/* --- what is in force --- */

bool part_mark(const struct part *p, char out[PART_MARK_LEN + 1])
{
    return ask_mark(p->ask, out, PART_MARK_LEN + 1);
}

/* A worker that is told to go closes its listening sockets right after it has changed its title
 * (src/os/unix/ngx_process_cycle.c). */
static bool still_takes(const struct part *p, int worker)
{
    char title[128];
    if (!process_is_at(worker, p->cwd)) {
        return false;
    }
    process_title(worker, title, sizeof title);
    return strstr(title, "shutting down") == NULL;
}

static bool is_replaced(const struct part *p, const struct process_list *old, const char *mark)
{
    char now[PART_MARK_LEN + 1];
    for (size_t i = 0; i < old->n; i++) {
        if (still_takes(p, old->pid[i])) {
            return false;
        }
    }
    return part_mark(p, now) && strcmp(now, mark) == 0;
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

/* What nginx wrote to its error log since. */
static void put_complaint(const struct part *p, off_t since, struct text *out)
{
    char tail[8192];
    FILE *f = fopen(p->log, "re");
    if (f == NULL) {
        return;
    }
    size_t n = fseeko(f, since, SEEK_SET) == 0 ? fread(tail, 1, sizeof tail - 1, f) : 0;
    fclose(f);
    tail[n] = '\0';
    complaint_put(out, tail);
}

static enum status unchanged(const struct part *p, off_t since, struct err *err)
{
    struct text reason = { 0 };
    put_complaint(p, since, &reason);
    enum status st =
        err_set(err, ST_IO, "%s: nginx goes on as before: %.380s", p->name,
                reason.len > 0 ? text_str(&reason) : "it has not taken the new configuration");
    text_deinit(&reason);
    return st;
}

enum status part_reload(struct part *p, const char *mark, struct err *err)
{
    struct process_list old;
    off_t log_size = size_of(p->log);
    process_children(p->pid, &old);
    if (!process_is_at(p->pid, p->cwd) || kill(p->pid, SIGHUP) != 0) {
        return err_set(err, ST_IO, "%s: nginx does not run", p->name);
    }
    int64_t until = clock_monotonic_ns() + (int64_t)PART_RELOAD_MS * NS_PER_MS;
    while (!is_replaced(p, &old, mark)) {
        if (clock_monotonic_ns() > until) {
            return unchanged(p, log_size, err);
        }
        poll(NULL, 0, STEP_MS);
    }
    process_children(p->pid, &p->workers);
    return ST_OK;
}
