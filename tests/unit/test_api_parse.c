/* The parsers of the management API: targets, forms, multipart, Accept, XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/multipart.h"
#include "api/target.h"
#include "api/xml.h"

enum { ROOM = 1 << 18 };

/* --- targets --- */

struct target_row {
    const char *name, *raw;
    const char *segments; /* with | between; NULL: refused */
    const char *query;    /* "a=b|c=d" */
};

/* clang-format off: a table reads by columns */
static const struct target_row targets[] = {
    { "plain", "/v1/organizations", "organizations", "" },
    { "root", "/", "", "" },
    { "without version", "/oauth/token", "oauth|token", "" },
    { "encoded", "/v1/o/a%20b", "o|a b", "" },
    { "a slash within", "/v1/o/a%2Fb", "o|a/b", "" },
    { "plus stays in a path", "/v1/o/a+b", "o|a+b", "" },
    { "trailing slash", "/v1/o/", "o", "" },
    { "two slashes", "/v1//o", NULL, "" },
    { "upwards", "/v1/..", NULL, "" },
    { "upwards encoded", "/v1/%2e%2E/x", NULL, "" },
    { "here", "/v1/./x", NULL, "" },
    { "NUL", "/v1/%00", NULL, "" },
    { "line end", "/v1/%0a", NULL, "" },
    { "not UTF-8", "/v1/%ff", NULL, "" },
    { "overlong", "/v1/%c0%af", NULL, "" },
    { "half a percent", "/v1/%4", NULL, "" },
    { "no slash", "v1", NULL, "" },
    { "empty", "", NULL, "" },
    { "absolute", "http://host:8080/v1/o?a=b", "o", "a=b" },
    { "absolute without path", "https://host", "", "" },
    { "query", "/v1/o?a=b+c&d=%26&e", "o", "a=b c|d=&|e=" },
    { "query with a broken percent", "/v1/o?a=%g0", NULL, "" },
    { "empty fields", "/v1/o?&&a=1&", "o", "a=1" },
    { "equals in a value", "/v1/o?a=b=c", "o", "a=b=c" },
};
/* clang-format on */

static void check_target(void **state)
{
    const struct target_row *row = *state;
    struct arena arena = { .limit_bytes = ROOM };
    struct api_target target;
    const char *why = NULL;
    bool good = api_target_parse(bytes_of_str(row->raw), &arena, &target, &why);
    assert_int_equal(good, row->segments != NULL);
    if (good) {
        struct text t = { 0 };
        for (size_t i = 0; i < target.n_segments; i++) {
            text_printf(&t, "%s%s", i == 0 ? "" : "|", target.segments[i]);
        }
        assert_string_equal(text_str(&t), row->segments);
        text_clear(&t);
        for (size_t i = 0; i < target.query.n; i++) {
            text_printf(&t, "%s%s=%s", i == 0 ? "" : "|", target.query.list[i].name,
                        target.query.list[i].value);
        }
        assert_string_equal(text_str(&t), row->query);
        text_deinit(&t);
    } else {
        assert_non_null(why);
    }
    arena_deinit(&arena);
}

/* --- multipart --- */

#define HEAD(name) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

struct part_row {
    const char *name, *type, *body;
    const char *parts; /* "name=body|..."; NULL: refused */
};

/* clang-format off: a table reads by columns */
static const struct part_row parts[] = {
    { "two", "multipart/form-data; boundary=b", HEAD("a") "1\r\n" HEAD("c") "2\r\n--b--\r\n",
      "a=1|c=2" },
    { "without the last dashes", "multipart/form-data; boundary=b", HEAD("a") "1\r\n--b", "a=1" },
    { "without them, with a line end", "multipart/form-data; boundary=b", HEAD("a") "1\r\n--b\r\n",
      "a=1" },
    { "LF alone", "multipart/form-data; boundary=b",
      "--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n", "a=1" },
    { "an empty part", "multipart/form-data; boundary=b", HEAD("a") "\r\n--b--", "a=" },
    { "headers and nothing", "multipart/form-data; boundary=b",
      "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n--b--", "a=" },
    { "line ends within", "multipart/form-data; boundary=b", HEAD("a") "1\r\n\r\n2\r\n--b--",
      "a=1\r\n\r\n2" },
    { "the boundary within a line", "multipart/form-data; boundary=b", HEAD("a") "x--b--\r\n--b--",
      "a=x--b--" },
    { "a preamble", "multipart/form-data; boundary=b", "hello\r\n" HEAD("a") "1\r\n--b--", "a=1" },
    { "quoted", "multipart/form-data; boundary=\"a b\"",
      "--a b\r\nContent-Disposition: form-data; name=\"x\\\"y\"\r\n\r\n1\r\n--a b--", "x\"y=1" },
    { "no part", "multipart/form-data; boundary=b", "--b--", "" },
    { "cut", "multipart/form-data; boundary=b", HEAD("a") "1\r\n", NULL },
    { "no boundary", "multipart/form-data", HEAD("a") "1\r\n--b--", NULL },
    { "an empty boundary", "multipart/form-data; boundary=", HEAD("a") "1\r\n--b--", NULL },
    { "a longer boundary", "multipart/form-data; boundary=b",
      HEAD("a") "1\r\n--bc\r\n\r\n2\r\n--b--", NULL },
    { "headers that do not end", "multipart/form-data; boundary=b", "--b\r\nX: y\r\n--b--", NULL },
};
/* clang-format on */

static void check_parts(void **state)
{
    const struct part_row *row = *state;
    struct arena arena = { .limit_bytes = ROOM };
    struct api_parts got;
    const char *why = NULL;
    bool good = api_multipart_parse(row->type, bytes_of_str(row->body), &arena, &got, &why);
    assert_int_equal(good, row->parts != NULL);
    if (good) {
        struct text t = { 0 };
        for (size_t i = 0; i < got.n; i++) {
            text_printf(&t, "%s%s=", i == 0 ? "" : "|", got.list[i].name);
            text_put(&t, (const char *)got.list[i].body.p, got.list[i].body.len);
        }
        assert_string_equal(text_str(&t), row->parts);
        text_deinit(&t);
    } else {
        assert_non_null(why);
    }
    arena_deinit(&arena);
}

/* --- XML --- */

struct xml_row {
    const char *name, *xml;
    const char *json;  /* compact, sorted; or part of what the error says, after '!' */
    const char *again; /* the XML that it becomes, without the first line; NULL: not asked */
};

/* clang-format off: a table reads by columns */
static const struct xml_row xmls[] = {
    { "an attribute", "<KeyStore name='a'/>", "{\"name\":\"a\"}",
      "<KeyStore name=\"a\"></KeyStore>" },
    { "elements", "<R name='a'><Refers>k</Refers></R>", "{\"name\":\"a\",\"refers\":\"k\"}",
      "<R name=\"a\"><Refers>k</Refers></R>" },
    { "an odd name", "<V><SSLInfo><Enabled>true</Enabled></SSLInfo></V>",
      "{\"sSLInfo\":{\"enabled\":\"true\"}}", "<V><SSLInfo><Enabled>true</Enabled></SSLInfo></V>" },
    { "a list", "<V><Protocols><Protocol>a</Protocol><Protocol>b</Protocol></Protocols></V>",
      "{\"protocols\":[\"a\",\"b\"]}",
      "<V><Protocols><Protocol>a</Protocol><Protocol>b</Protocol></Protocols></V>" },
    { "a list of one", "<V><Protocols><Protocol>a</Protocol></Protocols></V>",
      "{\"protocols\":[\"a\"]}", NULL },
    { "an empty list", "<V><Ciphers/></V>", "{\"ciphers\":[]}", "<V><Ciphers></Ciphers></V>" },
    { "properties", "<V><Properties><Property name='a'>1</Property></Properties></V>",
      "{\"properties\":{\"property\":[{\"name\":\"a\",\"value\":\"1\"}]}}",
      "<V><Properties><Property name=\"a\">1</Property></Properties></V>" },
    { "twice of a name", "<V><A>1</A><A>2</A><A>3</A></V>", "{\"a\":[\"1\",\"2\",\"3\"]}",
      "<V><A>1</A><A>2</A><A>3</A></V>" },
    { "blanks around", "<V>\n <A>\n 1 \n</A>\n</V>", "{\"a\":\"1\"}", NULL },
    { "entities of XML", "<V><A>&lt;&amp;&#65;</A></V>", "{\"a\":\"<&A\"}",
      "<V><A>&lt;&amp;A</A></V>" },
    { "CDATA", "<V><A><![CDATA[<b>]]></A></V>", "{\"a\":\"<b>\"}", NULL },
    { "nothing", "<V/>", "\"\"", NULL },
    { "text alone", "<V>x</V>", "\"x\"", "<V>x</V>" },
    { "not closed", "<V>\n<A></V>", "!line 2, column", NULL },
    { "a document type", "<!DOCTYPE V [<!ENTITY a 'b'>]><V>&a;</V>", "!document type", NULL },
    { "an entity of nobody", "<V>&a;</V>", "!line 1", NULL },
    { "text in a list", "<V><Protocols>x<Protocol>y</Protocol></Protocols></V>",
      "!between the items", NULL },
    { "no element", "", "!", NULL },
};
/* clang-format on */

static void check_xml(void **state)
{
    const struct xml_row *row = *state;
    json_t *json = NULL;
    struct text root = { 0 };
    struct text again = { 0 };
    struct err err = { 0 };
    enum status st = api_xml_read(bytes_of_str(row->xml), &json, &root, &err);
    if (row->json[0] == '!') {
        assert_int_equal(st, ST_FORMAT);
        assert_non_null(strstr(err.text, row->json + 1));
    } else {
        assert_int_equal(st, ST_OK);
        char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        assert_string_equal(text, row->json);
        free(text);
    }
    if (row->again != NULL) {
        assert_true(api_xml_write(&again, json, text_str(&root)));
        assert_non_null(strstr(text_str(&again), row->again));
    }
    json_decref(json);
    text_deinit(&root);
    text_deinit(&again);
}

static void deep_xml_is_refused(void **state)
{
    struct text xml = { 0 };
    json_t *json = NULL;
    struct err err = { 0 };
    (void)state;
    for (int i = 0; i <= API_XML_DEPTH_MAX; i++) {
        text_puts(&xml, "<a>");
    }
    for (int i = 0; i <= API_XML_DEPTH_MAX; i++) {
        text_puts(&xml, "</a>");
    }
    assert_int_equal(api_xml_read(bytes_of(xml.p, xml.len), &json, NULL, &err), ST_FORMAT);
    assert_null(json);
    text_deinit(&xml);
}

static void xml_has_no_control_characters(void **state)
{
    struct text xml = { 0 };
    (void)state;
    json_t *json = json_pack("{s:s, s:s}", "a", "x\x01y\nz", "b", "\"<>&");
    assert_true(api_xml_write(&xml, json, "V"));
    assert_non_null(strstr(text_str(&xml), "<A>x\xef\xbf\xbdy&#10;z</A>"));
    assert_non_null(strstr(text_str(&xml), "<B>&quot;&lt;&gt;&amp;</B>"));
    text_deinit(&xml);
    json_decref(json);
    json = json_pack("{s:s}", "a b", "x");
    assert_false(api_xml_write(&xml, json, "V")); /* no such name in XML */
    text_deinit(&xml);
    json_decref(json);
}

/* --- Accept --- */

struct accept_row {
    const char *header;
    bool json, xml, text;
    enum api_form form; /* with JSON otherwise */
};

/* clang-format off: a table reads by columns */
static const struct accept_row accepts[] = {
    { NULL, true, true, true, API_JSON },
    { "*/*", true, true, true, API_JSON },
    { "application/json", true, false, false, API_JSON },
    { "application/xml", false, true, false, API_XML },
    { "Application/XML; charset=utf-8", false, true, false, API_XML },
    { "application/*", true, true, false, API_JSON },
    { "text/plain, */*;q=0.1", true, true, true, API_JSON },
    { "application/xml;q=0.2, application/json", true, true, false, API_JSON },
    { "application/json;q=0, */*", false, true, true, API_JSON },
    { "image/png", false, false, false, API_JSON },
    { "application/problem+json", false, false, false, API_JSON },
    { ",;q=,", false, false, false, API_JSON },
};
/* clang-format on */

static void accepts_as_rfc9110_has_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
        const struct accept_row *row = &accepts[i];
        assert_int_equal(api_accepts(row->header, "application/json"), row->json);
        assert_int_equal(api_accepts(row->header, "application/xml"), row->xml);
        assert_int_equal(api_accepts(row->header, "text/plain"), row->text);
        assert_int_equal(api_form_of(row->header, API_JSON), row->form);
    }
}

enum { N_ROWS = ARRAY_LEN(targets) + ARRAY_LEN(parts) + ARRAY_LEN(xmls) };

int main(void)
{
    struct CMUnitTest tests[N_ROWS + 3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        tests[n++] = (struct CMUnitTest){ targets[i].name, check_target, NULL, NULL,
                                          (void *)(uintptr_t)&targets[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        tests[n++] = (struct CMUnitTest){ parts[i].name, check_parts, NULL, NULL,
                                          (void *)(uintptr_t)&parts[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(xmls); i++) {
        tests[n++] =
            (struct CMUnitTest){ xmls[i].name, check_xml, NULL, NULL, (void *)(uintptr_t)&xmls[i] };
    }
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(deep_xml_is_refused);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(xml_has_no_control_characters);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(accepts_as_rfc9110_has_it);
    return cmocka_run_group_tests_name("api_parse", tests, NULL, NULL);
}
