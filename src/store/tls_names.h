/*
 * tls_names: protocols and cipher suites as Java and OpenSSL spell them.
 *
 * Protocols: "TLSv1" (Java) and "TLSv1.0" (as guides write it) are the same; "TLSv1.1", "TLSv1.2",
 * "TLSv1.3"; "SSLv3" and older are known and refused, since OpenSSL as Debian builds it has none.
 * Ciphers: the names of IANA's registry, Java's (SSL_ instead of TLS_ for old suites) and
 * OpenSSL's; the table is src/tls/cipher_suites.def.
 * Sources: Java Security Standard Algorithm Names; openssl-ciphers(1); IANA TLS Cipher Suites.
 */
#ifndef HANDFAST_STORE_TLS_NAMES_H
#define HANDFAST_STORE_TLS_NAMES_H

#include <stdbool.h>

enum tls_protocol { /* bits */
                    TLS_PROTOCOL_1_0 = 1,
                    TLS_PROTOCOL_1_1 = 2,
                    TLS_PROTOCOL_1_2 = 4,
                    TLS_PROTOCOL_1_3 = 8,
                    TLS_PROTOCOL_ALL = 15
};

enum tls_name_kind {
    TLS_NAME_UNKNOWN,
    TLS_NAME_KNOWN,
    TLS_NAME_UNSUPPORTED /* it exists, and this machine's OpenSSL cannot do it */
};

struct tls_cipher_name {
    enum tls_name_kind kind;
    const char *openssl; /* lives for ever; NULL unless KNOWN */
    bool is_tls13;       /* set with ssl_conf_command Ciphersuites, not with ssl_ciphers */
};

enum tls_name_kind tls_protocol_find(const char *name, enum tls_protocol *out);
/* As nginx has it: "TLSv1", "TLSv1.1" ...; one bit. */
const char *tls_protocol_nginx(enum tls_protocol protocol);
struct tls_cipher_name tls_cipher_find(const char *name);
/* Whether the text is a cipher list as OpenSSL takes it ("HIGH:!aNULL:..."); asked of OpenSSL. */
bool tls_cipher_list_is_usable(const char *list);

#endif
