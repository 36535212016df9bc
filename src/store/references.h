/*
 * references: names that stand for a keystore, so that it can be changed without touching what
 * uses it; and what uses a keystore.
 *
 * Writes are made within store_begin() and store_commit(). Source: gateway-facts 1.5.
 */
#ifndef HANDFAST_STORE_REFERENCES_H
#define HANDFAST_STORE_REFERENCES_H

#include "store/keystores.h"

enum { REFERENCE_NAME_MAX = 255 };

struct reference_name { /* borrowed texts */
    const char *org, *env, *reference;
};

/* Of a body {name, refers, resourceType}; borrowed texts, NULL where a field is not there. */
struct reference_fields {
    const char *name, *refers, *resource_type;
};

/* `refers` must be a keystore of the environment (REFERENCE_TO_NOTHING); resourceType is KeyStore,
 * TrustStore or not there. */
enum status references_create(struct store *s, const char *org, const char *env,
                              const struct reference_fields *fields,
                              struct store_problem *problem) NODISCARD;
/* A name in the body has to be the same. What is not there stays as it is. */
enum status references_change(struct store *s, const struct reference_name *name,
                              const struct reference_fields *fields,
                              struct store_problem *problem) NODISCARD;
/* Refused while a virtual host, a target server or a deployed proxy names it (REFERENCE_IN_USE). */
enum status references_delete(struct store *s, const struct reference_name *name,
                              struct store_problem *problem) NODISCARD;
/* {name, refers, resourceType}; a new reference. */
enum status references_show(struct store *s, const struct reference_name *name, struct json_t **out,
                            struct store_problem *problem) NODISCARD;
/* An array of names. */
enum status references_list(struct store *s, const char *org, const char *env, struct json_t **out,
                            struct store_problem *problem) NODISCARD;

/* The keystore that `word` means: "name" or "ref://reference". REFERENCE_UNKNOWN, KEYSTORE_UNKNOWN
 * where there is none. */
enum status references_resolve(struct store *s, const char *org, const char *env, const char *word,
                               char out[KEYSTORE_NAME_MAX + 1],
                               struct store_problem *problem) NODISCARD;

/* --- what uses a keystore --- */

/* What is asked about. One of the first two is set. */
struct keystore_use_question {
    const char *org, *env;
    const char *keystore;  /* by its name, and through references */
    const char *reference; /* by this reference only */
    const char *alias;     /* NULL; or: only where it is the keyAlias */
};

struct keystore_use {
    const char *kind;  /* "reference", "virtual host", "target server", "API proxy" */
    const char *name;  /* "secure"; "weather, revision 3" */
    const char *field; /* "keyStore", "trustStore", "refers" */
    const char *how;   /* "ref://r" or the keystore's name */
};

/* Calls `each` for every use, borrowed texts. */
enum status keystore_uses(struct store *s, const struct keystore_use_question *question,
                          void (*each)(void *arg, const struct keystore_use *use), void *arg,
                          struct store_problem *problem) NODISCARD;

#endif
