/*
 * control: how an operator's command reaches the manager that runs.
 *
 * A Unix socket below the directory, for its owner and root. A request is one line ("restart
 * router"), the answer is text; its first line is "ok" or "error".
 */
#ifndef HANDFAST_GATEWAY_CONTROL_H
#define HANDFAST_GATEWAY_CONTROL_H

#include <stdbool.h>

#include "base/text.h"
#include "gateway/places.h"

enum { CONTROL_LINE_MAX = 256, CONTROL_ANSWER_MAX = 64 * 1024 };

/* The listening socket. */
enum status control_listen(const struct places *places, int *fd, struct err *err) NODISCARD;
/* Answers all who wait. `act` does what a line says and puts the answer; false: it failed. */
void control_serve(int fd, bool (*act)(void *arg, const char *line, struct text *answer),
                   void *arg);

/* The other end: sends a line, and gives the answer without its first line. ST_USAGE: no manager
 * runs there, or it refuses; `err` says why. */
enum status control_ask(const struct places *places, const char *line, struct text *answer,
                        struct err *err) NODISCARD;

#endif
