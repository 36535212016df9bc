/* HTTP CONNECT, SOCKS5 and the PROXY protocol header. */
#include "base/reader.h"
#include "dial/dial_steps.h"

#include <openssl/evp.h>

static bool split_credentials(struct dial_proxy *p, char *rest)
{
    char *at = strrchr(rest, '@');
    if (at == NULL) {
        p->host = rest;
        return true;
    }
    *at = '\0';
    p->host = at + 1;
    p->user = rest;
    char *colon = strchr(rest, ':');
    p->password = "";
    if (colon != NULL) {
        *colon = '\0';
        p->password = colon + 1;
    }
    return strlen(p->user) < 256 && strlen(p->password) < 256;
}

static bool split_port(struct dial_proxy *p, char *host)
{
    char *end = host + strlen(host);
    if (end > host && end[-1] == '/') {
        *--end = '\0';
    }
    char *colon = strrchr(host, ':');
    if (host[0] == '[') {
        char *bracket = strchr(host, ']');
        if (bracket == NULL) {
            return false;
        }
        *bracket = '\0';
        p->host = host + 1;
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
    }
    if (colon == NULL) {
        return p->host[0] != '\0';
    }
    *colon = '\0';
    unsigned port = 0;
    for (const char *c = colon + 1; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || port > 6553) {
            return false;
        }
        port = port * 10 + (unsigned)(*c - '0');
    }
    p->port = (uint16_t)port;
    return port > 0 && port < 65536 && p->host[0] != '\0';
}

bool dial_parse_proxy(const char *s, struct dial_proxy *out)
{
    *out = (struct dial_proxy){ .port = 3128 };
    if (strncmp(s, "http://", 7) == 0) {
        s += 7;
    } else if (strncmp(s, "socks5://", 9) == 0 || strncmp(s, "socks5h://", 10) == 0) {
        s = strchr(s, '/') + 2;
        out->is_socks = true;
        out->port = 1080;
    } else if (strstr(s, "://") != NULL) {
        return false;
    }
    struct bytes rest = bytes_of(s, strlen(s) + 1);
    if (!bytes_copy(out->storage, sizeof out->storage, rest)) {
        return false;
    }
    return split_credentials(out, out->storage) &&
           split_port(out, out->storage + (out->host - out->storage));
}

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* RFC 9110 section 9.3.6, RFC 7617. */
bool dial_put_connect(struct dial_steps *s)
{
    const struct dial_target *t = s->target;
    struct dial_proxy proxy;
    struct text name = { 0 };
    if (!dial_parse_proxy(t->proxy, &proxy)) {
        return false;
    }
    text_printf(&name, is_ipv6(t->host) ? "[%s]:%u" : "%s:%u", t->host, t->port);
    text_printf(&s->out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", text_str(&name), text_str(&name));
    text_clear(&name);
    if (proxy.user != NULL) {
        unsigned char encoded[700];
        text_printf(&name, "%s:%s", proxy.user, proxy.password);
        EVP_EncodeBlock(encoded, (const unsigned char *)text_str(&name), (int)name.len);
        text_printf(&s->out, "Proxy-Authorization: Basic %s\r\n", (const char *)encoded);
    }
    text_puts(&s->out, "\r\n");
    text_deinit(&name);
    return true;
}

enum dial_take dial_take_connect(struct dial_steps *s, struct bytes in, size_t *used)
{
    const uint8_t *end = memmem(in.p, in.len, "\r\n\r\n", 4);
    (void)s;
    if (in.len >= 5 && memcmp(in.p, "HTTP/", 5) != 0) {
        return TAKE_NO;
    }
    if (end == NULL) {
        return TAKE_MORE;
    }
    *used = (size_t)(end - in.p) + 4;
    const uint8_t *line_end = memchr(in.p, '\r', in.len);
    struct bytes line = bytes_head(in, (size_t)(line_end - in.p)); /* there is one: the end */
    bytes_next_word(&line);
    struct bytes code = bytes_next_word(&line);
    return code.len >= 3 && code.p[0] == '2' ? TAKE_NEXT : TAKE_NO;
}

bool dial_put_socks_hello(struct dial_steps *s)
{
    struct dial_proxy proxy;
    if (!dial_parse_proxy(s->target->proxy, &proxy)) {
        return false;
    }
    if (proxy.user != NULL) {
        text_put(&s->out, "\x05\x02\x00\x02", 4);
    } else {
        text_put(&s->out, "\x05\x01\x00", 3);
    }
    return true;
}

enum dial_take dial_take_socks_hello(struct dial_steps *s, struct bytes in, size_t *used)
{
    if (in.len < 2) {
        return in.p[0] == 5 ? TAKE_MORE : TAKE_NO;
    }
    *used = 2;
    if (in.p[0] != 5 || (in.p[1] != 0 && in.p[1] != 2)) {
        err_set(&s->why, ST_IO, "the proxy %s",
                in.p[0] != 5 ? "does not speak SOCKS5" : "wants credentials (socks5://user:pass@)");
        return TAKE_NO;
    }
    if (in.p[1] == 2) {
        return TAKE_NEXT;
    }
    return TAKE_SKIP;
}

/* RFC 1929 section 2. */
bool dial_put_socks_login(struct dial_steps *s)
{
    struct dial_proxy proxy;
    if (!dial_parse_proxy(s->target->proxy, &proxy) || proxy.user == NULL) {
        err_set(&s->why, ST_IO, "the proxy wants credentials (socks5://user:pass@)");
        return false;
    }
    text_putc(&s->out, 1);
    text_putc(&s->out, (char)strlen(proxy.user));
    text_puts(&s->out, proxy.user);
    text_putc(&s->out, (char)strlen(proxy.password));
    text_puts(&s->out, proxy.password);
    return true;
}

enum dial_take dial_take_socks_login(struct dial_steps *s, struct bytes in, size_t *used)
{
    if (in.len < 2) {
        return TAKE_MORE;
    }
    *used = 2;
    if (in.p[1] != 0) {
        err_set(&s->why, ST_IO, "the proxy refused the user name and password");
        return TAKE_NO;
    }
    return TAKE_NEXT;
}

/* RFC 1928 section 4; names are resolved by the proxy. */
bool dial_put_socks_request(struct dial_steps *s)
{
    const struct dial_target *t = s->target;
    struct endpoint e = { 0 };
    size_t len = strlen(t->host);
    text_put(&s->out, "\x05\x01\x00", 3);
    if (endpoint_parse(t->host, &e) && e.port == 0) {
        text_putc(&s->out, e.family == 4 ? 1 : 4);
        text_put(&s->out, (const char *)e.ip, e.family == 4 ? 4 : 16);
    } else if (len > 0 && len < 256) {
        text_putc(&s->out, 3);
        text_putc(&s->out, (char)len);
        text_puts(&s->out, t->host);
    } else {
        return false;
    }
    text_putc(&s->out, (char)(t->port >> 8));
    text_putc(&s->out, (char)(t->port & 0xff));
    return true;
}

/* RFC 1928 section 6. */
static const char *const socks_replies[] = {
    "",
    "general failure",
    "not allowed by its rules",
    "network unreachable",
    "host unreachable",
    "connection refused",
    "TTL expired",
    "command not supported",
    "address type not supported",
};

enum dial_take dial_take_socks_reply(struct dial_steps *s, struct bytes in, size_t *used)
{
    struct fault fault = { 0 };
    struct reader r = rd_stream(in, &fault);
    uint8_t version = rd_u8(&r, "VER");
    uint8_t reply = rd_u8(&r, "REP");
    rd_u8(&r, "RSV");
    uint8_t type = rd_u8(&r, "ATYP");
    size_t len = type == 1 ? 4 : type == 4 ? 16 : rd_u8(&r, "BND.ADDR");
    rd_bytes(&r, len + 2, "BND.ADDR");
    if (in.len >= 2 && (version != 5 || reply != 0)) {
        err_set(&s->why, ST_IO, "the proxy could not connect: %s",
                reply < ARRAY_LEN(socks_replies) ? socks_replies[reply] : "unknown reason");
        return TAKE_NO;
    }
    if (fault.kind != FAULT_NONE) {
        return TAKE_MORE;
    }
    *used = r.at;
    return TAKE_NEXT;
}

static void put_be16(struct text *out, unsigned v)
{
    text_putc(out, (char)(v >> 8));
    text_putc(out, (char)(v & 0xff));
}

/* proxy-protocol.txt sections 2.1 and 2.2. Addresses of two families: UNKNOWN or LOCAL. */
bool dial_put_header(struct dial_steps *s)
{
    bool known = s->local.family == s->remote.family && s->local.family != 0;
    size_t len = s->local.family == 4 ? 4 : 16;
    if (s->target->proxy_protocol == 1) {
        if (!known) {
            text_puts(&s->out, "PROXY UNKNOWN\r\n");
            return true;
        }
        text_puts(&s->out, s->local.family == 4 ? "PROXY TCP4 " : "PROXY TCP6 ");
        endpoint_put_host(&s->out, &s->local);
        text_putc(&s->out, ' ');
        endpoint_put_host(&s->out, &s->remote);
        text_printf(&s->out, " %u %u\r\n", s->local.port, s->remote.port);
        return true;
    }
    text_put(&s->out, "\x0d\x0a\x0d\x0a\x00\x0d\x0aQUIT\x0a", 12);
    if (!known) {
        text_put(&s->out, "\x20\x00\x00\x00", 4);
        return true;
    }
    text_putc(&s->out, 0x21);
    text_putc(&s->out, s->local.family == 4 ? 0x11 : 0x21);
    put_be16(&s->out, (unsigned)(2 * len + 4));
    text_put(&s->out, (const char *)s->local.ip, len);
    text_put(&s->out, (const char *)s->remote.ip, len);
    put_be16(&s->out, s->local.port);
    put_be16(&s->out, s->remote.port);
    return true;
}
