/*
 * unseal: encrypted records of a journal opened with the key log, as the events they hide.
 *
 * An encrypted record becomes the handshake messages, alerts and data in it, with the flag
 * EVENT_ENCRYPTED; messages that span records are put together. A record that does not open stays
 * what it is, and EVENT_UNOPENED says so once a side. Sources: RFC 8446 sections 5.2, 7; RFC 5246
 * section 6.2.3; NSS Key Log Format.
 */
#ifndef HANDFAST_TRANSCRIPT_UNSEAL_H
#define HANDFAST_TRANSCRIPT_UNSEAL_H

#include "tls/decrypt.h"
#include "transcript/builder.h"

struct unseal {
    struct builder *builder; /* events go here */
    const struct keylog *keylog;
    struct decryptor *decryptor;
    bool tried;     /* to make a decryptor */
    bool failed[2]; /* a record of this side did not open */
    struct {
        uint8_t *p; /* in the arena: a message that is not whole yet */
        size_t len, need;
    } partial[2];
};

void unseal_init(struct unseal *u, struct builder *builder, const struct keylog *keylog);
/* Gives the event, or what it hides, to the builder. */
void unseal_event(struct unseal *u, const struct event *e);
void unseal_deinit(struct unseal *u);

#endif
