/* The registries: well-known rows, order, and what suites say of themselves. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/status.h"
#include "tls/names.h"

static const char *alert(uint16_t v)
{
    return tls_alert_name((uint8_t)v);
}

static const char *handshake(uint16_t v)
{
    return tls_handshake_type_name((uint8_t)v);
}

static const char *content(uint16_t v)
{
    return tls_content_type_name((uint8_t)v);
}

static const char *openssl(uint16_t v)
{
    return tls_cipher_suite(v)->openssl;
}

struct name_row {
    const char *name;
    const char *(*lookup)(uint16_t value);
    uint16_t value;
    const char *want;
};

static const struct name_row name_rows[] = {
    { "alert 0", alert, 0, "close_notify" },
    { "alert of SSL 3.0", alert, 41, "no_certificate" },
    { "alert 60", alert, 60, "export_restriction" },
    { "alert 121", alert, 121, "ech_required" },
    { "no alert", alert, 122, NULL },
    { "ClientHello", handshake, 1, "ClientHello" },
    { "HelloVerifyRequest", handshake, 3, "HelloVerifyRequest" },
    { "compressed", handshake, 25, "CompressedCertificate" },
    { "NextProtocol", handshake, 67, "NextProtocol" },
    { "MessageHash", handshake, 254, "MessageHash" },
    { "no message", handshake, 99, NULL },
    { "handshake record", content, 22, "handshake" },
    { "no record", content, 28, NULL },
    { "server_name", tls_extension_name, 0, "server_name" },
    { "ECH", tls_extension_name, 0xfe0d, "encrypted_client_hello" },
    { "ECH outer", tls_extension_name, 0xfd00, "ech_outer_extensions" },
    { "ESNI", tls_extension_name, 0xffce, "encrypted_server_name" },
    { "NPN", tls_extension_name, 0x3374, "next_protocol_negotiation" },
    { "ALPS", tls_extension_name, 17613, "application_settings" },
    { "renegotiation", tls_extension_name, 0xff01, "renegotiation_info" },
    { "GREASE extension", tls_extension_name, 0xdada, "GREASE" },
    { "no extension", tls_extension_name, 0x4321, NULL },
    { "x25519", tls_group_name, 29, "x25519" },
    { "hybrid", tls_group_name, 4588, "X25519MLKEM768" },
    { "Kyber draft", tls_group_name, 0x6399, "X25519Kyber768Draft00" },
    { "ffdhe", tls_group_name, 0x0100, "ffdhe2048" },
    { "GREASE group", tls_group_name, 0x0a0a, "GREASE" },
    { "PSS", tls_signature_algorithm_name, 0x0804, "rsa_pss_rsae_sha256" },
    { "pair of TLS 1.2", tls_signature_algorithm_name, 0x0303, "ecdsa_sha224" },
    { "MD5", tls_signature_algorithm_name, 0x0101, "rsa_pkcs1_md5" },
    { "ML-DSA", tls_signature_algorithm_name, 0x0905, "mldsa65" },
    { "TLS 1.2", tls_version_name, 0x0303, "TLS 1.2" },
    { "SSL 2.0", tls_version_name, 0x0002, "SSL 2.0" },
    { "draft", tls_version_name, 0x7f17, "TLS 1.3 (draft 23)" },
    { "DTLS", tls_version_name, 0xfefd, "DTLS 1.2" },
    { "GREASE version", tls_version_name, 0x7a7a, "GREASE" },
    { "no version", tls_version_name, 0x1234, NULL },
    { "suite", tls_cipher_suite_name, 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
    { "SCSV", tls_cipher_suite_name, 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV" },
    { "GREASE suite", tls_cipher_suite_name, 0xfafa, "GREASE" },
    { "not quite GREASE", tls_cipher_suite_name, 0xfa0a, NULL },
    { "OpenSSL's name", openssl, 0xc02f, "ECDHE-RSA-AES128-GCM-SHA256" },
    { "OpenSSL's old name", openssl, 0x0005, "RC4-SHA" },
    { "OpenSSL has none", openssl, 0x00c6, NULL },
};

static void check_name(void **state)
{
    const struct name_row *row = *state;
    const char *got = row->lookup(row->value);
    if (row->want == NULL) {
        assert_null(got);
    } else {
        assert_non_null(got);
        assert_string_equal(got, row->want);
    }
}

static const struct suite_row {
    const char *name;
    uint16_t value;
    enum tls_kx kx;
    enum tls_auth auth;
    enum tls_mode mode;
    unsigned key_bytes;
    enum tls_hash hash;
    bool is_export, needs_tls12, needs_tls13, is_weak;
} suite_rows[] = {
    { "TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f, TLS_KX_RSA, TLS_AUTH_RSA, TLS_MODE_CBC, 16,
      TLS_HASH_SHA1, false, false, false, false },
    { "TLS_RSA_EXPORT_WITH_RC4_40_MD5", 0x0003, TLS_KX_RSA, TLS_AUTH_RSA, TLS_MODE_STREAM, 5,
      TLS_HASH_MD5, true, false, false, true },
    { "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a, TLS_KX_RSA, TLS_AUTH_RSA, TLS_MODE_CBC, 24,
      TLS_HASH_SHA1, false, false, false, true },
    { "TLS_RSA_WITH_NULL_SHA256", 0x003b, TLS_KX_RSA, TLS_AUTH_RSA, TLS_MODE_NULL, 0,
      TLS_HASH_SHA256, false, true, false, true },
    { "TLS_DH_anon_WITH_AES_256_GCM_SHA384", 0x00a7, TLS_KX_DHE, TLS_AUTH_ANON, TLS_MODE_GCM, 32,
      TLS_HASH_SHA384, false, true, false, true },
    { "TLS_DH_DSS_WITH_AES_256_CBC_SHA256", 0x0068, TLS_KX_DH, TLS_AUTH_DSS, TLS_MODE_CBC, 32,
      TLS_HASH_SHA256, false, true, false, false },
    { "TLS_PSK_WITH_AES_128_CBC_SHA256", 0x00ae, TLS_KX_PSK, TLS_AUTH_PSK, TLS_MODE_CBC, 16,
      TLS_HASH_SHA256, false, false, false, false },
    { "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", 0x00ac, TLS_KX_RSA_PSK, TLS_AUTH_RSA, TLS_MODE_GCM, 16,
      TLS_HASH_SHA256, false, true, false, false },
    { "TLS_PSK_DHE_WITH_AES_128_CCM_8", 0xc0aa, TLS_KX_DHE_PSK, TLS_AUTH_PSK, TLS_MODE_CCM_8, 16,
      TLS_HASH_SHA256, false, true, false, false },
    { "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", 0xc007, TLS_KX_ECDHE, TLS_AUTH_ECDSA, TLS_MODE_STREAM, 16,
      TLS_HASH_SHA1, false, false, false, true },
    { "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xc028, TLS_KX_ECDHE, TLS_AUTH_RSA, TLS_MODE_CBC, 32,
      TLS_HASH_SHA384, false, true, false, false },
    { "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8, TLS_KX_ECDHE, TLS_AUTH_RSA,
      TLS_MODE_POLY1305, 32, TLS_HASH_SHA256, false, true, false, false },
    { "TLS_AES_128_GCM_SHA256", 0x1301, TLS_KX_TLS13, TLS_AUTH_TLS13, TLS_MODE_GCM, 16,
      TLS_HASH_SHA256, false, true, true, false },
    { "TLS_FALLBACK_SCSV", 0x5600, TLS_KX_NONE, TLS_AUTH_NONE, TLS_MODE_NULL, 0, TLS_HASH_OTHER,
      false, false, false, false },
};

static void check_suite(void **state)
{
    const struct suite_row *row = *state;
    const struct tls_cipher_suite *suite = tls_cipher_suite(row->value);
    assert_non_null(suite);
    assert_string_equal(suite->name, row->name);
    assert_int_equal(suite->kx, row->kx);
    assert_int_equal(suite->auth, row->auth);
    assert_int_equal(suite->mode, row->mode);
    assert_int_equal(suite->key_bytes, row->key_bytes);
    assert_int_equal(suite->hash, row->hash);
    assert_int_equal(suite->is_export, row->is_export);
    assert_int_equal(suite->needs_tls12, row->needs_tls12);
    assert_int_equal(suite->needs_tls13, row->needs_tls13);
    assert_int_equal(tls_cipher_suite_is_weak(row->value), row->is_weak);
}

/* The lookups halve the tables: each must rise. */
static const uint16_t suites[] = {
#define SUITE(value, name, openssl, kx, auth, mode, bytes, hash, is_export, n12, n13) value,
#include "tls/cipher_suites.def"
};
static const uint16_t extensions[] = {
#define EXTENSION(symbol, value, name) value,
#include "tls/extensions.def"
};
static const uint16_t groups[] = {
#define GROUP(value, name) value,
#include "tls/groups.def"
};
static const uint16_t signature_algorithms[] = {
#define SIGNATURE(value, name) value,
#include "tls/signature_algorithms.def"
};
static const uint16_t versions[] = {
#define VERSION(value, name) value,
#include "tls/versions.def"
};
static const uint16_t alerts[] = {
#define ALERT(symbol, value, name) value,
#include "tls/alerts.def"
};
static const uint16_t handshake_types[] = {
#define HANDSHAKE(symbol, value, name) value,
#include "tls/handshake_types.def"
};

static const struct order_row {
    const char *name;
    const uint16_t *values;
    size_t n, n_min;
} order_rows[] = {
    { "cipher suites rise", suites, ARRAY_LEN(suites), 350 },
    { "extensions rise", extensions, ARRAY_LEN(extensions), 60 },
    { "groups rise", groups, ARRAY_LEN(groups), 50 },
    { "signature algorithms rise", signature_algorithms, ARRAY_LEN(signature_algorithms), 40 },
    { "versions rise", versions, ARRAY_LEN(versions), 10 },
    { "alerts rise", alerts, ARRAY_LEN(alerts), 35 },
    { "handshake types rise", handshake_types, ARRAY_LEN(handshake_types), 20 },
};

static void check_order(void **state)
{
    const struct order_row *row = *state;
    assert_true(row->n >= row->n_min);
    for (size_t i = 1; i < row->n; i++) {
        assert_true(row->values[i - 1] < row->values[i]);
    }
}

static void suites_are_consistent(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
        const struct tls_cipher_suite *suite = tls_cipher_suite(suites[i]);
        assert_non_null(suite);
        assert_int_equal(suite->value, suites[i]);
        assert_true(!suite->needs_tls13 || suite->needs_tls12);
        assert_int_equal(suite->mode == TLS_MODE_NULL, suite->key_bytes == 0);
    }
}

int main(void)
{
    struct CMUnitTest
        tests[ARRAY_LEN(name_rows) + ARRAY_LEN(suite_rows) + ARRAY_LEN(order_rows) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ name_rows[i].name, check_name, NULL, NULL, (void *)&name_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(suite_rows); i++) {
        tests[n++] = (struct CMUnitTest){ suite_rows[i].name, check_suite, NULL, NULL,
                                          (void *)&suite_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(order_rows); i++) {
        tests[n++] = (struct CMUnitTest){ order_rows[i].name, check_order, NULL, NULL,
                                          (void *)&order_rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(suites_are_consistent);
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
