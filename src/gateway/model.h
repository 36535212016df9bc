/*
 * model: what the compiler reads of the store, before it writes anything.
 *
 * Virtual hosts, and API proxies where they are deployed. A revision is a document with its bundle
 * as blob: kind REVISION, its API as parent, its number as name, no environment. A deployment is
 * one of kind DEPLOYMENT in an environment, likewise named; "basePath" in it, where there is one,
 * stands before the base paths of the bundle. Everything lives until model_deinit().
 */
#ifndef HANDFAST_GATEWAY_MODEL_H
#define HANDFAST_GATEWAY_MODEL_H

#include "store/bundle.h"
#include "store/store.h"
#include "store/target_server.h"
#include "store/virtual_host.h"

enum { MODEL_KEY_LEN = 24 };

struct model_host {
    const char *org, *env;
    const char *label; /* "org/env/name" */
    struct virtual_host v;
    char key[MODEL_KEY_LEN + 1]; /* names it in both configurations; stays while its name does */
};

struct model_proxy {
    const char *org, *env, *api, *revision;
    const char *prefix; /* of base paths; "" or "/..." */
    struct bundle *bundle;
};

struct model {
    struct arena arena;
    struct model_host *hosts;
    size_t n_hosts;
    struct model_proxy *proxies;
    size_t n_proxies;
};

enum status model_load(struct model *m, struct store *s, struct err *err) NODISCARD;
void model_deinit(struct model *m);

/* A target server of an environment, in the model's arena. ST_USAGE: there is none. */
enum status model_target_server(struct model *m, struct store *s, const struct model_proxy *proxy,
                                const char *name, struct target_server *out,
                                struct err *err) NODISCARD;
/* The first bytes of the digest of where something is, in hex: stable, and safe wherever a name is.
 */
bool model_key(const char *const *parts, size_t n, char out[MODEL_KEY_LEN + 1]);

#endif
