/*
 * profile: rules of form that a careful verifier enforces and others let pass (profile.def).
 *
 * Rules of RFC 5280 hold for any certificate, some only where TLS asks. Rules of the web are those
 * of the CA/Browser Forum's Baseline Requirements (and of RFC 5280 where only they made CAs keep
 * it): they hold where a server's certificate is asked about for a host, and not where the
 * certificate holds a name that nobody can register, since then it is of a private PKI. All hold
 * from a day on: before it certificates that break the rule were usual.
 */
#ifndef HANDFAST_X509_PROFILE_H
#define HANDFAST_X509_PROFILE_H

#include "x509/findings.h"

/* Days at which rules come into force. */
extern const int64_t profile_steps_s[];
extern const size_t profile_n_steps;

/* One certificate of a path, as the rules see it. */
struct profile_subject {
    const struct path *path;
    size_t at; /* in the path */
    struct cert *c;
    const X509 *x;
};

/* True where the rule is broken. */
typedef bool profile_test(const struct profile_subject *s);

void profile_check(const struct path *path, const struct x509_question *q, struct findings *out);

/* profile_rules.c */
#define PROFILE_RULE(id, scope, kind, since, fault, test, says, source) profile_test test;
#include "x509/profile.def"

#endif
