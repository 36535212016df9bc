/*
 * prove: `explain --prove --to HOST`: failed connections replayed to the server the user confirmed.
 *
 * Only connections to that server are replayed: its address is one of the capture's, or the client
 * asked for its name. A failure of the same cause on the same port is replayed once, and at most
 * PROVE_MAX of them in one run.
 */
#ifndef HANDFAST_CLI_PROVE_H
#define HANDFAST_CLI_PROVE_H

#include "probe/replay_main.h"

enum { PROVE_MAX = 4, PROVE_ADDRESSES_MAX = 8 };

struct prove {
    struct dial_target target;
    char host[512];
    struct endpoint addresses[PROVE_ADDRESSES_MAX];
    size_t n_addresses;
    struct {
        enum cause cause;
        uint16_t port;
    } done[PROVE_MAX];
    size_t n_done;
    size_t n_elsewhere; /* failed connections to other servers */
    size_t n_left_out;  /* beyond PROVE_MAX */
};

/* ST_USAGE where `to` is no server, ST_IO where it has no address. */
enum status prove_start(struct prove *p, const char *to, struct err *err) NODISCARD;
/* Is it a failure that should be replayed? Counts those that are left out. */
bool prove_wants(struct prove *p, const struct transcript *t, const struct verdict *v);
/* Replays it and writes the outcome to `out`. */
enum status prove_run(struct prove *p, const struct transcript *t, const struct verdict *v,
                      const struct replay_options *style, struct err *err) NODISCARD;

#endif
