/*
 * form: what no certificate may look like, where OpenSSL looks away or does not say which it is.
 */
#ifndef HANDFAST_X509_FORM_H
#define HANDFAST_X509_FORM_H

#include "x509/findings.h"

void form_check(const struct path *path, struct findings *out);

#endif
