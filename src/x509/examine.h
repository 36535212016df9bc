/*
 * examine: a chain judged from scratch: paths searched, verified, and explained.
 */
#ifndef HANDFAST_X509_EXAMINE_H
#define HANDFAST_X509_EXAMINE_H

#include "x509/findings.h"

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

/* One path that reaches an anchor, its findings sorted. `out` is empty but for its chain. */
enum status examine_path(const struct path *path, const struct x509_question *q,
                         struct findings *out) NODISCARD;
/* The dead end of `found`: why no anchor is reached, and what else is wrong. `broken` is zeroed;
 * `shown` is the path that the findings are about, the dead end or one of `broken`. Fills
 * missing_issuer of `missing`. */
enum status examine_dead_end(const struct paths *found, const struct x509_question *q,
                             struct paths *broken, struct findings *out,
                             struct x509_judgement *missing, const struct path **shown) NODISCARD;
/* Both sorted. */
bool examine_is_better(const struct findings *a, const struct findings *than);

#endif
