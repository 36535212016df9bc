/*
 * first_start: what a store holds before anybody has put anything into it.
 *
 * One user who may do everything; one organization with one environment; and there the two virtual
 * hosts that the guide's system has by default: `default` without TLS and `secure` with it, and a
 * keystore with a certificate of its own for the latter.
 */
#ifndef HANDFAST_GATEWAY_FIRST_START_H
#define HANDFAST_GATEWAY_FIRST_START_H

#include "store/store.h"
#include "store/users.h"

struct first_start {
    const char *admin; /* an e-mail address */
    const char *org, *env;
    const char *const *hosts; /* host aliases of both virtual hosts */
    size_t n_hosts;
    unsigned http_port, https_port;
};

/* ST_USAGE where a port is taken: then nothing is put. Does nothing, and sets `*was_first` to
 * false, where there are users already. The caller shows the password once and wipes it. */
enum status first_start(struct store *s, const struct first_start *what, bool *was_first,
                        char out_password[USER_MADE_PASSWORD + 1], struct err *err) NODISCARD;

#endif
