#include "cli/gateway_find.h"

#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "ngx_http_handfast_module.so"

enum status gateway_find_self(char out[PATH_MAX], struct err *err)
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (n < 0) {
        return err_sys(err, "/proc/self/exe");
    }
    out[n] = '\0';
    return ST_OK;
}

static bool is_program(const char *dir, size_t dir_len, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%.*s/%s", (int)dir_len, dir, name);
    return n > 0 && n < PATH_MAX && access(out, X_OK) == 0;
}

static bool is_along(const char *path, const char *name, char out[PATH_MAX])
{
    while (path != NULL && *path != '\0') {
        size_t len = strcspn(path, ":");
        if (len > 0 && is_program(path, len, name, out)) {
            return true;
        }
        path += len + (path[len] == ':' ? 1 : 0);
    }
    return false;
}

enum status gateway_find_nginx(const char *name, char out[PATH_MAX], struct err *err)
{
    if (strchr(name, '/') != NULL) {
        return realpath(name, out) != NULL && access(out, X_OK) == 0 ? ST_OK
                                                                     : err_sys(err, "%s", name);
    }
    if (is_along(getenv("PATH"), name, out) || is_along("/usr/sbin:/usr/local/sbin", name, out)) {
        return ST_OK;
    }
    return err_set(err, ST_USAGE, "no program %s here: install nginx, or say --nginx FILE", name);
}

static bool is_file(char out[PATH_MAX], const char *dir, const char *rest)
{
    int n = snprintf(out, PATH_MAX, "%s%s" MODULE, dir, rest);
    return n > 0 && n < PATH_MAX && access(out, R_OK) == 0;
}

enum status gateway_find_module(const char *name, char out[PATH_MAX], struct err *err)
{
    static const char *const beside[] = { "/src/nginx/", "/", "/../lib/nginx/modules/",
                                          "/../lib/x86_64-linux-gnu/nginx/modules/",
                                          "/../../lib/nginx/modules/" };
    char self[PATH_MAX];
    char found[PATH_MAX];
    if (name != NULL) {
        return realpath(name, out) != NULL ? ST_OK : err_sys(err, "%s", name);
    }
    TRY(gateway_find_self(self, err));
    const char *dir = dirname(self);
    for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
        if (is_file(found, dir, beside[i]) && realpath(found, out) != NULL) {
            return ST_OK;
        }
    }
    if (is_file(out, "/usr/lib/nginx/modules", "/")) {
        return ST_OK;
    }
    return err_set(err, ST_USAGE,
                   MODULE " is not here: say --module FILE, or --module none to run without "
                          "explanations");
}
