/* JA3, JA3S, JA4 and JA4S: published examples and the corners of their definitions. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"
#include "tls/fingerprint.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

struct row { /* NOLINT(clang-analyzer-optin.performance.Padding): in reading order */
    const char *name;
    uint16_t version;
    bool is_sslv2;
    struct bytes suites, types, groups, formats, algorithms, versions, alpn;
    enum tls_transport transport;
    const char *ja3_text, *ja3, *ja4;
};

#define CHROME_SUITES                                                                              \
    "\x1a\x1a\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xcc\xa9\xcc\xa8\xc0\x13\xc0" \
    "\x14"                                                                                         \
    "\x00\x9c\x00\x9d\x00\x2f\x00\x35"
#define CHROME_TYPES                                                                               \
    "\x2a\x2a\x00\x1b\x00\x00\x00\x33\x00\x10\x44\x69\x00\x17\x00\x2d\x00\x0d\x00\x05\x00\x23"     \
    "\x00\x12\x00\x2b\xff\x01\x00\x0b\x00\x0a\x00\x15"
#define CHROME_ALGORITHMS "\x04\x03\x08\x04\x04\x01\x05\x03\x08\x05\x05\x01\x08\x06\x06\x01"

/* clang-format off */
static const struct row rows[] = {
    /* JA4.md, "Example" */
    { "the example of JA4", 0x0303, false, LIT(CHROME_SUITES), LIT(CHROME_TYPES), { NULL, 0 }, { NULL, 0 }, LIT(CHROME_ALGORITHMS), LIT("\x3a\x3a\x03\x04\x03\x03"), LIT("\x02h2\x08http/1.1"), TLS_OVER_TCP,
      NULL, NULL, "t13d1516h2_8daaf6152771_e5627efa2ab1" },
    /* JA4.md, "Extension hash": no signature algorithms */
    { "no signature algorithms", 0x0303, false, LIT(CHROME_SUITES), LIT(CHROME_TYPES), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, TLS_OVER_QUIC,
      NULL, NULL, "q12d151600_8daaf6152771_6d807ffa2a79" },
    /* The first two examples of the README of salesforce/ja3 */
    { "the example of JA3", 769, false, LIT("\x00\x2f\x00\x35\x00\x05\x00\x0a\xc0\x09\xc0\x0a\xc0\x13\xc0\x14\x00\x32\x00\x38\x00\x13\x00\x04"), LIT("\x00\x00\x00\x0a\x00\x0b"), LIT("\x00\x17\x00\x18\x00\x19"), LIT("\x00"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, TLS_OVER_TCP,
      "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0", "ada70206e40642a3e4461f35503241d5", NULL },
    { "JA3 without extensions", 769, false, LIT("\x00\x04\x00\x05\x00\x0a\x00\x09\x00\x64\x00\x62\x00\x03\x00\x06\x00\x13\x00\x12\x00\x63"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, TLS_OVER_TCP,
      "769,4-5-10-9-100-98-3-6-19-18-99,,,", "de350869b8c85de67a350c8d186f11e6", "t10i110000_3609b414f052_000000000000" },
    { "nothing but GREASE", 0x0300, false, LIT("\x0a\x0a"), LIT("\x1a\x1a"), LIT("\x2a\x2a"), { NULL, 0 }, { NULL, 0 }, LIT("\x3a\x3a"), { NULL, 0 }, TLS_OVER_TCP,
      "768,,,,", NULL, "ts3i000000_000000000000_000000000000" },
    { "SNI and ALPN alone", 0xfefd, false, LIT("\x0a\x0a"), LIT("\x00\x00\x00\x10"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, LIT("\x01z"), TLS_OVER_UDP,
      NULL, NULL, "dd2d0002zz_000000000000_000000000000" },
    { "ALPN of bytes", 0x0303, false, LIT("\x0a\x0a"), LIT("\x00\x10"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, LIT("\x02\xab\xcd"), TLS_OVER_TCP,
      NULL, NULL, "t12i0001ad_000000000000_000000000000" },
    { "ALPN, last byte", 0x0303, false, LIT("\x0a\x0a"), LIT("\x00\x10"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, LIT("\x04\x30\x31\xab\xcd"), TLS_OVER_TCP,
      NULL, NULL, "t12i00013d_000000000000_000000000000" },
    { "ALPN, bytes within", 0x0303, false, LIT("\x0a\x0a"), LIT("\x00\x10"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, LIT("\x04\x30\xab\xcd\x31"), TLS_OVER_TCP,
      NULL, NULL, "t12i000101_000000000000_000000000000" },
    { "a draft", 0x0303, false, LIT("\x0a\x0a"), LIT("\x00\x2b"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, LIT("\x7f\x17"), { NULL, 0 }, TLS_OVER_TCP,
      NULL, NULL, "t00i000100_000000000000_b9a491fefe05" },
    { "SSL 2.0 has none", 0x0002, true, LIT("\x01\x00\x80\x00\x00\x35"), { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, TLS_OVER_TCP,
      NULL, "", "" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct tls_client_hello hello = { .legacy_version = row->version,
                                      .is_sslv2 = row->is_sslv2,
                                      .cipher_suites = row->suites };
    hello.ext.supported_groups = row->groups;
    hello.ext.ec_point_formats = row->formats;
    hello.ext.signature_algorithms = row->algorithms;
    hello.ext.supported_versions = row->versions;
    hello.ext.alpn = row->alpn;
    for (size_t i = 0; i < tls_u16_count(row->types); i++) {
        hello.ext.list[hello.ext.n++].type = tls_u16_at(row->types, i);
    }
    hello.ext.n_total = hello.ext.n;
    struct text text = { 0 };
    char ja3[TLS_JA3_BYTES];
    char ja4[TLS_JA4_BYTES];
    assert_int_equal(tls_ja3(&hello, ja3), !row->is_sslv2);
    assert_int_equal(tls_ja4(&hello, row->transport, ja4), !row->is_sslv2);
    tls_ja3_put(&hello, &text);
    if (row->ja3_text != NULL) {
        assert_string_equal(text_str(&text), row->ja3_text);
    }
    if (row->ja3 != NULL) {
        assert_string_equal(ja3, row->ja3);
    }
    if (row->ja4 != NULL) {
        assert_string_equal(ja4, row->ja4);
    }
    text_deinit(&text);
}

/* JA4S.md, "JA4S Example". */
static void server(void **state)
{
    (void)state;
    struct tls_server_hello hello = { .legacy_version = 0x0303,
                                      .version = 0x0303,
                                      .cipher_suite = 0xc030 };
    static const uint16_t types[] = { 0x0005, 0x0017, 0xff01, 0x0000 };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        hello.ext.list[i].type = types[i];
    }
    hello.ext.n = ARRAY_LEN(types);
    hello.ext.n_total = ARRAY_LEN(types);
    char ja4s[TLS_JA4S_BYTES];
    assert_true(tls_ja4s(&hello, TLS_OVER_TCP, ja4s));
    assert_string_equal(ja4s, "t120400_c030_4e8089b08790");
    hello.ext.n = 0;
    hello.ext.n_total = 0;
    hello.version = 0x0304;
    hello.cipher_suite = 0x1301;
    assert_true(tls_ja4s(&hello, TLS_OVER_QUIC, ja4s));
    assert_string_equal(ja4s, "q130000_1301_000000000000");

    struct text text = { 0 };
    char ja3s[TLS_JA3_BYTES];
    hello = (struct tls_server_hello){ .legacy_version = 769, .cipher_suite = 47 };
    hello.ext.n = 1;
    hello.ext.n_total = 1;
    hello.ext.list[0].type = 65281;
    tls_ja3s_put(&hello, &text);
    assert_string_equal(text_str(&text), "769,47,65281"); /* README of salesforce/ja3 */
    assert_true(tls_ja3s(&hello, ja3s));
    assert_string_equal(ja3s, "4192c0a946c5bd9b544b4656d9f624a4");
    text_deinit(&text);
}

/* Long lists pass through in pieces; the counts stop at 99; repeated suites stay. */
static void long_lists(void **state)
{
    (void)state;
    static uint8_t suites[2 * 1025];
    struct tls_client_hello hello = { .legacy_version = 0x0303 };
    for (size_t i = 0; i < 1025; i++) {
        suites[2 * i] = (uint8_t)((1025 - i) >> 8);
        suites[2 * i + 1] = (uint8_t)(1025 - i);
    }
    char ja4[TLS_JA4_BYTES];
    hello.cipher_suites = bytes_of(suites, sizeof suites - 2);
    assert_true(tls_ja4(&hello, TLS_OVER_TCP, ja4));
    assert_int_equal(ja4[4], '9');
    assert_int_equal(ja4[5], '9');
    hello.cipher_suites = bytes_of(suites, sizeof suites);
    assert_false(tls_ja4(&hello, TLS_OVER_TCP, ja4));
    assert_string_equal(ja4, "");
    struct text text = { 0 };
    tls_ja3_put(&hello, &text);
    assert_true(text.len > 4000);
    text_deinit(&text);
    char once[TLS_JA4_BYTES];
    hello.cipher_suites = BYTES("\x00\x05\x00\x05");
    assert_true(tls_ja4(&hello, TLS_OVER_TCP, ja4));
    hello.cipher_suites = BYTES("\x00\x05");
    assert_true(tls_ja4(&hello, TLS_OVER_TCP, once));
    assert_string_not_equal(ja4 + 10, once + 10);
}

static void incomplete(void **state)
{
    (void)state;
    struct tls_client_hello hello = { .legacy_version = 0x0303 };
    char ja3[TLS_JA3_BYTES];
    hello.ext.n_total = 1;
    assert_false(tls_ja3(&hello, ja3));
    assert_string_equal(ja3, "");
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(server);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(long_lists);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(incomplete);
    return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
