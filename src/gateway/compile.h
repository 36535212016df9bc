/*
 * compile: what the store says, as two configurations of nginx.
 *
 * The same store, properties and addresses give the same bytes. Nothing that stands in a document
 * ends up outside of the quotes it was put in (conf.h).
 */
#ifndef HANDFAST_GATEWAY_COMPILE_H
#define HANDFAST_GATEWAY_COMPILE_H

#include "gateway/generation.h"
#include "gateway/hosts.h"
#include "gateway/properties.h"
#include "store/store.h"

struct compile_input {
    struct store *store;
    const struct places *places;
    const struct properties *properties;
    struct hosts *hosts;     /* addresses of targets */
    const char *module;      /* NULL: none */
    const char *worker_user; /* NULL: whoever runs the manager */
    bool has_ipv6;
};

/* `out` is empty. ST_USAGE: the store says what cannot be; `err` says which document. */
enum status compile(const struct compile_input *in, struct generation *out,
                    struct err *err) NODISCARD;

#endif
