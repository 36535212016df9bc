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
    bool fits =
        whole(dir, p->dir) && join(p->store, p->dir, "store.db") &&
        join(p->events, p->dir, "events.db") && join(p->generations, p->dir, "generations") &&
        join(p->current, p->dir, "current") && join(p->run, p->dir, "run") &&
        join(p->logs, p->dir, "logs") && join(p->collector_socket, p->dir, "run/collector.sock") &&
        join(p->processor_socket, p->dir, "run/mp.sock");
    if (!fits || strlen(p->collector_socket) >= sizeof un.sun_path) {
        return err_set(err, ST_USAGE,
                       "%s: the path is too long; the sockets below it may have %zu characters",
                       dir, sizeof un.sun_path - 1);
    }
    return ST_OK;
}
