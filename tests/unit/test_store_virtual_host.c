/* Virtual hosts from JSON and XML: what is taken, what is refused and with which words, and what is
 * printed back. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "store/virtual_host.h"

struct row {
    const char *name, *text;
    const char *says; /* within the first error; NULL: none */
};

#define HEAD "{\"name\":\"v\",\"hostAliases\":[\"a.example\"],\"port\":\"443\""
#define SSL  "\"keyStore\":\"k\",\"keyAlias\":\"a\",\"enabled\":\"true\""

/* clang-format off: a table reads by columns */
static const struct row json_rows[] = {
    { "the least", HEAD "}", NULL },
    { "port as a number", "{\"name\":\"v\",\"hostAliases\":[\"a\"],\"port\":443}", NULL },
    { "no name", "{\"hostAliases\":[\"a\"],\"port\":443}", "name: a virtual host needs" },
    { "name with a slash", "{\"name\":\"a/b\",\"hostAliases\":[\"a\"],\"port\":443}", "name: " },
    { "no alias", "{\"name\":\"v\",\"hostAliases\":[],\"port\":443}", "hostAliases: " },
    { "alias is no host", "{\"name\":\"v\",\"hostAliases\":[\"a b\"],\"port\":443}",
      "\"a b\" is not a host" },
    { "star in front", "{\"name\":\"v\",\"hostAliases\":[\"*.a.example\"],\"port\":443}", NULL },
    { "star within", "{\"name\":\"v\",\"hostAliases\":[\"a*.example\"],\"port\":443}",
      "is not a host name" },
    { "star not in front", "{\"name\":\"v\",\"hostAliases\":[\"a.*.example\"],\"port\":443}",
      "is not a host" },
    { "alias with the port", "{\"name\":\"v\",\"hostAliases\":[\"a:443\"],\"port\":443}", NULL },
    { "alias with another port", "{\"name\":\"v\",\"hostAliases\":[\"a:444\"],\"port\":443}",
      "the port of \"a:444\"" },
    { "port 0", "{\"name\":\"v\",\"hostAliases\":[\"a\"],\"port\":0}",
      "port: a whole number from 1 to 65535" },
    { "port 65536", "{\"name\":\"v\",\"hostAliases\":[\"a\"],\"port\":\"65536\"}",
      "port: a whole number" },
    { "port is text", "{\"name\":\"v\",\"hostAliases\":[\"a\"],\"port\":\"https\"}",
      "port: a whole number" },
    { "port overflows", "{\"name\":\"v\",\"hostAliases\":[\"a\"],\"port\":\"4294967739\"}",
      "port: a whole number" },
    { "a slip of the pen", HEAD ",\"hostAlias\":[\"b\"]}",
      "hostAlias: no such field; did you mean hostAliases?" },
    { "a field of nothing", HEAD ",\"colour\":\"red\"}", "colour: no such field" },
    { "null is not there", HEAD ",\"sSLInfo\":null}", NULL },
    { "an object is wanted", HEAD ",\"sSLInfo\":\"yes\"}", "sSLInfo: an object is wanted here" },
    { "a list is lone", HEAD ",\"interfaces\":\"eth0\"}", NULL },
    { "an interface is an address", HEAD ",\"interfaces\":[\"192.0.2.1\",\"2001:db8::1\"]}", NULL },
    { "an interface with a semicolon", HEAD ",\"interfaces\":[\"a;b\"]}", "interfaces: " },
    { "listen option", HEAD ",\"listenOptions\":[\"proxy_protocol\"]}", NULL },
    { "listen option unknown", HEAD ",\"listenOptions\":[\"http2\"]}",
      "listenOptions: proxy_protocol" },
    { "retry options", HEAD ",\"retryOptions\":[\"http_599\",\"off\"]}", NULL },
    { "retry option unknown", HEAD ",\"retryOptions\":[\"always\"]}", "retryOptions: there is no" },
    { "stapling", HEAD ",\"oCSPStapling\":\"on\"}", NULL },
    { "stapling is yes", HEAD ",\"oCSPStapling\":\"yes\"}", "oCSPStapling: on or off" },
    { "trial certificate", HEAD ",\"useBuiltInFreeTrialCert\":true}", "there is no built-in" },
    { "no trial certificate", HEAD ",\"useBuiltInFreeTrialCert\":false}", NULL },
    { "propagation",
      HEAD ",\"propagateTLSInformation\":{\"connectionProperties\":true,\"clientProperties\":"
           "\"false\"}}",
      NULL },
    { "propagation, unknown", HEAD ",\"propagateTLSInformation\":{\"all\":true}}",
      "propagateTLSInformation.all: no such" },
    { "TLS", HEAD ",\"sSLInfo\":{" SSL "}}", NULL },
    { "TLS by a reference",
      HEAD ",\"sSLInfo\":{\"enabled\":true,\"keyStore\":\"ref://r\",\"keyAlias\":\"a\"}}", NULL },
    { "a reference to nothing", HEAD ",\"sSLInfo\":{\"keyStore\":\"ref://\"}}",
      "needs the name of a reference" },
    { "TLS without a keystore", HEAD ",\"sSLInfo\":{\"enabled\":true}}",
      "Keystore or KeyStoreReference must" },
    { "TLS without an alias", HEAD ",\"sSLInfo\":{\"enabled\":true,\"keyStore\":\"k\"}}",
      "The KeyAlias to be used in Keystore k" },
    { "an alias by reference",
      HEAD ",\"sSLInfo\":{\"enabled\":true,\"keyStore\":\"k\",\"keyAlias\":\"ref://a\"}}",
      "can never be a reference" },
    { "TLS off needs nothing", HEAD ",\"sSLInfo\":{\"enabled\":\"false\"}}", NULL },
    { "clients' certificates against nothing",
      HEAD ",\"sSLInfo\":{" SSL ",\"clientAuthEnabled\":true}}", "trustStore: clientAuthEnabled" },
    { "an empty truststore is none",
      HEAD ",\"sSLInfo\":{" SSL ",\"clientAuthEnabled\":true,\"trustStore\":\"\"}}",
      "trustStore: " },
    { "two-way", HEAD ",\"sSLInfo\":{" SSL ",\"clientAuthEnabled\":true,\"trustStore\":\"t\"}}",
      NULL },
    { "no boolean", HEAD ",\"sSLInfo\":{\"enabled\":\"yes\"}}", "sSLInfo.enabled: true or false" },
    { "protocols in both spellings",
      HEAD ",\"sSLInfo\":{" SSL ",\"protocols\":[\"TLSv1\",\"TLSv1.0\",\"TLSv1.3\"]}}", NULL },
    { "a protocol there is not", HEAD ",\"sSLInfo\":{" SSL ",\"protocols\":[\"TLSv1.4\"]}}",
      "there is no protocol TLSv1.4" },
    { "a protocol that is broken", HEAD ",\"sSLInfo\":{" SSL ",\"protocols\":[\"SSLv3\"]}}",
      "SSLv3 is broken" },
    { "ciphers in three spellings",
      HEAD ",\"sSLInfo\":{" SSL ",\"ciphers\":[\"TLS_RSA_WITH_AES_128_CBC_SHA\",\"ECDHE-RSA-AES128-"
           "GCM-SHA256\",\"TLS_AES_128_GCM_SHA256\"]}}",
      NULL },
    { "a cipher there is not", HEAD ",\"sSLInfo\":{" SSL ",\"ciphers\":[\"TLS_WITH_LOVE\"]}}",
      "there is no cipher suite TLS_WITH_LOVE" },
    { "a cipher nobody has",
      HEAD ",\"sSLInfo\":{" SSL ",\"ciphers\":[\"SSL_RSA_EXPORT_WITH_RC4_40_MD5\"]}}",
      "OpenSSL on this machine does not have" },
    { "a cipher without provider",
      HEAD ",\"sSLInfo\":{" SSL ",\"ciphers\":[\"TLS_RSA_WITH_SEED_CBC_SHA\"]}}",
      "OpenSSL on this machine does not have" },
    { "enforce is for targets", HEAD ",\"sSLInfo\":{" SSL ",\"enforce\":true}}",
      "enforce: of a target only" },
    { "a store of CRLs", HEAD ",\"sSLInfo\":{" SSL ",\"cRLStore\":\"c\"}}",
      "sSLInfo.cRLStore: not to be had" },
    { "properties, the usual form",
      HEAD ",\"properties\":{\"property\":[{\"name\":\"proxy_read_timeout\",\"value\":\"57\"}]}}",
      NULL },
    { "properties, the specification's form",
      HEAD ",\"properties\":{\"Property\":[{\"_name\":\"ssl_protocols\",\"__text\":\"TLSv1.2 "
           "TLSv1.3\"}]}}",
      NULL },
    { "properties as a list",
      HEAD ",\"properties\":[{\"name\":\"proxy_buffering\",\"value\":\"off\"}]}", NULL },
    { "properties, one alone",
      HEAD ",\"properties\":{\"property\":{\"name\":\"proxy_buffering\",\"value\":\"off\"}}}",
      NULL },
    { "no property", HEAD ",\"properties\":{}}", NULL },
    { "property unknown", HEAD ",\"properties\":[{\"name\":\"root\",\"value\":\"/\"}]}",
      "there is no \"root\"" },
    { "property without value", HEAD ",\"properties\":[{\"name\":\"proxy_buffering\"}]}",
      "needs a name and a value" },
    { "property with more", HEAD ",\"properties\":[{\"name\":\"a\",\"value\":\"b\",\"x\":\"c\"}]}",
      "a property has a name and a value" },
    { "a timeout of words",
      HEAD ",\"properties\":[{\"name\":\"keepalive_timeout\",\"value\":\"long\"}]}",
      "a number of seconds" },
    { "a timeout of years",
      HEAD ",\"properties\":[{\"name\":\"keepalive_timeout\",\"value\":\"999999999\"}]}",
      "a number of seconds" },
    { "protocols with commas",
      HEAD ",\"properties\":[{\"name\":\"ssl_protocols\",\"value\":\"TLSv1,TLSv1.2\"}]}", NULL },
    { "protocols that are none",
      HEAD ",\"properties\":[{\"name\":\"ssl_protocols\",\"value\":\" \"}]}", "a list of TLSv1" },
    { "protocols with a directive",
      HEAD ",\"properties\":[{\"name\":\"ssl_protocols\",\"value\":\"TLSv1.2; root /\"}]}",
      "a list of TLSv1" },
    { "ciphers of OpenSSL",
      HEAD
      ",\"properties\":[{\"name\":\"ssl_ciphers\",\"value\":\"HIGH:!aNULL:!MD5:!DH+3DES:!kEDH\"}]}",
      NULL },
    { "ciphers of nobody",
      HEAD ",\"properties\":[{\"name\":\"ssl_ciphers\",\"value\":\"NONESUCH\"}]}",
      "a list of ciphers" },
    { "ciphers with a directive",
      HEAD ",\"properties\":[{\"name\":\"ssl_ciphers\",\"value\":\"HIGH; root /\"}]}",
      "a list of ciphers" },
    { "a control character", HEAD ",\"baseUrl\":\"http://a\\nb\"}", "baseUrl: control characters" },
    { "no object", "[]", "an object is wanted" },
};

static const struct row xml_rows[] = {
    { "the least",
      "<VirtualHost "
      "name='v'><HostAliases><HostAlias>a</HostAlias></HostAliases><Port>443</Port></VirtualHost>",
      NULL },
    { "name as an element",
      "<VirtualHost><Name>v</Name><HostAliases><HostAlias>a</HostAlias></HostAliases><Port>80</"
      "Port></VirtualHost>",
      NULL },
    { "TLS",
      "<VirtualHost "
      "name='v'><HostAliases><HostAlias>a</HostAlias></HostAliases><Interfaces/><Port>443</Port>"
      "<SSLInfo><Enabled>true</Enabled><KeyStore>ref://k</KeyStore><KeyAlias>a</"
      "KeyAlias><Protocols><Protocol>TLSv1.2</Protocol></Protocols></SSLInfo>"
      "<Properties><Property name='proxy_read_timeout'>50</Property></Properties></VirtualHost>",
      NULL },
    { "another element", "<TargetServer name='t'/>",
      "<VirtualHost> is wanted here, not <TargetServer>" },
    { "a stranger in a list",
      "<VirtualHost "
      "name='v'><HostAliases><Alias>a</Alias></HostAliases><Port>443</Port></VirtualHost>",
      "<HostAlias> is wanted here, not <Alias>" },
    { "a field twice", "<VirtualHost name='v'><Port>443</Port><Port>444</Port></VirtualHost>",
      "Port: given twice" },
    { "a field unknown", "<VirtualHost name='v'><Prot>443</Prot></VirtualHost>",
      "Prot: no such field" },
    { "not closed", "<VirtualHost name='v'><Port>443</VirtualHost>",
      "</VirtualHost> ends <Port>, which is not closed" },
    { "nothing", "", "there is no XML here" },
    { "a document type",
      "<!DOCTYPE v [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><VirtualHost name='&e;'/>",
      "a document type declaration is not taken" },
};
/* clang-format on */

static void check_row(const struct row *row, bool is_xml)
{
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct virtual_host v;
    struct err err = { 0 };
    if (is_xml) {
        assert_int_equal(virtual_host_from_xml(bytes_of_str(row->text), &remarks, &v, &err), ST_OK);
    } else {
        json_t *json = json_loads(row->text, 0, NULL);
        assert_non_null(json);
        assert_int_equal(virtual_host_from_json(json, &remarks, &v, &err), ST_OK);
        json_decref(json);
    }
    const struct remark *first = remarks.n == 0 ? NULL : &remarks.list[0];
    if (row->says == NULL) {
        assert_string_equal(first == NULL ? "" : first->text, "");
    } else {
        assert_non_null(first);
        if (strstr(first->text, row->says) == NULL) {
            fail_msg("%s", first->text);
        }
        assert_true(first->level >= REMARK_ERROR);
    }
    arena_deinit(&arena);
}

static void check_json(void **state)
{
    check_row(*state, false);
}

static void check_xml(void **state)
{
    check_row(*state, true);
}

/* As a two-way virtual host of the real system is printed. */
static void check_print(void **state)
{
    static const char given[] =
        "{\"name\":\"secure\",\"port\":443,\"hostAliases\":[\"a.example\"],"
        "\"sSLInfo\":{\"enabled\":true,\"clientAuthEnabled\":true,\"keyStore\":\"ref://k\","
        "\"keyAlias\":\"a\",\"trustStore\":\"t\",\"ignoreValidationErrors\":\"false\"}}";
    static const char printed[] =
        "{\"hostAliases\":[\"a.example\"],\"interfaces\":[],\"listenOptions\":[],"
        "\"name\":\"secure\",\"port\":\"443\",\"retryOptions\":[],\"sSLInfo\":{\"ciphers\":[],"
        "\"clientAuthEnabled\":\"true\",\"enabled\":\"true\",\"ignoreValidationErrors\":false,"
        "\"keyAlias\":\"a\",\"keyStore\":\"ref://k\",\"protocols\":[],\"trustStore\":\"t\"}}";
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct virtual_host v;
    json_t *json = json_loads(given, 0, NULL);
    (void)state;
    assert_int_equal(virtual_host_from_json(json, &remarks, &v, NULL), ST_OK);
    assert_int_equal(remarks.n, 0);
    assert_true(virtual_host_is_tls(&v));
    assert_true(v.ssl.key_store.is_reference);
    assert_string_equal(v.ssl.key_store.name, "k");
    json_t *again = virtual_host_json(&v);
    char *text = json_dumps(again, JSON_COMPACT);
    assert_string_equal(text, printed);
    free(text);
    json_decref(again);
    json_decref(json);
    arena_deinit(&arena);
}

static void check_meaning(void **state)
{
    static const char given[] =
        HEAD ",\"sSLInfo\":{" SSL ",\"protocols\":[\"TLSv1.0\",\"TLSv1.2\"],\"ciphers\":["
             "\"SSL_RSA_WITH_AES_128_CBC_SHA\",\"TLS_AES_256_GCM_SHA384\","
             "\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"]},\"properties\":{\"property\":["
             "{\"name\":\"proxy_read_timeout\",\"value\":\"2m\"},"
             "{\"name\":\"proxy_buffering\",\"value\":\"off\"},"
             "{\"name\":\"ssl_protocols\",\"value\":\"TLSv1.2 TLSv1.3\"}]}}";
    struct arena arena = { .limit_bytes = 1 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct virtual_host v;
    struct ssl_settings settings;
    json_t *json = json_loads(given, 0, NULL);
    (void)state;
    assert_int_equal(virtual_host_from_json(json, &remarks, &v, NULL), ST_OK);
    assert_int_equal(remarks.n, 0);
    assert_int_equal(ssl_info_settle(&v.ssl, &arena, &settings, NULL), ST_OK);
    assert_int_equal(settings.protocols, TLS_PROTOCOL_1_0 | TLS_PROTOCOL_1_2);
    assert_string_equal(settings.ciphers, "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256");
    assert_string_equal(settings.suites, "TLS_AES_256_GCM_SHA384");
    assert_int_equal(v.read_timeout_ms, 120000);
    assert_int_equal(v.keepalive_timeout_ms, -1);
    assert_int_equal(v.buffering, CHOICE_NO);
    assert_int_equal(v.request_buffering, CHOICE_NONE);
    assert_int_equal(v.ssl_protocols, TLS_PROTOCOL_1_2 | TLS_PROTOCOL_1_3);
    json_decref(json);
    arena_deinit(&arena);
}

static void check_clash(void **state)
{
    const char *one[] = { "a.example", "b.example:443" };
    const char *two[] = { "c.example", "B.Example" };
    struct virtual_host a = { .host_aliases = { one, 2 }, .port = { 443, true } };
    struct virtual_host b = { .host_aliases = { two, 2 }, .port = { 443, true } };
    const char *alias = NULL;
    (void)state;
    assert_true(virtual_host_clash(&a, &b, &alias));
    assert_string_equal(alias, "b.example:443");
    b.port.value = 444;
    assert_false(virtual_host_clash(&a, &b, &alias));
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(json_rows) + ARRAY_LEN(xml_rows) + 3];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(json_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ json_rows[i].name, check_json, NULL, NULL, (void *)&json_rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(xml_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ xml_rows[i].name, check_xml, NULL, NULL, (void *)&xml_rows[i] };
    }
    tests[n++] = (struct CMUnitTest){ "printed", check_print, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "what it means", check_meaning, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "clash", check_clash, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("virtual_host", tests, NULL, NULL);
}
