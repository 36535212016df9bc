/* ServerHellos of all versions, HelloRetryRequests, EncryptedExtensions, HelloVerifyRequests. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/status.h"
#include "tls/hello.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

#define RANDOM24 "abcdefghijklmnopqrstuvwx"
#define RANDOM   RANDOM24 "yz012345"
#define RETRY                                                                                      \
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                             \
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define CHOICE    "\x00\xc0\x2f\x00" /* no session id, suite, compression */
#define CHOSEN_13 "\x00\x2b\x00\x02\x03\x04"

struct row {
    const char *name;
    struct bytes in;
    enum fault_kind fault;
    const char *what;
    uint16_t version, suite;
    bool is_retry, to_12, to_11;
    struct bytes key_share;
};

static const struct row rows[] = {
    { "TLS 1.0 without extensions",
      LIT("\x03\x01" RANDOM CHOICE),
      FAULT_NONE,
      NULL,
      0x0301,
      0xc02f,
      false,
      false,
      false,
      { NULL, 0 } },
    { "TLS 1.2",
      LIT("\x03\x03" RANDOM CHOICE "\x00\x05\xff\x01\x00\x01\x00"),
      FAULT_NONE,
      NULL,
      0x0303,
      0xc02f,
      false,
      false,
      false,
      { NULL, 0 } },
    { "TLS 1.3",
      LIT("\x03\x03" RANDOM CHOICE "\x00\x0f" CHOSEN_13 "\x00\x33\x00\x05\x00\x1d\x00\x01k"),
      FAULT_NONE, NULL, 0x0304, 0xc02f, false, false, false, LIT("\x00\x1d\x00\x01k") },
    { "HelloRetryRequest",
      LIT("\x03\x03" RETRY CHOICE "\x00\x0c" CHOSEN_13 "\x00\x33\x00\x02\x00\x17"), FAULT_NONE,
      NULL, 0x0304, 0xc02f, true, false, false, LIT("\x00\x17") },
    { "draft 23",
      LIT("\x03\x03" RANDOM CHOICE "\x00\x06\x00\x2b\x00\x02\x7f\x17"),
      FAULT_NONE,
      NULL,
      0x7f17,
      0xc02f,
      false,
      false,
      false,
      { NULL, 0 } },
    { "draft 18", LIT("\x7f\x12" RANDOM "\x13\x01\x00\x09\x00\x28\x00\x05\x00\x1d\x00\x01k"),
      FAULT_NONE, NULL, 0x7f12, 0x1301, false, false, false, LIT("\x00\x1d\x00\x01k") },
    { "downgraded to 1.2",
      LIT("\x03\x03" RANDOM24 "DOWNGRD\x01" CHOICE),
      FAULT_NONE,
      NULL,
      0x0303,
      0xc02f,
      false,
      true,
      false,
      { NULL, 0 } },
    { "downgraded to 1.1",
      LIT("\x03\x02" RANDOM24 "DOWNGRD\x00" CHOICE),
      FAULT_NONE,
      NULL,
      0x0302,
      0xc02f,
      false,
      false,
      true,
      { NULL, 0 } },
    { "empty",
      { NULL, 0 },
      FAULT_MALFORMED,
      "legacy_version",
      0,
      0,
      false,
      false,
      false,
      { NULL, 0 } },
    { "ends in random",
      LIT("\x03\x03"
          "abc"),
      FAULT_MALFORMED,
      "random",
      0x0303,
      0,
      false,
      false,
      false,
      { NULL, 0 } },
    { "session id of 33",
      LIT("\x03\x03" RANDOM "\x21" RANDOM "x\xc0\x2f\x00"),
      FAULT_MALFORMED,
      "legacy_session_id_echo",
      0x0303,
      0,
      false,
      false,
      false,
      { NULL, 0 } },
    { "no compression",
      LIT("\x03\x03" RANDOM "\x00\xc0\x2f"),
      FAULT_MALFORMED,
      "legacy_compression_method",
      0x0303,
      0xc02f,
      false,
      false,
      false,
      { NULL, 0 } },
    { "trailing byte",
      LIT("\x03\x03" RANDOM CHOICE "\x00\x00x"),
      FAULT_MALFORMED,
      "ServerHello",
      0x0303,
      0xc02f,
      false,
      false,
      false,
      { NULL, 0 } },
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct tls_server_hello hello;
    struct fault fault = { 0 };
    assert_int_equal(tls_server_hello_parse(row->in, &hello, &fault), row->fault == FAULT_NONE);
    assert_int_equal(fault.kind, row->fault);
    if (row->what != NULL) {
        assert_string_equal(fault.what, row->what);
    }
    assert_int_equal(hello.version, row->version);
    assert_int_equal(hello.cipher_suite, row->suite);
    assert_int_equal(hello.is_retry, row->is_retry);
    assert_int_equal(hello.downgrade_to_12, row->to_12);
    assert_int_equal(hello.downgrade_to_11, row->to_11);
    assert_true(bytes_equal(hello.ext.key_share, row->key_share));
    assert_int_equal(hello.ext.fault.kind, FAULT_NONE);
}

static void bodies_of_a_server(void **state)
{
    (void)state;
    struct tls_server_hello hello;
    struct fault fault = { 0 };
    struct bytes in = BYTES("\x03\x03" RANDOM CHOICE "\x00\x06\x00\x00\x00\x02"
                            "ab");
    assert_true(tls_server_hello_parse(in, &hello, &fault));
    assert_int_equal(hello.ext.fault.kind, FAULT_MALFORMED); /* RFC 6066: it is empty there */
    assert_int_equal(hello.ext.fault_type, 0);
    in = BYTES("\x03\x03" RANDOM CHOICE "\x00\x06\x00\x29\x00\x02\x00\x01");
    assert_true(tls_server_hello_parse(in, &hello, &fault));
    assert_int_equal(hello.ext.psk_selected, 1);
}

static void encrypted_extensions(void **state)
{
    (void)state;
    struct tls_extensions ext;
    struct fault fault = { 0 };
    struct bytes good = BYTES("\x00\x09\x00\x10\x00\x05\x00\x03\x02h2");
    assert_true(tls_encrypted_extensions_parse(good, &ext, &fault));
    assert_true(bytes_equal(ext.alpn, BYTES("\x02h2")));
    assert_true(tls_encrypted_extensions_parse(BYTES("\x00\x00"), &ext, &fault));
    assert_true(ext.is_present);
    assert_false(tls_encrypted_extensions_parse(bytes_of(NULL, 0), &ext, &fault));
    assert_string_equal(fault.what, "extensions");
    assert_false(ext.is_present);
}

static void retry_of_the_drafts(void **state)
{
    (void)state;
    struct tls_server_hello hello;
    struct fault fault = { 0 };
    struct bytes draft_18 = BYTES("\x7f\x12\x00\x06\x00\x28\x00\x02\x00\x17");
    assert_true(tls_hello_retry_request_parse(draft_18, &hello, &fault));
    assert_true(hello.is_retry);
    assert_true(bytes_equal(hello.ext.key_share, BYTES("\x00\x17")));
    struct bytes draft_20 = BYTES("\x7f\x14\x13\x01\x00\x06\x00\x28\x00\x02\x00\x17");
    assert_true(tls_hello_retry_request_parse(draft_20, &hello, &fault));
    assert_int_equal(hello.cipher_suite, 0x1301);
    assert_false(tls_hello_retry_request_parse(bytes_head(draft_20, 5), &hello, &fault));
}

static void hello_verify_request(void **state)
{
    (void)state;
    uint16_t version;
    struct bytes cookie;
    struct fault fault = { 0 };
    assert_true(tls_hello_verify_request_parse(BYTES("\xfe\xff\x02"
                                                     "ck"),
                                               &version, &cookie, &fault));
    assert_int_equal(version, 0xfeff);
    assert_true(bytes_equal(cookie, BYTES("ck")));
    assert_false(tls_hello_verify_request_parse(BYTES("\xfe\xff\x02"
                                                      "c"),
                                                &version, &cookie, &fault));
}

static void format_versions(void **state)
{
    (void)state;
    assert_int_equal(tls_format_version(0x0303), 0x0303);
    assert_int_equal(tls_format_version(0x7f12), 0x0304);
    assert_int_equal(tls_format_version(0xfefc), 0x0304);
    assert_int_equal(tls_format_version(0xfefd), 0x0303);
    assert_int_equal(tls_format_version(0xfeff), 0x0302);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 5];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(bodies_of_a_server);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(encrypted_extensions);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(retry_of_the_drafts);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(hello_verify_request);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(format_versions);
    return cmocka_run_group_tests_name("server_hello", tests, NULL, NULL);
}
