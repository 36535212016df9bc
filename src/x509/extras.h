/*
 * extras: facts of a certificate's extensions that take a list or a sentence.
 */
#ifndef HANDFAST_X509_EXTRAS_H
#define HANDFAST_X509_EXTRAS_H

#include "x509/store.h"

/* Key purposes, basic constraints, name constraints, marks of the public web, the public key.
 * `scratch` is empty and stays so. */
void extras_read(struct cert *c, struct x509_facts *f, struct text *scratch);

#endif
