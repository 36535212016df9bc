/*
 * builder_internal: the part of the builder that reads handshake messages (builder_handshake.c).
 */
#ifndef HANDFAST_TRANSCRIPT_BUILDER_INTERNAL_H
#define HANDFAST_TRANSCRIPT_BUILDER_INTERNAL_H

#include "transcript/builder.h"

/* HandshakeType, RFC 8446 section 4 and RFC 5246 section 7.4. */
enum {
    HS_HELLO_REQUEST = 0,
    HS_CLIENT_HELLO = 1,
    HS_SERVER_HELLO = 2,
    HS_HELLO_VERIFY_REQUEST = 3,
    HS_NEW_SESSION_TICKET = 4,
    HS_END_OF_EARLY_DATA = 5,
    HS_HELLO_RETRY_REQUEST = 6, /* drafts of 1.3 up to 21 */
    HS_ENCRYPTED_EXTENSIONS = 8,
    HS_CERTIFICATE = 11,
    HS_SERVER_KEY_EXCHANGE = 12,
    HS_CERTIFICATE_REQUEST = 13,
    HS_SERVER_HELLO_DONE = 14,
    HS_CERTIFICATE_VERIFY = 15,
    HS_CLIENT_KEY_EXCHANGE = 16,
    HS_FINISHED = 20,
    HS_CERTIFICATE_STATUS = 22,
    HS_KEY_UPDATE = 24,
    HS_COMPRESSED_CERTIFICATE = 25,
};

void builder_handshake(struct builder *b, struct event *e);

#endif
