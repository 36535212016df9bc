/*
 * evidence: why a chain of links stops before an anchor.
 */
#ifndef HANDFAST_X509_EVIDENCE_H
#define HANDFAST_X509_EVIDENCE_H

#include "x509/findings.h"

/* Puts the one fault that says why `dead_end` goes no further. Fills missing_issuer where that is
 * it. */
void evidence_judge_end(const struct path *dead_end, struct findings *out,
                        struct x509_judgement *j);

#endif
