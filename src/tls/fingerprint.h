/*
 * fingerprint: JA3, JA3S, JA4 and JA4S: which program says hello like this.
 *
 * Strings into the caller's buffers, NUL-terminated; GREASE is left out. False, and an empty
 * string, where there is none: an SSL 2.0 hello, more extensions than were kept
 * (TLS_EXTENSIONS_MAX), for JA4 more than 1024 cipher suites, or a hash that libcrypto refuses (MD5
 * under FIPS). Sources: github.com/salesforce/ja3 (README); github.com/FoxIO-LLC/ja4,
 * technical_details/JA4.md and JA4S.md.
 */
#ifndef HANDFAST_TLS_FINGERPRINT_H
#define HANDFAST_TLS_FINGERPRINT_H

#include "base/text.h"
#include "tls/hello.h"

enum {
    TLS_JA3_BYTES = 33,  /* the MD5 in hexadecimal */
    TLS_JA4_BYTES = 37,  /* "t13d1516h2_8daaf6152771_e5627efa2ab1" */
    TLS_JA4S_BYTES = 26, /* "t120400_c030_4e8089b08790" */
};

/* The first letter of JA4 and JA4S. */
enum tls_transport { TLS_OVER_TCP = 't', TLS_OVER_QUIC = 'q', TLS_OVER_UDP = 'd' };

bool tls_ja3(const struct tls_client_hello *hello, char out[TLS_JA3_BYTES]);
bool tls_ja3s(const struct tls_server_hello *hello, char out[TLS_JA3_BYTES]);
bool tls_ja4(const struct tls_client_hello *hello, enum tls_transport transport,
             char out[TLS_JA4_BYTES]);
bool tls_ja4s(const struct tls_server_hello *hello, enum tls_transport transport,
              char out[TLS_JA4S_BYTES]);
/* What JA3 and JA3S are the MD5 of, appended: "771,4865-4866,0-11-10,29-23,0". */
void tls_ja3_put(const struct tls_client_hello *hello, struct text *out);
void tls_ja3s_put(const struct tls_server_hello *hello, struct text *out);

#endif
