/*
 * violations: what one side sent that the protocol forbids.
 *
 * Only the first is kept (transcript.violation): what follows a violation is a reaction. Each
 * check names the RFC's sentence. Nothing here says that the peer minded.
 */
#ifndef HANDFAST_TRANSCRIPT_VIOLATIONS_H
#define HANDFAST_TRANSCRIPT_VIOLATIONS_H

#include "transcript/builder.h"

/* Records the violation unless one stands already. `text` lives as long as the transcript. */
void violations_note(struct transcript *t, const struct event *e, const char *text);
void violations_record_fault(struct builder *b, const struct event *e);
void violations_change_cipher_spec(struct builder *b, const struct event *e);
/* May this message come here, from this side? Called before the message's facts are kept. */
void violations_order(struct builder *b, const struct event *e);
void violations_client_hello(struct builder *b, const struct event *e,
                             const struct tls_client_hello *hello);
void violations_server_hello(struct builder *b, const struct event *e,
                             const struct tls_server_hello *hello);

#endif
