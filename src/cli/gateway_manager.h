/* gateway_manager: the process that keeps a gateway, from its lock to its end. */
#ifndef HANDFAST_CLI_GATEWAY_MANAGER_H
#define HANDFAST_CLI_GATEWAY_MANAGER_H

#include "cli/gateway_options.h"

/* Runs until SIGTERM, SIGINT or an order to stop. */
enum status gateway_manager_run(const struct gateway_line *line, struct err *err) NODISCARD;

#endif
