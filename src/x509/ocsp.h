/*
 * ocsp: the stapled answer about the leaf (RFC 6960, RFC 6066 section 8).
 */
#ifndef HANDFAST_X509_OCSP_H
#define HANDFAST_X509_OCSP_H

#include "x509/findings.h"

enum { STAPLE_BOUNDARIES_MAX = 8 };

enum staple { STAPLE_NONE, STAPLE_GOOD, STAPLE_REVOKED, STAPLE_UNKNOWN };

struct staple_answer {
    enum staple state;
    const char *why; /* a literal: "good", or what is wrong; NULL without a response */
    size_t n_boundaries;
    int64_t boundaries_s[STAPLE_BOUNDARIES_MAX]; /* times at which the answer changes */
};

/* The answer about path.certs[0], whose issuer is path.certs[1]; without one nothing is verified.
 */
void ocsp_read(const struct path *path, const struct x509_question *q, struct staple_answer *out);

#endif
