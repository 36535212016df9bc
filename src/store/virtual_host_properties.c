#include "store/virtual_host_properties.h"

#include <string.h>

enum property_kind { PROPERTY_SECONDS, PROPERTY_ON_OFF, PROPERTY_PROTOCOLS, PROPERTY_CIPHERS };

struct property_row {
    const char *name;
    enum property_kind kind;
    size_t at;
};

#define AT(member) offsetof(struct virtual_host, member)

/* clang-format off: a table reads by columns */
static const struct property_row rows[] = {
    { "proxy_read_timeout", PROPERTY_SECONDS, AT(read_timeout_ms) },
    { "keepalive_timeout", PROPERTY_SECONDS, AT(keepalive_timeout_ms) },
    { "proxy_request_buffering", PROPERTY_ON_OFF, AT(request_buffering) },
    { "proxy_buffering", PROPERTY_ON_OFF, AT(buffering) },
    { "ssl_protocols", PROPERTY_PROTOCOLS, AT(ssl_protocols) },
    { "ssl_ciphers", PROPERTY_CIPHERS, AT(ssl_ciphers) },
};
/* clang-format on */

static const char CODE[] = "configuration.InvalidProperty";

static void complain(const struct setting *s, struct remarks *remarks, const char *wanted)
{
    remarks_add(remarks, REMARK_ERROR, CODE, s->at, "properties: %s is \"%s\"; %s is wanted",
                s->name, s->value, wanted);
}

/* "57", or with a unit as nginx takes it: "57s", "2m", "500ms". */
static bool parse_time(const char *s, int64_t *out_ms)
{
    int64_t n = 0;
    size_t digits = strspn(s, "0123456789");
    if (digits == 0 || digits > 9) {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        n = n * 10 + (s[i] - '0');
    }
    const char *unit = s + digits;
    bool is_ms = strcmp(unit, "ms") == 0;
    bool is_minutes = strcmp(unit, "m") == 0;
    if (!is_ms && !is_minutes && unit[0] != '\0' && strcmp(unit, "s") != 0) {
        return false;
    }
    *out_ms = is_ms ? n : n * (is_minutes ? 60000 : 1000);
    return *out_ms <= INT64_C(86400000);
}

/* Words parted by blanks or commas. */
static void read_protocols(const struct setting *s, unsigned *out, struct remarks *remarks)
{
    static const char between[] = " ,\t";
    char word[32];
    const char *at = s->value + strspn(s->value, between);
    while (*at != '\0') {
        size_t len = strcspn(at, between);
        enum tls_protocol protocol = 0;
        bool fits = bytes_copy(word, sizeof word - 1, bytes_of(at, len));
        if (fits) {
            word[len] = '\0';
        }
        if (!fits || tls_protocol_find(word, &protocol) != TLS_NAME_KNOWN) {
            complain(s, remarks, "a list of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3");
            return;
        }
        *out |= (unsigned)protocol;
        at += len + strspn(at + len, between);
    }
    if (*out == 0) {
        complain(s, remarks, "a list of TLSv1, TLSv1.1, TLSv1.2, TLSv1.3");
    }
}

static bool is_cipher_text(const char *s)
{
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                       ":!+-_@=, ")] == '\0';
}

static void read_property(const struct setting *s, const struct property_row *row, char *v,
                          struct remarks *remarks)
{
    void *to = v + row->at;
    switch (row->kind) {
    case PROPERTY_SECONDS:
        if (!parse_time(s->value, to)) {
            complain(s, remarks, "a number of seconds, at most a day,");
        }
        return;
    case PROPERTY_ON_OFF:
        if (strcmp(s->value, "on") != 0 && strcmp(s->value, "off") != 0) {
            complain(s, remarks, "on or off");
        }
        *(enum choice *)to = strcmp(s->value, "on") == 0 ? CHOICE_YES : CHOICE_NO;
        return;
    case PROPERTY_PROTOCOLS:
        read_protocols(s, to, remarks);
        return;
    case PROPERTY_CIPHERS:
        if (!is_cipher_text(s->value) || !tls_cipher_list_is_usable(s->value)) {
            complain(s, remarks,
                     "a list of ciphers as OpenSSL takes it, such as HIGH:!aNULL:!MD5,");
        }
        *(const char **)to = s->value;
        return;
    }
}

void virtual_host_read_properties(struct virtual_host *v, struct remarks *remarks)
{
    v->read_timeout_ms = -1;
    v->keepalive_timeout_ms = -1;
    for (size_t i = 0; i < v->properties.n; i++) {
        const struct setting *s = &v->properties.list[i];
        size_t row = 0;
        while (row < ARRAY_LEN(rows) && strcmp(rows[row].name, s->name) != 0) {
            row++;
        }
        if (row == ARRAY_LEN(rows)) {
            remarks_add(remarks, REMARK_ERROR, CODE, s->at,
                        "properties: there is no \"%s\"; known are proxy_read_timeout, "
                        "keepalive_timeout, proxy_request_buffering, proxy_buffering, "
                        "ssl_protocols and ssl_ciphers",
                        s->name);
        } else {
            read_property(s, &rows[row], (char *)v, remarks);
        }
    }
}
