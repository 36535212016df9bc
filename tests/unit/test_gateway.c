/* Addresses given with --gateway. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>

#include "base/status.h"
#include "diagnose/gateway.h"

struct row {
    const char *gateway, *address;
    bool is_gateway, holds_host, holds;
};

/* clang-format off */
static const struct row rows[] = {
    { "192.0.2.1",          "192.0.2.1:443",          true,  true,  true },
    { "192.0.2.1",          "192.0.2.2:443",          true,  false, false },
    { "192.0.2.1:443",      "192.0.2.1:443",          true,  true,  true },
    { "192.0.2.1:443",      "192.0.2.1:444",          true,  true,  false },
    { "10.0.0.0/8",         "10.255.1.2:1",           true,  true,  true },
    { "10.0.0.0/8",         "11.0.0.1:1",             true,  false, false },
    { "10.0.0.0/9",         "10.128.0.1:1",           true,  false, false },
    { "10.1.2.3/8:443",     "10.9.9.9:443",           true,  true,  true },
    { "10.0.0.0/8:443",     "10.9.9.9:80",            true,  true,  false },
    { "0.0.0.0/0",          "203.0.113.1:1",          true,  true,  true },
    { "0.0.0.0/0",          "[2001:db8::1]:1",        true,  false, false },
    { "2001:db8::1",        "[2001:db8::1]:443",      true,  true,  true },
    { "[2001:db8::1]:443",  "[2001:db8::1]:443",      true,  true,  true },
    { "2001:db8::/33",      "[2001:db8:7fff::1]:443", true,  true,  true },
    { "2001:db8::/33",      "[2001:db8:8000::1]:443", true,  false, false },
    { "192.0.2.1",          "[::ffff:192.0.2.1]:443", true,  true,  true },
    { "::ffff:192.0.2.1",   "192.0.2.1:443",          true,  true,  true },
    { "",                   "192.0.2.1:1",            false, false, false },
    { "host.example",       "192.0.2.1:1",            false, false, false },
    { "192.0.2.1/",         "192.0.2.1:1",            false, false, false },
    { "192.0.2.1/33",       "192.0.2.1:1",            false, false, false },
    { "2001:db8::/129",     "192.0.2.1:1",            false, false, false },
    { "192.0.2.1/24:65536", "192.0.2.1:1",            false, false, false },
    { "192.0.2.1/24:",      "192.0.2.1:1",            false, false, false },
    { "192.0.2.1/-1",       "192.0.2.1:1",            false, false, false },
    { "192.0.2.1:443/24",   "192.0.2.1:1",            false, false, false },
};
/* clang-format on */

static void check_row(void **state)
{
    const struct row *row = *state;
    struct gateway g;
    struct endpoint e;
    assert_int_equal(gateway_parse(row->gateway, &g), row->is_gateway);
    assert_true(endpoint_parse(row->address, &e));
    if (row->is_gateway) {
        assert_int_equal(gateway_holds_host(&g, &e), row->holds_host);
        assert_int_equal(gateway_holds(&g, &e), row->holds);
    }
}

int main(void)
{
    static char names[ARRAY_LEN(rows)][96];
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(names[i], sizeof names[i], "'%s' and %s", rows[i].gateway, rows[i].address);
        tests[i] = (struct CMUnitTest){ names[i], check_row, NULL, NULL, (void *)&rows[i] };
    }
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
