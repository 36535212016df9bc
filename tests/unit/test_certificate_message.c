/* Certificate in its forms, compressed too, CertificateStatus and CertificateRequest. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <zlib.h>
#include <zstd.h>

#include "base/status.h"
#include "tls/message.h"

/* BYTES, as a constant: for tables. */
#define LIT(literal)                                                                               \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

#define ENTRY_13                                                                                   \
    "\x00\x00\x01"                                                                                 \
    "A"                                                                                            \
    "\x00\x00"

struct row { /* NOLINT(clang-analyzer-optin.performance.Padding): in reading order */
    const char *name;
    struct bytes in;
    uint16_t version;
    const char *fault; /* NULL: none */
    size_t at;
    size_t n;
    struct bytes first;
    struct bytes ocsp;
    bool has_sct;
};

/* clang-format off */
static const struct row rows[] = {
    { "1.2, two",          LIT("\x00\x00\x09\x00\x00\x02" "AB" "\x00\x00\x01" "C"), 0x0303, NULL, 0, 2, LIT("AB"), { NULL, 0 }, false },
    { "1.2, none",         LIT("\x00\x00\x00"), 0x0303, NULL, 0, 0, { NULL, 0 }, { NULL, 0 }, false },
    { "DTLS 1.2",          LIT("\x00\x00\x04\x00\x00\x01" "A"), 0xfefd, NULL, 0, 1, LIT("A"), { NULL, 0 }, false },
    { "1.2, an empty one", LIT("\x00\x00\x07\x00\x00\x01" "A" "\x00\x00\x00"), 0x0303, "cert_data", 10, 1, LIT("A"), { NULL, 0 }, false },
    { "1.2, cut",          LIT("\x00\x00\x07\x00\x00\x05" "A"), 0x0303, "certificate_list", 3, 0, { NULL, 0 }, { NULL, 0 }, false },
    { "1.2, beyond list",  LIT("\x00\x00\x04\x00\x00\x02" "AB"), 0x0303, "cert_data", 6, 0, { NULL, 0 }, { NULL, 0 }, false },
    { "1.2, trailing",     LIT("\x00\x00\x00x"), 0x0303, "Certificate", 3, 0, { NULL, 0 }, { NULL, 0 }, false },
    { "1.3",               LIT("\x00\x00\x00\x06" ENTRY_13), 0x0304, NULL, 0, 1, LIT("A"), { NULL, 0 }, false },
    { "1.3, draft",        LIT("\x00\x00\x00\x06" ENTRY_13), 0x7f1c, NULL, 0, 1, LIT("A"), { NULL, 0 }, false },
    { "1.3, OCSP and SCT", LIT("\x00\x00\x00\x14\x00\x00\x01" "A" "\x00\x0e\x00\x05\x00\x06\x01\x00\x00\x02" "OK" "\x00\x12\x00\x00"), 0x0304, NULL, 0, 1, LIT("A"), LIT("OK"), true },
    { "1.3, no extensions", LIT("\x00\x00\x00\x04\x00\x00\x01" "A"), 0x0304, "extensions", 8, 1, LIT("A"), { NULL, 0 }, false },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct tls_certificate message;
    struct fault fault = { 0 };
    bool ok = tls_certificate_parse(row->in, row->version, &message, &fault);
    assert_int_equal(ok, row->fault == NULL);
    if (row->fault != NULL) {
        assert_string_equal(fault.what, row->fault);
        assert_int_equal(fault.at, row->at);
    }
    assert_int_equal(message.n, row->n);
    assert_int_equal(message.n_total, row->n);
    assert_true(row->n == 0 || bytes_equal(message.list[0], row->first));
    assert_true(bytes_equal(message.ocsp_response, row->ocsp));
    assert_int_equal(message.has_sct, row->has_sct);
}

static void more_than_kept(void **state)
{
    (void)state;
    enum { N_SENT = TLS_CERTIFICATES_MAX + 3 };
    uint8_t message[3 + 4 * N_SENT] = { 0, 0, 4 * N_SENT };
    for (size_t i = 0; i < N_SENT; i++) {
        message[3 + 4 * i + 2] = 1;
        message[3 + 4 * i + 3] = (uint8_t)i;
    }
    struct tls_certificate out;
    struct fault fault = { 0 };
    assert_true(tls_certificate_parse(bytes_of(message, sizeof message), 0x0303, &out, &fault));
    assert_int_equal(out.n, TLS_CERTIFICATES_MAX);
    assert_int_equal(out.n_total, N_SENT);
}

/* A CompressedCertificate that declares `declared` bytes. */
static struct bytes wrap(uint8_t *room, uint8_t algorithm, uint32_t declared, struct bytes packed)
{
    const uint8_t head[] = { 0,
                             algorithm,
                             (uint8_t)(declared >> 16),
                             (uint8_t)(declared >> 8),
                             (uint8_t)declared,
                             0,
                             (uint8_t)(packed.len >> 8),
                             (uint8_t)packed.len };
    assert_true(bytes_copy(room, 256, bytes_of(head, sizeof head)));
    assert_true(bytes_copy(room + sizeof head, 256 - sizeof head, packed));
    return bytes_of(room, sizeof head + packed.len);
}

static struct bytes pack(uint8_t algorithm, struct bytes plain, uint8_t room[128])
{
    if (algorithm == 1) {
        uLongf len = 128;
        assert_int_equal(compress(room, &len, plain.p, plain.len), Z_OK);
        return bytes_of(room, len);
    }
    size_t len = ZSTD_compress(room, 128, plain.p, plain.len, 3);
    assert_false(ZSTD_isError(len));
    return bytes_of(room, len);
}

struct packed_row { /* NOLINT(clang-analyzer-optin.performance.Padding): in reading order */
    const char *name;
    uint8_t algorithm;
    uint8_t says; /* what the message claims the algorithm to be */
    int off_by;   /* what is wrong with the declared length */
    bool ok, unsupported;
    const char *fault;
    size_t limit_bytes;
};

/* clang-format off */
static const struct packed_row packed_rows[] = {
    { "zlib",                1, 1,  0, true,  false, NULL, 4096 },
    { "zstd",                3, 3,  0, true,  false, NULL, 4096 },
    { "zlib, one too many",  1, 1,  1, false, false, "compressed_certificate_message", 4096 },
    { "zlib, one too few",   1, 1, -1, false, false, "compressed_certificate_message", 4096 },
    { "zstd, one too many",  3, 3,  1, false, false, "compressed_certificate_message", 4096 },
    { "zstd, one too few",   3, 3, -1, false, false, "compressed_certificate_message", 4096 },
    { "not what it says",    1, 3,  0, false, false, "compressed_certificate_message", 4096 },
    { "unknown algorithm",   1, 9,  0, true,  true,  NULL, 4096 },
    { "no room",             1, 1,  0, true,  true,  NULL, 4 },
    { "2 MiB",               1, 1, 1 << 21, false, false, "uncompressed_length", 4096 },
};
/* clang-format on */

static void check_packed(void **state)
{
    const struct packed_row *row = *state;
    struct bytes plain = BYTES("\x00\x00\x00\x06" ENTRY_13);
    uint8_t packed[128];
    uint8_t message[256];
    struct bytes in = wrap(message, row->says, (uint32_t)((int)plain.len + row->off_by),
                           pack(row->algorithm, plain, packed));
    struct arena arena = { .limit_bytes = row->limit_bytes };
    struct tls_certificate out;
    struct fault fault = { 0 };
    bool unsupported;
    bool ok = tls_compressed_certificate_parse(in, 0x0304, &arena, &out, &unsupported, &fault);
    assert_int_equal(ok, row->ok);
    assert_int_equal(unsupported, row->unsupported);
    if (row->fault != NULL) {
        assert_string_equal(fault.what, row->fault);
    }
    assert_int_equal(out.n, ok && !unsupported ? 1 : 0);
    arena_deinit(&arena);
}

static void compressed_cuts(void **state)
{
    (void)state;
    struct bytes plain = BYTES("\x00\x00\x00\x06" ENTRY_13);
    uint8_t packed[128];
    uint8_t message[256];
    struct bytes in = wrap(message, 1, (uint32_t)plain.len, pack(1, plain, packed));
    for (size_t len = 0; len < in.len; len++) {
        struct arena arena = { .limit_bytes = 4096 };
        struct tls_certificate out;
        struct fault fault = { 0 };
        bool unsupported;
        assert_false(tls_compressed_certificate_parse(bytes_head(in, len), 0x0304, &arena, &out,
                                                      &unsupported, &fault));
        arena_deinit(&arena);
    }
}

static void status(void **state)
{
    (void)state;
    struct bytes response;
    struct fault fault = { 0 };
    assert_true(tls_certificate_status_parse(BYTES("\x01\x00\x00\x02OK"), &response, &fault));
    assert_true(bytes_equal(response, BYTES("OK")));
    assert_true(tls_certificate_status_parse(BYTES("\x02\x00\x00\x08\x00\x00\x00\x00\x00\x02OK"),
                                             &response, &fault));
    assert_true(bytes_equal(response, BYTES("OK")));
    assert_false(tls_certificate_status_parse(BYTES("\x01\x00\x00\x00"), &response, &fault));
    fault = (struct fault){ 0 };
    assert_false(tls_certificate_status_parse(BYTES("\x07"), &response, &fault));
    assert_string_equal(fault.what, "status_type");
}

struct request_row {
    const char *name;
    struct bytes in;
    uint16_t version;
    const char *fault;
    size_t n_types, n_algorithms, n_authorities;
};

/* clang-format off */
static const struct request_row request_rows[] = {
    { "request 1.0",            LIT("\x01\x01\x00\x00"), 0x0301, NULL, 1, 0, 0 },
    { "request 1.2",            LIT("\x02\x01\x40\x00\x02\x04\x03\x00\x08\x00\x02" "N1" "\x00\x02" "N2"), 0x0303, NULL, 2, 1, 2 },
    { "request 1.2, odd",       LIT("\x01\x01\x00\x03\x04\x03\x04\x00\x00"), 0x0303, "supported_signature_algorithms", 1, 1, 0 },
    { "request 1.2, empty name", LIT("\x01\x01\x00\x02\x04\x03\x00\x02\x00\x00"), 0x0303, "DistinguishedName", 1, 1, 1 },
    { "request 1.2 as 1.0",     LIT("\x01\x01\x00\x02\x04\x03\x00\x00"), 0x0301, "DistinguishedName", 1, 0, 0 },
    { "request 1.3",            LIT("\x00\x00\x12\x00\x0d\x00\x04\x00\x02\x08\x04\x00\x2f\x00\x06\x00\x04\x00\x02" "N1"), 0x0304, NULL, 0, 1, 1 },
    { "request 1.3, context",   LIT("\x02" "cx" "\x00\x08\x00\x0d\x00\x04\x00\x02\x08\x04"), 0x0304, NULL, 0, 1, 0 },
    { "request 1.3, bad names", LIT("\x00\x00\x0a\x00\x2f\x00\x06\x00\x04\x00\x03" "N1"), 0x0304, "DistinguishedName", 0, 0, 0 },
    { "request 1.3, empty",     { NULL, 0 }, 0x0304, "certificate_request_context", 0, 0, 0 },
};
/* clang-format on */

static void check_request(void **state)
{
    const struct request_row *row = *state;
    struct tls_certificate_request request;
    struct fault fault = { 0 };
    bool ok = tls_certificate_request_parse(row->in, row->version, &request, &fault);
    assert_int_equal(ok, row->fault == NULL);
    if (row->fault != NULL) {
        assert_string_equal(fault.what, row->fault);
    }
    assert_int_equal(request.certificate_types.len, row->n_types);
    assert_int_equal(tls_u16_count(request.signature_algorithms), row->n_algorithms);
    size_t n = 0;
    struct bytes name;
    while (tls_authority_next(&request.authorities, &name)) {
        n++;
    }
    assert_int_equal(n, row->n_authorities);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(packed_rows) + ARRAY_LEN(request_rows) + 3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(packed_rows); i++) {
        tests[n++] = (struct CMUnitTest){ packed_rows[i].name, check_packed, NULL, NULL,
                                          (void *)&packed_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(request_rows); i++) {
        tests[n++] = (struct CMUnitTest){ request_rows[i].name, check_request, NULL, NULL,
                                          (void *)&request_rows[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(more_than_kept);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(compressed_cuts);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(status);
    return cmocka_run_group_tests_name("certificate_message", tests, NULL, NULL);
}
