/*
 * against: what the parts of --against share. Internal to check.
 */
#ifndef HANDFAST_CHECK_AGAINST_H
#define HANDFAST_CHECK_AGAINST_H

#include "check/engine.h"

struct sides {
    struct check *c;
    struct check_comparison *out;
    const char *trust_name, *trust_format; /* the trust store, whichever side it is on */
    const char *chain_name;
    bool chain_is_served; /* by a server, or seen on the wire */
    bool chain_is_client; /* whose it is */
};

/* One chain of an input: indices into the pool, the leaf first. */
struct against_chain {
    const struct pool_input *in;
    const char *name; /* the input, and where in it there are several */
    size_t n;
    size_t certs[ENGINE_SENT_MAX];
};

/* against.c */
const char *against_label(const struct x509_facts *f);
/* Never NULL: beyond the limit it is one that nobody reads. */
struct check_advice *against_advise(struct sides *s, bool is_fault, const char *id, const char *fmt,
                                    ...) PRINTF_LIKE(4, 5);
/* The certificate to put somewhere: copied, and looked for in all that was named. */
void against_name_certificate(struct sides *s, struct check_advice *a, const struct x509_facts *f,
                              struct bytes der);

/* against_trust.c: is the chain accepted by the certificates of `trust`, and if not, which
 * certificate has to go where? */
enum status against_trust(struct sides *s, const struct pool_input *trust,
                          const struct against_chain *chain, struct err *err) NODISCARD;
/* against_chains.c: the same leaf, the same issuers; or does the server ask for this CA? */
enum status against_chains(struct sides *s, const struct against_chain *ours,
                           const struct against_chain *theirs, struct err *err) NODISCARD;

#endif
