/* gateway_options: the command line of handfast-gateway. */
#ifndef HANDFAST_CLI_GATEWAY_OPTIONS_H
#define HANDFAST_CLI_GATEWAY_OPTIONS_H

#include <stdbool.h>

#include "base/status.h"

enum { GATEWAY_HOSTS_MAX = 16 };

struct gateway_line {
    const char *dir, *listen, *org, *env, *admin;
    const char *nginx, *module;
    const char *cert, *key; /* of the management API */
    const char *hosts[GATEWAY_HOSTS_MAX];
    size_t n_hosts;
    unsigned http_port, https_port;
    bool help, version;
    bool is_collector; /* asked for by the manager alone */
    const char *order; /* "restart", "status", "stop", "reload"; NULL: be the manager */
    const char *part;  /* of restart */
};

/* Values borrow from `args`. ST_USAGE says what is wrong. */
enum status gateway_line_read(struct gateway_line *out, char **args, size_t n_args,
                              struct err *err) NODISCARD;
int gateway_line_help(void); /* the exit code */

#endif
