#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "tls/key_share.h"

struct row {
    const char *name;
    uint16_t group, len; /* RFC 8446 section 4.2.8; draft-ietf-tls-ecdhe-mlkem section 4 */
    bool has_private;
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "x25519", 0x001d, 32, true },
    { "x448", 0x001e, 56, true },
    { "secp256r1", 0x0017, 65, true },
    { "secp384r1", 0x0018, 97, true },
    { "secp521r1", 0x0019, 133, true },
    { "ffdhe2048", 0x0100, 256, true },
    { "ffdhe3072", 0x0101, 384, true },
    { "MLKEM768", 0x0201, 1184, false },
    { "X25519MLKEM768", 0x11ec, 1216, false },
    { "SecP256r1MLKEM768", 0x11eb, 1249, false },
    { "SecP384r1MLKEM1024", 0x11ed, 1665, false },
};
/* clang-format on */

static void has_the_length_of_its_group(void **state)
{
    const struct row *row = *state;
    struct tls_key_share share;
    assert_true(tls_key_share_init(&share, row->group));
    assert_int_equal(share.public_len, row->len);
    assert_int_equal(share.key != NULL, row->has_private);
    tls_key_share_deinit(&share);
}

static void both_sides_agree(void **state)
{
    const struct row *row = *state;
    struct tls_key_share client;
    struct tls_key_share server;
    struct tls13_secrets ours = { .len = 0 };
    struct tls13_secrets theirs = { .len = 0 };
    struct bytes messages = BYTES("ClientHello and ServerHello");
    assert_true(tls_key_share_init(&client, row->group));
    assert_true(tls_key_share_init(&server, row->group));
    bool ok = tls13_secrets_derive(&client, bytes_of(server.public_key, server.public_len),
                                   "SHA256", messages, &ours) &&
              tls13_secrets_derive(&server, bytes_of(client.public_key, client.public_len),
                                   "SHA256", messages, &theirs);
    assert_int_equal(ok, row->has_private);
    if (ok) {
        assert_int_equal(ours.len, 32);
        assert_memory_equal(ours.client, theirs.client, 32);
        assert_memory_equal(ours.server, theirs.server, 32);
        assert_memory_not_equal(ours.client, ours.server, 32);
    }
    /* a share cut short is none */
    assert_false(
        tls13_secrets_derive(&client, bytes_of(server.public_key, 7), "SHA256", messages, &ours));
    tls_key_share_deinit(&client);
    tls_key_share_deinit(&server);
}

static void an_unknown_group_has_none(void **state)
{
    struct tls_key_share share;
    (void)state;
    assert_false(tls_key_share_init(&share, 0x3a3a));
    tls_key_share_deinit(&share);
}

int main(void)
{
    struct CMUnitTest tests[2 * ARRAY_LEN(rows) + 1];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        void *row = (void *)(uintptr_t)&rows[i];
        tests[n++] =
            (struct CMUnitTest){ rows[i].name, has_the_length_of_its_group, NULL, NULL, row };
        tests[n++] = (struct CMUnitTest){ rows[i].name, both_sides_agree, NULL, NULL, row };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(an_unknown_group_has_none);
    return cmocka_run_group_tests_name("key_share", tests, NULL, NULL);
}
