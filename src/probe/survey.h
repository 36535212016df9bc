/*
 * survey: everything about one server that decides handshakes, found out by asking it.
 *
 * A survey is the asker of one lane (probe.h): it hands out questions, learns from the answers, and
 * in the end holds facts and findings. What could not be settled is said to be uncertain or not
 * asked, never "not supported". Everything in the facts lives as long as the survey; chains belong
 * to its x509 store. Sources: RFC 8446, 5246, 5746, 6066, 6176, 7301, 7507, 7568, 7627, 8701, 8996,
 * 9325 (what is recommended); the findings (survey_findings.c) name theirs.
 */
#ifndef HANDFAST_PROBE_SURVEY_H
#define HANDFAST_PROBE_SURVEY_H

#include "diagnose/diagnose.h"
#include "probe/probe.h"
#include "x509/x509.h"

enum {
    SURVEY_VERSIONS = 6,
    SURVEY_LIST_MAX = 420,
    SURVEY_CHAINS_MAX = 8,
    SURVEY_AUTHORITIES_MAX = 64,
    SURVEY_FINDINGS_MAX = 64,
    SURVEY_CONNECTIONS = 240,
    SURVEY_CONNECTIONS_POLITE = 60,
    SURVEY_PARALLEL_POLITE = 8,
    SURVEY_LIMIT_S = 60,
};

enum survey_answer {
    SURVEY_NOT_ASKED, /* it makes no sense here, or the budget of connections was spent */
    SURVEY_NO,
    SURVEY_YES,
    SURVEY_UNCERTAIN
};

enum survey_order { SURVEY_ORDER_UNKNOWN, SURVEY_ORDER_SERVER, SURVEY_ORDER_CLIENT };

struct survey_list {
    uint16_t accepted[SURVEY_LIST_MAX]; /* best liked first */
    size_t n_accepted;
    enum survey_order order;
    size_t n_candidates;
    size_t n_uncertain, n_not_asked;
    uint16_t uncertain[SURVEY_LIST_MAX], not_asked[SURVEY_LIST_MAX];
    unsigned n_offers, n_waves;
};

struct survey_version {
    uint16_t version; /* 0x0002, 0x0300 ... 0x0304 */
    enum survey_answer answer;
    struct survey_list suites;
};

enum survey_name { /* the SNI matrix */
                   NAME_RIGHT,
                   NAME_NONE,
                   NAME_WRONG,
                   NAME_ADDRESS,
                   NAME_DOT,
                   NAME_CASE,
                   SURVEY_N_NAMES
};

struct survey_sni {
    enum survey_answer answer; /* YES: a certificate came, NO: the handshake was refused */
    int chain;                 /* index, -1: none */
    uint8_t alert;
    bool has_alert;
    enum probe_end end;
};

struct survey_chain {
    const struct x509_chain *chain;
    struct x509_judgement judgement;
    bool is_judged;
    const char *key_type; /* "RSA", "EC P-256" ... */
    unsigned seen_with;   /* bits: 1 << enum survey_name */
    bool has_staple;
};

enum survey_tolerance {
    TOLERATES_GREASE,
    TOLERATES_POST_QUANTUM, /* a hello of post-quantum size */
    TOLERATES_MIDDLE_SIZE,  /* 256 to 511 bytes */
    TOLERATES_MANY_SUITES,
    TOLERATES_SEGMENTS,
    TOLERATES_RECORDS,
    TOLERATES_LATER_VERSION, /* legacy_version above 1.2, no supported_versions */
    TOLERATES_UNKNOWN_VERSION,
    TOLERATES_UNKNOWN_EXTENSION,
    TOLERATES_NO_EXTENSIONS,
    TOLERATES_RECORD_VERSION,
    SURVEY_N_TOLERANCES
};

enum survey_severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH };

struct survey_finding {
    const char *id;
    const char *cause; /* id of the cause it is about, where the finding stands for many; or NULL */
    enum survey_severity severity;
    const char *sentence;
    const char *source;
    const char *fix;                             /* for everyone; NULL: none */
    const char *nginx, *apache, *haproxy, *java; /* settings; NULL: none */
};

struct survey_facts {
    const struct dial_target *target;
    struct endpoint address;
    const char *server_name; /* "" where none */
    bool is_reached;         /* TCP and what comes before TLS went well */
    bool speaks_tls;
    bool is_given_up; /* no answers, or the time was over */
    enum probe_end first_end;
    const char *why; /* it could not be reached; NULL */
    struct survey_version versions[SURVEY_VERSIONS];
    uint32_t sslv2_kinds[32];
    size_t n_sslv2_kinds;
    struct survey_list groups13, groups12, signatures12, signatures13, alpn; /* alpn: indices */
    struct survey_sni sni[SURVEY_N_NAMES];
    struct survey_chain chains[SURVEY_CHAINS_MAX];
    size_t n_chains;
    enum survey_answer tolerance[SURVEY_N_TOLERANCES];
    enum survey_answer asks_certificate, requires_certificate, certificate_accepted;
    const char *authorities[SURVEY_AUTHORITIES_MAX];
    size_t n_authorities, n_authorities_in_all;
    enum survey_answer resumes_ticket12, resumes_id12, resumes13, early_data;
    uint32_t ticket_lifetime12_s, ticket_lifetime13_s;
    enum survey_answer staples, ems, encrypt_then_mac, renegotiation_info, fallback_scsv,
        compression;
    enum survey_answer tickets12;
    unsigned dh_bits;
    uint16_t dh_group;
    /* The handshake that a usual client of today makes, judged as `explain` judges */
    const struct transcript *normal;
    struct verdict verdict;
    bool has_verdict;
    size_t n_findings;
    struct survey_finding findings[SURVEY_FINDINGS_MAX];
    struct probe_lane_facts lane;
    int64_t took_ns;
};

struct survey_options {
    bool polite;
    unsigned max_connections; /* 0: by politeness */
    struct x509_store *store; /* with the anchors asked for; borrowed */
    bool trust_is_given;
    const char *cert_path, *key_path; /* mutual TLS; NULL: none */
    const char *const *alpn;          /* offered by the usual handshake; NULL: h2, http/1.1 */
    size_t n_alpn;
    int64_t now_s;
    int64_t deadline_ns; /* monotonic, the engine's: for all of the run; 0: none */
    void (*progress)(void *arg, const struct survey_facts *facts, unsigned n_asked,
                     unsigned n_answered); /* NULL: none */
    void *progress_arg;
};

struct survey;

/* The target and the address are borrowed. */
enum status survey_new(const struct dial_target *target, const struct endpoint *address,
                       const struct survey_options *options, struct survey **out,
                       struct err *err) NODISCARD;
void survey_free(struct survey *s); /* NULL is fine */
/* Adds the lane. `over` is called when the survey has ended. */
enum status survey_start(struct survey *s, struct probe_engine *engine, void (*over)(void *arg),
                         void *arg, struct err *err) NODISCARD;
const struct survey_facts *survey_facts(const struct survey *s);

/* The names that `alpn` lists. */
const char *survey_alpn_name(uint16_t index);
const char *survey_name_id(enum survey_name n);           /* "none", "wrong" ... */
const char *survey_tolerance_id(enum survey_tolerance t); /* "grease" ... */
const char *survey_tolerance_summary(enum survey_tolerance t);
const char *survey_answer_id(enum survey_answer a);     /* "yes", "no", "uncertain", "not asked" */
const char *survey_severity_id(enum survey_severity s); /* "info" ... */
bool survey_severity_by_id(const char *id, enum survey_severity *out);

#endif
