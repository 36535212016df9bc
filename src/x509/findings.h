/*
 * findings: what is wrong with a chain, collected while it is judged.
 *
 * The same fault of the same certificate counts once, the first time it is found.
 */
#ifndef HANDFAST_X509_FINDINGS_H
#define HANDFAST_X509_FINDINGS_H

#include "x509/path.h"

enum { FINDINGS_MAX = 64 };

struct findings {
    struct x509_chain *chain;
    size_t n;
    struct x509_fault list[FINDINGS_MAX];
    bool could_not_build; /* OpenSSL did not accept the links of the path it was given */
};

/* `what` continues a sentence about the certificate: "has expired". */
void findings_put(struct findings *f, enum x509_fault_kind kind, struct cert *c, int openssl_error,
                  const char *what);
/* `like` says kind, rule and weight; the rest is filled in. */
void findings_put_like(struct findings *f, const struct x509_fault *like, struct cert *c,
                       const char *what);
void findings_put_limit(struct findings *f, enum x509_fault_kind kind, struct cert *c,
                        int64_t limit_s);
/* For orders of our own: a whole sentence. */
void findings_put_fault(struct findings *f, const struct x509_fault *fault);
/* The greater, the later a verifier meets it. */
unsigned findings_rank(const struct x509_fault *fault);
/* By rank, then along the path. */
void findings_sort(struct findings *f);

#endif
