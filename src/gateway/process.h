/*
 * process: what /proc says of other processes.
 *
 * A process of the gateway is known by the directory it runs in, which nothing else uses; so a pid
 * that the system has given to somebody else is never taken for ours. Source: proc(5).
 */
#ifndef HANDFAST_GATEWAY_PROCESS_H
#define HANDFAST_GATEWAY_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum { PROCESS_LIST_MAX = 256 };

struct process_list {
    size_t n;
    int pid[PROCESS_LIST_MAX];
};

/* It lives, is no zombie, and runs in the directory `cwd`. */
bool process_is_at(int pid, const char *cwd);
/* Milliseconds since 1970; now, where that is not to be seen. */
int64_t process_started_ms(int pid);
/* All that run in `cwd`. */
void process_list_at(const char *cwd, struct process_list *out);
void process_children(int pid, struct process_list *out);
bool process_list_has(const struct process_list *list, int pid);
/* The arguments, or the title that it gave itself. "" where there is none. */
void process_title(int pid, char *out, size_t room);
/* "nginx (pid 12)" of who listens on a TCP port, and its number; 0 where that is not to be seen. */
int process_of_port(unsigned port, struct text *out);

#endif
