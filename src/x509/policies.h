/*
 * policies: certificate policies of a path (RFC 5280 section 6.1), where OpenSSL is better not
 * asked.
 */
#ifndef HANDFAST_X509_POLICIES_H
#define HANDFAST_X509_POLICIES_H

#include "x509/findings.h"

/* A certificate below the anchor constrains policies and has none itself. OpenSSL 3.0 loses the
 * extension's memory with each such certificate (crypto/x509/pcy_cache.c), and whoever is judged
 * may send many. */
bool policies_are_bare(const struct path *path);
/* For such a path: the tree of policies is empty from that certificate on, so what is left to tell
 * is whether a policy is required at the leaf. `is_required`: by the anchor. */
void policies_check(const struct path *path, bool is_required, struct findings *out);

#endif
