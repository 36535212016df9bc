#include "dial/dial_steps.h"

#include <strings.h>

struct scheme {
    const char *name;
    uint16_t port;
    enum dial_starttls starttls;
};

/* IANA Service Names; the first of a protocol is its name. */
/* clang-format off: a table reads by columns */
static const struct scheme schemes[] = {
    { "smtp", 25, DIAL_SMTP },
    { "submission", 587, DIAL_SMTP },
    { "lmtp", 24, DIAL_LMTP },
    { "imap", 143, DIAL_IMAP },
    { "pop3", 110, DIAL_POP3 },
    { "ftp", 21, DIAL_FTP },
    { "nntp", 119, DIAL_NNTP },
    { "sieve", 4190, DIAL_SIEVE },
    { "managesieve", 4190, DIAL_SIEVE },
    { "xmpp", 5222, DIAL_XMPP_CLIENT },
    { "xmpp-client", 5222, DIAL_XMPP_CLIENT },
    { "xmpp-server", 5269, DIAL_XMPP_SERVER },
    { "ldap", 389, DIAL_LDAP },
    { "postgres", 5432, DIAL_POSTGRES },
    { "postgresql", 5432, DIAL_POSTGRES },
    { "mysql", 3306, DIAL_MYSQL },
    { "mariadb", 3306, DIAL_MYSQL },
    { "mssql", 1433, DIAL_MSSQL },
    { "tds", 1433, DIAL_MSSQL },
    { "rdp", 3389, DIAL_RDP },
    { "irc", 6667, DIAL_IRC },
    { "https", 443, DIAL_NO_STARTTLS },
    { "wss", 443, DIAL_NO_STARTTLS },
    { "tls", 443, DIAL_NO_STARTTLS },
    { "ssl", 443, DIAL_NO_STARTTLS },
    { "smtps", 465, DIAL_NO_STARTTLS },
    { "submissions", 465, DIAL_NO_STARTTLS },
    { "imaps", 993, DIAL_NO_STARTTLS },
    { "pop3s", 995, DIAL_NO_STARTTLS },
    { "ftps", 990, DIAL_NO_STARTTLS },
    { "nntps", 563, DIAL_NO_STARTTLS },
    { "ldaps", 636, DIAL_NO_STARTTLS },
    { "xmpps", 5223, DIAL_NO_STARTTLS },
    { "ircs", 6697, DIAL_NO_STARTTLS },
    { "amqps", 5671, DIAL_NO_STARTTLS },
    { "mqtts", 8883, DIAL_NO_STARTTLS },
    { "rediss", 6379, DIAL_NO_STARTTLS },
    { "dot", 853, DIAL_NO_STARTTLS },
    { "sips", 5061, DIAL_NO_STARTTLS },
};
/* clang-format on */

static const struct scheme *find_scheme(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (strlen(schemes[i].name) == len && strncasecmp(schemes[i].name, name, len) == 0) {
            return &schemes[i];
        }
    }
    return NULL;
}

bool dial_starttls_by_name(const char *name, enum dial_starttls *out)
{
    const struct scheme *scheme = find_scheme(name, strlen(name));
    if (scheme == NULL || scheme->starttls == DIAL_NO_STARTTLS) {
        return false;
    }
    *out = scheme->starttls;
    return true;
}

const char *dial_starttls_name(enum dial_starttls s)
{
    for (size_t i = 0; s != DIAL_NO_STARTTLS && i < ARRAY_LEN(schemes); i++) {
        if (schemes[i].starttls == s) {
            return schemes[i].name;
        }
    }
    return "none";
}

static bool parse_port(const char *s, size_t len, uint16_t *out)
{
    unsigned port = 0;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9' || port > 6553) {
            return false;
        }
        port = port * 10 + (unsigned)(s[i] - '0');
    }
    *out = (uint16_t)port;
    return len > 0 && port > 0 && port < 65536;
}

/* What can stand in a name: nothing that ends it, moves a terminal or breaks a line of a dialogue.
 */
static bool is_host(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= ' ' || c == 0x7f || strchr("/?#@\\\"'<>[]", c) != NULL) {
            return false;
        }
    }
    return len > 0 && len < 256;
}

struct cut {
    const char *host, *port;
    size_t host_len, port_len;
};

/* "host", "host:port", "[v6]", "[v6]:port", "v6". */
static bool cut_authority(const char *s, size_t len, struct cut *out)
{
    *out = (struct cut){ .host = s, .host_len = len };
    const char *colon = memrchr(s, ':', len);
    if (len > 0 && s[0] == '[') {
        const char *end = memchr(s, ']', len);
        if (end == NULL || (end + 1 < s + len && end[1] != ':')) {
            return false;
        }
        out->host = s + 1;
        out->host_len = (size_t)(end - s - 1);
        colon = end + 1 < s + len ? end + 1 : NULL;
    } else if (colon != NULL && memchr(s, ':', (size_t)(colon - s)) != NULL) {
        colon = NULL; /* an IPv6 address without brackets */
    } else if (colon != NULL) {
        out->host_len = (size_t)(colon - s);
    }
    if (colon != NULL) {
        out->port = colon + 1;
        out->port_len = (size_t)(s + len - colon - 1);
    }
    return true;
}

bool dial_parse_target(const char *s, struct dial_target *out, char *storage, size_t room)
{
    const char *separator = strstr(s, "://");
    *out = (struct dial_target){ .port = 443 };
    if (separator != NULL) {
        const struct scheme *scheme = find_scheme(s, (size_t)(separator - s));
        if (scheme == NULL) {
            return false;
        }
        out->port = scheme->port;
        out->starttls = scheme->starttls;
        s = separator + 3;
    }
    size_t len = separator != NULL ? strcspn(s, "/?#") : strlen(s);
    struct cut cut;
    if (!cut_authority(s, len, &cut) || !is_host(cut.host, cut.host_len) ||
        (cut.port != NULL && !parse_port(cut.port, cut.port_len, &out->port)) ||
        cut.host_len >= room || !bytes_copy(storage, room, bytes_of(cut.host, cut.host_len))) {
        return false;
    }
    storage[cut.host_len] = '\0';
    out->host = storage;
    return strchr(storage, ':') == NULL || dial_is_address(storage);
}

bool dial_is_address(const char *host)
{
    struct endpoint e = { 0 };
    return endpoint_parse(host, &e) && e.port == 0 && e.family != 0;
}

const char *dial_server_name(const struct dial_target *target)
{
    if (target->server_name != NULL) {
        return target->server_name;
    }
    return dial_is_address(target->host) ? "" : target->host;
}
