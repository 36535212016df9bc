/*
 * trial_target: a trial as the Message Processor would make the connection to a target server.
 *
 * What writer_target.c has nginx do is said here for OpenSSL: the two change together.
 */
#ifndef HANDFAST_GATEWAY_TRIAL_TARGET_H
#define HANDFAST_GATEWAY_TRIAL_TARGET_H

#include "base/arena.h"
#include "gateway/places.h"
#include "gateway/trial.h"
#include "store/store.h"
#include "store/target_server.h"

struct trial_of_target {
    struct trial_settings settings; /* borrows from the target, the arena and `key` */
    struct bytes key;               /* to be given back with trial_of_target_deinit() */
};

struct trial_request {
    struct store *store;
    const struct places *places;
    const char *org, *env;
    const struct target_server *target;
    struct arena *arena;                   /* lives as long as the trial */
    const char *api, *revision, *endpoint; /* whose URL and SSLInfo are the target; or NULL */
};

/* ST_USAGE: a keystore, an alias or a key is not there, or a truststore is empty; `err` says what.
 */
enum status trial_of_target(const struct trial_request *request, struct trial_of_target *out,
                            struct err *err) NODISCARD;
void trial_of_target_deinit(struct trial_of_target *t); /* wipes the key */

#endif
