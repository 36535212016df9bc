/* Bundles: what is read from them, and what each fault is called, with line and column. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <zip.h>

#include "store/bundle.h"
#include "store/bundle_edit.h"

#define ROOT "<APIProxy name='p'/>"
#define PROXY(rules)                                                                               \
    "<ProxyEndpoint name='default'><HTTPProxyConnection><BasePath>/v1/weather/</BasePath>"         \
    "<VirtualHost>secure</VirtualHost></HTTPProxyConnection>" rules "</ProxyEndpoint>"
#define RULE "<RouteRule name='r'><TargetEndpoint>default</TargetEndpoint></RouteRule>"
#define TARGET(inner)                                                                              \
    "<TargetEndpoint name='default'><HTTPTargetConnection>" inner                                  \
    "</HTTPTargetConnection></TargetEndpoint>"
#define URL "<URL>https://b.example/x</URL>"

struct row {
    const char *name;
    const char *proxy, *target, *policy; /* NULL: no such file */
    enum remark_level level;
    unsigned line, column;
    const char *says; /* NULL: no remark at all */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "the least", PROXY(RULE), TARGET(URL), NULL, 0, 0, 0, NULL },
    { "no proxy endpoint", NULL, TARGET(URL), NULL, REMARK_ERROR, 0, 0, "has no proxy endpoint" },
    { "no target endpoint", PROXY(RULE), NULL, NULL, REMARK_ERROR, 1, 140,
      "leads to target endpoint \"default\"" },
    { "no route", PROXY(""), TARGET(URL), NULL, REMARK_ERROR, 1, 1, "needs a <RouteRule>" },
    { "the guide's example", PROXY(RULE),
      "<TargetEndpoint name=\"default\">\n <HTTPTargetConnection>\n  <SSLInfo>\n      "
      "<Enabled>true</Enabled>\n      <Protocols>\n"
      "          <Protocol>TLSv1.0<Protocol>\n      </Protocols>\n  </SSLInfo>\n  "
      "<URL>https://myservice.com</URL>\n </HTTPTargetConnection>\n</TargetEndpoint>",
      NULL, REMARK_BROKEN, 6, 28,
      "<Protocol> is not closed: here a second <Protocol> begins where </Protocol> is due" },
    { "a tag not closed", PROXY(RULE),
      "<TargetEndpoint name='default'>\n<HTTPTargetConnection>\n</TargetEndpoint>", NULL,
      REMARK_BROKEN, 3, 18, "</TargetEndpoint> ends <HTTPTargetConnection>, which is not closed" },
    { "not XML", PROXY(RULE), "hello", NULL, REMARK_BROKEN, 1, 1, "Start tag expected" },
    { "an entity", PROXY(RULE), "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
      NULL, REMARK_BROKEN, 1, 1, "document type" },
    { "another element", PROXY(RULE), "<Target name='a'/>", NULL, REMARK_ERROR, 1, 1,
      "<TargetEndpoint> is wanted here, not <Target>" },
    { "an unknown element", PROXY(RULE), TARGET(URL "<Uri/>"), NULL, REMARK_ERROR, 1, 84,
      "<Uri> is not known within <HTTPTargetConnection>" },
    { "neither URL nor servers", PROXY(RULE), TARGET(""), NULL, REMARK_ERROR, 1, 32,
      "exactly one" },
    { "URL and servers", PROXY(RULE), TARGET(URL "<LoadBalancer><Server name='a'/></LoadBalancer>"),
      NULL, REMARK_ERROR, 1, 32, "exactly one" },
    { "a flow variable", PROXY(RULE), TARGET("<URL>https://{host}/</URL>"), NULL, REMARK_ERROR, 1,
      54, "a flow variable" },
    { "no scheme", PROXY(RULE), TARGET("<URL>b.example</URL>"), NULL, REMARK_ERROR, 1, 54,
      "http:// or https://" },
    { "a host with a blank", PROXY(RULE), TARGET("<URL>https://a b/</URL>"), NULL, REMARK_ERROR, 1,
      54, "a host name or an address" },
    { "a port too high", PROXY(RULE), TARGET("<URL>https://a:65536/</URL>"), NULL, REMARK_ERROR, 1,
      54, "a port from 1" },
    { "a semicolon in the path", PROXY(RULE), TARGET("<URL>https://a/;root</URL>"), NULL,
      REMARK_ERROR, 1, 54, "characters that no URL" },
    { "an IPv6 address", PROXY(RULE), TARGET("<URL>https://[2001:db8::1]:8443/</URL>"), NULL, 0, 0,
      0, NULL },
    { "a script", PROXY(RULE), "<TargetEndpoint name='default'><ScriptTarget/></TargetEndpoint>",
      NULL, REMARK_ERROR, 1, 32, "scripts are not run" },
    { "a call within", PROXY(RULE),
      "<TargetEndpoint name='default'><LocalTargetConnection/></TargetEndpoint>", NULL,
      REMARK_ERROR, 1, 32, "from one proxy to another" },
    { "a health monitor", PROXY(RULE), TARGET(URL "<HealthMonitor/>"), NULL, REMARK_WARNING, 1, 84,
      "<HealthMonitor>: targets are not asked" },
    { "a property of no effect", PROXY(RULE),
      TARGET(URL "<Properties>\n<Property name='success.codes'>1xx</Property></Properties>"), NULL,
      REMARK_WARNING, 2, 1, "success.codes has no effect" },
    { "a timeout of words", PROXY(RULE),
      TARGET(URL "<Properties><Property name='io.timeout.millis'>long</Property></Properties>"),
      NULL, REMARK_ERROR, 1, 96, "a whole number" },
    { "TLS, unknown protocol", PROXY(RULE),
      TARGET(URL "<SSLInfo><Protocols><Protocol>TLS9</Protocol></Protocols></SSLInfo>"), NULL,
      REMARK_ERROR, 1, 84, "SSLInfo: protocols: there is no protocol TLS9" },
    { "TLS, a field misspelt", PROXY(RULE),
      TARGET(URL "<SSLInfo><TrustStor>a</TrustStor></SSLInfo>"), NULL, REMARK_ERROR, 1, 93,
      "no such field; did you mean TrustStore?" },
    { "TLS, a client without alias", PROXY(RULE),
      TARGET(
          URL
          "<SSLInfo><ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>k</KeyStore></SSLInfo>"),
      NULL, REMARK_ERROR, 1, 84, "The KeyAlias to be used in Keystore k" },
    { "TLS twice", PROXY(RULE), TARGET(URL "<SSLInfo/><SSLInfo/>"), NULL, REMARK_ERROR, 1, 84,
      "more than one <SSLInfo>" },
    { "TLS beside servers", PROXY(RULE),
      TARGET("<LoadBalancer><Server name='a'/></LoadBalancer><SSLInfo/>"), NULL, REMARK_WARNING, 1,
      101, "has no effect: the sSLInfo" },
    { "no server", PROXY(RULE), TARGET("<LoadBalancer/>"), NULL, REMARK_ERROR, 1, 54,
      "needs a <Server>" },
    { "an algorithm", PROXY(RULE),
      TARGET("<LoadBalancer><Algorithm>Best</Algorithm><Server name='a'/></LoadBalancer>"), NULL,
      REMARK_ERROR, 1, 68, "RoundRobin, Weighted" },
    { "a path beside a URL", PROXY(RULE), TARGET(URL "<Path>/a</Path>"), NULL, REMARK_WARNING, 1,
      84, "with a <LoadBalancer> only" },
    { "a condition", PROXY("<RouteRule name='r'><Condition>a = \"b\"</Condition></RouteRule>" RULE),
      TARGET(URL), NULL, REMARK_ERROR, 1, 160, "at character 1: a is no variable" },
    { "a rule never reached", PROXY(RULE RULE), TARGET(URL), NULL, REMARK_WARNING, 1, 212,
      "never reached" },
    { "no rule for the rest",
      PROXY("<RouteRule name='r'><Condition>request.verb = \"GET\"</Condition></RouteRule>"),
      TARGET(URL), NULL, REMARK_WARNING, 1, 140, "no route rule is without condition" },
    { "a null route", PROXY("<RouteRule name='r'/>"), TARGET(URL), NULL, 0, 0, 0, NULL },
    { "a wildcard in the base path",
      "<ProxyEndpoint "
      "name='d'><HTTPProxyConnection><BasePath>/a/*</BasePath><VirtualHost>v</VirtualHost></"
      "HTTPProxyConnection><RouteRule name='r'/></ProxyEndpoint>",
      TARGET(URL), NULL, REMARK_ERROR, 1, 46, "wildcards" },
    { "a base path with a brace",
      "<ProxyEndpoint "
      "name='d'><HTTPProxyConnection><BasePath>/a{</BasePath><VirtualHost>v</VirtualHost></"
      "HTTPProxyConnection><RouteRule name='r'/></ProxyEndpoint>",
      TARGET(URL), NULL, REMARK_ERROR, 1, 46, "it consists of" },
    { "an API key",
      PROXY("<PreFlow "
            "name='PreFlow'><Request><Step><Name>key</Name></Step></Request></PreFlow>" RULE),
      TARGET(URL), "<VerifyAPIKey name='key'/>", REMARK_UNSAFE, 1, 173,
      "policy key (VerifyAPIKey, asks for an API key) in flow PreFlow is not executed" },
    { "an API key, switched off",
      PROXY("<PreFlow "
            "name='PreFlow'><Request><Step><Name>key</Name></Step></Request></PreFlow>" RULE),
      TARGET(URL), "<VerifyAPIKey enabled='false' name='key'/>", 0, 0, 0, NULL },
    { "a policy of no known kind",
      PROXY("<Flows><Flow "
            "name='f'><Request><Step><Name>key</Name></Step></Request></Flow></Flows>" RULE),
      TARGET(URL), "<Guard name='key'/>", REMARK_UNSAFE, 1, 171, "in flow f is not executed" },
    { "a policy that changes",
      PROXY("<PostFlow><Response><Step><Name>key</Name></Step></Response></PostFlow>" RULE),
      TARGET(URL), "<AssignMessage name='key'/>", REMARK_WARNING, 1, 160, "in flow PostFlow" },
    { "a fault rule",
      PROXY("<FaultRules><FaultRule "
            "name='f'><Step><Name>key</Name></Step></FaultRule></FaultRules>" RULE),
      TARGET(URL), "<RaiseFault name='key'/>", REMARK_WARNING, 1, 172, "in flow f" },
    { "a policy that is not there",
      PROXY("<PreFlow><Request><Step><Name>key</Name></Step></Request></PreFlow>" RULE),
      TARGET(URL), NULL, REMARK_ERROR, 1, 158, "no policy of that name" },
};
/* clang-format on */

struct file {
    const char *path, *content;
};

/* An archive of these files, the last one without path; malloc'ed. */
static struct bytes make_zip(const struct file *files)
{
    zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, NULL);
    assert_non_null(source);
    zip_source_keep(source);
    zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, NULL);
    assert_non_null(archive);
    for (; files->path != NULL; files++) {
        zip_source_t *content =
            zip_source_buffer(archive, files->content, strlen(files->content), 0);
        assert_true(zip_file_add(archive, files->path, content, ZIP_FL_ENC_UTF_8) >= 0);
    }
    assert_int_equal(zip_close(archive), 0);
    zip_stat_t st;
    assert_int_equal(zip_source_stat(source, &st), 0);
    uint8_t *to = malloc(st.size);
    assert_int_equal(zip_source_open(source), 0);
    assert_int_equal(zip_source_read(source, to, st.size), st.size);
    zip_source_close(source);
    zip_source_free(source);
    return bytes_of(to, st.size);
}

static struct bytes make_bundle(const char *proxy, const char *target, const char *policy)
{
    struct file files[5] = { { "apiproxy/p.xml", ROOT } };
    size_t n = 1;
    if (proxy != NULL) {
        files[n++] = (struct file){ "apiproxy/proxies/default.xml", proxy };
    }
    if (target != NULL) {
        files[n++] = (struct file){ "apiproxy/targets/default.xml", target };
    }
    if (policy != NULL) {
        files[n++] = (struct file){ "apiproxy/policies/key.xml", policy };
    }
    return make_zip(files);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct bytes zip = make_bundle(row->proxy, row->target, row->policy);
    struct bundle b;
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    free((void *)(uintptr_t)zip.p);
    const struct remark *worst = remarks_worst(&b.remarks, REMARK_WARNING);
    if (row->says == NULL) {
        assert_string_equal(worst == NULL ? "" : worst->text, "");
    } else {
        assert_non_null(worst);
        if (strstr(worst->text, row->says) == NULL) {
            fail_msg("%s", worst->text);
        }
        assert_int_equal(worst->level, row->level);
        assert_int_equal(worst->line, row->line);
        assert_int_equal(worst->column, row->column);
    }
    bundle_deinit(&b);
}

static const char whole_proxy[] =
    PROXY("<RouteRule name='read'><Condition>request.verb = \"GET\"</Condition>"
          "<TargetEndpoint>pool</TargetEndpoint></RouteRule>"
          "<RouteRule name='u'><Condition>proxy.pathsuffix MatchesPath \"/u\"</Condition>"
          "<URL>http://u.example:81?a=b</URL></RouteRule><RouteRule name='none'/>");

static const char whole_target[] =
    "<TargetEndpoint name='pool'><HTTPTargetConnection><LoadBalancer>"
    "<Algorithm>Weighted</Algorithm><Server name='a'><Weight>3</Weight></Server>"
    "<Server name='b'><IsFallback>true</IsFallback></Server>"
    "<Server name='c'><IsEnabled>false</IsEnabled></Server>"
    "<MaxFailures>5</MaxFailures><RetryEnabled>false</RetryEnabled></LoadBalancer>"
    "<Path>/base</Path><Properties><Property name='connect.timeout.millis'>1500</Property>"
    "<Property name='io.timeout.millis'>7000</Property></Properties>"
    "</HTTPTargetConnection></TargetEndpoint>";

static void check_whole(void **state)
{
    struct bytes zip = make_bundle(whole_proxy, whole_target, NULL);
    struct bundle b;
    (void)state;
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    free((void *)(uintptr_t)zip.p);
    assert_int_equal(b.remarks.n, 0);
    assert_string_equal(b.name, "p");
    assert_int_equal(b.n_proxies, 1);
    const struct proxy_endpoint *p = &b.proxies[0];
    assert_string_equal(p->base_path, "/v1/weather");
    assert_int_equal(p->virtual_hosts.n, 1);
    assert_string_equal(p->virtual_hosts.list[0], "secure");
    assert_int_equal(p->n_routes, 3);
    assert_int_equal(p->routes[0].kind, ROUTE_TARGET);
    assert_int_equal(p->routes[0].target_at, 0);
    assert_int_equal(p->routes[0].condition.n, 1);
    assert_int_equal(p->routes[1].kind, ROUTE_URL);
    assert_string_equal(p->routes[1].url.host, "u.example");
    assert_int_equal(p->routes[1].url.port, 81);
    assert_string_equal(p->routes[1].url.path, "/?a=b");
    assert_int_equal(p->routes[2].kind, ROUTE_NULL);
    const struct target_endpoint *t = &b.targets[0];
    assert_true(t->has_load_balancer);
    assert_int_equal(t->load_balancer.algorithm, BALANCE_WEIGHTED);
    assert_int_equal(t->load_balancer.n_servers, 3);
    assert_int_equal(t->load_balancer.servers[0].weight, 3);
    assert_true(t->load_balancer.servers[1].is_fallback);
    assert_false(t->load_balancer.servers[2].is_enabled);
    assert_int_equal(t->load_balancer.max_failures, 5);
    assert_false(t->load_balancer.retry_enabled);
    assert_string_equal(t->path, "/base");
    assert_int_equal(t->connect_timeout_ms, 1500);
    assert_int_equal(t->io_timeout_ms, 7000);
    assert_int_equal(t->keepalive_timeout_ms, TARGET_KEEPALIVE_TIMEOUT_MS);
    bundle_deinit(&b);
}

static void check_tls(void **state)
{
    static const char target[] =
        TARGET("<URL>https://b.example</URL><SSLInfo><Enabled>true</Enabled>"
               "<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://k</KeyStore>"
               "<KeyAlias>a</KeyAlias><TrustStore>t</TrustStore><Ciphers>"
               "<Cipher>TLS_RSA_WITH_AES_128_CBC_SHA</Cipher></Ciphers><Protocols>"
               "<Protocol>TLSv1.0</Protocol><Protocol>TLSv1.2</Protocol></Protocols>"
               "<CommonName wildcardMatch='true'>*.b.example</CommonName>"
               "<IgnoreValidationErrors>false</IgnoreValidationErrors></SSLInfo>");
    struct bytes zip = make_bundle(PROXY(RULE), target, NULL);
    struct bundle b;
    struct ssl_settings settings;
    (void)state;
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    free((void *)(uintptr_t)zip.p);
    assert_int_equal(b.remarks.n, 0);
    const struct target_endpoint *t = &b.targets[0];
    assert_true(t->url.is_tls);
    assert_int_equal(t->url.port, 443);
    assert_string_equal(t->url.path, "");
    assert_true(t->has_ssl_info);
    assert_true(t->ssl.key_store.is_reference);
    assert_string_equal(t->ssl.trust_store.name, "t");
    assert_string_equal(t->ssl.common_name.value, "*.b.example");
    assert_true(t->ssl.common_name.is_wildcard);
    assert_int_equal(ssl_info_settle(&t->ssl, &b.arena, &settings, NULL), ST_OK);
    assert_int_equal(settings.protocols, TLS_PROTOCOL_1_0 | TLS_PROTOCOL_1_2);
    assert_string_equal(settings.ciphers, "AES128-SHA");
    bundle_deinit(&b);
}

struct zip_row {
    const char *name;
    struct file files[3];
    const char *says;
};

/* clang-format off: a table reads by columns */
static const struct zip_row zip_rows[] = {
    { "a path upwards",
      { { "apiproxy/p.xml", ROOT }, { "apiproxy/../../etc/x", "" } },
      "leads out of the bundle" },
    { "an absolute path",
      { { "apiproxy/p.xml", ROOT }, { "/etc/x", "" } },
      "leads out of the bundle" },
    { "a backslash",
      { { "apiproxy/p.xml", ROOT }, { "apiproxy\\x", "" } },
      "leads out of the bundle" },
    { "no root document",
      { { "apiproxy/proxies/a.xml", "<ProxyEndpoint/>" } },
      "exactly one document" },
    { "two root documents",
      { { "apiproxy/a.xml", ROOT }, { "apiproxy/b.xml", ROOT } },
      "exactly one document" },
    { "another root",
      { { "apiproxy/a.xml", "<SharedFlowBundle name='s'/>" } },
      "<APIProxy> is wanted" },
    { "no folder", { { "a.xml", ROOT } }, "has a folder apiproxy/" },
};
/* clang-format on */

static void check_zip(void **state)
{
    const struct zip_row *row = *state;
    struct bytes zip = make_zip(row->files);
    struct bundle b;
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    free((void *)(uintptr_t)zip.p);
    const struct remark *worst = remarks_worst(&b.remarks, REMARK_BROKEN);
    assert_non_null(worst);
    assert_non_null(strstr(worst->text, row->says));
    bundle_deinit(&b);
}

static void check_no_zip(void **state)
{
    struct bundle b;
    (void)state;
    assert_int_equal(bundle_read(BYTES("PK\3\4 and so on"), &b, NULL), ST_OK);
    assert_non_null(remarks_worst(&b.remarks, REMARK_BROKEN));
    bundle_deinit(&b);
    assert_int_equal(bundle_read((struct bytes){ 0 }, &b, NULL), ST_OK);
    assert_non_null(remarks_worst(&b.remarks, REMARK_BROKEN));
    bundle_deinit(&b);
}

/* 8 MiB of blanks pack to 8 KiB. */
static void check_bomb(void **state)
{
    char *blanks = malloc((8 << 20) + 1);
    struct file files[] = { { "apiproxy/p.xml", ROOT },
                            { "apiproxy/resources/jsc/a.js", blanks },
                            { 0 } };
    struct bundle b;
    (void)state;
    memset(blanks, ' ', 8 << 20);
    blanks[8 << 20] = '\0';
    struct bytes zip = make_zip(files);
    assert_true(zip.len < 100000);
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    const struct remark *worst = remarks_worst(&b.remarks, REMARK_BROKEN);
    assert_non_null(worst);
    assert_non_null(strstr(worst->text, "200 times"));
    bundle_deinit(&b);
    free((void *)(uintptr_t)zip.p);
    free(blanks);
}

/* The parts one by one, as apigeetool posts them. */
static void check_put(void **state)
{
    struct file root[] = { { "apiproxy/p.xml", ROOT }, { 0 } };
    struct bytes zip = make_zip(root);
    struct arena arena = { .limit_bytes = 4096 };
    struct bytes more;
    struct bundle b;
    (void)state;
    const char *path = bundle_part_path(&arena, BUNDLE_PROXY, NULL, "default");
    assert_string_equal(path, "apiproxy/proxies/default.xml");
    assert_null(bundle_part_path(&arena, BUNDLE_PROXY, NULL, "../x"));
    assert_null(bundle_part_path(&arena, BUNDLE_RESOURCE, "..", "x"));
    assert_string_equal(bundle_part_path(&arena, BUNDLE_RESOURCE, "jsc", "a.js"),
                        "apiproxy/resources/jsc/a.js");
    assert_int_equal(bundle_zip_put(zip, path, BYTES(PROXY("<RouteRule name='r'/>")), &more, NULL),
                     ST_OK);
    free((void *)(uintptr_t)zip.p);
    assert_int_equal(bundle_read(more, &b, NULL), ST_OK);
    assert_int_equal(b.remarks.n, 0);
    assert_int_equal(b.n_proxies, 1);
    bundle_deinit(&b);
    assert_int_equal(bundle_zip_put(more, path, (struct bytes){ 0 }, &zip, NULL), ST_OK);
    free((void *)(uintptr_t)more.p);
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    assert_int_equal(b.n_proxies, 0);
    bundle_deinit(&b);
    free((void *)(uintptr_t)zip.p);
    assert_int_equal(bundle_zip_put(BYTES("nothing"), path, BYTES("x"), &more, NULL), ST_FORMAT);
    arena_deinit(&arena);
}

/* One after another, each to the archive as it was read back, which stays as it was. */
static void check_put_many(void **state)
{
    struct file root[] = { { "apiproxy/p.xml", ROOT }, { 0 } };
    struct bytes zip = make_zip(root);
    struct arena arena = { .limit_bytes = 65536 };
    struct bundle b;
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        const char *name = arena_printf(&arena, "r%u.js", i);
        const char *path = bundle_part_path(&arena, BUNDLE_RESOURCE, "jsc", name);
        struct bytes more;
        assert_int_equal(bundle_zip_put(zip, path, bytes_of_str(name), &more, NULL), ST_OK);
        free((void *)(uintptr_t)zip.p);
        zip = more;
    }
    assert_int_equal(bundle_read(zip, &b, NULL), ST_OK);
    assert_int_equal(b.files.n, 21);
    assert_string_equal(b.files.list[20].path, "apiproxy/resources/jsc/r19.js");
    assert_true(bytes_equal(b.files.list[20].content, BYTES("r19.js")));
    bundle_deinit(&b);
    free((void *)(uintptr_t)zip.p);
    arena_deinit(&arena);
}

/* What is not changed stays, and what changes is read back as meant. */
static void check_edit_ssl_info(void **state)
{
    static const char element[] = "<SSLInfo><Enabled>true</Enabled></SSLInfo>";
    struct text out = { 0 };
    (void)state;
    assert_int_equal(
        bundle_edit_ssl_info(BYTES(TARGET("<!-- kept --><SSLInfo><TrustStore>t"
                                          "</TrustStore></SSLInfo>" URL "<Properties/>")),
                             element, &out, NULL),
        ST_OK);
    assert_non_null(strstr(text_str(&out), "<!-- kept --><URL>https://b.example/x</URL><SSLInfo>"
                                           "<Enabled>true</Enabled></SSLInfo><Properties/>"));
    assert_null(strstr(text_str(&out), "TrustStore"));
    text_clear(&out);
    assert_int_equal(bundle_edit_ssl_info(BYTES(TARGET("<LoadBalancer/>")), element, &out, NULL),
                     ST_OK);
    assert_non_null(strstr(text_str(&out), "<LoadBalancer/><SSLInfo>"));
    text_clear(&out);
    assert_int_equal(bundle_edit_ssl_info(BYTES("<TargetEndpoint/>"), element, &out, NULL),
                     ST_FORMAT);
    assert_int_equal(bundle_edit_ssl_info(BYTES("<TargetEndpoint>"), element, &out, NULL),
                     ST_FORMAT);
    assert_int_equal(out.len, 0);
    text_deinit(&out);
}

/* The rule is told by where it begins: two may have one name. */
static void check_edit_route(void **state)
{
    static const char first[] = "<P><RouteRule name='r'><URL>http://a.example</URL></RouteRule>\n";
    static const char second[] = " <RouteRule name='r'><Condition>a &amp;&amp; b</Condition>"
                                 "<URL>http://b.example</URL></RouteRule></P>";
    char whole[256];
    struct text out = { 0 };
    (void)state;
    snprintf(whole, sizeof whole, "%s%s", first, second);
    struct place at = { .line = 2, .column = 2 };
    assert_int_equal(bundle_edit_route(bytes_of_str(whole), at, "t", &out, NULL), ST_OK);
    assert_non_null(strstr(text_str(&out), "<URL>http://a.example</URL>"));
    assert_non_null(strstr(text_str(&out), "<Condition>a &amp;&amp; b</Condition>"
                                           "<TargetEndpoint>t</TargetEndpoint></RouteRule>"));
    text_clear(&out);
    at.column = 3;
    assert_int_equal(bundle_edit_route(bytes_of_str(whole), at, "t", &out, NULL), ST_FORMAT);
    assert_int_equal(out.len, 0);
    text_deinit(&out);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(zip_rows) + 8];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(zip_rows); i++) {
        tests[n++] =
            (struct CMUnitTest){ zip_rows[i].name, check_zip, NULL, NULL, (void *)&zip_rows[i] };
    }
    tests[n++] = (struct CMUnitTest){ "whole", check_whole, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "TLS", check_tls, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "no archive", check_no_zip, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "a bomb", check_bomb, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "parts", check_put, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "many parts", check_put_many, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "SSLInfo changed", check_edit_ssl_info, NULL, NULL, NULL };
    tests[n++] = (struct CMUnitTest){ "a route changed", check_edit_route, NULL, NULL, NULL };
    return cmocka_run_group_tests_name("bundle", tests, NULL, NULL);
}
