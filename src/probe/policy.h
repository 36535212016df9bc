/*
 * policy: what a server must and must not accept, compared with what a survey found.
 *
 * A policy is text, one rule a line, so that people can write, comment and compare it without a
 * tool ("#" begins a comment):
 *
 *     versions: TLS 1.2, TLS 1.3               none but these may be accepted
 *     required-versions: TLS 1.3               these must be
 *     cipher-suites: NAME, ...                 none but these (IANA's or OpenSSL's names)
 *     required-cipher-suites: NAME, ...
 *     groups: x25519, ...                      none but these
 *     required-groups: NAME, ...
 *     signature-algorithms: NAME, ...          none but these
 *     certificate-keys: EC P-256, RSA 2048     kinds of key; with RSA and DSA the least bits
 *     certificate-signatures: NAME, ...        OpenSSL's names: sha256WithRSAEncryption
 *     certificate-days: N                      the longest life of a certificate
 *     dh-bits: N                               the least bits of a DH group
 *     order: server|client                     whose order of cipher suites counts
 *     require: NAME, ...                       stapling, extended-master-secret,
 *     forbid: NAME, ...                        secure-renegotiation, compression, early-data,
 *                                              tickets, fallback-scsv, default-certificate
 *
 * A key may stand on several lines, which add up. A rule that is not there allows everything.
 * "modern", "intermediate" and "old" are ready made (policy.def). What the survey left uncertain is
 * no violation, and is counted.
 */
#ifndef HANDFAST_PROBE_POLICY_H
#define HANDFAST_PROBE_POLICY_H

#include "base/json.h"
#include "probe/survey.h"

struct policy;

enum { POLICY_VIOLATIONS_MAX = 128 };

struct policy_violation {
    const char *rule; /* the key of the line */
    const char *item; /* what breaks it: a version, a suite ...; safe for terminals */
    const char *sentence;
};

struct policy_result {
    const char *name;
    size_t n, n_total;  /* n_total counts those beyond POLICY_VIOLATIONS_MAX */
    size_t n_uncertain; /* things the survey could not settle */
    struct policy_violation list[POLICY_VIOLATIONS_MAX];
};

/* "modern", "intermediate", "old", or a file. Errors name the file and the line. */
enum status policy_open(const char *name, struct policy **out, struct err *err) NODISCARD;
void policy_free(struct policy *p); /* NULL is fine */
/* Everything in *out lives in the arena and the policy. */
void policy_judge(const struct policy *p, const struct survey_facts *f, struct arena *arena,
                  struct policy_result *out);
void policy_text(struct text *out, const struct policy_result *r, unsigned width);
/* An object "policy", into an open object. */
void policy_json(struct json *j, const struct policy_result *r);

#endif
