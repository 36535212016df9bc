/*
 * outcome: did the handshake complete, fail, or is the evidence too short to tell?
 *
 * The lines are those of docs/causes.md ("Where the lines run").
 */
#ifndef HANDFAST_DIAGNOSE_OUTCOME_H
#define HANDFAST_DIAGNOSE_OUTCOME_H

#include "diagnose/view.h"

enum outcome outcome_of(const struct view *view);

#endif
