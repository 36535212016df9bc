/*
 * delivery: where verdicts go: standard error, a file, syslog (and so journald), a Unix socket.
 */
#ifndef HANDFAST_AGENT_DELIVERY_H
#define HANDFAST_AGENT_DELIVERY_H

#include "base/status.h"
#include "base/text.h"

struct delivery;

/* "FILE", "syslog", "unix:PATH"; NULL: standard error. A file is appended to. */
enum status delivery_open(const char *place, struct delivery **out, struct err *err) NODISCARD;
void delivery_free(struct delivery *d); /* NULL is fine */
/* Verdicts go to somebody's screen, below what the command writes there. */
bool delivery_is_stderr(const struct delivery *d);
/* One line a verdict is wanted: nobody reads a page there. */
bool delivery_wants_lines(const struct delivery *d);
/* False where it could not be written: said once on standard error. */
bool delivery_put(struct delivery *d, const struct text *verdict);

#endif
