/*
 * verifier_lens: the paths of a chain and what is wrong with each, for one way to end a path.
 * Internal to check.
 */
#ifndef HANDFAST_CHECK_VERIFIER_LENS_H
#define HANDFAST_CHECK_VERIFIER_LENS_H

#include "check/verifier_view.h"

/* Which certificates may end a path, and by which letter it is judged. */
enum lens_kind { LENS_ROOTS, LENS_ANY, LENS_STRICT, N_LENSES };

/* All-zero is a valid, empty lens. */
struct lens {
    struct x509_question q;
    struct x509_paths *paths;
    size_t n;
    struct view views[X509_PATHS_MAX];
    struct view_findings found[X509_PATHS_MAX];
    bool has_host;
    struct name_ways names; /* of the leaf for the host */
};

/* `q` is copied; what it points to has to outlive the lens. */
enum status lens_open(struct lens *l, enum lens_kind kind, struct x509_store *store,
                      const struct x509_chain *chain, const struct x509_question *q,
                      struct err *err) NODISCARD;
void lens_close(struct lens *l);
/* Finds what is wrong with each path, supposed that they lead to a root of the public web or not.
 */
void lens_examine(struct lens *l, bool is_public);
/* Was anything found that only public roots are bound to? */
bool lens_has_public_rules(const struct lens *l);
bool lens_reaches_anchor(const struct lens *l);

#endif
