/*
 * survey_internal: the parts of a survey: lists that are enumerated, single questions, and the
 * ClientHellos of both. Part of survey.h's implementation.
 */
#ifndef HANDFAST_PROBE_SURVEY_INTERNAL_H
#define HANDFAST_PROBE_SURVEY_INTERNAL_H

#include "probe/enumerate.h"
#include "probe/finish.h"
#include "probe/survey.h"
#include "tls/hello_write.h"
#include "tls/names.h"

enum list_topic {
    LIST_SSL30,
    LIST_TLS10,
    LIST_TLS11,
    LIST_TLS12,
    LIST_TLS13,
    LIST_GROUPS13,
    LIST_GROUPS12,
    LIST_RSA12,   /* signature algorithms with an RSA certificate */
    LIST_ECDSA12, /* with an ECDSA or EdDSA one */
    LIST_SIGNATURES13,
    LIST_ALPN,
    N_LISTS
};

enum single_topic {
    SINGLE_NORMAL,
    SINGLE_FINISH13,
    SINGLE_FINISH12,
    SINGLE_FINISH12_ID,
    SINGLE_RESUME13,
    SINGLE_RESUME12,
    SINGLE_RESUME12_ID,
    SINGLE_SSL20,
    SINGLE_NAME_FIRST, /* one for each enum survey_name */
    SINGLE_CERT_RSA = SINGLE_NAME_FIRST + SURVEY_N_NAMES,
    SINGLE_CERT_ECDSA,
    SINGLE_CERT_EDDSA,
    SINGLE_CERT_DSS,
    SINGLE_DHE,
    SINGLE_EXTRAS12, /* what a ServerHello up to 1.2 echoes */
    SINGLE_FALLBACK,
    SINGLE_COMPRESSION,
    SINGLE_TOLERANCE_FIRST,
    N_SINGLES = SINGLE_TOLERANCE_FIRST + SURVEY_N_TOLERANCES
};

enum { FINISHES = SINGLE_SSL20 - SINGLE_FINISH13, SHARES_MAX = 3, SUITES_MAX = 420 };

/* What a ClientHello of the survey is made of. */
struct hello_spec {
    uint16_t version;  /* the highest: legacy_version, and supported_versions from 1.3 on */
    bool only_version; /* 1.3: no lower one besides */
    struct tls_u16_list suites, groups, signatures;
    bool no_shares;       /* ask for a HelloRetryRequest */
    const char *name;     /* server_name; "" none */
    const uint16_t *alpn; /* indices of survey_alpn_name */
    size_t n_alpn;
    const char *const *alpn_words; /* or these */
    bool wants_staple, offers_compression, offers_scsv, has_grease, has_large_share, is_bare;
    bool has_unknown_extension, has_unknown_version, is_plain;
    uint16_t legacy_version, record_version; /* 0: as usual */
    size_t pad_to, fragment;
};

struct single_state {
    bool is_asked, is_open, is_done, was_retried;
};

struct survey {
    struct survey_facts facts;
    struct survey_options options;
    struct arena arena;
    struct probe_engine *engine;
    struct probe_lane *lane;
    void (*over)(void *arg);
    void *over_arg;
    struct enumerator lists[N_LISTS];
    struct single_state singles[N_SINGLES];
    struct probe_finish finish[FINISHES];
    SSL_SESSION *session[FINISHES / 2];
    struct tls_key_share shares[SHARES_MAX];
    size_t n_shares;
    struct tls_key_share large_share;
    uint8_t random[32];
    unsigned n_asked, n_answered, most, budget, turn;
    unsigned n_silent_in_row;
    int64_t started_ns;
    const struct x509_chain *taken[2 + SURVEY_CHAINS_MAX]; /* references to give back */
    size_t n_taken;
    bool is_generous; /* the polite shares are used up, and connections are left */
    uint16_t curve12; /* of the ECDSA certificate: beside every group asked for; 0: not needed */
    char address_text[64], dot_name[300], case_name[300];
};

/* survey_tables.c */
void survey_candidates(struct survey *s);
void survey_candidates_again(struct survey *s, enum list_topic t); /* forgets what was learned */
uint16_t survey_list_version(enum list_topic t); /* of the suites' lists; 0 for others */
/* Each writes to `room`, of SUITES_MAX: every suite up to TLS 1.2; the usual ones of one kind of
 * authentication (TLS_AUTH_NONE: of all but anonymous), TLS 1.3's before them where asked; those
 * with an ephemeral DH. */
struct tls_u16_list survey_all_suites(uint16_t *room);
struct tls_u16_list survey_suites_by_auth(enum tls_auth auth, bool with13, uint16_t *room);
struct tls_u16_list survey_dhe_suites(uint16_t *room);
struct tls_u16_list survey_all_groups(void);
struct tls_u16_list survey_all_signatures(void);
size_t survey_n_alpn(void);

/* survey_hello.c */
void survey_write(const struct survey *s, const struct hello_spec *spec, struct text *wire);

/* survey_lists.c */
bool survey_next_of_list(struct survey *s, enum list_topic t, struct probe_question *q);
void survey_answer_of_list(struct survey *s, enum list_topic t, unsigned offer,
                           const struct probe_outcome *o);
void survey_collect_lists(struct survey *s);

/* survey_singles.c */
bool survey_next_single(struct survey *s, enum single_topic t, struct probe_question *q);
void survey_answer_of_single(struct survey *s, enum single_topic t, const struct probe_outcome *o);

/* survey_chains.c */
int survey_note_chain(struct survey *s, const struct probe_outcome *o);
void survey_note_request(struct survey *s, const struct probe_outcome *o);
void survey_judge_chains(struct survey *s);

/* survey_settle.c: the usual handshake's verdict by all that was found. */
void survey_settle(struct survey *s);

/* survey_findings.c */
void survey_find(struct survey *s);

static inline struct survey_version *survey_version_of(struct survey_facts *f, uint16_t version)
{
    for (size_t i = 0; i < SURVEY_VERSIONS; i++) {
        if (f->versions[i].version == version) {
            return &f->versions[i];
        }
    }
    return NULL;
}

#endif
