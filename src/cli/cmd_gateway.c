#include "cli/cmd_gateway.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"

#define PROGRAM "handfast-gateway"

/* Beside us, or in libexec as installed: PREFIX/bin and PREFIX/libexec/handfast. */
static bool find(char out[PATH_MAX])
{
    static const char *const places[] = { "/" PROGRAM, "/../libexec/handfast/" PROGRAM,
                                          "/../lib/handfast/" PROGRAM };
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) {
        return false;
    }
    self[n] = '\0';
    const char *dir = dirname(self);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        int len = snprintf(out, PATH_MAX, "%s%s", dir, places[i]);
        if (len > 0 && len < PATH_MAX && access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

int cmd_gateway(char **args, size_t n_args)
{
    static char name[] = PROGRAM;
    char path[PATH_MAX];
    char **argv = find(path) ? calloc(n_args + 2, sizeof *argv) : NULL;
    if (argv == NULL) {
        fputs("handfast gateway: " PROGRAM " is not installed\n", stderr);
        return EXIT_INPUT;
    }
    argv[0] = name;
    for (size_t i = 0; i < n_args; i++) {
        argv[i + 1] = args[i];
    }
    execv(path, argv);
    perror(path);
    free(argv);
    return EXIT_INPUT;
}
