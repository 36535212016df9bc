/*
 * findings: what is worth saying of a handshake that completed.
 */
#ifndef HANDFAST_DIAGNOSE_FINDINGS_H
#define HANDFAST_DIAGNOSE_FINDINGS_H

#include "diagnose/view.h"

void findings(struct judging *j);

#endif
