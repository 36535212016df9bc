/*
 * verifier_view: a path of certificates opened for the rules of verifiers. Internal to check.
 *
 * The certificates are decoded once per path; they and all else live until view_close().
 */
#ifndef HANDFAST_CHECK_VERIFIER_VIEW_H
#define HANDFAST_CHECK_VERIFIER_VIEW_H

#include <openssl/x509.h>

#include "check/verifiers.h"

/* Where a certificate stands in a path. */
enum { AT_LEAF = 1, AT_INTER = 2, AT_ROOT = 4 };

struct view_link {
    X509 *x;
    unsigned place; /* AT_... */
    const struct x509_link *from;
};

struct view {
    size_t n;
    struct view_link links[X509_LINKS_MAX];
    const struct x509_path *path;
    const struct x509_question *q;
    const struct x509_chain *chain;
    bool is_public; /* the path leads to a root of the public web */
};

enum verifier_rule {
#define VERIFIER_RULE(symbol, id, fault, where, is_so, refused_by, later, what, source)            \
    RULE_##symbol,
#include "check/verifier_rules.def"
    N_VERIFIER_RULES /* of a finding: all verifiers agree in it */
};

struct rule_row {
    struct verifier_rule_row row;
    unsigned where;
    bool (*is_so)(const struct view *v, size_t i);
};

extern const struct rule_row verifier_rules[N_VERIFIER_RULES];

struct view_finding {
    enum verifier_rule rule;
    enum x509_fault_kind kind;
    size_t link; /* in the path */
    int culprit;
    const char *detail; /* a whole sentence of x509, or NULL: the rule's */
};

enum { VIEW_FINDINGS_MAX = 64 };

struct view_findings {
    size_t n;
    struct view_finding list[VIEW_FINDINGS_MAX];
};

enum status view_open(struct view *v, const struct x509_path *path, const struct x509_chain *chain,
                      const struct x509_question *q) NODISCARD;
void view_close(struct view *v);
void view_put(struct view_findings *to, struct view_finding f);
int view_culprit(const struct view *v, size_t i);
/* verifier_findings.c: x509's faults sorted by rules, and what the rules find themselves. */
void view_examine(const struct view *v, struct view_findings *out);
/* verifier_rules.c: for those who need it outside of the table. */
bool view_has_extension_twice(const struct view *v, size_t i);

/* verifier_names.c: which rules a name of the leaf needs to be taken for the host. */
enum { NAME_NEEDS_MAX = 6, NAME_WAYS_MAX = 32 };
struct name_way {
    size_t n; /* 0: any verifier takes it */
    enum verifier_rule needs[NAME_NEEDS_MAX];
};
struct name_ways {
    size_t n;
    struct name_way list[NAME_WAYS_MAX];
};
void name_ways_find(const X509 *leaf, const char *host, struct name_ways *out);

/* verifier_search.c: the path that a verifier takes who makes no second try. */
struct search_choice {
    size_t path;
    bool has_namesake; /* a certificate sent that is none of the issuers found comes first */
    int namesake;
    size_t below; /* the link whose issuer it is taken for */
};
void search_first(const struct view *views, size_t n, bool prefers_timely,
                  struct search_choice *out);

#endif
