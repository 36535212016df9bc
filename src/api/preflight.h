/*
 * preflight: what a keystore holds, or a reference stands for, is about to change; or a revision is
 * about to be deployed.
 *
 * With preflight=true in the query whoever uses it is judged as it would be: virtual hosts by what
 * they take from the keystore; the backends of target servers and of deployed bundles with a
 * handshake each, 32 at most; of a revision the backends that its routes lead to. The change is
 * made in a transaction that is undone, and the handshakes come after it. It is refused (400, with
 * the diagnosis) where one of them would fail. Who could not be tried does not stop the change, but
 * is named in the contexts of its answer: nobody listens there, there were too many, or the others
 * took a minute. A change that the store refuses is left for the handler.
 */
#ifndef HANDFAST_API_PREFLIGHT_H
#define HANDFAST_API_PREFLIGHT_H

#include "api/change.h"
#include "store/problem.h"

struct preflight_change {
    /* Makes it, within a transaction; this one is undone. Not for a deployment. */
    enum status (*make)(struct api_request *r, const void *arg, struct store_problem *problem);
    const void *arg;
    const char *reference; /* what is changed: this, or */
    const char *keystore, *alias;
    const char *api, *revision; /* what is deployed, in the environment of the path; it is there */
};

/* Where it is not refused: api_change(). */
enum status api_change_ahead(struct api_request *r, struct api_answer *a,
                             const struct preflight_change *change, api_work *work, void *arg,
                             struct err *err) NODISCARD;

#endif
