/*
 * examine: a chain judged from scratch: paths searched, verified, and explained.
 */
#ifndef HANDFAST_X509_EXAMINE_H
#define HANDFAST_X509_EXAMINE_H

#include "x509/store.h"

/* When the answer would be another one: times between which nothing changes. */
struct span {
    int64_t at_s, from_s, until_s; /* until_s: no more */
};

struct examined {
    struct x509_judgement j; /* all but the host name */
    struct span span;
    unsigned long missing_hash; /* of the issuer's name looked for elsewhere; 0: none */
};

enum status examine_chain(struct x509_chain *chain, const struct x509_question *q,
                          struct examined *out) NODISCARD;

#endif
