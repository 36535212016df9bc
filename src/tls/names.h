/*
 * names: the registries of TLS as tables: what a number is called.
 *
 * One .def file per registry (alerts.def, cipher_suites.def, extensions.def, groups.def,
 * signature_algorithms.def, handshake_types.def, versions.def), IANA's names; each lookup gives
 * NULL for a value the registry does not hold. "GREASE" stands for the values of RFC 8701 in all
 * 16-bit registries.
 * Source: IANA, TLS Parameters and TLS Extensions registries.
 */
#ifndef HANDFAST_TLS_NAMES_H
#define HANDFAST_TLS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_alert_description {
#define ALERT(symbol, value, name) TLS_ALERT_##symbol = (value),
#include "tls/alerts.def"
};

enum tls_handshake_type {
#define HANDSHAKE(symbol, value, name) TLS_HANDSHAKE_##symbol = (value),
#include "tls/handshake_types.def"
};

enum tls_extension_type {
#define EXTENSION(symbol, value, name) TLS_EXT_##symbol = (value),
#include "tls/extensions.def"
};

const char *tls_alert_name(uint8_t description);        /* "handshake_failure" */
const char *tls_handshake_type_name(uint8_t type);      /* "ClientHello", as the RFCs write it */
const char *tls_content_type_name(uint8_t type);        /* "handshake" */
const char *tls_extension_name(uint16_t type);          /* "server_name" */
const char *tls_group_name(uint16_t group);             /* "x25519", "X25519MLKEM768" */
const char *tls_signature_algorithm_name(uint16_t alg); /* "ecdsa_secp256r1_sha256" */
/* "TLS 1.2", "SSL 3.0", "SSL 2.0", "TLS 1.3 (draft 23)", "DTLS 1.2" */
const char *tls_version_name(uint16_t version);

/* Suites that are signals: no cipher stands behind them. */
enum {
    TLS_EMPTY_RENEGOTIATION_INFO_SCSV = 0x00ff, /* RFC 5746 section 3.3 */
    TLS_FALLBACK_SCSV = 0x5600                  /* RFC 7507 section 2 */
};

/* What a suite needs and gives; the table knows it for each suite of the registry. */
enum tls_kx {
    TLS_KX_NONE,
    TLS_KX_RSA,
    TLS_KX_DH,
    TLS_KX_DHE,
    TLS_KX_ECDH,
    TLS_KX_ECDHE,
    TLS_KX_PSK,
    TLS_KX_DHE_PSK,
    TLS_KX_RSA_PSK,
    TLS_KX_ECDHE_PSK,
    TLS_KX_SRP,
    TLS_KX_KRB5,
    TLS_KX_GOST,
    TLS_KX_ECCPWD,
    TLS_KX_TLS13
};

enum tls_auth {
    TLS_AUTH_NONE,
    TLS_AUTH_RSA,
    TLS_AUTH_DSS,
    TLS_AUTH_ECDSA,
    TLS_AUTH_ANON,
    TLS_AUTH_PSK,
    TLS_AUTH_SRP,
    TLS_AUTH_KRB5,
    TLS_AUTH_GOST,
    TLS_AUTH_TLS13
};

enum tls_mode {
    TLS_MODE_NULL,
    TLS_MODE_STREAM,
    TLS_MODE_CBC,
    TLS_MODE_GCM,
    TLS_MODE_CCM,
    TLS_MODE_CCM_8,
    TLS_MODE_POLY1305,
    TLS_MODE_OTHER
};

enum tls_hash { TLS_HASH_MD5, TLS_HASH_SHA1, TLS_HASH_SHA256, TLS_HASH_SHA384, TLS_HASH_OTHER };

struct tls_cipher_suite {
    const char *name;    /* "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" */
    const char *openssl; /* "ECDHE-RSA-AES128-GCM-SHA256", NULL where OpenSSL has none */
    enum tls_kx kx;
    enum tls_auth auth;
    enum tls_mode mode;
    enum tls_hash hash; /* of the MAC (CBC, stream, NULL) or of the PRF/HKDF (AEAD) */
    uint16_t value;
    uint8_t key_bytes; /* of the cipher; 0 for NULL */
    bool is_export;
    bool needs_tls12, needs_tls13; /* first version that may negotiate it */
};

/* NULL for unknown values and for GREASE; the SCSVs are in the table (TLS_KX_NONE). */
const struct tls_cipher_suite *tls_cipher_suite(uint16_t value);
const char *tls_cipher_suite_name(uint16_t value); /* "GREASE" and the SCSVs included */
bool tls_cipher_suite_is_scsv(uint16_t value);
/* Below today's floor: NULL, export, RC4, RC2, DES, 3DES, MD5, anonymous. */
bool tls_cipher_suite_is_weak(uint16_t value);

#endif
