#include "store/roles.h"

#include <string.h>

enum scope { SCOPE_ORGANIZATION, SCOPE_INSTALLATION };

#define MAY(symbol) (1U << ROLE_MAY_##symbol)

static const struct {
    const char *id;
    enum scope scope;
    unsigned rights;
    const char *says;
} rows[] = {
#define ROLE(symbol, id, scope, rights, says) { id, SCOPE_##scope, rights, says },
#include "store/roles.def"
};

const char *role_id(enum role role)
{
    return rows[role].id;
}

const char *role_says(enum role role)
{
    return rows[role].says;
}

bool role_parse(const char *id, enum role *out)
{
    for (enum role role = 0; role < N_ROLES; role++) {
        if (strcmp(id, rows[role].id) == 0) {
            *out = role;
            return true;
        }
    }
    return false;
}

bool role_is_global(enum role role)
{
    return rows[role].scope == SCOPE_INSTALLATION;
}

bool roles_may(unsigned roles, enum role_right right)
{
    for (enum role role = 0; role < N_ROLES; role++) {
        if ((roles & (1U << role)) != 0 && (rows[role].rights & (1U << right)) != 0) {
            return true;
        }
    }
    return false;
}
