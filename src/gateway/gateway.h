/*
 * gateway: the running system below one directory: two nginx (Router, Message Processor) and the
 * collector of verdicts, kept in the state that the store describes.
 *
 * A change is made so: store_begin(), store_put() ..., gateway_prepare(), store_commit(),
 * gateway_activate(). Prepare writes the configuration for the store as it is within the open
 * transaction and has nginx test it, so that what cannot run is refused before it is committed, and
 * what runs is not touched. Activate puts it in force and returns when the workers answer by it.
 * One change at a time: the caller holds gateway_lock() around all of it.
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

const struct places *gateway_places(const struct gateway *g);
void gateway_lock(struct gateway *g);
void gateway_unlock(struct gateway *g);
/* ST_USAGE: nginx, or the compiler, refuses what the store says; `err` has the reason for the
 * caller of the API. Anything else is our own failure. */
enum status gateway_prepare(struct gateway *g, struct store *s, struct err *err) NODISCARD;
enum status gateway_activate(struct gateway *g, struct err *err) NODISCARD;
/* What was prepared and not committed is thrown away. */
void gateway_forget(struct gateway *g);
/* Reads the part's properties file again and starts it anew. */
enum status gateway_restart(struct gateway *g, enum gateway_part part, struct err *err) NODISCARD;
void gateway_state(struct gateway *g, enum gateway_part part, struct gateway_state *out);

#endif
