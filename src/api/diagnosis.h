/*
 * diagnosis: what a handshake with exactly this configuration would meet, and the call that mends
 * it; asked for by itself, or before a change is made (preflight=true).
 *
 * A target server is tried with a handshake of our own (gateway/trial.h), a virtual host by its
 * certificate and at the Router as it runs, a keystore by its certificates. It blocks the request's
 * thread, for at most TRIAL_TIMEOUT_MS a handshake; TRIALS_MAX run at once, then 503.
 */
#ifndef HANDFAST_API_DIAGNOSIS_H
#define HANDFAST_API_DIAGNOSIS_H

#include "api/route.h"
#include "gateway/trial_target.h"
#include "store/problem.h"
#include "store/virtual_host.h"

struct diagnosis {
    bool is_good;         /* it will handshake */
    bool is_unreached;    /* nobody took the connection: of TLS nothing is known */
    json_t *answer;       /* owned */
    const char *sentence; /* why not; in the request's arena */
};

/* Refuses (503) where too many run. `document` is the target server as JSON, for the fix. */
enum status diagnose_target(struct api_request *r, struct api_answer *a,
                            const struct target_server *t, const json_t *document,
                            struct diagnosis *out, struct err *err) NODISCARD;
/* The same in two steps: what the store says now, and a handshake by it, made whatever the store
 * says then. */
struct target_trial {
    const struct target_server *t; /* borrowed, as is the document */
    const json_t *document;        /* NULL: it stands in a bundle, there */
    const char *api, *revision, *endpoint;
    struct trial_of_target set;
    const char *why; /* it cannot even be tried; in the request's arena. NULL: it can */
};
/* All but the last two are filled in. */
enum status target_trial_set(struct api_request *r, struct target_trial *trial,
                             struct err *err) NODISCARD;
enum status diagnose_trial(struct api_request *r, struct api_answer *a,
                           const struct target_trial *trial, struct diagnosis *out,
                           struct err *err) NODISCARD;
void target_trial_deinit(struct target_trial *trial); /* wipes the key */
/* What is asked of a virtual host. */
enum {
    DIAGNOSE_OWN = 1,    /* its certificate, and whether a handshake is possible with it */
    DIAGNOSE_TRUST = 2,  /* its truststore, where clients have to show a certificate */
    DIAGNOSE_ROUTER = 4, /* the Router, as it runs now */
    DIAGNOSE_ALL = 7
};
enum status diagnose_virtual_host(struct api_request *r, const struct virtual_host *v,
                                  unsigned what, struct diagnosis *out, struct err *err) NODISCARD;
void diagnosis_deinit(struct diagnosis *d);

/* The certificates of one alias: {"alias","isGood","daysLeft","subject","findings":[...]}. `hosts`
 * may be empty; a wildcard among them stands for any name below. NULL where there is no such alias,
 * or no memory. */
json_t *diagnose_alias(struct api_request *r, const char *keystore, const char *alias,
                       const struct texts *hosts, bool *is_good);
/* {"id","sentence"}; new. */
json_t *diagnosis_finding(const char *id, const char *sentence);

/* With preflight=true in the query: refuses a body that would not handshake, with the diagnosis in
 * the contexts. To be called before api_change(): it takes its time. A body that cannot be read is
 * left for the handler to refuse; a target server that is not enabled makes no handshakes. */
enum status api_preflight_target(struct api_request *r, struct api_answer *a,
                                 struct err *err) NODISCARD;
enum status api_preflight_virtual_host(struct api_request *r, struct api_answer *a,
                                       struct err *err) NODISCARD;
enum status api_preflight_host(struct api_request *r, struct api_answer *a,
                               const struct virtual_host *v, struct err *err) NODISCARD;

#endif
