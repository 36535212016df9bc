/*
 * hosts: the addresses of target hosts, asked of the system's resolver without ever holding up a
 * change for long.
 *
 * nginx would refuse a whole configuration for one name that does not resolve, and knows only DNS;
 * so the manager resolves, as the system does (hosts file, NSS), and writes addresses. Names are
 * asked again while they are used: as long as they stand in the configuration in force, which
 * hosts_keep() tells, and HOSTS_UNUSED_S for what was looked up and did not come in force.
 * hosts_changed() says when the answers call for a new configuration. Any thread may call.
 */
#ifndef HANDFAST_GATEWAY_HOSTS_H
#define HANDFAST_GATEWAY_HOSTS_H

#include <stdbool.h>

#include "base/net.h"

enum { HOSTS_ADDRESSES_MAX = 16, HOSTS_KEPT_S = 30, HOSTS_UNUSED_S = 300, HOSTS_WAIT_MS = 1500 };

struct hosts;

struct hosts *hosts_new(void); /* NULL without memory */
void hosts_free(struct hosts *n);
/* The addresses of `host` (ports are 0), sorted; 0 where there are none yet. Addresses are their
 * own. Waits at most HOSTS_WAIT_MS, and that only for a name never asked before. */
size_t hosts_look_up(struct hosts *n, const char *host, struct endpoint out[HOSTS_ADDRESSES_MAX]);
/* In force is what was looked up since then (clock_monotonic_ns()), and nothing else. */
void hosts_keep(struct hosts *n, int64_t since_ns);
/* Asks again what has grown old, in the background; forgets what is in no use. */
void hosts_renew(struct hosts *n);
/* Some answer differs from what hosts_look_up() gave out last. Says so once. */
bool hosts_changed(struct hosts *n);

#endif
