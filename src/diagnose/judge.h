/*
 * judge: the certificates of a transcript judged as the peer would have, at the capture's own time.
 *
 * The server's chain for server authentication and the name that the client asked for, the
 * client's chain for client authentication.
 */
#ifndef HANDFAST_DIAGNOSE_JUDGE_H
#define HANDFAST_DIAGNOSE_JUDGE_H

#include "diagnose/verdict.h"

struct judgements {
    bool is_judged[2]; /* by enum side */
    struct x509_judgement of[2];
};

/* Fails without memory: what could not be judged is left out. */
enum status judge(struct x509_store *store, const struct transcript *t, struct judgements *out,
                  struct err *err) NODISCARD;

#endif
