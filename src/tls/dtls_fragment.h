/*
 * dtls_fragment: handshake fragments of DTLS put together. Part of dtls.h's implementation.
 *
 * Source: RFC 6347 section 4.2.2 and 4.2.3, RFC 9147 section 5.2 to 5.5.
 */
#ifndef HANDFAST_TLS_DTLS_FRAGMENT_H
#define HANDFAST_TLS_DTLS_FRAGMENT_H

#include "tls/dtls.h"

enum { DTLS_FRAGMENT_HEADER_BYTES = 12 };

/* One fragment, or a whole message. */
struct dtls_fragment {
    uint8_t type;
    uint32_t len; /* of the message */
    uint16_t message_seq;
    uint32_t offset;
    struct bytes data;
};

/* Takes the next fragment off a handshake record's body; false where there is none, or none whose
 * header makes sense. */
bool dtls_fragment_next(struct bytes *body, struct dtls_fragment *out);
/* False without memory. */
bool dtls_fragment_push(struct dtls_stream *s, const struct dtls_fragment *f,
                        const struct dtls_sink *sink);
void dtls_partials_report(const struct dtls_stream *s, const struct dtls_sink *sink);
void dtls_partials_free(struct dtls_stream *s);

#endif
