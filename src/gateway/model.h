/*
 * model: what the compiler reads of the store, before it writes anything.
 *
 * Everything lives in one arena until model_deinit().
 */
#ifndef HANDFAST_GATEWAY_MODEL_H
#define HANDFAST_GATEWAY_MODEL_H

#include "store/store.h"
#include "store/virtual_host.h"

enum { MODEL_KEY_LEN = 24 };

struct model_host {
    const char *org, *env;
    const char *label; /* "org/env/name" */
    struct virtual_host v;
    char key[MODEL_KEY_LEN + 1]; /* names it in both configurations; stays while its name does */
};

struct model {
    struct arena arena;
    struct model_host *hosts;
    size_t n_hosts;
};

struct json_t;
/* A document; NULL where there is none, or it is no JSON. */
enum status model_json(struct store *s, const struct store_key *key, struct json_t **out,
                       struct err *err) NODISCARD;
enum status model_load(struct model *m, struct store *s, struct err *err) NODISCARD;
void model_deinit(struct model *m);

#endif
