/*
 * diagnose: a transcript in, a verdict out.
 *
 * Pure: no clock, no I/O, no globals. What it needs besides the transcript comes in the context:
 * the judgement of the certificates (judge.h), what other connections showed of the same peers
 * (peers.h), and where the gateway stands. Rules are rows (rules.c): the first that matches is the
 * verdict, so that strong evidence comes first and transport last.
 */
#ifndef HANDFAST_DIAGNOSE_DIAGNOSE_H
#define HANDFAST_DIAGNOSE_DIAGNOSE_H

#include "diagnose/gateway.h"
#include "diagnose/peers.h"
#include "diagnose/verdict.h"

struct diagnose_context {
    const struct x509_judgement
        *judgement[2]; /* by enum side: of that side's chain; NULL where there is none */
    bool
        trust_is_given; /* the user said what the peers trust; else the system's anchors stand in */
    const struct peers *peers; /* NULL: nothing is known of other connections */
    const struct gateway *gateways;
    size_t n_gateways;
};

/* Everything in *out lives in the arena or in the transcript. */
void diagnose(const struct transcript *t, const struct diagnose_context *context,
              struct arena *arena, struct verdict *out);

/* A port where TLS is spoken from the first byte (IANA's service names, and usage): a SYN there is
 * an attempt at TLS. */
bool diagnose_is_tls_port(uint16_t port);

/* The fault of a judgement as a cause. */
enum cause cause_of_fault(enum x509_fault_kind kind);

#endif
