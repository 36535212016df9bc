#include "flow_messages.h"

#include <stdlib.h>

#include "transcript/builder_internal.h"

enum { VALUE_MAX = 512, N_MADE = 2 };

bool flow_option(const char *options, const char *key, char *value, size_t room)
{
    size_t key_len = strlen(key);
    for (const char *p = options; *p != '\0';) {
        size_t len = strcspn(p, ",");
        if (len >= key_len && strncmp(p, key, key_len) == 0 &&
            (len == key_len || p[key_len] == '=')) {
            struct bytes v = bytes_skip(bytes_of(p, len), key_len + 1);
            value[0] = '\0';
            if (bytes_copy(value, room - 1, v)) {
                value[v.len] = '\0';
            }
            return true;
        }
        p += len;
        p += *p == ',';
    }
    return false;
}

static bool has(const char *options, const char *key)
{
    char value[VALUE_MAX];
    return flow_option(options, key, value, sizeof value);
}

static size_t number(const char *options, const char *key, size_t otherwise)
{
    char value[VALUE_MAX];
    return flow_option(options, key, value, sizeof value) ? strtoul(value, NULL, 10) : otherwise;
}

static uint16_t hex(const char *options, const char *key, uint16_t otherwise)
{
    char value[VALUE_MAX];
    return flow_option(options, key, value, sizeof value) ? (uint16_t)strtoul(value, NULL, 16)
                                                          : otherwise;
}

/* --- writing --- */

static void put_u8(struct text *out, size_t v)
{
    text_putc(out, (char)v);
}

static void put_u16(struct text *out, size_t v)
{
    put_u8(out, v >> 8);
    put_u8(out, v);
}

static void put_u24(struct text *out, size_t v)
{
    put_u8(out, v >> 16);
    put_u16(out, v);
}

static void put_fill(struct text *out, size_t n, char c)
{
    for (size_t i = 0; i < n; i++) {
        text_putc(out, c);
    }
}

static size_t open_vector(struct text *out)
{
    put_u16(out, 0);
    return out->len;
}

static void close_vector(struct text *out, size_t start)
{
    size_t len = out->len - start;
    out->p[start - 2] = (char)(len >> 8);
    out->p[start - 1] = (char)len;
}

/* "c02f+1301" as 16-bit values. */
static void put_hex_list(struct text *out, const char *list)
{
    for (const char *p = list; *p != '\0';) {
        char *end = NULL;
        put_u16(out, strtoul(p, &end, 16));
        p = *end == '+' ? end + 1 : end;
    }
}

static size_t open_extension(struct text *out, uint16_t type)
{
    put_u16(out, type);
    return open_vector(out);
}

/* --- extensions --- */

/* A list of 16-bit values behind a length; nothing where the option is "-". */
static void put_list_extension(struct text *out, uint16_t type, const char *list)
{
    if (strcmp(list, "-") == 0) {
        return;
    }
    size_t ext = open_extension(out, type);
    size_t values = open_vector(out);
    put_hex_list(out, list);
    close_vector(out, values);
    close_vector(out, ext);
}

static const char *list_of(const char *options, const char *key, char *value, const char *otherwise)
{
    return flow_option(options, key, value, VALUE_MAX) ? value : otherwise;
}

static void put_server_name(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    const char *name = list_of(options, "sni", value, "app.example");
    if (strcmp(name, "-") == 0) {
        return;
    }
    size_t ext = open_extension(out, 0);
    size_t list = open_vector(out);
    put_u8(out, 0);
    put_u16(out, strlen(name));
    text_puts(out, name);
    close_vector(out, list);
    close_vector(out, ext);
}

static void put_versions(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    const char *list = list_of(options, "v", value, "0304+0303");
    if (strcmp(list, "-") == 0) {
        return;
    }
    size_t ext = open_extension(out, 43);
    put_u8(out, (strlen(list) + 1) / 5 * 2);
    put_hex_list(out, list);
    close_vector(out, ext);
}

static size_t share_len(unsigned long group)
{
    return group == 0x1d ? 32 : group == 0x17 ? 65 : group == 0x18 ? 97 : 7;
}

/* "001d+0017:5": a group, and a length that is not its own. */
static void put_shares(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    const char *list = list_of(options, "shares", value, "001d");
    if (strcmp(list, "-") == 0) {
        return;
    }
    size_t ext = open_extension(out, 51);
    size_t shares = open_vector(out);
    for (const char *p = list; *p != '\0';) {
        char *end = NULL;
        unsigned long group = strtoul(p, &end, 16);
        size_t len = *end == ':' ? strtoul(end + 1, &end, 10) : share_len(group);
        put_u16(out, group);
        put_u16(out, len);
        put_fill(out, len, 'k');
        p = *end == '+' ? end + 1 : end;
    }
    close_vector(out, shares);
    close_vector(out, ext);
}

static void put_alpn(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    if (!flow_option(options, "alpn", value, sizeof value)) {
        return;
    }
    size_t ext = open_extension(out, 16);
    size_t list = open_vector(out);
    for (const char *p = value; *p != '\0';) {
        size_t len = strcspn(p, "+");
        put_u8(out, len);
        text_put(out, p, len);
        p += len;
        p += *p == '+';
    }
    close_vector(out, list);
    close_vector(out, ext);
}

static void put_empty_extensions(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    if (!flow_option(options, "ext", value, sizeof value)) {
        return;
    }
    for (const char *p = value; *p != '\0';) {
        char *end = NULL;
        close_vector(out, open_extension(out, (uint16_t)strtoul(p, &end, 16)));
        p = *end == '+' ? end + 1 : end;
    }
}

static void put_padding(struct text *out, const char *options)
{
    size_t n = number(options, "pad", 0);
    if (n > 0) {
        size_t ext = open_extension(out, 21);
        put_fill(out, n, '\0');
        close_vector(out, ext);
    }
}

static void put_renegotiation_info(struct text *out)
{
    size_t ext = open_extension(out, 0xff01);
    put_u8(out, 0);
    close_vector(out, ext);
}

/* One identity of 16 bytes and its binder of 32. */
static void put_psk(struct text *out)
{
    size_t ext = open_extension(out, 41);
    size_t identities = open_vector(out);
    put_u16(out, 16);
    put_fill(out, 16, 'i');
    put_fill(out, 4, '\0');
    close_vector(out, identities);
    size_t binders = open_vector(out);
    put_u8(out, 32);
    put_fill(out, 32, 'b');
    close_vector(out, binders);
    close_vector(out, ext);
}

static void put_modes(struct text *out)
{
    size_t ext = open_extension(out, 45);
    put_u8(out, 1);
    put_u8(out, 1);
    close_vector(out, ext);
}

static void put_client_extensions(struct text *out, const char *options)
{
    char value[VALUE_MAX];
    put_server_name(out, options);
    put_list_extension(out, 10, list_of(options, "groups", value, "001d+0017"));
    put_list_extension(out, 13, list_of(options, "sigs", value, "0403+0804+0401"));
    if (has(options, "dup")) {
        put_list_extension(out, 13, "0403");
    }
    put_alpn(out, options);
    if (has(options, "ri")) {
        put_renegotiation_info(out);
    }
    put_empty_extensions(out, options);
    put_versions(out, options);
    put_shares(out, options);
    put_padding(out, options);
    if (has(options, "early")) {
        close_vector(out, open_extension(out, 42));
    }
    if (has(options, "modes")) {
        put_modes(out);
    }
    if (has(options, "psk")) {
        put_psk(out);
    }
    if (has(options, "late")) { /* after pre_shared_key, where none may stand */
        close_vector(out, open_extension(out, 22));
    }
    if (has(options, "broken")) {
        size_t ext = open_extension(out, 11);
        put_u8(out, 9);
        close_vector(out, ext);
    }
}

/* --- messages --- */

static void client_hello(struct text *out, const char *options, const struct transcript *t)
{
    char value[VALUE_MAX];
    size_t id_len = number(options, "id", 0);
    put_u16(out, hex(options, "legacy", t->is_dtls ? 0xfefd : 0x0303));
    put_fill(out, 32, (char)number(options, "random", 'r'));
    put_u8(out, id_len);
    put_fill(out, id_len, 'd');
    if (t->is_dtls) {
        put_u8(out, 0);
    }
    size_t suites = open_vector(out);
    put_hex_list(out, list_of(options, "suites", value, "1301+1302+1303+c02b+c02f+c030+00ff"));
    close_vector(out, suites);
    put_u8(out, 1);
    put_u8(out, hex(options, "comp", 0));
    if (has(options, "cut")) {
        return;
    }
    size_t extensions = open_vector(out);
    put_client_extensions(out, options);
    close_vector(out, extensions);
}

/* draft-hickman-netscape-ssl: type, version, three lengths, the lists. */
static void sslv2_hello(struct text *out, const char *options, const struct transcript *t)
{
    (void)t;
    put_u8(out, 1);
    put_u16(out, hex(options, "v", 2));
    put_u16(out, 3);
    put_u16(out, 0);
    put_u16(out, 16);
    text_put(out, "\x01\x00\x80", 3);
    put_fill(out, 16, 'c');
}

static const char retry_random[] =
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c";

static void put_answer_share(struct text *out, const char *options, bool is_retry)
{
    char value[VALUE_MAX];
    if (strcmp(list_of(options, "group", value, ""), "-") == 0) {
        return;
    }
    uint16_t group = hex(options, "group", is_retry ? 0x17 : 0x1d);
    size_t ext = open_extension(out, 51);
    put_u16(out, group);
    if (!is_retry) {
        put_u16(out, share_len(group));
        put_fill(out, share_len(group), 'k');
    }
    close_vector(out, ext);
}

static void put_server_extensions(struct text *out, const char *options, uint16_t version,
                                  bool is_retry)
{
    if (version >= 0x0304) {
        size_t ext = open_extension(out, 43);
        put_u16(out, version);
        close_vector(out, ext);
        put_answer_share(out, options, is_retry);
    }
    if (has(options, "psk")) {
        size_t ext = open_extension(out, 41);
        put_u16(out, 0);
        close_vector(out, ext);
    }
    if (has(options, "ems")) {
        close_vector(out, open_extension(out, 23));
    }
    if (has(options, "ri")) {
        put_renegotiation_info(out);
    }
    if (has(options, "dup")) {
        close_vector(out, open_extension(out, 23));
        close_vector(out, open_extension(out, 23));
    }
    put_alpn(out, options);
    put_empty_extensions(out, options);
}

static void put_server_hello(struct text *out, const char *options, bool is_dtls, bool is_retry)
{
    uint16_t version = hex(options, "v", is_dtls ? 0xfefd : 0x0304);
    bool is_new = is_dtls ? version == 0xfefc : version >= 0x0304;
    uint16_t legacy = is_dtls ? 0xfefd : 0x0303;
    put_u16(out, is_new ? legacy : version);
    if (is_retry) {
        text_put(out, retry_random, 32);
    } else {
        put_fill(out, 32, 's');
    }
    put_u8(out, number(options, "id", 0));
    put_fill(out, number(options, "id", 0), 'd');
    put_u16(out, hex(options, "suite", is_new ? 0x1301 : 0xc02f));
    put_u8(out, hex(options, "comp", 0));
    size_t extensions = open_vector(out);
    put_server_extensions(out, options, is_new ? version : 0, is_retry);
    close_vector(out, extensions);
    if (has(options, "broken")) {
        put_u8(out, 1);
    }
}

static void server_hello(struct text *out, const char *options, const struct transcript *t)
{
    put_server_hello(out, options, t->is_dtls, false);
}

static void retry(struct text *out, const char *options, const struct transcript *t)
{
    put_server_hello(out, options, t->is_dtls, true);
}

/* Made once: a key takes time. [2]: RSA of 1024 bits. */
static struct bytes made_der(size_t which)
{
    static const struct cert_recipe recipes[N_MADE + 1] = {
        { .name = "app.example", .names = "DNS:app.example" },
        { .name = "other.example", .names = "DNS:other.example" },
        { .name = "app.example", .names = "DNS:app.example", .key = MADE_RSA1024 },
    };
    static struct made_cert made[N_MADE + 1];
    if (made[which].x == NULL) {
        made[which] = make_cert(&recipes[which]);
    }
    return made[which].der;
}

static void certificate(struct text *out, const char *options, const struct transcript *t)
{
    bool is_13 = tls_format_version(t->version) == 0x0304;
    struct bytes der = made_der(has(options, "small") ? N_MADE : number(options, "leaf", 0));
    if (is_13) {
        put_u8(out, 0);
    }
    if (has(options, "empty")) {
        put_u24(out, 0);
        return;
    }
    put_u24(out, der.len + 3 + (is_13 ? 2 : 0));
    put_u24(out, has(options, "broken") ? der.len + 9 : der.len);
    text_put(out, (const char *)der.p, der.len);
    if (is_13) {
        put_u16(out, 0);
    }
}

/* One X.501 name of a common name, as the certificates here have theirs. */
static void put_authorities(struct text *out, const char *options)
{
    char name[VALUE_MAX];
    size_t list = open_vector(out);
    if (flow_option(options, "ca", name, sizeof name)) {
        size_t len = strlen(name);
        size_t der = open_vector(out);
        put_u16(out, 0x3000 + len + 11);
        put_u16(out, 0x3100 + len + 9);
        put_u16(out, 0x3000 + len + 7);
        text_put(out, "\x06\x03\x55\x04\x03\x0c", 6);
        put_u8(out, len);
        text_puts(out, name);
        close_vector(out, der);
    }
    close_vector(out, list);
}

static void certificate_request(struct text *out, const char *options, const struct transcript *t)
{
    bool is_13 = tls_format_version(t->version) == 0x0304;
    if (is_13) {
        put_u8(out, 0);
        size_t extensions = open_vector(out);
        put_list_extension(out, 13, "0403");
        size_t names = open_extension(out, 47);
        put_authorities(out, options);
        close_vector(out, names);
        close_vector(out, extensions);
        return;
    }
    put_u8(out, has(options, "broken") ? 200 : 1);
    put_u8(out, 64);
    if (tls_format_version(t->version) == 0x0303) {
        put_u16(out, 2);
        put_u16(out, 0x0403);
    }
    put_authorities(out, options);
}

static void server_key_exchange(struct text *out, const char *options, const struct transcript *t)
{
    size_t dh_bits = number(options, "dh", 0);
    if (dh_bits > 0) {
        put_u16(out, dh_bits / 8);
        put_fill(out, dh_bits / 8, '\xff');
        put_u16(out, 1);
        put_u8(out, 2);
        put_u16(out, 1);
        put_u8(out, 3);
    } else {
        put_u8(out, 3);
        put_u16(out, hex(options, "group", 0x1d));
        put_u8(out, 32);
        put_fill(out, 32, 'k');
    }
    if (tls_format_version(t->version) == 0x0303) {
        put_u16(out, hex(options, "sig", 0x0804));
    }
    put_u16(out, 8);
    put_fill(out, has(options, "broken") ? 7 : 8, 'g');
}

static void certificate_verify(struct text *out, const char *options, const struct transcript *t)
{
    (void)t;
    put_u16(out, hex(options, "sig", 0x0804));
    put_u16(out, 8);
    put_fill(out, has(options, "broken") ? 7 : 8, 'g');
}

static void encrypted_extensions(struct text *out, const char *options, const struct transcript *t)
{
    (void)t;
    size_t extensions = open_vector(out);
    put_alpn(out, options);
    put_empty_extensions(out, options);
    close_vector(out, extensions);
}

static void twelve_bytes(struct text *out, const char *options, const struct transcript *t)
{
    (void)options;
    (void)t;
    put_fill(out, 12, 'f');
}

static void nothing(struct text *out, const char *options, const struct transcript *t)
{
    (void)options;
    (void)t;
    text_put(out, "", 0);
}

static const struct {
    const char *name;
    uint8_t type;
    void (*put)(struct text *out, const char *options, const struct transcript *t);
} messages[] = {
    { "hello", HS_CLIENT_HELLO, client_hello },
    { "sslv", HS_CLIENT_HELLO, sslv2_hello },
    { "retry", HS_SERVER_HELLO, retry },
    { "serverhello", HS_SERVER_HELLO, server_hello },
    { "cert", HS_CERTIFICATE, certificate },
    { "creq", HS_CERTIFICATE_REQUEST, certificate_request },
    { "ske", HS_SERVER_KEY_EXCHANGE, server_key_exchange },
    { "done", HS_SERVER_HELLO_DONE, nothing },
    { "cke", HS_CLIENT_KEY_EXCHANGE, twelve_bytes },
    { "verify", HS_CERTIFICATE_VERIFY, certificate_verify },
    { "finished", HS_FINISHED, twelve_bytes },
    { "ee", HS_ENCRYPTED_EXTENSIONS, encrypted_extensions },
    { "ticket", HS_NEW_SESSION_TICKET, twelve_bytes },
    { "helloreq", HS_HELLO_REQUEST, nothing },
};

bool flow_message(const char *name, const char *options, const struct transcript *t,
                  uint8_t *out_type, struct text *out)
{
    if (strcmp(name, "msg") == 0) {
        *out_type = (uint8_t)number(options, "type", 0);
        return true;
    }
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (strcmp(messages[i].name, name) == 0) {
            *out_type = messages[i].type;
            messages[i].put(out, options, t);
            return true;
        }
    }
    return false;
}
