/*
 * ocsp: the stapled answer about the leaf (RFC 6960, RFC 6066 section 8).
 */
#ifndef HANDFAST_X509_OCSP_H
#define HANDFAST_X509_OCSP_H

#include "x509/findings.h"

enum staple { STAPLE_NONE, STAPLE_GOOD, STAPLE_REVOKED, STAPLE_UNKNOWN };

struct staple_answer {
    enum staple state;
    const char *why;                      /* a literal: what is wrong with it, or "good" */
    bool has_times;                       /* of the answer used */
    int64_t this_update_s, next_update_s; /* next: INT64_MAX where there is none */
};

/* The answer about path.certs[0], whose issuer is path.certs[1]; without one nothing is verified.
 */
void ocsp_read(const struct path *path, const struct x509_question *q, struct staple_answer *out);

#endif
