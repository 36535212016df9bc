/*
 * public_half: the SubjectPublicKeyInfo of a private key that carries its public half.
 *
 * RSA keys always do, EC keys mostly; taking it from there costs nothing, where OpenSSL takes
 * milliseconds to build a key. As OpenSSL does on loading, it is believed that both halves belong
 * together. Sources: RFC 5958 section 2, RFC 8017 appendix A.1.2, RFC 5915 section 3, RFC 5480.
 */
#ifndef HANDFAST_KEYSTORE_PUBLIC_HALF_H
#define HANDFAST_KEYSTORE_PUBLIC_HALF_H

#include "base/text.h"

/* Each puts the SubjectPublicKeyInfo in DER; false, and nothing of use put, where the key is of
 * another kind, does not carry it, or is not as it should be: OpenSSL may know. */
bool public_half_of_pkcs8(struct bytes der, struct text *out);
bool public_half_of_traditional(struct bytes der, struct text *out);

#endif
