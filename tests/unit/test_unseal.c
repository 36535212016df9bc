/*
 * Real handshakes over memory, watched with their secrets: the messages that the records hide, and
 * what becomes of records that do not open.
 */
#include "transcript/unseal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/ssl.h>

#include "base/status.h"
#include "make_cert.h"
#include "wire_script.h"

enum { FLIGHTS_MAX = 40, FLIGHT_BYTES = 8192 };

struct row {
    const char *name;
    int version;
    bool asks_client, client_has_certificate;
    bool client_refuses; /* it verifies, and trusts nobody */
    bool updates_keys;
    const char *want; /* behind the hellos */
};

#define SERVER13 "s:EncryptedExtensions s:Certificate s:CertificateVerify s:Finished "
#define ASKING13                                                                                   \
    "s:EncryptedExtensions s:CertificateRequest s:Certificate s:CertificateVerify s:Finished "
#define DATA    "c:application data s:application data "
#define TICKETS "s:NewSessionTicket s:NewSessionTicket "
#define OLD                                                                                        \
    "s:Certificate s:ServerKeyExchange s:ServerHelloDone c:ClientKeyExchange c:ChangeCipherSpec "  \
    "c:Finished "

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "TLS 1.3", TLS1_3_VERSION, false, false, false, false,
      "s:ChangeCipherSpec " SERVER13 "c:ChangeCipherSpec c:Finished " TICKETS DATA
      "c:close_notify" },
    { "TLS 1.3 with a client certificate", TLS1_3_VERSION, true, true, false, false,
      "s:ChangeCipherSpec " ASKING13
      "c:ChangeCipherSpec c:Certificate c:CertificateVerify c:Finished " TICKETS DATA
      "c:close_notify" },
    { "TLS 1.3, refused by the client", TLS1_3_VERSION, false, false, true, false,
      "s:ChangeCipherSpec " SERVER13 "c:unknown_ca" },
    { "TLS 1.3 with new keys", TLS1_3_VERSION, false, false, false, true,
      "s:ChangeCipherSpec " SERVER13 "c:ChangeCipherSpec c:Finished " TICKETS "c:KeyUpdate " DATA
      "c:close_notify" },
    { "TLS 1.2 with a client certificate", TLS1_2_VERSION, true, true, false, false,
      "s:Certificate s:ServerKeyExchange s:CertificateRequest s:ServerHelloDone c:Certificate "
      "c:ClientKeyExchange c:CertificateVerify "
      "c:ChangeCipherSpec c:Finished s:NewSessionTicket s:ChangeCipherSpec s:Finished " DATA
      "c:close_notify" },
    { "TLS 1.2", TLS1_2_VERSION, false, false, false, false,
      OLD "s:NewSessionTicket s:ChangeCipherSpec s:Finished " DATA "c:close_notify" },
};
/* clang-format on */

struct flight {
    enum side side;
    uint8_t bytes[FLIGHT_BYTES];
    size_t len;
};

struct talk {
    SSL *ssl[2];
    SSL_CTX *ctx[2];
    struct made_cert cert;
    struct flight flights[FLIGHTS_MAX];
    size_t n_flights;
};

static struct keylog *current_log;

static void log_secret(const SSL *ssl, const char *line)
{
    (void)ssl;
    assert_int_equal(keylog_add(current_log, bytes_of_str(line), NULL), ST_OK);
}

static int accept_all(int ok, X509_STORE_CTX *ctx)
{
    (void)ok;
    (void)ctx;
    return 1;
}

static SSL_CTX *make_ctx(const struct row *row, enum side side)
{
    SSL_CTX *ctx = SSL_CTX_new(side == SIDE_SERVER ? TLS_server_method() : TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_min_proto_version(ctx, row->version);
    SSL_CTX_set_max_proto_version(ctx, row->version);
    SSL_CTX_set_keylog_callback(ctx, log_secret);
    if (side == SIDE_SERVER && row->asks_client) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_all);
    } else if (side == SIDE_CLIENT && row->client_refuses) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    }
    return ctx;
}

static void start(struct talk *talk, const struct row *row)
{
    *talk = (struct talk){ 0 };
    talk->cert = make_cert(&(struct cert_recipe){
        .name = "app.example", .from_s = 946684800, .until_s = INT64_C(4102444800) });
    for (int s = 0; s < 2; s++) {
        talk->ctx[s] = make_ctx(row, (enum side)s);
        if (s == SIDE_SERVER || row->client_has_certificate) {
            assert_int_equal(SSL_CTX_use_certificate(talk->ctx[s], talk->cert.x), 1);
            assert_int_equal(SSL_CTX_use_PrivateKey(talk->ctx[s], talk->cert.key), 1);
        }
        talk->ssl[s] = SSL_new(talk->ctx[s]);
        SSL_set_bio(talk->ssl[s], BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    }
    SSL_set_connect_state(talk->ssl[SIDE_CLIENT]);
    SSL_set_accept_state(talk->ssl[SIDE_SERVER]);
}

/* What one side wrote goes to the other and is kept. */
static bool carry(struct talk *talk, enum side side)
{
    BIO *out = SSL_get_wbio(talk->ssl[side]);
    if (BIO_ctrl_pending(out) == 0) {
        return false;
    }
    assert_true(talk->n_flights < FLIGHTS_MAX);
    struct flight *f = &talk->flights[talk->n_flights++];
    int n = BIO_read(out, f->bytes, FLIGHT_BYTES);
    assert_true(n > 0 && n < FLIGHT_BYTES);
    f->side = side;
    f->len = (size_t)n;
    assert_int_equal(BIO_write(SSL_get_rbio(talk->ssl[side_other(side)]), f->bytes, n), n);
    return true;
}

static void shake_hands(struct talk *talk)
{
    for (int round = 0; round < 8; round++) {
        SSL_do_handshake(talk->ssl[SIDE_CLIENT]);
        carry(talk, SIDE_CLIENT);
        SSL_do_handshake(talk->ssl[SIDE_SERVER]);
        carry(talk, SIDE_SERVER);
    }
}

static void say(struct talk *talk, enum side side, const char *text)
{
    char got[64];
    assert_true(SSL_write(talk->ssl[side], text, (int)strlen(text)) > 0);
    carry(talk, side);
    assert_int_equal(SSL_read(talk->ssl[side_other(side)], got, sizeof got), (int)strlen(text));
}

static void run(struct talk *talk, const struct row *row)
{
    start(talk, row);
    shake_hands(talk);
    if (row->client_refuses) {
        return;
    }
    if (row->updates_keys) {
        assert_int_equal(SSL_key_update(talk->ssl[SIDE_CLIENT], SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(talk->ssl[SIDE_CLIENT]), 1);
    }
    say(talk, SIDE_CLIENT, "hello");
    say(talk, SIDE_SERVER, "hello yourself");
    SSL_shutdown(talk->ssl[SIDE_CLIENT]);
    carry(talk, SIDE_CLIENT);
}

static void stop(struct talk *talk)
{
    for (int s = 0; s < 2; s++) {
        SSL_free(talk->ssl[s]);
        SSL_CTX_free(talk->ctx[s]);
    }
    made_cert_free(&talk->cert);
}

/* --- watched --- */

static struct transcript seen;

static void look(const struct transcript *t)
{
    seen = *t;
}

/* Every byte of the flights; those of flight `broken` from its last on altered. */
static void watch(const struct talk *talk, struct wire *w, size_t broken)
{
    w->look = look;
    wire_run(w, "c.syn s.synack");
    for (size_t i = 0; i < talk->n_flights; i++) {
        struct flight f = talk->flights[i];
        f.bytes[f.len - 1] ^= i == broken ? 1 : 0;
        wire_send(w, f.side, TCP_ACK, bytes_of(f.bytes, f.len));
    }
}

#define START "c:SYN s:SYN/ACK c:ClientHello s:ServerHello "

static void check_row(void **state)
{
    const struct row *row = *state;
    struct talk talk;
    struct wire w;
    struct text want = { 0 };
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    run(&talk, row);
    wire_init(&w, NULL, current_log);
    watch(&talk, &w, SIZE_MAX);
    text_printf(&want, START "%s", row->want);
    assert_string_equal(wire_finish(&w), text_str(&want));
    assert_true(seen.is_decrypted && !seen.keys_failed);
    assert_int_equal(seen.side[SIDE_SERVER].finished, true);
    assert_false(seen.side[SIDE_SERVER].finished_is_inferred);
    wire_deinit(&w);
    stop(&talk);
    keylog_free(current_log);
    text_deinit(&want);
}

/* The secrets of another connection: records stay what they are. */
static void without_keys(void **state)
{
    (void)state;
    struct talk talk;
    struct wire w;
    struct keylog *empty = NULL;
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    assert_int_equal(keylog_new(&empty, NULL), ST_OK);
    run(&talk, &rows[0]);
    wire_init(&w, NULL, empty);
    watch(&talk, &w, SIZE_MAX);
    const char *got = wire_finish(&w);
    assert_null(strstr(got, "Certificate"));
    assert_non_null(strstr(got, "s:application data"));
    assert_false(seen.is_decrypted || seen.keys_failed);
    assert_true(seen.side[SIDE_CLIENT].finished && seen.side[SIDE_CLIENT].finished_is_inferred);
    wire_deinit(&w);
    stop(&talk);
    keylog_free(current_log);
    keylog_free(empty);
}

/* A record that was altered is named, once, and stays sealed. */
static void an_altered_record(void **state)
{
    (void)state;
    struct talk talk;
    struct wire w;
    assert_int_equal(keylog_new(&current_log, NULL), ST_OK);
    run(&talk, &rows[0]);
    wire_init(&w, NULL, current_log);
    watch(&talk, &w, 1); /* the end of the server's flight: its Finished */
    const char *got = wire_finish(&w);
    assert_non_null(
        strstr(got, "s:CertificateVerify s:application data s:record that the keys do not open"));
    assert_true(seen.keys_failed);
    assert_false(seen.side[SIDE_SERVER].finished && !seen.side[SIDE_SERVER].finished_is_inferred);
    wire_deinit(&w);
    stop(&talk);
    keylog_free(current_log);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    size_t n = 0;
    for (; n < ARRAY_LEN(rows); n++) {
        tests[n] = (struct CMUnitTest){ rows[n].name, check_row, NULL, NULL, (void *)&rows[n] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(without_keys);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(an_altered_record);
    return cmocka_run_group_tests_name("unseal", tests, NULL, NULL);
}
