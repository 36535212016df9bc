#include "diagnose/message_place.h"

enum { HOST_MAX = 253 }; /* RFC 1035 section 2.3.4 */

/* Words that stand before the address of the server, most telling first. */
static const char *const host_words[] = {
    "upstream: \"https://",
    "https://",
    "wss://",
    "ldaps://",
    "in connection to ",
    "connecting to ",
    "connect to ",
    "(host='",
    "SSL_connect error to ",
    "verification failed for ",
    "Get \"https://",
    "dial tcp ",
};

static const struct {
    const char *words;
    enum actor side;
} side_words[] = {
    { "while SSL handshaking to upstream", ACTOR_CLIENT },
    { "to upstream", ACTOR_CLIENT },
    { "upstream connect error", ACTOR_CLIENT },
    { "while SSL handshaking, client", ACTOR_SERVER },
    { "http: TLS handshake error from", ACTOR_SERVER },
    { "SSL_accept", ACTOR_SERVER },
    { "could not accept SSL connection", ACTOR_SERVER },
    { "Error accepting a client connection", ACTOR_SERVER },
    { "tls_process_client_", ACTOR_SERVER },
    { "tls_post_process_client_hello", ACTOR_SERVER },
    { "tls_early_post_process_client_hello", ACTOR_SERVER },
    { "SSL23_GET_CLIENT_HELLO", ACTOR_SERVER },
    { "ssl3_get_client_", ACTOR_SERVER },
    { "SSL_connect", ACTOR_CLIENT },
    { "curl: (", ACTOR_CLIENT },
    { "tls_process_server_", ACTOR_CLIENT },
    { "tls_process_ske_", ACTOR_CLIENT },
    { "SSL23_GET_SERVER_HELLO", ACTOR_CLIENT },
    { "ssl3_get_server_", ACTOR_CLIENT },
    { "TLS server: In state", ACTOR_SERVER },
    { "TLS client: In state", ACTOR_CLIENT },
    { "HTTPSConnectionPool(", ACTOR_CLIENT },
    { "Unable to connect to the server", ACTOR_CLIENT },
    { "failed calling webhook", ACTOR_CLIENT },
    { "git: ", ACTOR_CLIENT },
    { "fatal: unable to access", ACTOR_CLIENT },
};

static bool is_host_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
}

static bool is_address_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
           c == '.';
}

static uint16_t port_after(struct bytes s)
{
    unsigned port = 0;
    for (size_t i = 0; i < s.len && i < 5 && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
        port = port * 10 + (unsigned)(s.p[i] - '0');
    }
    return port <= 65535 ? (uint16_t)port : 0;
}

/* "host", "host:port", "[v6]:port"; "host port 443" as curl and others write it. */
static bool read_host(struct bytes s, struct bytes *out_host, uint16_t *out_port)
{
    bool is_v6 = s.len > 0 && s.p[0] == '[';
    s = bytes_skip(s, is_v6 ? 1 : 0);
    size_t len = 0;
    while (len < s.len && len <= HOST_MAX &&
           (is_v6 ? is_address_letter(s.p[len]) : is_host_letter(s.p[len]))) {
        len++;
    }
    struct bytes after = bytes_skip(s, len);
    if (is_v6) {
        if (after.len == 0 || after.p[0] != ']') {
            return false;
        }
        after = bytes_skip(after, 1);
    }
    /* A leading "-" would be an option to whoever pastes the command. */
    bool is_name =
        len > 2 && len <= HOST_MAX && s.p[0] != '-' &&
        (is_v6 || memchr(s.p, '.', len) != NULL || bytes_start_with(s, BYTES("localhost")));
    if (!is_name) {
        return false;
    }
    *out_host = bytes_of(s.p, s.p[len - 1] == '.' ? len - 1 : len);
    if (after.len > 1 && after.p[0] == ':') {
        *out_port = port_after(bytes_skip(after, 1));
    } else if (bytes_start_with(after, BYTES(" port "))) {
        *out_port = port_after(bytes_skip(after, 6));
    } else if (bytes_start_with(after, BYTES("', port="))) {
        *out_port = port_after(bytes_skip(after, 8));
    }
    return true;
}

static struct bytes after_words(struct bytes line, const char *words)
{
    size_t len = strlen(words);
    const uint8_t *at = line.len == 0 ? NULL : memmem(line.p, line.len, words, len);
    return at == NULL ? bytes_of(NULL, 0) : bytes_skip(line, (size_t)(at - line.p) + len);
}

bool message_find_host(struct bytes line, struct bytes *out_host, uint16_t *out_port)
{
    *out_host = bytes_of(NULL, 0);
    *out_port = 0;
    for (size_t i = 0; i < sizeof host_words / sizeof host_words[0]; i++) {
        struct bytes after = after_words(line, host_words[i]);
        if (after.len > 0 && read_host(after, out_host, out_port)) {
            return true;
        }
    }
    return false;
}

enum actor message_find_side(struct bytes line)
{
    for (size_t i = 0; i < sizeof side_words / sizeof side_words[0]; i++) {
        const char *words = side_words[i].words;
        if (line.len > 0 && memmem(line.p, line.len, words, strlen(words)) != NULL) {
            return side_words[i].side;
        }
    }
    return ACTOR_UNKNOWN;
}
