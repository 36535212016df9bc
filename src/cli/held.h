/*
 * held: connections whose verdict waits for what the rest of the capture shows, oldest first.
 */
#ifndef HANDFAST_CLI_HELD_H
#define HANDFAST_CLI_HELD_H

#include "transcript/from_capture.h"

/* All-zero is a valid empty queue. */
struct held {
    struct kept_connection **ring;
    size_t head, n, cap;
    size_t bytes; /* of all connections held */
};

/* False without memory; the connection is then still the caller's. */
bool held_push(struct held *h, struct kept_connection *kept);
/* NULL where there is none; the caller's. */
struct kept_connection *held_pop(struct held *h);
void held_deinit(struct held *h);

#endif
