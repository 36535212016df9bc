/*
 * name_fits: is a certificate for the name that a CommonName of the gateway's guide asks for?
 *
 * The module in nginx decides by it, and a trial of the same target.
 */
#ifndef HANDFAST_X509_NAME_FITS_H
#define HANDFAST_X509_NAME_FITS_H

#include <stdbool.h>

#include <openssl/x509.h>

/* `is_pattern`: one of its names, DNS or common name, is literally this one, or with `is_wildcard`
 * fits it where it is a wildcard. Else as RFC 6125 has it, with addresses. `x` may be NULL. */
bool x509_name_fits(X509 *x, const char *name, bool is_pattern, bool is_wildcard);

#endif
