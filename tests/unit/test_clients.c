/* Recorded clients: every row makes a ClientHello that parses, and known ones have the fingerprint
 * that the world knows them by. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <openssl/evp.h>

#include "base/status.h"
#include "probe/clients.h"
#include "tls/fingerprint.h"
#include "tls/names.h"

static void check_client(void **state)
{
    static struct tls_client_hello parsed;
    const struct client *c = *state;
    struct client_hello hello;
    struct fault fault = { 0 };
    uint16_t min;
    uint16_t max;
    assert_true(client_hello_make(c, BYTES("www.example.com"), &hello));
    assert_true(
        tls_client_hello_parse(bytes_of(hello.body.p, hello.body.len), false, &parsed, &fault));
    assert_int_equal(parsed.ext.fault.kind, FAULT_NONE);
    assert_false(parsed.ext.has_duplicate);
    assert_int_equal(parsed.ext.server_name.len, client_sends_name(c) ? 15 : 0);
    assert_true(tls_offered_versions(&parsed, &min, &max));
    assert_true(max >= c->min_version);
    assert_true(strlen(c->source) > 10 && c->year > 2000);
    bool offers_13 = max == 0x0304;
    assert_int_equal(offers_13, hello.n_shares > 0);
    client_hello_deinit(&hello);
    assert_true(client_hello_make(c, bytes_of(NULL, 0), &hello));
    client_hello_deinit(&hello);
}

struct print {
    const char *id, *ja3;
};

/* Published by many collectors of JA3. */
static const struct print prints[] = {
    { "chrome-no-pq", "cd08e31494f9531f560d64c695473da9" },
    { "ios17", "773906b0efdefa24a7f2b8eb6985bf37" },
};

static void check_ja3(void **state)
{
    static struct tls_client_hello parsed;
    const struct print *p = *state;
    struct client_hello hello;
    struct fault fault = { 0 };
    struct text ja3 = { 0 };
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct text hex = { 0 };
    assert_true(client_hello_make(client_by_id(bytes_of_str(p->id)), BYTES("a.example"), &hello));
    assert_true(
        tls_client_hello_parse(bytes_of(hello.body.p, hello.body.len), false, &parsed, &fault));
    tls_ja3_put(&parsed, &ja3);
    assert_int_equal(EVP_Digest(ja3.p, ja3.len, digest, &len, EVP_md5(), NULL), 1);
    text_put_hex(&hex, bytes_of(digest, len));
    assert_string_equal(text_str(&hex), p->ja3);
    text_deinit(&ja3);
    text_deinit(&hex);
    client_hello_deinit(&hello);
}

static void check_list(void **state)
{
    const struct client *list[CLIENTS_MAX];
    struct err err;
    size_t n = 0;
    (void)state;
    assert_true(n_clients >= 20);
    assert_int_equal(clients_parse("all", list, &n, &err), ST_OK);
    assert_int_equal(n, n_clients);
    assert_int_equal(clients_parse("java8,java17,android7,openssl1.0.2,curl,chrome,firefox,node20,"
                                   "go1.19,python3.11,ios9,ie11",
                                   list, &n, &err),
                     ST_OK);
    assert_int_equal(n, 12);
    assert_string_equal(list[1]->id, "java17");
    assert_int_equal(clients_parse("java8,netscape", list, &n, &err), ST_USAGE);
    assert_non_null(strstr(err.text, "netscape"));
    assert_int_equal(clients_parse("", list, &n, &err), ST_USAGE);
    assert_int_equal(clients_parse("java8,", list, &n, &err), ST_OK);
}

int main(void)
{
    struct CMUnitTest tests[CLIENTS_MAX + ARRAY_LEN(prints) + 1];
    size_t n = 0;
    for (; n < n_clients; n++) {
        tests[n] =
            (struct CMUnitTest){ clients[n].id, check_client, NULL, NULL, (void *)&clients[n] };
    }
    for (size_t i = 0; i < ARRAY_LEN(prints); i++) {
        tests[n++] = (struct CMUnitTest){ "ja3", check_ja3, NULL, NULL, (void *)&prints[i] };
    }
    tests[n++] = (struct CMUnitTest){ "list", check_list, NULL, NULL, NULL };
    return _cmocka_run_group_tests("clients", tests, n, NULL, NULL);
}
