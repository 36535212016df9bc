/*
 * keystores: keystores and truststores of an environment: the same resource, told apart only by
 * what they hold and what they are used for.
 *
 * Writes are made within store_begin() and store_commit(). What is shown has the form of
 * gateway-facts 1.4. Source: the keystore resource of the guide's management API.
 */
#ifndef HANDFAST_STORE_KEYSTORES_H
#define HANDFAST_STORE_KEYSTORES_H

#include "base/text.h"
#include "store/problem.h"
#include "store/store.h"

struct json_t;

enum { KEYSTORE_NAME_MAX = 128 };

struct keystore_name { /* borrowed texts */
    const char *org, *env, *keystore;
};

/* The name holds letters and figures only. */
enum status keystores_create(struct store *s, const struct keystore_name *name,
                             struct store_problem *problem) NODISCARD;
/* With its aliases. Refused while a reference, a virtual host, a target server or a deployed proxy
 * uses it (KEYSTORE_IN_USE; contexts name them). */
enum status keystores_delete(struct store *s, const struct keystore_name *name,
                             struct store_problem *problem) NODISCARD;
/* ST_OK where it is there, KEYSTORE_UNKNOWN where not. */
enum status keystores_want(struct store *s, const struct keystore_name *name,
                           struct store_problem *problem) NODISCARD;
/* {name, aliases[{aliasName, cert, key}], certs[], keys[]}; new references all. */
enum status keystores_show(struct store *s, const struct keystore_name *name, struct json_t **out,
                           struct store_problem *problem) NODISCARD;
/* Arrays of names: of keystores (`name->keystore` is left alone), aliases, certificates. */
enum status keystores_list(struct store *s, const struct keystore_name *name, struct json_t **out,
                           struct store_problem *problem) NODISCARD;
enum status keystores_list_aliases(struct store *s, const struct keystore_name *name,
                                   struct json_t **out, struct store_problem *problem) NODISCARD;
enum status keystores_list_certs(struct store *s, const struct keystore_name *name,
                                 struct json_t **out, struct store_problem *problem) NODISCARD;
/* Which alias a certificate's name means: "a-cert" and "a" both mean "a". The caller frees. */
enum status keystores_find_cert(struct store *s, const struct keystore_name *name, const char *cert,
                                char **out_alias, struct store_problem *problem) NODISCARD;
/* Every certificate of every alias, in PEM, an empty line between: what a truststore trusts.
 * `n_certs` may be NULL. Leaves and intermediates are anchors too: partial chains are wanted. */
enum status keystores_trusted_pem(struct store *s, const struct keystore_name *name,
                                  struct text *out, size_t *n_certs,
                                  struct store_problem *problem) NODISCARD;

#endif
