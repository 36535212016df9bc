/* ServerKeyExchange by suite and version, CertificateVerify, NewSessionTicket. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"
#include "tls/message.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

#define ECDH "\x03\x00\x1d\x02pk"
#define DH   "\x00\x02\x01\xff\x00\x01\x02\x00\x01y"
#define SIG  "\x00\x03sig"

struct row { /* NOLINT(clang-analyzer-optin.performance.Padding): in reading order */
    const char *name;
    struct bytes in;
    uint16_t version, suite;
    const char *fault; /* NULL: none */
    bool is_understood;
    uint16_t group;
    unsigned dh_bits;
    uint16_t algorithm;
    struct bytes signature;
};

/* clang-format off */
static const struct row rows[] = {
    { "ECDHE 1.2",          LIT(ECDH "\x04\x01" SIG), 0x0303, 0xc02f, NULL, true, 29, 0, 0x0401, LIT("sig") },
    { "ECDHE 1.0",          LIT(ECDH SIG), 0x0301, 0xc013, NULL, true, 29, 0, 0, LIT("sig") },
    { "ECDHE DTLS 1.2",     LIT(ECDH "\x04\x01" SIG), 0xfefd, 0xc02f, NULL, true, 29, 0, 0x0401, LIT("sig") },
    { "ECDHE DTLS 1.0",     LIT(ECDH SIG), 0xfeff, 0xc013, NULL, true, 29, 0, 0, LIT("sig") },
    { "ECDH_anon",          LIT(ECDH), 0x0303, 0xc018, NULL, true, 29, 0, 0, { NULL, 0 } },
    { "explicit curve",     LIT("\x01\x00\x00"), 0x0303, 0xc02f, NULL, false, 0, 0, 0, { NULL, 0 } },
    { "ECDHE cut",          LIT("\x03\x00\x1d\x02p"), 0x0303, 0xc02f, "public", true, 29, 0, 0, { NULL, 0 } },
    { "ECDHE trailing",     LIT(ECDH "\x04\x01" SIG "x"), 0x0303, 0xc02f, "ServerKeyExchange", true, 29, 0, 0x0401, LIT("sig") },
    { "DHE 1.2",            LIT(DH "\x04\x01" SIG), 0x0303, 0x009e, NULL, true, 0, 9, 0x0401, LIT("sig") },
    { "DH_anon",            LIT(DH), 0x0303, 0x00a6, NULL, true, 0, 9, 0, { NULL, 0 } },
    { "DHE no generator",   LIT("\x00\x02\x01\xff\x00\x00\x00\x01y"), 0x0303, 0x00a6, "dh_g", true, 0, 9, 0, { NULL, 0 } },
    { "DHE prime of zeros", LIT("\x00\x02\x00\x00\x00\x01\x02\x00\x01y"), 0x0303, 0x00a6, NULL, true, 0, 0, 0, { NULL, 0 } },
    { "DHE_PSK",            LIT("\x00\x01h" DH), 0x0303, 0x00aa, NULL, true, 0, 9, 0, { NULL, 0 } },
    { "ECDHE_PSK",          LIT("\x00\x00" ECDH), 0x0303, 0xc035, NULL, true, 29, 0, 0, { NULL, 0 } },
    { "PSK hint",           LIT("\x00\x04hint"), 0x0303, 0x008c, NULL, false, 0, 0, 0, { NULL, 0 } },
    { "RSA export",         LIT("\x00\x01m\x00\x01" "e" SIG), 0x0301, 0x0003, NULL, false, 0, 0, 0, { NULL, 0 } },
    { "unknown suite",      LIT("anything"), 0x0303, 0x4321, NULL, false, 0, 0, 0, { NULL, 0 } },
    { "empty",              { NULL, 0 }, 0x0303, 0xc02f, "curve_type", false, 0, 0, 0, { NULL, 0 } },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct tls_server_key_exchange out;
    struct fault fault = { 0 };
    bool ok = tls_server_key_exchange_parse(row->in, row->version, row->suite, &out, &fault);
    assert_int_equal(ok, row->fault == NULL);
    if (row->fault != NULL) {
        assert_string_equal(fault.what, row->fault);
    }
    assert_int_equal(out.is_understood, row->is_understood);
    assert_int_equal(out.group, row->group);
    assert_int_equal(out.dh_bits, row->dh_bits);
    assert_int_equal(out.signature_algorithm, row->algorithm);
    assert_true(bytes_equal(out.signature, row->signature));
}

static void certificate_verify(void **state)
{
    (void)state;
    struct tls_certificate_verify out;
    struct fault fault = { 0 };
    assert_true(tls_certificate_verify_parse(BYTES("\x08\x04" SIG), 0x0304, &out, &fault));
    assert_int_equal(out.signature_algorithm, 0x0804);
    assert_true(bytes_equal(out.signature, BYTES("sig")));
    assert_true(tls_certificate_verify_parse(BYTES(SIG), 0x0302, &out, &fault));
    assert_int_equal(out.signature_algorithm, 0);
    assert_false(tls_certificate_verify_parse(BYTES(SIG), 0x0303, &out, &fault));
}

static void session_ticket(void **state)
{
    (void)state;
    struct tls_session_ticket out;
    struct fault fault = { 0 };
    assert_true(
        tls_session_ticket_parse(BYTES("\x00\x00\x1c\x20\x00\x02tk"), 0x0303, &out, &fault));
    assert_int_equal(out.lifetime_s, 7200);
    assert_true(bytes_equal(out.ticket, BYTES("tk")));
    struct bytes in_13 = BYTES("\x00\x00\x00\x0a\x01\x02\x03\x04\x01n\x00\x02tk"
                               "\x00\x08\x00\x2a\x00\x04\x00\x00\x40\x00");
    assert_true(tls_session_ticket_parse(in_13, 0x0304, &out, &fault));
    assert_int_equal(out.lifetime_s, 10);
    assert_int_equal(out.max_early_data, 16384);
    for (size_t len = 0; len < in_13.len; len++) {
        fault = (struct fault){ 0 };
        assert_false(tls_session_ticket_parse(bytes_head(in_13, len), 0x0304, &out, &fault));
    }
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 2];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(certificate_verify);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(session_ticket);
    return cmocka_run_group_tests_name("key_exchange", tests, NULL, NULL);
}
