/*
 * runner: a command with a guest in it, and its children, until it ends.
 *
 * The command has the terminal, its standard streams, its signals and its exit status as if nobody
 * watched; verdicts come through the collector.
 */
#ifndef HANDFAST_AGENT_RUNNER_H
#define HANDFAST_AGENT_RUNNER_H

#include "agent/collector.h"

struct runner_options {
    char **command; /* NULL at its end; NULL: none, listen until SIGINT or SIGTERM */
    bool wants_all, wants_keys, wants_wire;
    void *arg;
    void (*tick)(void *arg, bool is_over); /* four times a second, and when the command ended */
};

struct runner_end {
    int status;    /* as of wait(2) */
    int not_found; /* errno where the command could not be started, else 0 */
};

/* The guest: HANDFAST_AGENT, or where this program was installed or built. */
enum status runner_find_guest(char *path, size_t room, struct err *err) NODISCARD;
enum status runner_run(const struct runner_options *options, struct collector *c,
                       struct runner_end *out, struct err *err) NODISCARD;
/* Ends this process as the command ended: killed by the same signal, or this exit code. */
int runner_exit_code(const struct runner_end *end);

#endif
