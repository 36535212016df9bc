/*
 * path: from the leaf to a trust anchor, or as far as the certificates go.
 *
 * OpenSSL finds one path and keeps it; a verifier that tries others may find a valid one, and the
 * best explanation of a failure is the path with the least wrong with it. Here the candidates are
 * searched for, with limits on steps and signature checks; verify.c has OpenSSL judge each.
 * Source: RFC 4158 (path building), RFC 5280 section 6.1.3.
 */
#ifndef HANDFAST_X509_PATH_H
#define HANDFAST_X509_PATH_H

#include "x509/store.h"

enum { PATH_LINKS_MAX = X509_LINKS_MAX, PATHS_MAX = 16 };

struct path {
    size_t n;
    struct cert *certs[PATH_LINKS_MAX]; /* leaf first */
    bool reaches_anchor;
    bool is_broken; /* names link but a signature or key identifier does not */
};

struct paths {
    size_t n;
    struct path found[PATHS_MAX]; /* those that reach an anchor, likeliest first */
    struct path dead_end;         /* the longest of the others */
    bool was_cut;                 /* a limit ended the search before all was tried */
};

/* Links by name, key identifier and signature; with `broken` links by name alone suffice. */
enum status paths_find(struct x509_chain *chain, const struct x509_question *q, bool broken,
                       struct paths *out) NODISCARD;
/* The index of the certificate in the chain, or X509_CULPRIT_TRUST, X509_CULPRIT_SEEN. */
int culprit_of(const struct x509_chain *chain, const struct cert *c);

#endif
