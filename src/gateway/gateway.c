#include "gateway/gateway.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/folder.h"
#include "gateway/inside.h"

static const char *const part_names[GATEWAY_N_PARTS] = { "router", "message-processor",
                                                         "collector" };

const char *gateway_part_name(enum gateway_part part)
{
    return part_names[part];
}

bool gateway_part_parse(const char *name, enum gateway_part *out)
{
    if (strncmp(name, "edge-", 5) == 0) { /* as the guide's own service names them */
        name += 5;
    }
    for (size_t i = 0; i < GATEWAY_N_PARTS; i++) {
        if (strcmp(name, part_names[i]) == 0) {
            *out = (enum gateway_part)i;
            return true;
        }
    }
    return false;
}

/* --- the directory --- */

enum status gateway_make_places(const char *dir, struct places *out, struct err *err)
{
    TRY(folder_make(dir, 0700, err));
    TRY(places_find(out, dir, err));
    struct stat st;
    if (stat(out->dir, &st) != 0 || st.st_uid != geteuid()) {
        return err_set(err, ST_USAGE, "%s is not yours: it is to hold private keys", out->dir);
    }
    if (chmod(out->dir, 0700) != 0) {
        return err_sys(err, "%s", out->dir);
    }
    TRY(folder_make(out->generations, 0700, err));
    TRY(folder_make(out->run, 0700, err));
    return folder_make(out->logs, 0700, err);
}

/* --- opening --- */

/* As root, workers are to be somebody else. They stay in the directory they are started in, below
 * run/, and leave it for the sockets there: these two they may enter. */
static enum status choose_worker(struct gateway *g, struct err *err)
{
    static const char *const candidates[] = { "www-data", "nginx", "nobody" };
    if (geteuid() != 0) {
        return ST_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
        const struct passwd *user = getpwnam(candidates[i]);
        if (user != NULL) {
            snprintf(g->worker_user, sizeof g->worker_user, "%s", candidates[i]);
            g->worker_group = user->pw_gid;
            return ST_OK;
        }
    }
    return err_set(err, ST_USAGE, "no user www-data, nginx or nobody for the workers of nginx");
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    close(fd);
    return access("/proc/net/if_inet6", R_OK) == 0;
}

static enum status read_properties(struct gateway *g, struct err *err)
{
    struct text warnings = { 0 };
    enum status st = properties_read(&g->properties, &g->places, &warnings, err);
    const char *line = text_str(&warnings);
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        gateway_say("%.*s", (int)len, line);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    text_deinit(&warnings);
    return st;
}

static enum status let_enter(const struct gateway *g, const char *dir, struct err *err)
{
    if (g->worker_user[0] == '\0') {
        return ST_OK;
    }
    return chown(dir, (uid_t)-1, g->worker_group) == 0 && chmod(dir, 0710) == 0
               ? ST_OK
               : err_sys(err, "%s", dir);
}

static enum status begin_parts(struct gateway *g, struct err *err)
{
    struct part *router = &g->part[GATEWAY_ROUTER];
    struct part *mp = &g->part[GATEWAY_PROCESSOR];
    TRY(part_init(router, &g->places, "router", part_names[GATEWAY_ROUTER], err));
    TRY(part_init(mp, &g->places, "mp", part_names[GATEWAY_PROCESSOR], err));
    TRY(let_enter(g, g->places.run, err));
    TRY(let_enter(g, router->cwd, err));
    TRY(let_enter(g, mp->cwd, err));
    router->nginx = mp->nginx = g->nginx;
    snprintf(mp->served, sizeof mp->served, "%s", g->places.processor_socket);
    return ST_OK;
}

static enum status open_inside(struct gateway *g, const struct gateway_options *o, struct err *err)
{
    bool renewed = false;
    g->places = *o->places;
    snprintf(g->nginx, sizeof g->nginx, "%s", o->nginx);
    snprintf(g->module, sizeof g->module, "%s", o->module == NULL ? "" : o->module);
    snprintf(g->program, sizeof g->program, "%s", o->program == NULL ? "" : o->program);
    g->has_ipv6 = has_ipv6();
    g->hosts = hosts_new();
    if (g->hosts == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    TRY(choose_worker(g, err));
    TRY(read_properties(g, err));
    TRY(begin_parts(g, err));
    TRY(supervise_begin(g, err));
    TRY(tickets_renew(g, &renewed, err));
    return generations_begin(g, err);
}

enum status gateway_open(const struct gateway_options *options, struct gateway **out,
                         struct err *err)
{
    pthread_mutexattr_t again;
    struct gateway *g = calloc(1, sizeof *g);
    if (g == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&g->change, &again);
    pthread_mutexattr_destroy(&again);
    pthread_mutex_init(&g->parts, NULL);
    enum status st = open_inside(g, options, err);
    if (st != ST_OK) {
        if (!g->was_running) {
            gateway_stop(g); /* the parts that did start are of no use alone */
        }
        gateway_close(g);
        return st;
    }
    *out = g;
    return ST_OK;
}

void gateway_close(struct gateway *g)
{
    if (g == NULL) {
        return;
    }
    hosts_free(g->hosts);
    generation_deinit(&g->running);
    generation_deinit(&g->prepared);
    pthread_mutex_destroy(&g->change);
    pthread_mutex_destroy(&g->parts);
    free(g);
}

/* --- what the API calls --- */

const struct places *gateway_places(const struct gateway *g)
{
    return &g->places;
}

void gateway_lock(struct gateway *g)
{
    pthread_mutex_lock(&g->change);
}

void gateway_unlock(struct gateway *g)
{
    pthread_mutex_unlock(&g->change);
}

enum status gateway_prepare(struct gateway *g, struct store *s, struct err *err)
{
    return generations_prepare(g, s, err);
}

enum status gateway_activate(struct gateway *g, struct err *err)
{
    return generations_activate(g, err);
}

void gateway_forget(struct gateway *g)
{
    generations_forget(g);
}

static enum status restart_collector(struct gateway *g, struct err *err)
{
    TRY(supervise_stop_collector(g, err));
    return supervise_start_collector(g, err);
}

static enum status restart_nginx(struct part *p, struct err *err)
{
    part_stop(p, PART_GENTLE_MS);
    return part_start(p, err);
}

static enum status restart(struct gateway *g, enum gateway_part part, struct err *err)
{
    if (part != GATEWAY_COLLECTOR) {
        TRY(read_properties(g, err));
        TRY(generations_renew(g, err));
    }
    pthread_mutex_lock(&g->parts);
    enum status st =
        part == GATEWAY_COLLECTOR ? restart_collector(g, err) : restart_nginx(&g->part[part], err);
    pthread_mutex_unlock(&g->parts);
    return st;
}

enum status gateway_restart(struct gateway *g, enum gateway_part part, struct err *err)
{
    gateway_lock(g);
    enum status st = restart(g, part, err);
    gateway_unlock(g);
    return st;
}

/* Also where nothing changed: it opens its logs anew, and asks files of tickets again. */
static enum status reload_all(struct gateway *g, struct err *err)
{
    pthread_mutex_lock(&g->parts);
    enum status st = ST_OK;
    for (size_t i = 0; i < GENERATION_N_PARTS && st == ST_OK; i++) {
        st = part_reload(&g->part[i], g->running.part[i].mark, err);
    }
    pthread_mutex_unlock(&g->parts);
    return st;
}

static enum status refresh(struct gateway *g, struct err *err)
{
    TRY(read_properties(g, err));
    TRY(generations_renew(g, err));
    return reload_all(g, err);
}

enum status gateway_refresh(struct gateway *g, struct err *err)
{
    gateway_lock(g);
    enum status st = refresh(g, err);
    gateway_unlock(g);
    return st;
}

void gateway_state(struct gateway *g, enum gateway_part part, struct gateway_state *out)
{
    pthread_mutex_lock(&g->parts);
    if (part == GATEWAY_COLLECTOR) {
        bool up = supervise_collector_lives(g);
        *out = (struct gateway_state){ up, g->collector.pid, g->collector.since_ms,
                                       g->collector.n_restarts };
    } else {
        struct part *p = &g->part[part];
        *out = (struct gateway_state){ part_lives(p), p->pid, p->since_ms, p->n_restarts };
    }
    pthread_mutex_unlock(&g->parts);
    if (!out->is_up) {
        out->pid = 0;
    }
}
