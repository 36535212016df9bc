/*
 * child: runs another program from a process with several threads.
 *
 * The program gets no descriptor of ours but its outputs, no blocked signal, and stdin from
 * /dev/null. Source: POSIX posix_spawn, the glibc extensions addchdir_np and addclosefrom_np.
 */
#ifndef HANDFAST_GATEWAY_CHILD_H
#define HANDFAST_GATEWAY_CHILD_H

#include <stdbool.h>

#include "base/status.h"
#include "base/text.h"

enum { CHILD_OUTPUT_MAX = 64 * 1024 };

struct child {
    const char *const *argv; /* ends with NULL; argv[0] is looked for in PATH */
    const char *cwd;
    unsigned limit_ms; /* it is killed after that time, and waited for some seconds more */
};

/* Runs it to its end; `out` gets what it wrote, standard error too. `*exit_status` is 128 + signal
 * where one ended it. ST_IO where it cannot be run, or takes too long. */
enum status child_run(const struct child *what, struct text *out, int *exit_status,
                      struct err *err) NODISCARD;
/* Starts it as the leader of a session of its own, its outputs appended to `log_path`. */
enum status child_start(const struct child *what, const char *log_path, int *pid,
                        struct err *err) NODISCARD;

#endif
