/*
 * dial_blocking: what dial.c and dial_fetch.c share: waiting on a non-blocking socket.
 */
#ifndef HANDFAST_DIAL_DIAL_BLOCKING_H
#define HANDFAST_DIAL_DIAL_BLOCKING_H

#include "dial/dial_steps.h"

enum { DIAL_TIMEOUT_MS = 10000 };

/* On the monotonic clock: now and the target's time-out. */
int64_t dial_deadline(const struct dial_target *target);
/* `events` as poll(2) has them. */
enum status dial_wait(int fd, short events, int64_t deadline_ns, struct err *err) NODISCARD;
enum status dial_send(int fd, struct bytes out, int64_t deadline_ns, struct err *err) NODISCARD;
/* As dial_open(), but the socket is left non-blocking. */
enum status dial_open_nonblocking(const struct dial_target *target, int *out_fd,
                                  struct err *err) NODISCARD;
void dial_ends(int fd, struct endpoint *local, struct endpoint *remote);

#endif
