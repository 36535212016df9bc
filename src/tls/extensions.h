/*
 * extensions: the extension block of any message into struct tls_extensions (hello.h).
 *
 * A body that contradicts its own format is kept in the list and named in out->fault; only broken
 * framing is a fault of the message.
 * Sources: RFC 8446 section 4.2; RFC 6066, 7301, 7627, 7366, 8879, 8449, 5746, 9849.
 */
#ifndef HANDFAST_TLS_EXTENSIONS_H
#define HANDFAST_TLS_EXTENSIONS_H

#include "tls/hello.h"

enum tls_extension_context {
    TLS_IN_CLIENT_HELLO,
    TLS_IN_SERVER_HELLO,
    TLS_IN_HELLO_RETRY_REQUEST,
    TLS_IN_ENCRYPTED_EXTENSIONS,
    TLS_IN_CERTIFICATE_REQUEST,
};

/* Reads the block with its 16-bit length. `out` must be clear up to `list`. */
void tls_extensions_read(struct reader *r, enum tls_extension_context context,
                         struct tls_extensions *out);
void tls_extensions_clear(struct tls_extensions *out);

/* A vector of 16-bit values with a 16-bit length: an odd length is MALFORMED. */
struct bytes tls_rd_u16_list16(struct reader *r, const char *what);

#endif
