/*
 * strength: keys and digests below what verifiers accept.
 *
 * What was usual at the time of the question counts: nobody refused SHA-1 in 2010.
 */
#ifndef HANDFAST_X509_STRENGTH_H
#define HANDFAST_X509_STRENGTH_H

#include "x509/findings.h"

/* Times at which the floor rises. */
extern const int64_t strength_steps_s[];
extern const size_t strength_n_steps;

void strength_check(const struct path *path, const struct x509_question *q, struct findings *out);

#endif
