#include "x509/profile.h"

#include <strings.h>

#include <openssl/x509v3.h>

enum scope { SCOPE_LEAF, SCOPE_ISSUER, SCOPE_ROOT, SCOPE_BELOW, SCOPE_EVERY };
enum rule_kind { KIND_ALWAYS, KIND_TLS, KIND_WEB };

/* clang-format off */
#define SINCE_FROM_START INT64_MIN
#define SINCE_BR1        INT64_C(1341100800) /* 2012-07-01 */
#define SINCE_UNDERSCORE INT64_C(1556668800) /* 2019-05-01 */
#define SINCE_BR2        INT64_C(1729123200) /* 2024-10-17 */
/* clang-format on */

const int64_t profile_steps_s[] = { SINCE_BR1, SINCE_UNDERSCORE, SINCE_BR2 };
const size_t profile_n_steps = ARRAY_LEN(profile_steps_s);

static const struct rule {
    const char *id;
    enum scope scope;
    enum rule_kind kind;
    int64_t since_s;
    enum x509_fault_kind fault;
    profile_test *test;
    const char *says;
} rules[] = {
#define PROFILE_RULE(id, scope, kind, since, fault, test, says, source)                            \
    { "profile/" id, SCOPE_##scope, KIND_##kind, SINCE_##since, X509_FAULT_##fault, test, says },
#include "x509/profile.def"
};

/* Names below these are nobody's: RFC 2606, 6761, 6762 appendix G, 8375, ICANN's .internal. */
static const char *const private_suffixes[] = {
    ".local", ".localdomain", ".localhost", ".internal", ".intranet", ".private", ".lan",
    ".home",  ".home.arpa",   ".corp",      ".test",     ".invalid",  ".example", ".onion",
};

static bool is_private_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(private_suffixes); i++) {
        size_t n = strlen(private_suffixes[i]);
        if (len > n && strcasecmp(name + len - n, private_suffixes[i]) == 0) {
            return true;
        }
    }
    return strpbrk(name, ".:") == NULL; /* one label, and no address */
}

static bool is_of_the_web(const struct path *path, const struct x509_question *q)
{
    const struct x509_facts *leaf = cert_facts(path->certs[0]);
    bool is_private = q->purpose != X509_FOR_SERVER || q->host == NULL;
    for (size_t i = 0; i < leaf->n_names; i++) {
        is_private = is_private || is_private_name(leaf->names[i]);
    }
    return !is_private;
}

static bool is_in_scope(const struct profile_subject *s, enum scope scope)
{
    bool is_root = s->at > 0 && s->c->is_self_issued && s->at == s->path->n - 1;
    switch (scope) {
    case SCOPE_LEAF:
        return s->at == 0;
    case SCOPE_ISSUER:
        return s->at > 0;
    case SCOPE_ROOT:
        return is_root;
    case SCOPE_BELOW:
        return !is_root;
    case SCOPE_EVERY:
        return true;
    }
    return false;
}

static void check_rule(const struct rule *rule, const struct path *path, struct findings *out)
{
    for (size_t i = 0; i < path->n; i++) {
        const struct profile_subject s = { path, i, path->certs[i], path->certs[i]->x };
        if (is_in_scope(&s, rule->scope) && rule->test(&s)) {
            const struct x509_fault like = {
                .kind = rule->fault,
                .rule = rule->id,
                .is_minor = rule->kind == KIND_WEB,
            };
            findings_put_like(out, &like, s.c, rule->says);
        }
    }
}

static bool is_in_kind(enum rule_kind kind, const struct path *path, const struct x509_question *q)
{
    switch (kind) {
    case KIND_ALWAYS:
        return true;
    case KIND_TLS:
        return q->purpose != X509_FOR_ANY;
    case KIND_WEB:
        return is_of_the_web(path, q);
    }
    return false;
}

/* A leaf that expired before the rule was made is not held to it. */
static bool is_in_force(const struct rule *rule, const struct path *path,
                        const struct x509_question *q)
{
    return (q->ignore_dates || q->at_s >= rule->since_s) &&
           path->certs[0]->not_after_s >= rule->since_s;
}

void profile_check(const struct path *path, const struct x509_question *q, struct findings *out)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (is_in_force(&rules[i], path, q) && is_in_kind(rules[i].kind, path, q)) {
            check_rule(&rules[i], path, out);
        }
    }
}
