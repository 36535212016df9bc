/* Target servers from JSON and XML: what is taken, what is refused, what is printed back. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "store/target_server.h"

struct row {
    const char *name, *text;
    const char *says;    /* within the first error; NULL: none */
    const char *printed; /* NULL: refused */
};

#define BARE "{\"host\":\"b\",\"isEnabled\":true,\"name\":\"t\",\"port\":443}"

static const struct row rows[] = {
    { "as apigeetool sends it",
      "{\"name\":\"t\",\"host\":\"b\",\"isEnabled\":true,\"port\":\"443\"}", NULL, BARE },
    { "enabled as a text", "{\"name\":\"t\",\"host\":\"b\",\"isEnabled\":\"true\",\"port\":443}",
      NULL, BARE },
    { "enabled by default", "{\"name\":\"t\",\"host\":\"b\",\"port\":443}", NULL, BARE },
    { "switched off", "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"isEnabled\":\"false\"}", NULL,
      "{\"host\":\"b\",\"isEnabled\":false,\"name\":\"t\",\"port\":443}" },
    { "an address", "{\"name\":\"t\",\"host\":\"2001:db8::1\",\"port\":443}", NULL,
      "{\"host\":\"2001:db8::1\",\"isEnabled\":true,\"name\":\"t\",\"port\":443}" },
    { "TLS and nothing else",
      "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sSLInfo\":{\"enabled\":true}}", NULL,
      "{\"host\":\"b\",\"isEnabled\":true,\"name\":\"t\",\"port\":443,\"sSLInfo\":{\"ciphers\":[],"
      "\"clientAuthEnabled\":\"false\",\"enabled\":\"true\",\"ignoreValidationErrors\":false,"
      "\"protocols\":[]}}" },
    { "an empty truststore is none",
      "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sSLInfo\":{\"enabled\":true,"
      "\"trustStore\":\"\"}}",
      NULL,
      "{\"host\":\"b\",\"isEnabled\":true,\"name\":\"t\",\"port\":443,\"sSLInfo\":{\"ciphers\":[],"
      "\"clientAuthEnabled\":\"false\",\"enabled\":\"true\",\"ignoreValidationErrors\":false,"
      "\"protocols\":[]}}" },
    { "a name for the certificate",
      "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sSLInfo\":{\"enabled\":true,"
      "\"commonName\":{\"value\":\"*.x\",\"wildcardMatch\":\"true\"},\"enforce\":true}}",
      NULL,
      "{\"host\":\"b\",\"isEnabled\":true,\"name\":\"t\",\"port\":443,\"sSLInfo\":{\"ciphers\":[],"
      "\"clientAuthEnabled\":\"false\",\"commonName\":{\"value\":\"*.x\",\"wildcardMatch\":true},"
      "\"enabled\":\"true\",\"enforce\":true,\"ignoreValidationErrors\":false,\"protocols\":[]}}" },
    { "XML", "<TargetServer name='t'><Host>b</Host><Port>443</Port></TargetServer>", NULL, BARE },
    { "XML, the name as an element",
      "<TargetServer><Name>t</Name><Host>b</Host><Port>443</Port></TargetServer>", NULL, BARE },
    { "a blank at the end of the host", "{\"name\":\"t\",\"host\":\"b \",\"port\":443}",
      "host: \"b \" is neither", NULL },
    { "a URL", "{\"name\":\"t\",\"host\":\"https://b\",\"port\":443}", "host: ", NULL },
    { "a host with a port", "{\"name\":\"t\",\"host\":\"b:443\",\"port\":443}", "host: ", NULL },
    { "a directive", "{\"name\":\"t\",\"host\":\"b;return\",\"port\":443}", "host: ", NULL },
    { "no host", "{\"name\":\"t\",\"port\":443}", "host: a target server needs a host", NULL },
    { "no port", "{\"name\":\"t\",\"host\":\"b\"}", "port: a target server needs a port", NULL },
    { "no name", "{\"host\":\"b\",\"port\":443}", "name: a target server needs", NULL },
    { "another protocol", "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"protocol\":\"GRPC\"}",
      "protocol: HTTP is all", NULL },
    { "a certificate from nowhere",
      "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sSLInfo\":{\"enabled\":true,"
      "\"clientAuthEnabled\":true}}",
      "keyStore: Keystore or KeyStoreReference must be specified", NULL },
    { "a flow variable",
      "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sSLInfo\":{\"keyStore\":\"{ssl.keystore}\"}}",
      "a flow variable is not known before a request", NULL },
    { "a field misspelt", "{\"name\":\"t\",\"host\":\"b\",\"port\":443,\"sslInfo\":{}}",
      "sslInfo: no such field; did you mean sSLInfo?", NULL },
    { "XML, a place", "<TargetServer name='t'>\n <Hots>b</Hots></TargetServer>",
      "Hots: no such field; did you mean Host?", NULL },
};

static void check_row(void **state)
{
    const struct row *row = *state;
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct target_server t;
    json_t *json = json_loads(row->text, 0, NULL);
    enum status st = json != NULL
                         ? target_server_from_json(json, &remarks, &t, NULL)
                         : target_server_from_xml(bytes_of_str(row->text), &remarks, &t, NULL);
    assert_int_equal(st, ST_OK);
    json_decref(json);
    if (row->says == NULL) {
        assert_int_equal(remarks.n, 0);
        json_t *out = target_server_json(&t);
        char *text = json_dumps(out, JSON_COMPACT);
        assert_string_equal(text, row->printed);
        free(text);
        json_decref(out);
    } else {
        assert_true(remarks.n > 0);
        if (strstr(remarks.list[0].text, row->says) == NULL) {
            fail_msg("%s", remarks.list[0].text);
        }
    }
    arena_deinit(&arena);
}

static void check_place(void **state)
{
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct target_server t;
    (void)state;
    assert_int_equal(target_server_from_xml(BYTES("<TargetServer name='t'>\n  <Hots/>\n"
                                                  "  <Prot a='b'>1</Prot></TargetServer>"),
                                            &remarks, &t, NULL),
                     ST_OK);
    assert_int_equal(remarks.list[0].line, 2);
    assert_int_equal(remarks.list[0].column, 3);
    assert_string_equal(remark_sentence(&arena, &remarks.list[1]),
                        "line 3, column 3: Prot: no such field; did you mean Port?");
    arena_deinit(&arena);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    tests[ARRAY_LEN(rows)] = (struct CMUnitTest){ "places in XML", check_place, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("target_server", tests, NULL, NULL);
}
