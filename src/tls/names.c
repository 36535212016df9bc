#include "tls/names.h"

#include "base/status.h"
#include "tls/hello.h"
#include "tls/record.h"

struct row {
    uint16_t value;
    const char *name;
};

static const char *const alerts[256] = {
#define ALERT(symbol, value, name) [value] = (name),
#include "tls/alerts.def"
};

static const char *const handshake_types[256] = {
#define HANDSHAKE(symbol, value, name) [value] = (name),
#include "tls/handshake_types.def"
};

static const struct row extensions[] = {
#define EXTENSION(symbol, value, name) { value, name },
#include "tls/extensions.def"
};

static const struct row groups[] = {
#define GROUP(value, name) { value, name },
#include "tls/groups.def"
};

static const struct row signature_algorithms[] = {
#define SIGNATURE(value, name) { value, name },
#include "tls/signature_algorithms.def"
};

static const struct row versions[] = {
#define VERSION(value, name) { value, name },
#include "tls/versions.def"
};

static const struct tls_cipher_suite cipher_suites[] = {
#define SUITE(suite_value, suite_name, openssl_name, kx_, auth_, mode_, bytes, hash_, export, n12, \
              n13)                                                                                 \
    { .value = (suite_value),                                                                      \
      .name = (suite_name),                                                                        \
      .openssl = (openssl_name),                                                                   \
      .kx = TLS_KX_##kx_,                                                                          \
      .auth = TLS_AUTH_##auth_,                                                                    \
      .mode = TLS_MODE_##mode_,                                                                    \
      .key_bytes = (bytes),                                                                        \
      .hash = TLS_HASH_##hash_,                                                                    \
      .is_export = (export),                                                                       \
      .needs_tls12 = (n12),                                                                        \
      .needs_tls13 = (n13) },
#include "tls/cipher_suites.def"
};

static const char *lookup(const struct row *rows, size_t n, uint16_t value)
{
    size_t first = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (rows[first + half].value == value) {
            return rows[first + half].name;
        }
        if (rows[first + half].value < value) {
            first += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return tls_is_grease(value) ? "GREASE" : NULL;
}

const char *tls_alert_name(uint8_t description)
{
    return alerts[description];
}

const char *tls_handshake_type_name(uint8_t type)
{
    return handshake_types[type];
}

const char *tls_content_type_name(uint8_t type)
{
    static const char *const types[] = {
        [TLS_CHANGE_CIPHER_SPEC] = "change_cipher_spec",
        [TLS_ALERT] = "alert",
        [TLS_HANDSHAKE] = "handshake",
        [TLS_APPLICATION_DATA] = "application_data",
        [TLS_HEARTBEAT] = "heartbeat",
        [TLS_TLS12_CID] = "tls12_cid",
        [TLS_ACK] = "ACK",
        [TLS_RETURN_ROUTABILITY_CHECK] = "return_routability_check",
    };
    return type < ARRAY_LEN(types) ? types[type] : NULL;
}

const char *tls_extension_name(uint16_t type)
{
    return lookup(extensions, ARRAY_LEN(extensions), type);
}

const char *tls_group_name(uint16_t group)
{
    return lookup(groups, ARRAY_LEN(groups), group);
}

const char *tls_signature_algorithm_name(uint16_t alg)
{
    return lookup(signature_algorithms, ARRAY_LEN(signature_algorithms), alg);
}

const char *tls_version_name(uint16_t version)
{
    return lookup(versions, ARRAY_LEN(versions), version);
}

const struct tls_cipher_suite *tls_cipher_suite(uint16_t value)
{
    size_t first = 0;
    size_t n = ARRAY_LEN(cipher_suites);
    while (n > 0) {
        size_t half = n / 2;
        const struct tls_cipher_suite *suite = &cipher_suites[first + half];
        if (suite->value == value) {
            return suite;
        }
        if (suite->value < value) {
            first += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return NULL;
}

const char *tls_cipher_suite_name(uint16_t value)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(value);
    if (suite != NULL) {
        return suite->name;
    }
    return tls_is_grease(value) ? "GREASE" : NULL;
}

bool tls_cipher_suite_is_scsv(uint16_t value)
{
    return value == TLS_EMPTY_RENEGOTIATION_INFO_SCSV || value == TLS_FALLBACK_SCSV;
}

bool tls_cipher_suite_is_weak(uint16_t value)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(value);
    if (suite == NULL || tls_cipher_suite_is_scsv(value)) {
        return false;
    }
    if (suite->is_export || suite->auth == TLS_AUTH_ANON || suite->hash == TLS_HASH_MD5) {
        return true;
    }
    if (suite->mode == TLS_MODE_NULL) {
        return true;
    }
    return strstr(suite->name, "_RC4_") != NULL || strstr(suite->name, "_RC2_") != NULL ||
           strstr(suite->name, "_DES_") != NULL || strstr(suite->name, "_3DES_") != NULL;
}
