/*
 * der: the outside of DER values, enough to tell what they are (X.690 sections 8.1 and 10.1).
 *
 * One-byte tags and definite lengths of up to four bytes; the inside is OpenSSL's to decode.
 */
#ifndef HANDFAST_KEYSTORE_DER_H
#define HANDFAST_KEYSTORE_DER_H

#include "base/bytes.h"

enum {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31
};

struct der_value {
    uint8_t tag;
    struct bytes content; /* what is there of it */
    struct bytes whole;   /* tag, length and content */
    size_t claimed;       /* length of `whole` as its header says; more than there is: cut short */
};

/* False where no header can be read. */
bool der_peek(struct bytes b, struct der_value *out);
/* Takes a whole value off `left`; false where none is there. */
bool der_next(struct bytes *left, struct der_value *out);
/* The first value of several; all of `b` where it is none. */
struct bytes der_first(struct bytes b);

enum der_shape {
    SHAPE_NONE, /* no SEQUENCE */
    SHAPE_UNKNOWN,
    SHAPE_CERTIFICATE,
    SHAPE_CRL,
    SHAPE_REQUEST,
    SHAPE_PKCS7,
    SHAPE_PKCS12,
    SHAPE_PKCS8,
    SHAPE_LOCKED_PKCS8,
    SHAPE_RSA_KEY,
    SHAPE_EC_KEY,
    SHAPE_DSA_KEY,
    SHAPE_PUBLIC_KEY,
    SHAPE_OCSP_RESPONSE
};

/* By the tags of what comes first in it; lengths of indefinite form (BER) are known of PKCS#7 and
 * PKCS#12, which some programs write so. */
enum der_shape der_shape(struct bytes b);

#endif
