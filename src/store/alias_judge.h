/*
 * alias_judge: what is wrong with certificates before they are kept: the judgement of x509 (as
 * check has it), and what of it refuses an upload.
 *
 * A context's cause is an id of causes.md, or of check's findings where it is no cause of a failed
 * handshake ("wrong-order", "not-a-ca").
 */
#ifndef HANDFAST_STORE_ALIAS_JUDGE_H
#define HANDFAST_STORE_ALIAS_JUDGE_H

#include "store/material.h"
#include "x509/x509.h"

/* CERTIFICATE_REFUSED, or ST_OK with warnings. `m->spki` is the key that the certificate has to
 * fit; empty: there is none, the certificates are there to be trusted. */
enum status alias_judge(struct store *s, const struct alias_name *name,
                        const struct alias_upload *upload, const struct material *m,
                        struct store_problem *problem) NODISCARD;
/* Roots that the environment's keystores hold: below one of them a chain is complete. */
enum status alias_judge_add_anchors(struct store *s, const char *org, const char *env,
                                    struct x509_store *x509,
                                    struct store_problem *problem) NODISCARD;

#endif
