/*
 * self_signed: a key and a certificate that it signs itself, as a body in JSON asks for them.
 *
 * {alias, keySize, sigAlg, subject{countryCode, state, locality, org, orgUnit, commonName, email},
 * subjectAlternativeDNSNames{subjectAlternativeName[]}, certValidityInDays}; an older client writes
 * key_size, sig_alg, cert_validity_in_days and so on. Numbers are taken as text too. Limits are
 * those of the guide's system, but that keys may have up to 4096 bits. What is not known here is a
 * warning. Sources: gateway-facts 1.3; RFC 5280; RFC 6125 (names).
 */
#ifndef HANDFAST_STORE_SELF_SIGNED_H
#define HANDFAST_STORE_SELF_SIGNED_H

#include "store/material.h"

enum {
    SELF_SIGNED_NAMES_MAX = 100,
    SELF_SIGNED_VALUE_MAX = 255,
    SELF_SIGNED_DAYS_MAX = 36500,
    SELF_SIGNED_FIELDS = 7
};

/* Borrowed from the body. */
struct self_signed {
    const char *alias; /* NULL: not said */
    unsigned key_bits;
    unsigned digest_bits; /* of SHA-2: 256, 384, 512 */
    unsigned days;
    const char *subject[SELF_SIGNED_FIELDS]; /* in the order of the table; NULL: not said */
    size_t n_names;
    const char *names[SELF_SIGNED_NAMES_MAX]; /* host names and addresses */
};

/* SELF_SIGNED_INVALID names the field. */
enum status self_signed_read(const struct json_t *body, struct self_signed *out,
                             struct store_problem *problem) NODISCARD;
/* A new key, and the certificate from `at_s` on. `out` is made anew. */
enum status self_signed_make(const struct self_signed *wanted, int64_t at_s, struct material *out,
                             struct store_problem *problem) NODISCARD;

#endif
