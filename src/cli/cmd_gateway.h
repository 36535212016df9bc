/*
 * cmd_gateway: handfast gateway: hands over to handfast-gateway, a program of its own, so that the
 * other commands do not load what only it needs.
 */
#ifndef HANDFAST_CLI_CMD_GATEWAY_H
#define HANDFAST_CLI_CMD_GATEWAY_H

#include <stddef.h>

int cmd_gateway(char **args, size_t n_args);

#endif
