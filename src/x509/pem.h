/* pem: a certificate as PEM text, RFC 7468 section 5.1. */
#ifndef HANDFAST_X509_PEM_H
#define HANDFAST_X509_PEM_H

#include "base/text.h"

void x509_pem_put(struct text *out, struct bytes der);

#endif
