#include "gateway/places.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static bool join(char out[PLACE_PATH_MAX], const char *dir, const char *rest)
{
    int n = snprintf(out, PLACE_PATH_MAX, "%s/%s", dir, rest);
    return n > 0 && n < PLACE_PATH_MAX;
}

enum status places_join(char out[PLACE_PATH_MAX], const char *dir, const char *name,
                        struct err *err)
{
    return join(out, dir, name) ? ST_OK : err_set(err, ST_USAGE, "%s: the path is too long", dir);
}

static bool whole(const char *dir, char out[PLACE_PATH_MAX])
{
    char here[PATH_MAX];
    if (dir[0] == '/') {
        int n = snprintf(out, PLACE_PATH_MAX, "%s", dir);
        return n > 0 && n < PLACE_PATH_MAX;
    }
    char *at = realpath(".", here);
    return at != NULL && join(out, at, dir);
}

enum status places_init(struct places *p, const char *dir, struct err *err)
{
    struct sockaddr_un un;
    *p = (struct places){ 0 };
    const struct {
        char *out;
        const char *name;
    } rows[] = {
        { p->store, "store.db" },
        { p->events, "events.db" },
        { p->generations, "generations" },
        { p->current, "current" },
        { p->run, "run" },
        { p->logs, "logs" },
        { p->tickets, "tickets" },
        { p->collector_socket, "run/collector.sock" },
        { p->processor_socket, "run/mp.sock" },
        { p->control_socket, "run/control.sock" },
        { p->lock, "run/manager.lock" },
    };
    bool fits = whole(dir, p->dir);
    for (size_t i = 0; fits && i < ARRAY_LEN(rows); i++) {
        fits = join(rows[i].out, p->dir, rows[i].name);
    }
    if (!fits || strlen(p->collector_socket) >= sizeof un.sun_path) {
        return err_set(err, ST_USAGE,
                       "%s: the path is too long; the sockets below it may have %zu characters",
                       dir, sizeof un.sun_path - 1);
    }
    return ST_OK;
}

enum status places_find(struct places *p, const char *dir, struct err *err)
{
    char real[PATH_MAX];
    return realpath(dir, real) == NULL ? err_sys(err, "%s", dir) : places_init(p, real, err);
}
