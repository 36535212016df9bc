/* From the store to what both nginx run by: compiled, tested, put in force, or left. */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/folder.h"
#include "gateway/inside.h"

static const char *const folders[GENERATION_N_PARTS] = { "router", "mp" };

static enum status folder_of(const struct gateway *g, uint64_t number, char out[PLACE_PATH_MAX],
                             struct err *err)
{
    char name[32];
    snprintf(name, sizeof name, "%llu", (unsigned long long)number);
    return places_join(out, g->places.generations, name, err);
}

static uint64_t number_of(const char *name)
{
    char *end = NULL;
    uint64_t number = isdigit((unsigned char)name[0]) ? strtoull(name, &end, 10) : 0;
    return number > 0 && *end == '\0' ? number : 0;
}

/* Calls `each` for the generations that there are. */
static void walk(const struct gateway *g, void (*each)(void *arg, uint64_t number), void *arg)
{
    DIR *dir = opendir(g->places.generations);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        uint64_t number = number_of(e->d_name);
        if (number != 0) {
            each(arg, number);
        }
    }
    closedir(dir);
}

static void take_highest(void *arg, uint64_t number)
{
    uint64_t *highest = arg;
    *highest = number > *highest ? number : *highest;
}

static void remove_other(void *arg, uint64_t number)
{
    const struct gateway *g = arg;
    char path[PLACE_PATH_MAX];
    if (number != g->number && folder_of(g, number, path, NULL) == ST_OK) {
        folder_remove(path);
    }
}

static enum status link_to(const struct gateway *g, uint64_t number, struct err *err)
{
    char target[64];
    snprintf(target, sizeof target, "generations/%llu", (unsigned long long)number);
    return folder_relink(g->places.current, target, err);
}

/* --- prepare --- */

static bool differs(const struct gateway *g, size_t part)
{
    return strcmp(g->running.part[part].mark, g->prepared.part[part].mark) != 0;
}

static enum status compile_now(struct gateway *g, struct store *s, struct err *err)
{
    struct compile_input in = {
        .store = s,
        .places = &g->places,
        .properties = &g->properties,
        .hosts = g->hosts,
        .module = g->module[0] == '\0' ? NULL : g->module,
        .worker_user = g->worker_user[0] == '\0' ? NULL : g->worker_user,
        .has_ipv6 = g->has_ipv6,
    };
    g->compiled_at_ns = clock_monotonic_ns();
    TRY(compile(&in, &g->prepared, err));
    return generation_seal(&g->prepared, err);
}

static enum status test_part(struct gateway *g, size_t part, const char *dir, struct err *err)
{
    char conf[PLACE_PATH_MAX];
    char rest[64];
    snprintf(rest, sizeof rest, "%s/nginx.conf", folders[part]);
    TRY(places_join(conf, dir, rest, err));
    enum status st = part_test(&g->part[part], conf, err);
    const char *what =
        st == ST_USAGE ? generation_described(&g->prepared.part[part], err->text) : NULL;
    if (what != NULL) {
        struct err said = *err;
        st = err_set(err, st, "%s: %s", what, said.text);
    }
    return st;
}

static enum status write_and_test(struct gateway *g, struct err *err)
{
    char dir[PLACE_PATH_MAX];
    uint64_t highest = g->number;
    walk(g, take_highest, &highest);
    g->prepared_number = highest + 1;
    TRY(folder_of(g, g->prepared_number, dir, err));
    TRY(generation_write(&g->prepared, dir, err));
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        if (differs(g, i)) {
            TRY(test_part(g, i, dir, err));
        }
    }
    return ST_OK;
}

static enum status prepare(struct gateway *g, struct store *s, struct err *err)
{
    TRY(compile_now(g, s, err));
    g->is_prepared = true;
    bool changes = g->number == 0;
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        changes = changes || differs(g, i);
        TRY(ports_check(&g->part[i], &g->running.part[i], &g->prepared.part[i], err));
    }
    return changes ? write_and_test(g, err) : ST_OK;
}

enum status generations_prepare(struct gateway *g, struct store *s, struct err *err)
{
    generations_forget(g);
    enum status st = prepare(g, s, err);
    if (st != ST_OK) {
        generations_forget(g);
    }
    return st;
}

void generations_forget(struct gateway *g)
{
    char dir[PLACE_PATH_MAX];
    if (g->prepared_number != 0 && folder_of(g, g->prepared_number, dir, NULL) == ST_OK) {
        folder_remove(dir);
    }
    generation_deinit(&g->prepared);
    g->prepared_number = 0;
    g->is_prepared = false;
}

/* --- activate --- */

static enum status bring(struct gateway *g, size_t part, struct err *err)
{
    struct part *p = &g->part[part];
    const char *mark = g->prepared.part[part].mark;
    if (!part_lives(p)) {
        return part_start(p, err);
    }
    if (ports_need_restart(&g->running.part[part], &g->prepared.part[part])) {
        part_stop(p, PART_GENTLE_MS);
        return part_start(p, err);
    }
    return part_reload(p, mark, err);
}

/* The Message Processor first: what the Router sends on must be known there. */
static enum status bring_all(struct gateway *g, struct err *err)
{
    static const size_t order[] = { GENERATION_PROCESSOR, GENERATION_ROUTER };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        if (differs(g, order[i])) {
            TRY(bring(g, order[i], err));
        }
    }
    return ST_OK;
}

/* A part that took the new configuration goes back; one that refused it never left the old one. */
static void go_back(struct gateway *g)
{
    char now[PART_MARK_LEN + 1];
    struct err err = { 0 };
    if (g->number == 0 || link_to(g, g->number, &err) != ST_OK) {
        return;
    }
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        const char *mark = g->running.part[i].mark;
        struct part *p = &g->part[i];
        bool stayed = part_lives(p) && part_mark(p, now) && strcmp(now, mark) == 0;
        if (!stayed && part_lives(p) && part_reload(p, mark, &err) != ST_OK) {
            gateway_say("%s", err.text);
        }
    }
}

static enum status swap(struct gateway *g, struct err *err)
{
    TRY(link_to(g, g->prepared_number, err));
    pthread_mutex_lock(&g->parts);
    enum status st = bring_all(g, err);
    if (st != ST_OK) {
        go_back(g);
    }
    pthread_mutex_unlock(&g->parts);
    return st;
}

enum status generations_activate(struct gateway *g, struct err *err)
{
    if (!g->is_prepared) {
        return err_set(err, ST_USAGE, "nothing was prepared");
    }
    enum status st = g->prepared_number == 0 ? ST_OK : swap(g, err);
    if (st == ST_OK) {
        hosts_keep(g->hosts, g->compiled_at_ns);
    }
    if (st != ST_OK || g->prepared_number == 0) {
        generations_forget(g);
        return st;
    }
    g->number = g->prepared_number;
    generation_deinit(&g->running);
    g->running = g->prepared;
    g->prepared = (struct generation){ 0 };
    g->prepared_number = 0;
    g->is_prepared = false;
    walk(g, remove_other, g);
    return ST_OK;
}

/* --- by ourselves --- */

static enum status renew_from(struct gateway *g, struct store *s, struct err *err)
{
    TRY(generations_prepare(g, s, err));
    return generations_activate(g, err);
}

enum status generations_renew(struct gateway *g, struct err *err)
{
    struct store *s = NULL;
    TRY(store_open(g->places.store, &s, err));
    enum status st = renew_from(g, s, err);
    store_close(s);
    return st;
}

/* What runs tells its marks: a manager that was killed may have died between any two steps. */
static void take_marks(struct gateway *g)
{
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        char *mark = g->running.part[i].mark;
        bool found = part_adopt(&g->part[i]);
        g->was_running = g->was_running || found;
        if (!found || !part_mark(&g->part[i], mark)) {
            mark[0] = '\0';
        }
    }
}

/* The link's number, so that what fails to come in force can go back to it. */
static uint64_t linked(const struct gateway *g)
{
    char target[64];
    ssize_t n = readlink(g->places.current, target, sizeof target - 1);
    target[n < 0 ? 0 : n] = '\0';
    const char *slash = strrchr(target, '/');
    return slash == NULL ? 0 : number_of(slash + 1);
}

enum status generations_begin(struct gateway *g, struct err *err)
{
    take_marks(g);
    g->number = linked(g);
    TRY(generations_renew(g, err));
    return ST_OK;
}
