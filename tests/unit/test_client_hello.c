/* ClientHellos: good, short, malformed and at their limits. */
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

#define RANDOM "abcdefghijklmnopqrstuvwxyz012345"
#define HEAD   "\x03\x03" RANDOM "\x00"           /* to the session id: 35 bytes */
#define SUITES "\x00\x04\xc0\x2f\x00\x35\x01\x00" /* to the compression: 8 bytes */
#define HELLO  HEAD SUITES
#define V2                                                                                         \
    "\x01\x03\x01\x00\x06\x00\x00\x00\x10"                                                         \
    "\x01\x00\x80\x00\x00\x35"                                                                     \
    "0123456789abcdef"

struct row {
    const char *name;
    struct bytes in;
    bool is_dtls, is_sslv2;
    enum fault_kind fault;
    size_t at;
    const char *what;
    size_t n_suites, n_extensions;
};

static const struct row rows[] = {
    { "no extensions", LIT(HELLO), false, false, FAULT_NONE, 0, NULL, 2, 0 },
    { "an empty block", LIT(HELLO "\x00\x00"), false, false, FAULT_NONE, 0, NULL, 2, 0 },
    { "one extension", LIT(HELLO "\x00\x04\x00\x17\x00\x00"), false, false, FAULT_NONE, 0, NULL, 2,
      1 },
    { "empty", { NULL, 0 }, false, false, FAULT_MALFORMED, 0, "legacy_version", 0, 0 },
    { "ends in random",
      LIT("\x03\x03"
          "abc"),
      false, false, FAULT_MALFORMED, 2, "random", 0, 0 },
    { "session id of 33", LIT("\x03\x03" RANDOM "\x21" RANDOM "x" SUITES), false, false,
      FAULT_MALFORMED, 35, "legacy_session_id", 0, 0 },
    { "no suites", LIT(HEAD "\x00\x00\x01\x00"), false, false, FAULT_MALFORMED, 37, "cipher_suites",
      0, 0 },
    { "odd suites", LIT(HEAD "\x00\x03\xc0\x2f\x00\x01\x00"), false, false, FAULT_MALFORMED, 35,
      "cipher_suites", 1, 0 },
    { "suites beyond the end", LIT(HEAD "\x00\x04\xc0\x2f"), false, false, FAULT_MALFORMED, 37,
      "cipher_suites", 0, 0 },
    { "no compression", LIT(HEAD "\x00\x02\xc0\x2f\x00"), false, false, FAULT_MALFORMED, 40,
      "legacy_compression_methods", 1, 0 },
    { "block beyond the end", LIT(HELLO "\x00\x05\x00\x17\x00\x00"), false, false, FAULT_MALFORMED,
      45, "extensions", 2, 0 },
    { "extension beyond block", LIT(HELLO "\x00\x05\x00\x17\x00\x02\x00"), false, false,
      FAULT_MALFORMED, 49, "extension_data", 2, 0 },
    { "trailing byte", LIT(HELLO "\x00\x00\x00"), false, false, FAULT_MALFORMED, 45, "ClientHello",
      2, 0 },
    { "DTLS cookie",
      LIT("\xfe\xfd" RANDOM "\x00\x02"
          "ck" SUITES),
      true, false, FAULT_NONE, 0, NULL, 2, 0 },
    { "DTLS without cookie", LIT("\xfe\xfd" RANDOM "\x00"), true, false, FAULT_MALFORMED, 35,
      "legacy_cookie", 0, 0 },
    { "SSL 2.0", LIT(V2), false, true, FAULT_NONE, 0, NULL, 3, 0 },
    { "SSL 2.0 wrong type",
      LIT("\x02"
          "abc"),
      false, true, FAULT_MALFORMED, 1, "msg_type", 0, 0 },
    { "SSL 2.0 odd suites",
      LIT("\x01\x03\x01\x00\x04\x00\x00\x00\x10"
          "1234"),
      false, true, FAULT_MALFORMED, 9, "cipher_spec_length", 0, 0 },
    { "SSL 2.0 trailing byte", LIT(V2 "x"), false, true, FAULT_MALFORMED, 31, "CLIENT-HELLO", 3,
      0 },
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    bool ok = row->is_sslv2 ? tls_client_hello_parse_sslv2(row->in, &hello, &fault)
                            : tls_client_hello_parse(row->in, row->is_dtls, &hello, &fault);
    assert_int_equal(ok, row->fault == FAULT_NONE);
    assert_int_equal(fault.kind, row->fault);
    assert_int_equal(fault.at, row->at);
    if (row->what != NULL) {
        assert_string_equal(fault.what, row->what);
    }
    assert_int_equal(tls_u16_count(hello.cipher_suites), row->n_suites);
    assert_int_equal(hello.ext.n, row->n_extensions);
    assert_int_equal(hello.is_sslv2, row->is_sslv2);
}

/* One extension each: what its body says, and where it contradicts its format. */
struct body_row {
    const char *name;
    uint16_t type;
    struct bytes body;
    const char *fault; /* NULL: none */
    size_t view;       /* offset in tls_extensions of the view it fills */
    struct bytes want;
};

#define VIEW(field) offsetof(struct tls_extensions, field)

static const struct body_row body_rows[] = {
    { "server_name", 0,
      LIT("\x00\x06\x00\x00\x03"
          "a.b"),
      NULL, VIEW(server_name), LIT("a.b") },
    { "server_name of another type",
      0,
      LIT("\x00\x06\x07\x00\x03"
          "a.b"),
      NULL,
      VIEW(server_name),
      { NULL, 0 } },
    { "server_name empty", 0, LIT(""), "server_name_list", VIEW(server_name), { NULL, 0 } },
    { "server_name list empty",
      0,
      LIT("\x00\x00"),
      "server_name_list",
      VIEW(server_name),
      { NULL, 0 } },
    { "server_name cut",
      0,
      LIT("\x00\x06\x00\x00\x04"
          "a.b"),
      "HostName",
      VIEW(server_name),
      { NULL, 0 } },
    { "server_name trailing", 0,
      LIT("\x00\x06\x00\x00\x03"
          "a.b"
          "x"),
      "extension_data", VIEW(server_name), LIT("a.b") },
    { "groups", 10, LIT("\x00\x04\x00\x1d\x00\x17"), NULL, VIEW(supported_groups),
      LIT("\x00\x1d\x00\x17") },
    { "groups odd", 10, LIT("\x00\x03\x00\x1d\x00"), "named_group_list", VIEW(supported_groups),
      LIT("\x00\x1d\x00") },
    { "groups empty",
      10,
      LIT("\x00\x00"),
      "named_group_list",
      VIEW(supported_groups),
      { NULL, 0 } },
    { "point formats", 11, LIT("\x01\x00"), NULL, VIEW(ec_point_formats), LIT("\x00") },
    { "signature algorithms", 13, LIT("\x00\x02\x04\x03"), NULL, VIEW(signature_algorithms),
      LIT("\x04\x03") },
    { "for certificates", 50, LIT("\x00\x02\x04\x03"), NULL, VIEW(signature_algorithms_cert),
      LIT("\x04\x03") },
    { "alpn", 16,
      LIT("\x00\x03\x02"
          "h2"),
      NULL, VIEW(alpn),
      LIT("\x02"
          "h2") },
    { "alpn empty name", 16,
      LIT("\x00\x04\x00\x02"
          "h2"),
      "ProtocolName", VIEW(alpn),
      LIT("\x00\x02"
          "h2") },
    { "alpn cut name", 16,
      LIT("\x00\x03\x03"
          "h2"),
      "ProtocolName", VIEW(alpn),
      LIT("\x03"
          "h2") },
    { "versions", 43, LIT("\x02\x03\x04"), NULL, VIEW(supported_versions), LIT("\x03\x04") },
    { "versions odd", 43, LIT("\x03\x03\x04\x03"), "versions", VIEW(supported_versions),
      LIT("\x03\x04\x03") },
    { "key share", 51,
      LIT("\x00\x06\x00\x1d\x00\x02"
          "kk"),
      NULL, VIEW(key_share),
      LIT("\x00\x1d\x00\x02"
          "kk") },
    { "no key share", 51, LIT("\x00\x00"), NULL, VIEW(key_share), { NULL, 0 } },
    { "key share cut", 51,
      LIT("\x00\x06\x00\x1d\x00\x03"
          "kk"),
      "key_exchange", VIEW(key_share),
      LIT("\x00\x1d\x00\x03"
          "kk") },
    { "key share of the drafts", 40,
      LIT("\x00\x06\x00\x1d\x00\x02"
          "kk"),
      NULL, VIEW(key_share),
      LIT("\x00\x1d\x00\x02"
          "kk") },
    { "psk modes", 45, LIT("\x01\x01"), NULL, VIEW(psk_modes), LIT("\x01") },
    { "cookie", 44,
      LIT("\x00\x01"
          "c"),
      NULL, VIEW(cookie), LIT("c") },
    { "renegotiation", 0xff01, LIT("\x00"), NULL, VIEW(renegotiation_info), { NULL, 0 } },
    { "renegotiation again", 0xff01,
      LIT("\x02"
          "vd"),
      NULL, VIEW(renegotiation_info), LIT("vd") },
    { "ticket", 35, LIT("tick"), NULL, VIEW(session_ticket), LIT("tick") },
    { "ech", 0xfe0d, LIT("\x01"), NULL, VIEW(ech), LIT("\x01") },
    { "compression", 27, LIT("\x02\x00\x02"), NULL, VIEW(compress_certificate), LIT("\x00\x02") },
    { "not empty", 23, LIT("x"), "extension_data", VIEW(ech), { NULL, 0 } },
    { "status request", 5, LIT("\x01\x00\x00\x00\x00"), NULL, VIEW(ech), { NULL, 0 } },
    { "status request cut",
      5,
      LIT("\x01\x00\x00\x00"),
      "request_extensions",
      VIEW(ech),
      { NULL, 0 } },
    { "psk without binders", 41,
      LIT("\x00\x07\x00\x01"
          "i"
          "\x00\x00\x00\x00"),
      "binders", VIEW(psk_identities),
      LIT("\x00\x01"
          "i"
          "\x00\x00\x00\x00") },
    { "unknown", 0x4321, LIT("anything"), NULL, VIEW(ech), { NULL, 0 } },
};

static void check_body(void **state)
{
    const struct body_row *row = *state;
    uint8_t message[256];
    struct bytes head = BYTES(HELLO);
    assert_true(bytes_copy(message, sizeof message, head));
    size_t n = head.len;
    size_t block_len = row->body.len + 4;
    message[n++] = (uint8_t)(block_len >> 8);
    message[n++] = (uint8_t)block_len;
    message[n++] = (uint8_t)(row->type >> 8);
    message[n++] = (uint8_t)row->type;
    message[n++] = 0;
    message[n++] = (uint8_t)row->body.len;
    assert_true(bytes_copy(message + n, sizeof message - n, row->body));

    struct tls_client_hello hello;
    struct fault fault = { 0 };
    assert_true(
        tls_client_hello_parse(bytes_of(message, n + row->body.len), false, &hello, &fault));
    assert_true(tls_has(&hello.ext, row->type));
    assert_true(bytes_equal(tls_extension_body(&hello.ext, row->type), row->body));
    if (row->fault == NULL) {
        assert_int_equal(hello.ext.fault.kind, FAULT_NONE);
    } else {
        assert_int_equal(hello.ext.fault.kind, FAULT_MALFORMED);
        assert_string_equal(hello.ext.fault.what, row->fault);
        assert_int_equal(hello.ext.fault_type, row->type);
        assert_in_range(hello.ext.fault.at, n, n + row->body.len);
    }
    const struct bytes *view = (const struct bytes *)((const char *)&hello.ext + row->view);
    assert_true(bytes_equal(*view, row->want));
}

struct offer_row {
    const char *name;
    struct bytes in;
    bool is_dtls, offers;
    uint16_t min, max;
};

static const struct offer_row offer_rows[] = {
    { "TLS 1.2 without a list", LIT(HELLO), false, true, 0x0300, 0x0303 },
    { "SSL 3.0", LIT("\x03\x00" RANDOM "\x00" SUITES), false, true, 0x0300, 0x0300 },
    { "1.3 without a list", LIT("\x03\x04" RANDOM "\x00" SUITES), false, true, 0x0300, 0x0303 },
    { "SSL 2.0 in a TLS frame", LIT("\x00\x02" RANDOM "\x00" SUITES), false, false, 0, 0 },
    { "1.3 and 1.2", LIT(HELLO "\x00\x09\x00\x2b\x00\x05\x04\x03\x04\x03\x03"), false, true, 0x0303,
      0x0304 },
    { "GREASE and a draft", LIT(HELLO "\x00\x09\x00\x2b\x00\x05\x04\x0a\x0a\x7f\x17"), false, true,
      0x0304, 0x0304 },
    { "GREASE alone", LIT(HELLO "\x00\x07\x00\x2b\x00\x03\x02\x0a\x0a"), false, false, 0, 0 },
    { "DTLS 1.2", LIT("\xfe\xfd" RANDOM "\x00\x00" SUITES), true, true, 0xfeff, 0xfefd },
    { "DTLS 1.0", LIT("\xfe\xff" RANDOM "\x00\x00" SUITES), true, true, 0xfeff, 0xfeff },
    { "DTLS 1.3",
      LIT("\xfe\xfd" RANDOM "\x00\x00" SUITES "\x00\x09\x00\x2b\x00\x05\x04\xfe\xfc\xfe\xfd"), true,
      true, 0xfefd, 0xfefc },
};

static void check_offer(void **state)
{
    const struct offer_row *row = *state;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    uint16_t min;
    uint16_t max;
    assert_true(tls_client_hello_parse(row->in, row->is_dtls, &hello, &fault));
    assert_int_equal(tls_offered_versions(&hello, &min, &max), row->offers);
    if (row->offers) {
        assert_int_equal(min, row->min);
        assert_int_equal(max, row->max);
        assert_true(tls_offers_version(&hello, min));
        assert_true(tls_offers_version(&hello, max));
        assert_false(tls_offers_version(&hello, row->is_dtls ? 0x0303 : 0xfefd));
    }
}

static void sslv2_offers(void **state)
{
    (void)state;
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    uint16_t min;
    uint16_t max;
    assert_true(tls_client_hello_parse_sslv2(BYTES(V2), &hello, &fault));
    assert_true(tls_offered_versions(&hello, &min, &max));
    assert_int_equal(min, 0x0002);
    assert_int_equal(max, 0x0301);
}

static void duplicates_and_more_than_kept(void **state)
{
    (void)state;
    uint8_t message[1024];
    struct bytes head = BYTES(HELLO);
    assert_true(bytes_copy(message, sizeof message, head));
    size_t n = head.len;
    enum { N_SENT = 70 };
    message[n++] = (4 * N_SENT) >> 8;
    message[n++] = (4 * N_SENT) & 0xff;
    for (unsigned i = 0; i < N_SENT; i++) {
        uint16_t type = i == 69 ? 0x8003 : (uint16_t)(0x8000 + i);
        message[n++] = (uint8_t)(type >> 8);
        message[n++] = (uint8_t)type;
        message[n++] = 0;
        message[n++] = 0;
    }
    struct tls_client_hello hello;
    struct fault fault = { 0 };
    assert_true(tls_client_hello_parse(bytes_of(message, n), false, &hello, &fault));
    assert_int_equal(hello.ext.n, TLS_EXTENSIONS_MAX);
    assert_int_equal(hello.ext.n_total, N_SENT);
    assert_true(hello.ext.has_duplicate);
    assert_int_equal(hello.ext.duplicate, 0x8003);
    assert_false(tls_has(&hello.ext, 0x8000 + 68));
}

/* Every cut of a good hello is a fault, and nothing is read beyond it. */
static void every_cut(void **state)
{
    (void)state;
    struct bytes whole = BYTES(HELLO "\x00\x09\x00\x2b\x00\x05\x04\x03\x04\x03\x03");
    for (size_t len = 0; len < whole.len; len++) {
        struct tls_client_hello hello;
        struct fault fault = { 0 };
        bool ok = tls_client_hello_parse(bytes_head(whole, len), false, &hello, &fault);
        assert_int_equal(ok, len == sizeof(HELLO) - 1);
    }
}

static void walks(void **state)
{
    (void)state;
    struct bytes list = BYTES("\x02h2\x08http/1.1\x05"
                              "cut");
    struct bytes name;
    assert_true(tls_alpn_next(&list, &name));
    assert_true(bytes_equal(name, BYTES("h2")));
    assert_true(tls_alpn_next(&list, &name));
    assert_true(bytes_equal(name, BYTES("http/1.1")));
    assert_false(tls_alpn_next(&list, &name));
    assert_false(tls_alpn_next(&list, &name));

    struct bytes shares = BYTES("\x00\x1d\x00\x01k\x00\x17");
    struct bytes key;
    uint16_t group;
    assert_true(tls_key_share_next(&shares, &group, &key));
    assert_int_equal(group, 0x1d);
    assert_true(bytes_equal(key, BYTES("k")));
    assert_false(tls_key_share_next(&shares, &group, &key));
    assert_true(tls_u16_has(BYTES("\x00\x01\x00\x02"), 2));
    assert_false(tls_u16_has(BYTES("\x00\x01\x00\x02\x03"), 3));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(body_rows) + ARRAY_LEN(offer_rows) + 4];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(body_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ body_rows[i].name, check_body, NULL, NULL, (void *)&body_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(offer_rows); i++) {
        tests[n++] = (struct CMUnitTest){ offer_rows[i].name, check_offer, NULL, NULL,
                                          (void *)&offer_rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(sslv2_offers);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(duplicates_and_more_than_kept);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(every_cut);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(walks);
    return cmocka_run_group_tests_name("client_hello", tests, NULL, NULL);
}
