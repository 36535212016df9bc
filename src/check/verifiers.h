/*
 * verifiers: the same chain by the eyes of others.
 *
 * OpenSSL, Java, Go, Python, NSS, GnuTLS, Node and Chrome agree on most chains and differ in rules
 * that each documents (or shows in its source): where a path may end, whether another path is
 * tried, the common name, SHA-1, key sizes, extended key usage of issuers, periods of validity.
 * verifiers.def lists whom, verifier_rules.def each rule with its source. The paths and faults are
 * those of x509; a rule adds what only some refuse, or takes away what only others do.
 *
 * Judged are the certificates alone, as the defaults of each verifier have it: what an application
 * sets, and what it checks besides (pins, transparency logs), is not known here.
 */
#ifndef HANDFAST_CHECK_VERIFIERS_H
#define HANDFAST_CHECK_VERIFIERS_H

#include "base/arena.h"
#include "x509/x509.h"

enum verifier {
#define VERIFIER(symbol, id, anchors, search, what) VERIFIER_##symbol,
#include "check/verifiers.def"
    N_VERIFIERS
};

enum verifier_answer {
    VERIFIER_ACCEPTS,
    VERIFIER_REFUSES,
    VERIFIER_MAY_ACCEPT /* it depends on something outside the chain, which `note` names */
};

/* What one verifier says. Texts live as long as the arena given, the chain and the store. */
struct verifier_judgement {
    enum verifier who;
    enum verifier_answer answer;
    bool differs; /* from the judgement that x509_judge() gives for the same question */
    enum x509_fault_kind cause; /* unless it accepts: what it meets first */
    int culprit;                /* as in x509_fault */
    const char
        *sentence;    /* what is wrong; of one that accepts what others refuse: that; else NULL */
    const char *rule; /* "strength/sha1": the rule that decides; NULL: all verifiers agree in it */
    const char *source; /* of the rule, or NULL */
    const char *note;   /* what later releases do, what it depends on; or NULL */
    size_t n_also;      /* further faults that this verifier would refuse */
};

struct verifier_judgements {
    size_t n;
    struct verifier_judgement list[N_VERIFIERS];
};

struct verifiers;

/* "openssl,java" or "all" as a set of bits (1 << VERIFIER_...). The error names the ids there are.
 */
enum status verifiers_parse(const char *list, unsigned *out_set, struct err *err) NODISCARD;
/* `public_roots`: a file or directory with the roots of the public web, to which some rules are
 * bound; NULL: where Debian has Mozilla's. The store is borrowed. */
enum status verifiers_new(struct x509_store *store, unsigned set, const char *public_roots,
                          struct verifiers **out, struct err *err) NODISCARD;
void verifiers_free(struct verifiers *v); /* NULL is fine */
/* Of the question the purpose, host, time and stapled response count; the rest is what each
 * verifier does by default. In the order of the enum. */
enum status verifiers_judge(struct verifiers *v, const struct x509_chain *chain,
                            const struct x509_question *q, struct arena *texts,
                            struct verifier_judgements *out, struct err *err) NODISCARD;
const char *verifier_id(enum verifier who);   /* "python-strict" */
const char *verifier_what(enum verifier who); /* which release and defaults are meant */
const char *
verifier_answer_id(enum verifier_answer answer); /* "accepts", "refuses", "may-accept" */

/* The table of rules, for lists of them: NULL past the end. */
struct verifier_rule_row {
    const char *id, *what, *source;
    enum x509_fault_kind fault;
    unsigned refused_by, later; /* sets of verifiers */
};
const struct verifier_rule_row *verifier_rule_at(size_t i);

#endif
