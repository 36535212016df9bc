/* Properties files: what is taken, what is warned about, what stays; and nginx's complaints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "gateway/complaint.h"
#include "gateway/properties.h"

#define SNI       "conf_system_jsse.enableSNIExtension"
#define PROTOCOLS "conf_load_balancing_load.balancing.driver.server.ssl.protocols"
#define MP        "message-processor.properties"
#define ROUTER    "router.properties"

struct row {
    const char *name;
    const char *file, *content;
    enum property which;
    const char *value;
    const char *warning; /* found in the warnings; NULL: there is none */
};

/* clang-format off: a table reads by columns */
static const struct row rows[] = {
    { "nothing", MP, "", PROPERTY_PROCESSOR_SNI, "true", NULL },
    { "set", MP, SNI "=false\n", PROPERTY_PROCESSOR_SNI, "false", NULL },
    { "no newline", MP, SNI "=false", PROPERTY_PROCESSOR_SNI, "false", NULL },
    { "blanks", MP, "  " SNI " = false \r\n", PROPERTY_PROCESSOR_SNI, "false", NULL },
    { "colon", MP, SNI ": false\n", PROPERTY_PROCESSOR_SNI, "false", NULL },
    { "comments", MP, "# x\n! y=z\n\n" SNI "=false\n", PROPERTY_PROCESSOR_SNI, "false", NULL },
    { "the last counts", MP, SNI "=false\n" SNI "=true\n", PROPERTY_PROCESSOR_SNI, "true", NULL },
    { "joined lines", ROUTER, PROTOCOLS "=TLSv1.2 \\\n  TLSv1.3\n", PROPERTY_ROUTER_PROTOCOLS,
      "TLSv1.2 TLSv1.3", NULL },
    { "two backslashes", ROUTER, "x=y\\\\\n" PROTOCOLS "=TLSv1.3\n", PROPERTY_ROUTER_PROTOCOLS,
      "TLSv1.3", "x: no such" },
    { "unknown", MP, "a\nconf_x=1\n", PROPERTY_PROCESSOR_SNI, "true", ":2: conf_x: no such" },
    { "another file's", ROUTER, SNI "=false\n", PROPERTY_PROCESSOR_SNI, "true", MP },
    { "cannot be", MP, SNI "=maybe\n", PROPERTY_PROCESSOR_SNI, "true", "true or false" },
    { "injection", ROUTER, PROTOCOLS "=TLSv1.2; evil\n", PROPERTY_ROUTER_PROTOCOLS,
      "TLSv1.2 TLSv1.3", "names of protocols" },
    { "too large", MP, "conf_http_HTTPClient.connect.timeout.millis=99999999999999999999\n",
      PROPERTY_PROCESSOR_CONNECT_TIMEOUT, "3000", "milliseconds" },
    { "escapes in names", MP, "\x1b[2J=1\n", PROPERTY_PROCESSOR_SNI, "true", "\\x1b" },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct properties p;
    struct text warnings = { 0 };
    properties_default(&p);
    properties_parse(&p, row->file, bytes_of_str(row->content), &warnings);
    assert_string_equal(property_text(&p, row->which), row->value);
    if (row->warning == NULL) {
        assert_string_equal(text_str(&warnings), "");
    } else {
        assert_non_null(strstr(text_str(&warnings), row->warning));
    }
    text_deinit(&warnings);
}

struct complaint_row {
    const char *said, *want;
};

/* clang-format off: a table reads by columns */
static const struct complaint_row complaints[] = {
    { "nginx: [emerg] unknown directive \"x\" in /d/nginx.conf:12\nnginx: configuration file /d "
      "test failed\n",
      "unknown directive \"x\"" },
    { "2026/11/23 21:39:57 [emerg] 12#12: host not found\n", "host not found" },
    { "a\nb\n", "b" },
    { "", "" },
    { "nginx: [emerg] a\x1b[2J\n", "a\\x1b[2J" },
};
/* clang-format on */

static void check_complaint(void **state)
{
    const struct complaint_row *row = *state;
    struct text out = { 0 };
    complaint_put(&out, row->said);
    assert_string_equal(text_str(&out), row->want);
    text_deinit(&out);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows) + ARRAY_LEN(complaints)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[n++] = (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)&rows[i] };
    }
    for (size_t i = 0; i < ARRAY_LEN(complaints); i++) {
        tests[n++] =
            (struct CMUnitTest){ "complaint", check_complaint, NULL, NULL, (void *)&complaints[i] };
    }
    return cmocka_run_group_tests_name("gateway_properties", tests, NULL, NULL);
}
