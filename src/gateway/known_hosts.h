/*
 * known_hosts: which virtual host a client meant, by port and server name.
 *
 * A handshake can fail before the Router knows whose it is: no common protocol, a name that nobody
 * has. It belongs to the virtual host with that name, or to the first one on that port. Made from
 * the store, and anew when its generation is another.
 */
#ifndef HANDFAST_GATEWAY_KNOWN_HOSTS_H
#define HANDFAST_GATEWAY_KNOWN_HOSTS_H

#include <stdbool.h>

#include "base/status.h"

struct known_host {
    const char *org, *env, *name;
    bool is_named; /* the name is one of its host aliases */
};

struct known_hosts;
struct store;

enum status known_hosts_new(const char *store_path, struct known_hosts **out,
                            struct err *err) NODISCARD;
void known_hosts_free(struct known_hosts *k); /* NULL is fine */
/* Looks whether the store has changed, at most once in 500 ms. */
void known_hosts_refresh(struct known_hosts *k);
/* `port` 0: not known, the name alone counts; `name` "": none was sent. Texts live until the next
 * refresh. False: there is none. */
bool known_hosts_find(const struct known_hosts *k, unsigned port, const char *name,
                      struct known_host *out);

/* The store that it reads; NULL: it is not open. Until the next refresh. */
struct store *known_hosts_store(const struct known_hosts *k);
/* "the truststore ts1 of environment test": what a virtual host or a target server verifies by;
 * NULL where it has none, or is not known. Until the next call. */
const char *known_hosts_truststore(struct known_hosts *k, bool is_target, const char *org,
                                   const char *env, const char *name);
/* Likewise, by the name or "ref://" of the truststore itself. */
const char *known_hosts_truststore_called(struct known_hosts *k, const char *org, const char *env,
                                          const char *word);

#endif
