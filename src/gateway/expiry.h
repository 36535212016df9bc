/*
 * expiry: what runs out: the certificates of all keystores and truststores, and those that backends
 * were seen to serve.
 */
#ifndef HANDFAST_GATEWAY_EXPIRY_H
#define HANDFAST_GATEWAY_EXPIRY_H

#include <stdbool.h>

#include "gateway/events.h"
#include "store/store.h"

struct expiring {
    const char *org, *env;
    const char *keystore, *alias;              /* "" for a backend's */
    size_t index;                              /* in the alias: 0 the leaf */
    bool has_key;                              /* the alias has */
    const char *target, *server, *server_name; /* of a backend; "" for a keystore's */
    int64_t seen_ms;                           /* likewise; 0 */
    const char *subject, *sha256_hex;
    int64_t not_after_s; /* since 1970 */
};

/* An environment; NULL: all. */
struct expiry_scope {
    const char *org, *env;
};

/* Calls `each` for every certificate there, in no order. Texts are borrowed until it returns. */
enum status expiry_each(struct store *s, struct events *e, const struct expiry_scope *in,
                        void (*each)(void *arg, const struct expiring *what), void *arg,
                        struct err *err) NODISCARD;
/* Whole days from `now_s`, rounded down; negative once it is over. */
int64_t expiry_days_left(int64_t not_after_s, int64_t now_s);

#endif
