/*
 * policy_internal: a policy as it is read. Internal to policy*.c.
 */
#ifndef HANDFAST_PROBE_POLICY_INTERNAL_H
#define HANDFAST_PROBE_POLICY_INTERNAL_H

#include "probe/policy.h"

#include "base/status.h"

enum policy_key {
    POLICY_VERSIONS,
    POLICY_REQUIRED_VERSIONS,
    POLICY_SUITES,
    POLICY_REQUIRED_SUITES,
    POLICY_GROUPS,
    POLICY_REQUIRED_GROUPS,
    POLICY_SIGNATURES,
    POLICY_CERTIFICATE_KEYS,
    POLICY_CERTIFICATE_SIGNATURES,
    POLICY_CERTIFICATE_DAYS,
    POLICY_DH_BITS,
    POLICY_ORDER,
    POLICY_REQUIRE,
    POLICY_FORBID,
    POLICY_N_KEYS
};

enum policy_feature {
    FEATURE_STAPLING,
    FEATURE_EMS,
    FEATURE_RENEGOTIATION,
    FEATURE_COMPRESSION,
    FEATURE_EARLY_DATA,
    FEATURE_TICKETS,
    FEATURE_FALLBACK,
    FEATURE_DEFAULT_CERTIFICATE, /* an answer to hellos without a server name */
    POLICY_N_FEATURES
};

enum { POLICY_LIST_MAX = 400, POLICY_WORDS_MAX = 32, POLICY_WORD_BYTES = 80 };

struct policy_list {
    size_t n;
    uint16_t values[POLICY_LIST_MAX];
};

struct policy_words {
    size_t n;
    char list[POLICY_WORDS_MAX][POLICY_WORD_BYTES];
};

struct policy {
    char name[256];
    bool is_set[POLICY_N_KEYS];
    struct policy_list lists[POLICY_CERTIFICATE_KEYS]; /* by key: those of registries */
    struct policy_words certificate_keys, certificate_signatures;
    unsigned certificate_days, dh_bits;
    enum survey_order order;
    bool requires[POLICY_N_FEATURES], forbids[POLICY_N_FEATURES];
};

const char *policy_key_name(enum policy_key key);
const char *policy_feature_name(enum policy_feature feature);

#endif
