/* pem: certificates as PEM text, and out of it. RFC 7468 section 5.1. */
#ifndef HANDFAST_X509_PEM_H
#define HANDFAST_X509_PEM_H

#include "base/text.h"

void x509_pem_put(struct text *out, struct bytes der);
/* Every certificate of the text, in its order; what else is in it is passed over. The DER is
 * borrowed until `each` returns. */
void x509_pem_each(const char *pem, void (*each)(void *arg, struct bytes der), void *arg);

#endif
