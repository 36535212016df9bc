/* gateway_find: where the programs are that the gateway needs. */
#ifndef HANDFAST_CLI_GATEWAY_FIND_H
#define HANDFAST_CLI_GATEWAY_FIND_H

#include <limits.h>

#include "base/status.h"

/* Our own program, absolute. */
enum status gateway_find_self(char out[PATH_MAX], struct err *err) NODISCARD;
/* nginx, by its path or along PATH and the directories that PATH often lacks. */
enum status gateway_find_nginx(const char *name, char out[PATH_MAX], struct err *err) NODISCARD;
/* The module: as named, or beside us, or where packages put it. */
enum status gateway_find_module(const char *name, char out[PATH_MAX], struct err *err) NODISCARD;

#endif
