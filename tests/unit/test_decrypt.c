#include "tls/decrypt.h"

#include "tls/key_schedule.h"
#include "tls/names.h"
#include "tls/record.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * Both ends of a connection in this process, over memory, with every suite of every version that
 * OpenSSL has: what they sent must open with the secrets that they logged.
 */

enum { WIRE_MAX = 1 << 18, N_ROWS_MAX = 600, N_ROUNDS = 3 };

struct row {
    char name[96];
    int version;
    char suite[64];
    bool no_encrypt_then_mac;
};

struct wire {
    uint8_t bytes[WIRE_MAX];
    size_t len;
};

static const char client_text[] = "from the client";
static const char server_text[] = "from the server, which says more";
static struct row rows[N_ROWS_MAX];
static size_t n_rows;
static EVP_PKEY *rsa_key, *ec_key;
static X509 *rsa_cert, *ec_cert;

/* ---- keys and certificates ---- */

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    assert_non_null(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"t", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return cert;
}

static int make_certificates(void **state)
{
    (void)state;
    rsa_key = EVP_RSA_gen(2048);
    ec_key = EVP_EC_gen("P-256");
    assert_non_null(rsa_key);
    assert_non_null(ec_key);
    rsa_cert = self_signed(rsa_key);
    ec_cert = self_signed(ec_key);
    return 0;
}

static int free_certificates(void **state)
{
    (void)state;
    X509_free(rsa_cert);
    X509_free(ec_cert);
    EVP_PKEY_free(rsa_key);
    EVP_PKEY_free(ec_key);
    return 0;
}

/* ---- both ends ---- */

static struct keylog *current_log;

static void log_secret(const SSL *ssl, const char *line)
{
    (void)ssl;
    assert_int_equal(keylog_add(current_log, bytes_of_str(line), NULL), ST_OK);
}

static unsigned client_psk(SSL *ssl, const char *hint, char *identity, unsigned identity_max,
                           unsigned char *psk, unsigned psk_max)
{
    (void)ssl;
    (void)hint;
    assert_true(identity_max > 2 && psk_max >= 16);
    identity[0] = 'i';
    identity[1] = '\0';
    memset(psk, 7, 16);
    return 16;
}

static unsigned server_psk(SSL *ssl, const char *identity, unsigned char *psk, unsigned psk_max)
{
    (void)ssl;
    (void)identity;
    assert_true(psk_max >= 16);
    memset(psk, 7, 16);
    return 16;
}

static SSL_CTX *make_ctx(const struct row *row, bool is_server)
{
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, row->version);
    SSL_CTX_set_max_proto_version(ctx, row->version);
    SSL_CTX_set_options(ctx, row->no_encrypt_then_mac ? SSL_OP_NO_ENCRYPT_THEN_MAC : 0);
    if (row->version == TLS1_3_VERSION) {
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, row->suite), 1);
        return ctx;
    }
    char list[96];
    (void)snprintf(list, sizeof list, "%s:@SECLEVEL=0", row->suite);
    assert_int_equal(SSL_CTX_set_cipher_list(ctx, list), 1);
    SSL_CTX_set_psk_client_callback(ctx, client_psk);
    SSL_CTX_set_psk_server_callback(ctx, server_psk);
    return ctx;
}

static SSL *make_end(SSL_CTX *ctx, BIO *in, BIO *out, bool is_server)
{
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    BIO_up_ref(in);
    BIO_up_ref(out);
    SSL_set_bio(ssl, in, out);
    if (is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return ssl;
}

struct pair {
    SSL_CTX *ctx[2];
    SSL *ssl[2];
    BIO *bio[2];          /* what each side reads from */
    struct wire *wire[2]; /* what each side sent */
};

/* What `from` wrote goes to the other's input, and is kept. */
static void carry(struct pair *p, BIO *written, enum side from)
{
    struct wire *w = p->wire[from];
    int n = BIO_read(written, w->bytes + w->len, (int)(WIRE_MAX - w->len));
    if (n > 0) {
        assert_int_equal(BIO_write(p->bio[side_other(from)], w->bytes + w->len, n), n);
        w->len += (size_t)n;
    }
}

static void open_pair(struct pair *p, const struct row *row)
{
    for (int s = 0; s < 2; s++) {
        p->ctx[s] = make_ctx(row, s == SIDE_SERVER);
        p->bio[s] = BIO_new(BIO_s_mem());
        p->wire[s] = calloc(1, sizeof *p->wire[s]);
        assert_non_null(p->wire[s]);
    }
    SSL_CTX_set_keylog_callback(p->ctx[SIDE_CLIENT], log_secret);
    SSL_CTX *server = p->ctx[SIDE_SERVER];
    SSL_CTX_use_certificate(server, rsa_cert);
    SSL_CTX_use_PrivateKey(server, rsa_key);
    SSL_CTX_use_certificate(server, ec_cert);
    SSL_CTX_use_PrivateKey(server, ec_key);
    SSL_CTX_set_dh_auto(server, 1);
}

static void close_pair(struct pair *p)
{
    for (int s = 0; s < 2; s++) {
        SSL_free(p->ssl[s]);
        SSL_CTX_free(p->ctx[s]);
        BIO_free(p->bio[s]);
        free(p->wire[s]);
    }
}

static void say(struct pair *p, BIO *out, enum side from, bool is_13)
{
    char buffer[256];
    const char *text = from == SIDE_CLIENT ? client_text : server_text;
    int len = (int)strlen(text);
    assert_int_equal(SSL_write(p->ssl[from], text, len), len);
    carry(p, out, from);
    (void)SSL_read(p->ssl[side_other(from)], buffer, sizeof buffer);
    if (is_13) {
        assert_int_equal(SSL_key_update(p->ssl[from], SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    }
}

static void exchange(struct pair *p, BIO *out[2], bool is_13)
{
    for (int round = 0; round < N_ROUNDS; round++) {
        say(p, out[SIDE_CLIENT], SIDE_CLIENT, is_13);
        say(p, out[SIDE_SERVER], SIDE_SERVER, is_13);
    }
}

/* A whole connection with data and an alert at its end. */
static void talk(struct pair *p, const struct row *row)
{
    BIO *out[2] = { BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()) };
    open_pair(p, row);
    for (int s = 0; s < 2; s++) {
        p->ssl[s] = make_end(p->ctx[s], p->bio[s], out[s], s == SIDE_SERVER);
    }
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(p->ssl[SIDE_CLIENT]);
        carry(p, out[SIDE_CLIENT], SIDE_CLIENT);
        (void)SSL_do_handshake(p->ssl[SIDE_SERVER]);
        carry(p, out[SIDE_SERVER], SIDE_SERVER);
    }
    assert_true(SSL_is_init_finished(p->ssl[SIDE_CLIENT]) &&
                SSL_is_init_finished(p->ssl[SIDE_SERVER]));
    exchange(p, out, row->version == TLS1_3_VERSION);
    (void)SSL_shutdown(p->ssl[SIDE_CLIENT]);
    carry(p, out[SIDE_CLIENT], SIDE_CLIENT);
    BIO_free(out[0]);
    BIO_free(out[1]);
}

/* ---- the reader ---- */

struct tally {
    size_t n_opened, n_failed, n_texts, n_alerts, n_finished;
    struct decryptor *d;
    bool is_13, sealed;
};

static void read_handshake13(struct tally *t, enum side side, struct bytes b)
{
    while (b.len >= 4) {
        uint8_t type = b.p[0];
        b = bytes_skip(b, 4 + load_be24(b.p + 1));
        if (type == 20) {
            t->n_finished++;
            decryptor_set_phase(t->d, side, DECRYPT_APPLICATION);
        } else if (type == 24) {
            decryptor_update_key(t->d, side);
        }
    }
}

static void read_plain(struct tally *t, enum side side, uint8_t type, struct bytes b)
{
    const char *text = side == SIDE_CLIENT ? client_text : server_text;
    t->n_opened++;
    if (type == TLS_APPLICATION_DATA) {
        t->n_texts += bytes_equal(b, bytes_of_str(text)) ? 1 : 0;
    } else if (type == TLS_ALERT) {
        assert_int_equal(b.len, 2);
        t->n_alerts++;
    } else if (t->is_13) {
        read_handshake13(t, side, b);
    } else {
        assert_int_equal(b.p[0], 20); /* Finished, or NewSessionTicket before it in clear */
        t->n_finished++;
    }
}

static void read_record(struct tally *t, enum side side, uint8_t type, uint16_t version,
                        struct bytes body)
{
    if (type == TLS_CHANGE_CIPHER_SPEC) {
        if (!t->is_13) {
            t->sealed = true;
            decryptor_set_phase(t->d, side, DECRYPT_APPLICATION);
        }
        return;
    }
    if (t->is_13 ? type != TLS_APPLICATION_DATA : !t->sealed) {
        return;
    }
    uint8_t *room = malloc(body.len + 1);
    size_t len = 0;
    uint8_t inner = 0;
    assert_non_null(room);
    if (decryptor_open(t->d, side, type, version, body, room, &len, &inner)) {
        read_plain(t, side, inner, bytes_of(room, len));
    } else {
        t->n_failed++;
    }
    free(room);
}

static void read_wire(struct tally *t, enum side side, const struct wire *w)
{
    struct bytes b = bytes_of(w->bytes, w->len);
    t->sealed = false;
    if (t->is_13) {
        decryptor_set_phase(t->d, side, DECRYPT_HANDSHAKE);
    }
    while (b.len >= 5) {
        size_t len = load_be16(b.p + 3);
        assert_true(len <= b.len - 5);
        read_record(t, side, b.p[0], load_be16(b.p + 1), bytes_of(b.p + 5, len));
        b = bytes_skip(b, 5 + len);
    }
}

static struct decryptor *make_decryptor(const struct pair *p, const struct row *row,
                                        const struct keylog *keylog)
{
    uint8_t client_random[32];
    uint8_t server_random[32];
    SSL_get_client_random(p->ssl[SIDE_CLIENT], client_random, sizeof client_random);
    SSL_get_server_random(p->ssl[SIDE_CLIENT], server_random, sizeof server_random);
    const SSL_CIPHER *cipher = SSL_get_current_cipher(p->ssl[SIDE_CLIENT]);
    struct decrypt_params params = { .version = (uint16_t)row->version,
                                     .cipher_suite = SSL_CIPHER_get_protocol_id(cipher),
                                     .client_random = bytes_of(client_random, 32),
                                     .server_random = bytes_of(server_random, 32),
                                     .encrypt_then_mac = !row->no_encrypt_then_mac };
    struct decryptor *d = NULL;
    assert_int_equal(decryptor_new(&params, keylog, &d), ST_OK);
    return d;
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct pair p = { 0 };
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    talk(&p, row);
    struct tally t = { .d = make_decryptor(&p, row, current_log),
                       .is_13 = row->version == TLS1_3_VERSION };
    assert_non_null(t.d);
    assert_true(decryptor_has(t.d, SIDE_SERVER, DECRYPT_APPLICATION));
    assert_false(decryptor_has(t.d, SIDE_SERVER, DECRYPT_EARLY));
    read_wire(&t, SIDE_CLIENT, p.wire[SIDE_CLIENT]);
    read_wire(&t, SIDE_SERVER, p.wire[SIDE_SERVER]);
    assert_int_equal(t.n_failed, 0);
    assert_int_equal(t.n_finished, 2);
    assert_int_equal(t.n_texts, 2 * N_ROUNDS);
    assert_int_equal(t.n_alerts, 1);
    decryptor_free(t.d);
    close_pair(&p);
    keylog_free(current_log);
}

/* One altered byte costs its record and no other. */
static void check_altered(void **state)
{
    const struct row *row = *state;
    struct pair p = { 0 };
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    talk(&p, row);
    struct wire *w = p.wire[SIDE_SERVER];
    size_t at = 0;
    size_t last = 0;
    while (at < w->len) { /* the last record is the last text */
        last = at;
        at += 5 + (size_t)load_be16(w->bytes + at + 3);
    }
    w->bytes[last + 5] ^= 1;
    struct tally t = { .d = make_decryptor(&p, row, current_log),
                       .is_13 = row->version == TLS1_3_VERSION };
    read_wire(&t, SIDE_CLIENT, p.wire[SIDE_CLIENT]);
    read_wire(&t, SIDE_SERVER, w);
    assert_int_equal(t.n_failed, 1);
    assert_int_equal(t.n_texts, 2 * N_ROUNDS - 1);
    decryptor_free(t.d);
    close_pair(&p);
    keylog_free(current_log);
}

static void no_secrets(void **state)
{
    const struct row *row = *state;
    struct pair p = { 0 };
    struct keylog *empty = NULL;
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    assert_int_equal(keylog_new(&empty, NULL), ST_OK);
    talk(&p, row);
    assert_null(make_decryptor(&p, row, empty));
    close_pair(&p);
    keylog_free(empty);
    keylog_free(current_log);
}

/* ---- what OpenSSL would not send ---- */

static const char early_log[] =
    "CLIENT_EARLY_TRAFFIC_SECRET "
    "0000000000000000000000000000000000000000000000000000000000000001 "
    "1111111111111111111111111111111111111111111111111111111111111111\n"
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET "
    "0000000000000000000000000000000000000000000000000000000000000001 "
    "2222222222222222222222222222222222222222222222222222222222222222\n";

static void setup_early(struct keylog **keylog, struct decryptor **d, uint16_t suite)
{
    static const uint8_t random[32] = { [31] = 1 };
    struct decrypt_params params = { .version = TLS1_3_VERSION,
                                     .cipher_suite = suite,
                                     .client_random = bytes_of(random, sizeof random) };
    assert_int_equal(keylog_new(keylog, NULL), ST_OK);
    assert_int_equal(keylog_add(*keylog, bytes_of_str(early_log), NULL), ST_OK);
    assert_int_equal(decryptor_new(&params, *keylog, d), ST_OK);
}

static void hash_of_another_length(void **state)
{
    (void)state;
    struct keylog *keylog = NULL;
    struct decryptor *d = NULL;
    setup_early(&keylog, &d, 0x1302); /* SHA-384: secrets of 32 bytes are not its own */
    assert_null(d);
    keylog_free(keylog);
}

static void garbage_and_short_records(void **state)
{
    (void)state;
    struct keylog *keylog = NULL;
    struct decryptor *d = NULL;
    uint8_t room[64];
    size_t len = 1;
    uint8_t type = 0;
    setup_early(&keylog, &d, 0x1301);
    assert_non_null(d);
    assert_true(decryptor_has(d, SIDE_CLIENT, DECRYPT_EARLY));
    assert_false(decryptor_has(d, SIDE_CLIENT, DECRYPT_APPLICATION));
    /* before any phase, in one, and in one without a secret */
    for (int phase = -1; phase < 3; phase++) {
        if (phase >= 0) {
            decryptor_set_phase(d, SIDE_CLIENT, (enum decrypt_phase)phase);
        }
        for (size_t n = 0; n < sizeof room; n += 7) {
            uint8_t body[64] = { 1, 2, 3 };
            assert_false(
                decryptor_open(d, SIDE_CLIENT, 23, 0x0303, bytes_of(body, n), room, &len, &type));
            assert_int_equal(len, 0);
        }
        decryptor_update_key(d, SIDE_CLIENT);
    }
    decryptor_free(d);
    keylog_free(keylog);
}

/* A record as a client would seal it with the key of that phase, holding an application text. */
static size_t seal(enum keylog_label label, uint64_t sequence, const struct keylog *keylog,
                   uint8_t *out)
{
    static const uint8_t random[32] = { [31] = 1 };
    static const uint8_t inner[] = { 'h', 'i', TLS_APPLICATION_DATA, 0, 0 };
    uint8_t key[16];
    uint8_t iv[12];
    int n = 0;
    size_t len = sizeof inner + 16;
    uint8_t header[5] = { TLS_APPLICATION_DATA, 3, 3, 0, (uint8_t)len };
    struct bytes secret = keylog_find(keylog, bytes_of(random, sizeof random), label);
    assert_true(tls13_expand_label("SHA256", secret, "key", key, sizeof key));
    assert_true(tls13_expand_label("SHA256", secret, "iv", iv, sizeof iv));
    iv[11] ^= (uint8_t)sequence;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, header, sizeof header), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, inner, sizeof inner), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + sizeof inner), 1);
    EVP_CIPHER_CTX_free(ctx);
    return len;
}

struct early_step {
    enum keylog_label label;
    uint64_t sequence;
    bool opens;
};

struct early_row {
    const char *name;
    enum decrypt_phase phase;
    struct early_step steps[4];
};

/* clang-format off */
static const struct early_row early_rows[] = {
    { "early data, then refused",       DECRYPT_EARLY,     { { KEYLOG_CLIENT_EARLY, 0, true }, { KEYLOG_CLIENT_EARLY, 1, true }, { KEYLOG_CLIENT_HANDSHAKE, 0, true }, { KEYLOG_CLIENT_HANDSHAKE, 1, true } } },
    { "an altered early record",        DECRYPT_EARLY,     { { KEYLOG_CLIENT_EARLY, 0, true }, { KEYLOG_CLIENT_EARLY, 7, false }, { KEYLOG_CLIENT_EARLY, 1, true }, { KEYLOG_CLIENT_EARLY, 2, true } } },
    { "early data without their key",   DECRYPT_HANDSHAKE, { { KEYLOG_CLIENT_EARLY, 0, false }, { KEYLOG_CLIENT_EARLY, 1, false }, { KEYLOG_CLIENT_HANDSHAKE, 0, true }, { KEYLOG_CLIENT_HANDSHAKE, 1, true } } },
    { "an altered first handshake one", DECRYPT_HANDSHAKE, { { KEYLOG_CLIENT_HANDSHAKE, 9, false }, { KEYLOG_CLIENT_HANDSHAKE, 1, true }, { KEYLOG_CLIENT_HANDSHAKE, 2, true }, { KEYLOG_CLIENT_HANDSHAKE, 2, false } } },
};
/* clang-format on */

static void check_early(void **state)
{
    const struct early_row *row = *state;
    struct keylog *keylog = NULL;
    struct decryptor *d = NULL;
    setup_early(&keylog, &d, 0x1301);
    assert_non_null(d);
    decryptor_set_phase(d, SIDE_CLIENT, row->phase);
    for (size_t i = 0; i < ARRAY_LEN(row->steps); i++) {
        uint8_t body[64];
        uint8_t room[64];
        size_t out_len = 0;
        uint8_t type = 0;
        size_t len = seal(row->steps[i].label, row->steps[i].sequence, keylog, body);
        bool ok = decryptor_open(d, SIDE_CLIENT, TLS_APPLICATION_DATA, 0x0303, bytes_of(body, len),
                                 room, &out_len, &type);
        assert_int_equal(ok, row->steps[i].opens);
        assert_int_equal(out_len, ok ? 2 : 0);
    }
    decryptor_free(d);
    keylog_free(keylog);
}

/* ---- rows ---- */

static void add_row(int version, const char *version_name, const char *suite, bool no_etm)
{
    if (n_rows == N_ROWS_MAX || strlen(suite) >= sizeof rows[0].suite) {
        return;
    }
    struct row *row = &rows[n_rows++];
    row->version = version;
    row->no_encrypt_then_mac = no_etm;
    (void)snprintf(row->suite, sizeof row->suite, "%s", suite);
    (void)snprintf(row->name, sizeof row->name, "%s %s%s", version_name, suite,
                   no_etm ? ", MAC then encrypt" : "");
}

/* Those for which both ends here have what it takes. */
static bool is_usable(const SSL_CIPHER *cipher)
{
    const struct tls_cipher_suite *suite = tls_cipher_suite(SSL_CIPHER_get_protocol_id(cipher));
    if (suite == NULL || suite->kx == TLS_KX_SRP) {
        return false;
    }
    return suite->auth != TLS_AUTH_DSS && suite->auth != TLS_AUTH_GOST && suite->kx != TLS_KX_DH &&
           suite->kx != TLS_KX_ECDH && suite->mode != TLS_MODE_OTHER;
}

static void add_rows_of_cipher(int version, const char *version_name, const SSL_CIPHER *cipher)
{
    const char *name = SSL_CIPHER_get_name(cipher);
    if (!is_usable(cipher)) {
        return;
    }
    add_row(version, version_name, name, false);
    if (tls_cipher_suite(SSL_CIPHER_get_protocol_id(cipher))->mode == TLS_MODE_CBC) {
        add_row(version, version_name, name, true);
    }
}

static void add_rows_of(int version, const char *version_name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_cipher_list(ctx, "ALL:eNULL:@SECLEVEL=0");
    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                  "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:"
                                  "TLS_AES_128_CCM_8_SHA256");
    SSL_CTX_set_psk_client_callback(ctx, client_psk);
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *list = SSL_get1_supported_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
        add_rows_of_cipher(version, version_name, sk_SSL_CIPHER_value(list, i));
    }
    sk_SSL_CIPHER_free(list);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

int main(void)
{
    static struct row altered12 = { "an altered record of TLS 1.2", TLS1_2_VERSION,
                                    "ECDHE-RSA-AES128-GCM-SHA256", false };
    static struct row altered13 = { "an altered record of TLS 1.3", TLS1_3_VERSION,
                                    "TLS_AES_128_GCM_SHA256", false };
    static struct row altered_cbc = { "an altered record of CBC", TLS1_1_VERSION, "AES128-SHA",
                                      true };
    static struct CMUnitTest tests[N_ROWS_MAX + 6 + ARRAY_LEN(early_rows)];
    add_rows_of(TLS1_VERSION, "TLS 1.0");
    add_rows_of(TLS1_1_VERSION, "TLS 1.1");
    add_rows_of(TLS1_2_VERSION, "TLS 1.2");
    add_rows_of(TLS1_3_VERSION, "TLS 1.3");
    size_t n = 0;
    for (; n < n_rows; n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, &rows[n] };
    }
    tests[n++] = (struct CMUnitTest){ altered12.name, check_altered, NULL, NULL, &altered12 };
    tests[n++] = (struct CMUnitTest){ altered13.name, check_altered, NULL, NULL, &altered13 };
    tests[n++] = (struct CMUnitTest){ altered_cbc.name, check_altered, NULL, NULL, &altered_cbc };
    tests[n++] = (struct CMUnitTest){ "no secrets", no_secrets, NULL, NULL, &altered12 };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(hash_of_another_length);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(garbage_and_short_records);
    for (size_t i = 0; i < ARRAY_LEN(early_rows); i++) {
        const struct early_row *row = &early_rows[i];
        tests[n++] =
            (struct CMUnitTest){ row->name, check_early, NULL, NULL, (void *)(uintptr_t)row };
    }
    return _cmocka_run_group_tests("decrypt", tests, n, make_certificates, free_certificates);
}
