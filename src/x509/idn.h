/*
 * idn: a host name in the form certificates hold it: A-labels, lower case.
 *
 * Labels in ASCII are taken as they are; others are Punycode-encoded (RFC 3492, RFC 5890). Upper
 * case is folded for ASCII, Latin-1, Greek and Cyrillic only: this is for names a person typed, and
 * no validation of IDNA.
 */
#ifndef HANDFAST_X509_IDN_H
#define HANDFAST_X509_IDN_H

#include "base/bytes.h"

/* NUL-terminated; false when it does not fit, is no UTF-8 or holds a NUL. */
bool idn_to_ascii(struct bytes host, char *out, size_t room);

#endif
