/*
 * users: who may log in, with which password, and which roles they have where.
 *
 * A user is known by an e-mail address, in lower case. Of a password only an scrypt hash is kept,
 * with a salt of its own, as the secret of the user's document: nothing gives it out. Checking
 * costs the same work for a user who is not there. Addresses are taken in any case.
 *
 * Writes are made within store_begin() and store_commit(). Sources: RFC 7914 (scrypt), OWASP's
 * password storage cheat sheet (parameters), RFC 7617 (no colon in a user-id).
 */
#ifndef HANDFAST_STORE_USERS_H
#define HANDFAST_STORE_USERS_H

#include "store/problem.h"
#include "store/roles.h"
#include "store/store.h"

enum {
    USER_NAME_MAX = 254, /* of an address, RFC 5321 section 4.5.3.1 */
    USER_PERSON_MAX = 128,
    USER_PASSWORD_MIN = 8,
    USER_PASSWORD_MAX = 1024,
    USER_MADE_PASSWORD = 24 /* of one that we make */
};

/* Borrowed texts; NULL for a name as "". */
struct user_fields {
    const char *email, *first_name, *last_name;
    const char *password; /* NULL when changing: it stays */
};

enum status users_create(struct store *s, const struct user_fields *fields,
                         struct store_problem *problem) NODISCARD;
/* Names are replaced; the address stays. */
enum status users_change(struct store *s, const struct user_fields *fields,
                         struct store_problem *problem) NODISCARD;
/* With its roles. The last sysadmin is not deleted. */
enum status users_delete(struct store *s, const char *email,
                         struct store_problem *problem) NODISCARD;
/* {emailId, firstName, lastName}; a new reference. */
struct json_t;
enum status users_show(struct store *s, const char *email, struct json_t **out,
                       struct store_problem *problem) NODISCARD;
/* `out->list[i].name` are the addresses; freed with store_names_deinit(). */
enum status users_list(struct store *s, struct store_names *out,
                       struct store_problem *problem) NODISCARD;

/* Whether this is the user's password. Takes some 300 ms of CPU and 32 MiB by design, for unknown
 * users too: callers remember the answer for a short while. */
enum status users_check(struct store *s, const char *email, const char *password, bool *out,
                        struct err *err) NODISCARD;

/* The first user, a sysadmin, with a password made of random; `out_password` is the only copy and
 * is for the caller to show once and wipe. Conflict where there are users already. */
enum status users_make_first(struct store *s, const char *email,
                             char out_password[USER_MADE_PASSWORD + 1],
                             struct store_problem *problem) NODISCARD;
/* A new random password for a user who lost it. */
enum status users_renew_password(struct store *s, const char *email,
                                 char out_password[USER_MADE_PASSWORD + 1],
                                 struct store_problem *problem) NODISCARD;

/* Roles. `org` is left alone for a role of the installation. Granting twice is fine. */
enum status users_grant(struct store *s, const char *email, const char *org, enum role role,
                        struct store_problem *problem) NODISCARD;
enum status users_revoke(struct store *s, const char *email, const char *org, enum role role,
                         struct store_problem *problem) NODISCARD;
/* The mask of roles that are good in `org`: those granted in it and those of the installation. ""
 * or NULL: the latter alone. 0 for an unknown user. */
enum status users_roles(struct store *s, const char *email, const char *org, unsigned *out,
                        struct err *err) NODISCARD;
/* {role:[{name, organization}]} of all organizations; a new reference. */
enum status users_show_roles(struct store *s, const char *email, struct json_t **out,
                             struct store_problem *problem) NODISCARD;
/* `out->list[i].parent` are the addresses of those who have it. */
enum status users_of_role(struct store *s, const char *org, enum role role, struct store_names *out,
                          struct store_problem *problem) NODISCARD;

#endif
