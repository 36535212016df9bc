/*
 * roles: the built-in roles and what each may: roles.def and rights.def.
 *
 * A set of roles or rights is a mask: bit 1 << value.
 */
#ifndef HANDFAST_STORE_ROLES_H
#define HANDFAST_STORE_ROLES_H

#include <stdbool.h>

enum role_right {
#define RIGHT(symbol, id, says) ROLE_MAY_##symbol,
#include "store/rights.def"
    ROLE_N_RIGHTS
};

enum role {
#define ROLE(symbol, id, scope, rights, says) ROLE_##symbol,
#include "store/roles.def"
    N_ROLES
};

const char *role_id(enum role role);   /* "orgadmin"; lives for ever */
const char *role_says(enum role role); /* what it is for */
bool role_parse(const char *id, enum role *out);
/* It is granted for the installation, not in an organization. */
bool role_is_global(enum role role);
/* Whether one of these roles gives the right. */
bool roles_may(unsigned roles, enum role_right right);

#endif
