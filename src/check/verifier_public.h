/*
 * verifier_public: does a chain lead to a root of the public web? Internal to check.
 *
 * Some rules bind public CAs only: periods of validity, SHA-1 under the roots that come with Java.
 * The roots are Mozilla's, as Debian's package ca-certificates has them: what an administrator
 * added to the system's store is not among them.
 */
#ifndef HANDFAST_CHECK_VERIFIER_PUBLIC_H
#define HANDFAST_CHECK_VERIFIER_PUBLIC_H

#include "x509/x509.h"

/* All-zero is valid: Debian's file of roots, read when it is first asked for. */
struct public_web {
    const char *path; /* file or directory; NULL: Debian's */
    struct x509_store *roots;
};

void public_web_deinit(struct public_web *w);
/* Dates and all else aside. False where the roots are not known here. */
enum status public_web_trusts(struct public_web *w, const struct x509_chain *chain, bool *out,
                              struct err *err) NODISCARD;

#endif
