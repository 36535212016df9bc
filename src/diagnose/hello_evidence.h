/*
 * hello_evidence: what rules about a refused ClientHello have in common: how it ended, and how the
 * offer is cited.
 *
 * Internal to diagnose. Strings are literals or live in the verdict's arena.
 */
#ifndef HANDFAST_DIAGNOSE_HELLO_EVIDENCE_H
#define HANDFAST_DIAGNOSE_HELLO_EVIDENCE_H

#include "diagnose/view.h"

/* "TLS 1.2"; "an unknown version" where there is no name. */
const char *hello_version_name(uint16_t version);
/* The server ended the connection (in any way) when all it had was the ClientHello. */
bool hello_server_ended(const struct view *view);
/* As hello_server_ended(), by closing or resetting without a word. */
bool hello_server_left(const struct view *view);
/* "TLS 1.2 only", "TLS 1.2 to TLS 1.3", "versions up to TLS 1.2". */
const char *hello_offered_versions(struct judging *j);
/* Evidence: the offer, the end. */
void hello_cite_offer(struct judging *j);
void hello_cite_end(struct judging *j);

#endif
