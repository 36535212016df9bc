/*
 * inside: what the files of the gateway itself share; nobody else includes it.
 *
 * Two locks. `change` is held by whoever changes what the gateway is set to, from its transaction's
 * begin to its end; `parts` by whoever starts, stops or signals a process, for as long as that
 * takes. `change` is taken before `parts`.
 */
#ifndef HANDFAST_GATEWAY_INSIDE_H
#define HANDFAST_GATEWAY_INSIDE_H

#include <pthread.h>

#include "gateway/compile.h"
#include "gateway/gateway.h"

enum { WORKER_NAME_MAX = 64 };

struct gateway {
    struct places places;
    char nginx[PLACE_PATH_MAX], module[PLACE_PATH_MAX], program[PLACE_PATH_MAX];
    char worker_user[WORKER_NAME_MAX]; /* "": whoever we are */
    gid_t worker_group;
    bool has_ipv6;
    bool was_running; /* a part was found: whoever started it wants it to run on */

    pthread_mutex_t change;
    struct properties properties;
    struct hosts *hosts;
    struct generation running;  /* in force, or to be so as soon as a part starts */
    struct generation prepared; /* not yet in force */
    bool is_prepared;
    int64_t compiled_at_ns;   /* what was prepared last: when that began */
    uint64_t number;          /* of the generation in `current` */
    uint64_t prepared_number; /* 0: none was written */

    pthread_mutex_t parts;
    struct part part[GENERATION_N_PARTS];
    struct {
        char cwd[PLACE_PATH_MAX], log[PLACE_PATH_MAX];
        int pid;
        int64_t since_ms;
        unsigned n_restarts;
    } collector;
    int64_t try_again_ns[GATEWAY_N_PARTS]; /* when a part that would not start is tried next */
    int64_t renewed_at_ns;
    int64_t renew_due_ns; /* addresses have changed and are not in force yet; 0: they have not */
};

/* A line on standard error, with the time; control characters are escaped. */
void gateway_say(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* generations.c; the caller holds `change`. */
enum status generations_begin(struct gateway *g, struct err *err) NODISCARD;
enum status generations_prepare(struct gateway *g, struct store *s, struct err *err) NODISCARD;
enum status generations_activate(struct gateway *g, struct err *err) NODISCARD;
void generations_forget(struct gateway *g);
/* Opens the store for itself: what it says, put in force. */
enum status generations_renew(struct gateway *g, struct err *err) NODISCARD;

/* supervise.c; the caller holds `parts`. */
enum status supervise_begin(struct gateway *g, struct err *err) NODISCARD;
enum status supervise_start_collector(struct gateway *g, struct err *err) NODISCARD;
bool supervise_collector_lives(struct gateway *g);
/* Within some seconds. ST_IO: it does not end; another one must not be started beside it. */
enum status supervise_stop_collector(struct gateway *g, struct err *err) NODISCARD;

/* tickets.c: keys of session tickets that both the old and the new workers know, so that sessions
 * outlive a reload. True where they were renewed. Source: nginx, ssl_session_ticket_key. */
enum status tickets_renew(struct gateway *g, bool *renewed, struct err *err) NODISCARD;

/* ports.c: whether nginx could take what it does not listen on yet. ST_USAGE: somebody has it. */
enum status ports_check(const struct part *router, const struct generation_part *running,
                        const struct generation_part *next, struct err *err) NODISCARD;
/* Whether nginx cannot get from the one to the other without letting a port go first: it opens new
 * sockets before it closes old ones, and one address of a port excludes all addresses of it. */
bool ports_need_restart(const struct generation_part *running, const struct generation_part *next);

#endif
