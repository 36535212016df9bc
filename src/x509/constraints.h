/*
 * constraints: name constraints where OpenSSL does not look (RFC 5280 section 4.2.1.10).
 */
#ifndef HANDFAST_X509_CONSTRAINTS_H
#define HANDFAST_X509_CONSTRAINTS_H

#include "x509/findings.h"

void constraints_check(const struct path *path, struct findings *out);

#endif
