/*
 * replay: proves the cause of a captured failure by experiment.
 *
 * The captured ClientHello is sent to the server again, byte for byte, then with one thing changed
 * at a time (mutate.h). The smallest change that turns the failure into a ServerHello is the proved
 * cause. It is certain where the deciding pair holds when asked again, the ServerHello uses what
 * was added, and no change of another kind explains it as well; else probable, with the others
 * named. What fails after the ServerHello (certificates, client authentication) no change of the
 * hello can prove.
 *
 * Nothing is sent to a server but the address given. Everything in the result lives in the arena
 * given, and in the store the result owns: replay_result_deinit().
 */
#ifndef HANDFAST_PROBE_REPLAY_H
#define HANDFAST_PROBE_REPLAY_H

#include "base/json.h"
#include "diagnose/verdict.h"
#include "probe/mutate.h"
#include "probe/probe.h"
#include "report/report.h"

enum { REPLAY_TRIALS_MAX = 400, REPLAY_ARENA_BYTES = 96 << 20 };

struct replay_request {
    const struct transcript *captured;
    const struct verdict *verdict; /* of the capture; borrowed */
    const struct dial_target *target;
    const struct endpoint *address;
    unsigned parallel;   /* connections at once; 0: 6 */
    unsigned timeout_ms; /* how long the server may be silent; 0: 3000 */
};

enum replay_outcome {
    REPLAY_PROVED,         /* the verdict is certain now */
    REPLAY_PROBABLE,       /* changes help, and more than one cause explains it */
    REPLAY_NOT_REPRODUCED, /* the captured hello gets a ServerHello now */
    REPLAY_UNSTEADY,       /* the same hello was answered and refused */
    REPLAY_NOTHING_HELPS,  /* no change of the hello makes the server answer */
    REPLAY_NOT_PROVABLE,   /* the failure is not one that a hello decides */
    REPLAY_NOT_REACHED,    /* no connection */
    REPLAY_N_OUTCOMES
};

/* One hello sent, and what came. */
struct replay_trial {
    const struct mutant *mutant; /* NULL: as captured */
    const char *what;            /* "as captured", "with a server name added" ... */
    enum probe_end end;
    bool has_hello;     /* a ServerHello or HelloRetryRequest */
    bool is_answered;   /* and no alert or end of the connection after it */
    bool is_by_size;    /* the change helps by the size of the hello alone: a control showed it */
    bool is_superseded; /* a smaller form of the same change helps */
    bool has_alert;
    uint8_t alert;
    uint16_t version, cipher_suite, group, signature; /* chosen; 0: none, or not to be seen */
    struct bytes alpn;                                /* chosen, where it is to be seen */
    const char *certificate_name; /* a name in the certificate, where it came in clear; or NULL */
    int64_t took_ns;
    const struct replay_trial *control;  /* is_by_size: this change at the length that fails */
    const struct transcript *transcript; /* of the deciding pair; else NULL */
};

struct replay_result {
    enum replay_outcome outcome;
    const char *sentence;   /* the outcome in one sentence or two */
    struct verdict verdict; /* of the capture; where proved or probable, with the cause found */
    const struct replay_trial *original, *changed; /* the deciding pair; NULL where there is none */
    const struct replay_trial *helpful[16];        /* every change that helped, the chosen first */
    size_t n_helpful;
    size_t n_trials;
    struct replay_trial trials[REPLAY_TRIALS_MAX];
    unsigned n_connections;
    /* what must be given back */
    struct x509_store *store;
    size_t n_chains;
    const struct x509_chain *chains[24];
};

/* Blocks until it is known. `out` is for replay_result_deinit() whatever is returned. */
enum status replay_run(const struct replay_request *request, struct arena *arena,
                       struct replay_result *out, struct err *err) NODISCARD;
void replay_result_deinit(struct replay_result *r);

const char *replay_outcome_id(enum replay_outcome outcome); /* "proved" ... */
void replay_text(struct text *out, const struct replay_request *request,
                 const struct replay_result *r, const struct report_style *style);
/* An object "proof", into an open object. */
void replay_json(struct json *j, const struct replay_request *request,
                 const struct replay_result *r);

#endif
