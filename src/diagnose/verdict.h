/*
 * verdict: what diagnose() says of one transcript.
 *
 * Strings and arrays live in the arena given to diagnose(). Ids are those of causes.def; `detail`
 * is a slug of details.def or NULL.
 */
#ifndef HANDFAST_DIAGNOSE_VERDICT_H
#define HANDFAST_DIAGNOSE_VERDICT_H

#include "transcript/transcript.h"

enum cause {
    CAUSE_NONE = 0, /* completed, unfinished */
#define CAUSE(symbol, id, category, summary) CAUSE_##symbol,
#include "diagnose/causes.def"
    N_CAUSES
};

enum category {
    CATEGORY_NONE,
    CATEGORY_PROTOCOL,
    CATEGORY_CIPHER,
    CATEGORY_CERTIFICATE,
    CATEGORY_SNI,
    CATEGORY_SESSION,
    CATEGORY_PEER,
    CATEGORY_TRANSPORT,
    CATEGORY_UNKNOWN
};

enum outcome {
    OUTCOME_NONE = 0, /* no TLS was tried: no verdict */
    OUTCOME_COMPLETED,
    OUTCOME_FAILED,
    OUTCOME_UNFINISHED,
};

enum actor { ACTOR_NONE = 0, ACTOR_CLIENT, ACTOR_SERVER, ACTOR_NETWORK, ACTOR_UNKNOWN };
enum confidence {
    CONFIDENCE_NONE = 0,
    CONFIDENCE_POSSIBLE,
    CONFIDENCE_PROBABLE,
    CONFIDENCE_CERTAIN
};
enum direction { DIRECTION_NONE = 0, DIRECTION_NORTHBOUND, DIRECTION_SOUTHBOUND };

enum { EVIDENCE_MAX = 16, ALTERNATIVES_MAX = 8, RULED_OUT_MAX = 12, FINDINGS_MAX = 16 };

struct evidence {
    uint64_t frame; /* 0 where it is about no frame of this connection */
    int64_t at_ns;
    enum actor side;      /* who sent it; ACTOR_NONE where nobody did */
    const char *message;  /* "ServerHello", "Alert unknown_ca", "FIN" ...; NULL where it is a fact,
                             not a message */
    const char *sentence; /* what it shows */
};

struct alternative {
    enum cause cause;
    const char *detail;
    enum confidence confidence;
    const char *why;
};
struct ruled_out {
    enum cause cause;
    const char *why;
};
/* Noticed on a handshake, completed or failed for another reason. `id` is a cause's id, or
 * "abandoned", "obsolete-version", "certificate-expires-soon" ... (details.def). */
struct finding {
    const char *id;
    enum cause cause;
    enum actor party;
    const char *sentence;
};

struct verdict {
    enum outcome outcome;
    enum cause cause;
    const char *detail;
    enum actor party;       /* whose certificate a certificate cause is about; else ACTOR_NONE */
    enum actor rejected_by; /* failed only */
    enum direction direction;
    enum confidence confidence;
    bool is_inferred;   /* rests on sizes, order and timing of encrypted records */
    const char *rule;   /* id of the rule that matched */
    const char *source; /* what makes the rule true */
    const char
        *sentence; /* the cause in one sentence, with the names and numbers of this connection */
    size_t n_evidence, n_alternatives, n_ruled_out, n_findings;
    struct evidence evidence[EVIDENCE_MAX];
    struct alternative alternatives[ALTERNATIVES_MAX];
    struct ruled_out ruled_out[RULED_OUT_MAX];
    struct finding findings[FINDINGS_MAX];
    /* The judgement of each side's chain, is_judged false where none was sent. By enum side. */
    struct {
        bool is_judged;
        struct x509_judgement judgement;
    } chain[2];
};

const char *cause_id(enum cause c); /* NULL for CAUSE_NONE */
const char *cause_summary(enum cause c);
enum category cause_category(enum cause c);
const char *category_id(enum category c);     /* "protocol", ...; NULL for NONE */
const char *outcome_id(enum outcome o);       /* "completed" ...; NULL for NONE */
const char *actor_id(enum actor a);           /* "client" ...; NULL for NONE */
const char *confidence_id(enum confidence c); /* "certain" ...; NULL for NONE */
const char *direction_id(enum direction d);
bool cause_from_id(struct bytes id, enum cause *out);

static inline enum actor actor_of_side(enum side s)
{
    return s == SIDE_CLIENT ? ACTOR_CLIENT : ACTOR_SERVER;
}

#endif
