/*
 * gateway: the running system below one directory: two nginx (Router, Message Processor) and the
 * collector of verdicts, kept in the state that the store describes.
 *
 * A change is made so: store_begin(), store_put() ..., gateway_prepare(), store_commit(),
 * gateway_activate(). Prepare writes the configuration for the store as it is within the open
 * transaction and has nginx test it, so that what cannot run is refused before it is committed, and
 * what runs is not touched. Activate puts it in force and returns when the workers answer by it.
 * One change at a time: the caller holds gateway_lock() around all of it; the lock may be taken
 * again by the thread that has it.
 */
#ifndef HANDFAST_GATEWAY_GATEWAY_H
#define HANDFAST_GATEWAY_GATEWAY_H

#include "gateway/places.h"
#include "store/store.h"

struct gateway;

enum gateway_part { GATEWAY_ROUTER, GATEWAY_PROCESSOR, GATEWAY_COLLECTOR, GATEWAY_N_PARTS };

struct gateway_state {
    bool is_up;
    int pid;
    int64_t since_ms;    /* 1970 */
    unsigned n_restarts; /* by the supervisor, since the manager began */
};

/* --- what the API calls; from any thread --- */

const struct places *gateway_places(const struct gateway *g);
void gateway_lock(struct gateway *g);
void gateway_unlock(struct gateway *g);
/* ST_USAGE: nginx, or the compiler, refuses what the store says; `err` has the reason for the
 * caller of the API. Anything else is our own failure. */
enum status gateway_prepare(struct gateway *g, struct store *s, struct err *err) NODISCARD;
/* Where nothing of nginx changes, nothing is done. On failure what ran before runs on. */
enum status gateway_activate(struct gateway *g, struct err *err) NODISCARD;
/* What was prepared and not committed is thrown away. */
void gateway_forget(struct gateway *g);
/* Reads the part's properties file again and starts it anew. */
enum status gateway_restart(struct gateway *g, enum gateway_part part, struct err *err) NODISCARD;
void gateway_state(struct gateway *g, enum gateway_part part, struct gateway_state *out);
/* "router", "message-processor", "collector". */
const char *gateway_part_name(enum gateway_part part);
bool gateway_part_parse(const char *name, enum gateway_part *out);

/* --- what the manager calls --- */

struct gateway_options {
    const struct places *places; /* made by gateway_make_places() */
    const char *nginx;           /* the program */
    const char *module;          /* ngx_http_handfast_module.so; NULL: nginx as it is */
    const char *program;         /* handfast-gateway, for the collector; NULL: no collector */
};

/* Makes the directories; the path is resolved. */
enum status gateway_make_places(const char *dir, struct places *out, struct err *err) NODISCARD;
/* ST_USAGE where nobody could listen on a port; `err` names who has it. */
enum status gateway_try_port(unsigned port, struct err *err) NODISCARD;
/* Adopts what runs and starts what does not, set to what the store says. The store exists. */
enum status gateway_open(const struct gateway_options *options, struct gateway **out,
                         struct err *err) NODISCARD;
/* Starts again what died, renews what grows old. To be called some times a second. */
void gateway_tick(struct gateway *g);
/* Reads all properties files again and puts them in force. */
enum status gateway_refresh(struct gateway *g, struct err *err) NODISCARD;
/* Ends the parts. */
void gateway_stop(struct gateway *g);
void gateway_close(struct gateway *g); /* NULL is fine; the parts run on */

#endif
