/* output: an answer as the bytes of its body. */
#ifndef HANDFAST_API_OUTPUT_H
#define HANDFAST_API_OUTPUT_H

#include "api/core.h"

/* Fills x->out and x->type from x->answer. Without memory the answer becomes a bare 500. */
void api_output(struct api_exchange *x);

#endif
