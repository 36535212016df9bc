/*
 * trial_host: whether any client at all could complete a handshake with a virtual host.
 *
 * Both ends are in memory: the Router's with the certificate, protocols and suites that
 * writer_router.c would give nginx (the two change together), and a client that can do everything
 * and trusts everybody. So what fails here is a contradiction within the virtual host: suites that
 * its key cannot sign for, a protocol without a suite.
 */
#ifndef HANDFAST_GATEWAY_TRIAL_HOST_H
#define HANDFAST_GATEWAY_TRIAL_HOST_H

#include "gateway/places.h"
#include "store/alias.h"
#include "store/virtual_host.h"

/* `own` with its key. ST_OK: *out says. ST_USAGE: OpenSSL refuses the settings; `err` has which. */
enum status trial_of_host(const struct places *places, const struct virtual_host *v,
                          const struct alias *own, bool *out, struct err *err) NODISCARD;
/* The protocols that the Router gives it; writer_router.c asks as well. */
struct properties;
unsigned trial_host_protocols(const struct properties *all, const struct virtual_host *v);

#endif
