/*
 * conf_shape: a configuration of nginx as nginx reads it: which directives, with how many words,
 * how deep.
 *
 * Whatever stands in documents may change words, never the shape: what the compiler writes is read
 * again by the rules of src/core/ngx_conf_file.c, ngx_conf_read_token(), before it is used.
 */
#ifndef HANDFAST_GATEWAY_CONF_SHAPE_H
#define HANDFAST_GATEWAY_CONF_SHAPE_H

#include "base/text.h"

enum { CONF_SHAPE_NAME_MAX = 64 };

struct conf_shape {
    size_t n;          /* directives */
    struct text shape; /* a line for each: depth, name, words; names within map and geo are "-" */
};

/* False: nginx would refuse it: a quote that is not closed, a block too many or too few. */
bool conf_shape_read(const char *conf, struct conf_shape *out);
void conf_shape_deinit(struct conf_shape *s);

#endif
