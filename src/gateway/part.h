/*
 * part: one nginx of the gateway, Router or Message Processor, as a process of its own.
 *
 * It is a daemon in a session of its own, started in a directory that nothing else uses, so that it
 * outlives the manager and the next one finds it. What it is set to is known by a mark: the text
 * that its configuration has it answer with on the socket ask.sock there. So what is in force is
 * never assumed but asked. Source: nginx(8), its signals; src/core/ngx_cycle.c on what a reload
 * does with sockets.
 */
#ifndef HANDFAST_GATEWAY_PART_H
#define HANDFAST_GATEWAY_PART_H

#include <stdint.h>

#include "gateway/places.h"
#include "gateway/process.h"

enum { PART_MARK_LEN = 32, PART_GENTLE_MS = 2000, PART_RELOAD_MS = 5000 };

struct part {
    const char *name;         /* "router", "message-processor" */
    const char *nginx;        /* the program */
    char cwd[PLACE_PATH_MAX]; /* below run/ */
    char conf[PLACE_PATH_MAX];
    char pid_file[PLACE_PATH_MAX];
    char ask[PLACE_PATH_MAX];
    char log[PLACE_PATH_MAX];    /* its error log */
    char served[PLACE_PATH_MAX]; /* a socket it listens on and leaves behind if killed; "" */
    int pid;                     /* 0: not running */
    int64_t since_ms;
    unsigned n_restarts;
    struct process_list workers; /* as last seen: they outlive a master that is killed */
};

/* Makes the part's directory. `id` is its name there, `name` the one for people. */
enum status part_init(struct part *p, const struct places *places, const char *id, const char *name,
                      struct err *err) NODISCARD;
/* Finds it where it runs already. */
bool part_adopt(struct part *p);
/* It runs still; what its workers are is noted. */
bool part_lives(struct part *p);
/* Ends what a killed master has left behind, then starts it. ST_USAGE: nginx refuses. */
enum status part_start(struct part *p, struct err *err) NODISCARD;
/* Requests are ended first, for at most `gentle_ms`. */
void part_stop(struct part *p, unsigned gentle_ms);
/* The mark of the configuration in force; false where it does not answer. */
bool part_mark(const struct part *p, char out[PART_MARK_LEN + 1]);
/* Has it take the configuration that `conf` is now, and returns when every worker that still takes
 * connections answers with `mark`. */
enum status part_reload(struct part *p, const char *mark, struct err *err) NODISCARD;
/* nginx -t on a configuration below `dir`; ST_USAGE with nginx's reason. */
enum status part_test(const struct part *p, const char *conf, struct err *err) NODISCARD;

#endif
