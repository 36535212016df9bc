/* Keeps the processes running: finds them, starts what died, stops them. */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/child.h"
#include "gateway/folder.h"
#include "gateway/inside.h"

enum { STOP_MS = 2000, KILL_MS = 2000, STEP_MS = 20, TRY_AGAIN_S = 2, RENEW_AGAIN_S = 30 };

void gateway_say(const char *fmt, ...)
{
    char words[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    struct text line = { 0 };
    clock_put(&line, clock_now_ns(), 3);
    text_puts(&line, " handfast-gateway: ");
    text_put_safe(&line, bytes_of_str(words));
    text_putc(&line, '\n');
    fputs(text_str(&line), stderr);
    text_deinit(&line);
}

/* --- the collector --- */

static bool adopt_collector(struct gateway *g)
{
    struct process_list at;
    process_list_at(g->collector.cwd, &at);
    if (at.n == 0) {
        return false;
    }
    g->collector.pid = at.pid[0];
    g->collector.since_ms = process_started_ms(g->collector.pid);
    return true;
}

bool supervise_collector_lives(struct gateway *g)
{
    if (g->collector.pid > 0) {
        (void)waitpid(g->collector.pid, NULL, WNOHANG); /* it is our child unless we adopted it */
    }
    return process_is_at(g->collector.pid, g->collector.cwd);
}

enum status supervise_start_collector(struct gateway *g, struct err *err)
{
    const char *argv[] = { g->program, "--collector", "--dir", g->places.dir, NULL };
    struct child what = { argv, g->collector.cwd, 0 };
    if (g->program[0] == '\0') {
        return ST_OK;
    }
    TRY(child_start(&what, g->collector.log, &g->collector.pid, err));
    g->collector.since_ms = clock_now_ns() / NS_PER_MS;
    return ST_OK;
}

static bool ends_at(struct gateway *g, int number, int wait_ms)
{
    int64_t until = clock_monotonic_ns() + (int64_t)wait_ms * NS_PER_MS;
    (void)kill(g->collector.pid, number);
    while (supervise_collector_lives(g)) {
        if (clock_monotonic_ns() > until) {
            return false;
        }
        poll(NULL, 0, STEP_MS);
    }
    return true;
}

/* Who is killed ends, unless the kernel waits for a disk; then it is left, and is still ours. */
enum status supervise_stop_collector(struct gateway *g, struct err *err)
{
    if (supervise_collector_lives(g) && !ends_at(g, SIGTERM, STOP_MS) &&
        !ends_at(g, SIGKILL, KILL_MS)) {
        return err_set(err, ST_IO, "collector: process %d was killed and does not end",
                       g->collector.pid);
    }
    g->collector.pid = 0;
    return ST_OK;
}

enum status supervise_begin(struct gateway *g, struct err *err)
{
    TRY(places_join(g->collector.cwd, g->places.run, "collector", err));
    TRY(places_join(g->collector.log, g->places.logs, "collector.log", err));
    TRY(folder_make(g->collector.cwd, 0700, err));
    return adopt_collector(g) ? ST_OK : supervise_start_collector(g, err);
}

/* --- all three --- */

/* A part that does not come up is tried again, not at once. */
static bool may_try(struct gateway *g, enum gateway_part part)
{
    int64_t now = clock_monotonic_ns();
    if (now < g->try_again_ns[part]) {
        return false;
    }
    g->try_again_ns[part] = now + TRY_AGAIN_S * NS_PER_S;
    return true;
}

static void watch_nginx(struct gateway *g, enum gateway_part which)
{
    struct part *p = &g->part[which];
    struct err err = { 0 };
    if (part_lives(p) || !may_try(g, which)) {
        return;
    }
    gateway_say("%s: it is gone; starting it again", p->name);
    p->n_restarts++;
    if (part_start(p, &err) != ST_OK) {
        gateway_say("%s", err.text);
    }
}

static void watch_collector(struct gateway *g)
{
    struct err err = { 0 };
    if (g->program[0] == '\0' || supervise_collector_lives(g) || !may_try(g, GATEWAY_COLLECTOR)) {
        return;
    }
    gateway_say("collector: it is gone; starting it again");
    g->collector.n_restarts++;
    if (supervise_start_collector(g, &err) != ST_OK) {
        gateway_say("%s", err.text);
    }
}

/* What hosts_changed() says, it says once: where it could not be put in force it stays due. */
static void renew_addresses(struct gateway *g)
{
    struct err err = { 0 };
    int64_t now = clock_monotonic_ns();
    if (hosts_changed(g->hosts)) {
        g->renew_due_ns = now;
    }
    if (g->renew_due_ns == 0 || now < g->renew_due_ns) {
        return;
    }
    g->renew_due_ns = 0;
    if (generations_renew(g, &err) != ST_OK) {
        g->renew_due_ns = now + RENEW_AGAIN_S * NS_PER_S;
        gateway_say("%s", err.text);
    }
}

/* Addresses of targets and the keys of tickets, when their time has come. */
static void renew(struct gateway *g)
{
    struct err err = { 0 };
    bool tickets = false;
    hosts_renew(g->hosts);
    if (pthread_mutex_trylock(&g->change) != 0) {
        return; /* a change is being made; soon again */
    }
    renew_addresses(g);
    if (tickets_renew(g, &tickets, &err) != ST_OK) {
        gateway_say("%s", err.text);
    }
    pthread_mutex_lock(&g->parts);
    struct part *router = &g->part[GATEWAY_ROUTER];
    if (tickets && part_lives(router) &&
        part_reload(router, g->running.part[GENERATION_ROUTER].mark, &err) != ST_OK) {
        gateway_say("%s", err.text);
    }
    pthread_mutex_unlock(&g->parts);
    pthread_mutex_unlock(&g->change);
}

void gateway_tick(struct gateway *g)
{
    if (pthread_mutex_trylock(&g->parts) == 0) { /* else somebody is starting or stopping them */
        watch_nginx(g, GATEWAY_PROCESSOR);
        watch_nginx(g, GATEWAY_ROUTER);
        watch_collector(g);
        pthread_mutex_unlock(&g->parts);
    }
    if (clock_monotonic_ns() - g->renewed_at_ns > NS_PER_S) {
        g->renewed_at_ns = clock_monotonic_ns();
        renew(g);
    }
}

void gateway_stop(struct gateway *g)
{
    struct err err = { 0 };
    pthread_mutex_lock(&g->parts);
    part_stop(&g->part[GATEWAY_ROUTER], PART_GENTLE_MS); /* first: its requests end below */
    part_stop(&g->part[GATEWAY_PROCESSOR], PART_GENTLE_MS);
    if (supervise_stop_collector(g, &err) != ST_OK) {
        gateway_say("%s", err.text);
    }
    pthread_mutex_unlock(&g->parts);
}
