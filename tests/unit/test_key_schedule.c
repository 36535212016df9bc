#include "tls/key_schedule.h"

#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define OCTETS(literal)                                                                            \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }
#define SECRET_SERVER                                                                              \
    OCTETS("\xb6\x7b\x7d\x69\x0c\xc1\x6c\x4e\x75\xe5\x42\x13\xcb\x2d\x37\xb4"                      \
           "\xe9\xc9\x12\xbc\xde\xd9\x10\x5d\x42\xbe\xfd\x59\xd3\x91\xad\x38")
#define SECRET_CLIENT                                                                              \
    OCTETS("\xb3\xed\xdb\x12\x6e\x06\x7f\x35\xa7\x80\xb3\xab\xf4\x5e\x2d\x8f"                      \
           "\x3b\x1a\x95\x07\x38\xf5\x2e\x96\x00\x74\x6a\x0e\x27\xa5\x5a\x21")

struct row {
    const char *name;
    struct bytes secret;
    const char *label;
    struct bytes expected;
};

/* RFC 8448 section 3 */
/* RFC 8448 section 3. */
/* clang-format off */
static const struct row rows[] = {
    { "server handshake key", SECRET_SERVER, "key", OCTETS("\x3f\xce\x51\x60\x09\xc2\x17\x27\xd0\xf2\xe4\xe8\x6e\xe4\x03\xbc") },
    { "server handshake iv",  SECRET_SERVER, "iv", OCTETS("\x5d\x31\x3e\xb2\x67\x12\x76\xee\x13\x00\x0b\x30") },
    { "client handshake key", SECRET_CLIENT, "key", OCTETS("\xdb\xfa\xa6\x93\xd1\x76\x2c\x5b\x66\x6a\xf5\xd9\x50\x25\x8d\x01") },
    { "client handshake iv",  SECRET_CLIENT, "iv", OCTETS("\x5b\xd3\xc7\x1b\x83\x6e\x0b\x76\xbb\x73\x26\x5f") },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    uint8_t out[32] = { 0 };
    assert_true(tls13_expand_label("SHA256", row->secret, row->label, out, row->expected.len));
    assert_memory_equal(out, row->expected.p, row->expected.len);
}

static void label_too_long(void **state)
{
    (void)state;
    uint8_t out[16];
    const char *label = "0123456789012345678901234567890123456789012345678901234567890123456789";
    assert_false(tls13_expand_label("SHA256", (struct bytes)SECRET_CLIENT, label, out, sizeof out));
}

static void unknown_digest(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_false(
        tls13_expand_label("NO-SUCH", (struct bytes)SECRET_CLIENT, "key", out, sizeof out));
}

static void randoms_of_wrong_length(void **state)
{
    (void)state;
    uint8_t out[16];
    struct tls12_key_seed seed = { "SHA256", SECRET_CLIENT, BYTES("short"), SECRET_SERVER };
    assert_false(tls12_key_block(&seed, out, sizeof out));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 3];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest)cmocka_unit_test(label_too_long);
    tests[ARRAY_LEN(rows) + 1] = (struct CMUnitTest)cmocka_unit_test(unknown_digest);
    tests[ARRAY_LEN(rows) + 2] = (struct CMUnitTest)cmocka_unit_test(randoms_of_wrong_length);
    return cmocka_run_group_tests_name("key_schedule", tests, NULL, NULL);
}
