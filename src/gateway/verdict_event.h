/*
 * verdict_event: a judged note as a row of events.
 *
 * `hints` of the row is a JSON object of what is not in the verdict's own JSON and what a fix
 * needs: certificate_authorities  X.501 names (DER, base64) that the peer asked a certificate of
 *     checked_host             the name that the peer's certificate had to have
 *     labels                   what the administrator's handfast_label added, by name
 *     known                    certificates of this handshake that keystores hold:
 *                              {"side","index","keystore","alias"}
 */
#ifndef HANDFAST_GATEWAY_VERDICT_EVENT_H
#define HANDFAST_GATEWAY_VERDICT_EVENT_H

#include "gateway/events.h"
#include "gateway/known_certificates.h"
#include "observe/judging.h"

/* The texts of the last event; all-zero is a valid empty one. */
struct verdict_texts {
    struct text client, server, json, report, chain, hints, ja4;
};

/* The hop that this end plays; where no label says it, a server is northbound. */
enum direction verdict_direction(const struct story *s);
/* Borrows from the verdict, the story, and `texts`. `known` may be NULL. Names the trust stores in
 * j->story for the reader. False without memory. */
bool verdict_event(struct judged *j, const struct known_certificates *known,
                   struct verdict_texts *texts, struct kept_event *out);
void verdict_texts_deinit(struct verdict_texts *texts);

#endif
