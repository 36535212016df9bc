#include "tls/prelude_protocol.h"

enum prelude_match prelude_prefix(struct bytes b, struct bytes prefix)
{
    size_t n = b.len < prefix.len ? b.len : prefix.len;
    if (!bytes_equal(bytes_head(b, n), bytes_head(prefix, n))) {
        return MATCH_NO;
    }
    return n == prefix.len ? MATCH_YES : MATCH_MAYBE;
}

bool prelude_take_line(struct bytes b, struct bytes *line, size_t *used)
{
    struct bytes window = bytes_head(b, PRELUDE_BUFFER_MAX);
    const uint8_t *newline = window.len > 0 ? memchr(window.p, '\n', window.len) : NULL;
    if (newline == NULL) {
        return false;
    }
    size_t len = (size_t)(newline - window.p);
    *used = len + 1;
    if (len > 0 && window.p[len - 1] == '\r') {
        len--;
    }
    *line = bytes_head(window, len);
    return true;
}

bool prelude_is_text(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++) {
        if ((b.p[i] < 0x20 && b.p[i] != '\t' && b.p[i] != '\r' && b.p[i] != '\n') ||
            b.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
}

bool prelude_same_word(struct bytes a, const char *word)
{
    struct bytes b = bytes_of_str(word);
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (upper(a.p[i]) != upper(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool prelude_parse_port(struct bytes word, uint16_t *out)
{
    uint32_t port = 0;
    if (word.len == 0 || word.len > 5) {
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (word.p[i] < '0' || word.p[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(word.p[i] - '0');
    }
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

bool prelude_parse_host(struct bytes word, struct endpoint *out)
{
    char text[64];
    if (word.len >= sizeof text || !bytes_copy(text, sizeof text, word)) {
        return false;
    }
    text[word.len] = '\0';
    return endpoint_parse(text, out);
}

struct endpoint prelude_endpoint(const uint8_t *ip, size_t ip_len, const uint8_t *port)
{
    struct endpoint e = { .family = ip_len == 4 ? 4 : 6, .port = load_be16(port) };
    (void)bytes_copy(e.ip, sizeof e.ip, bytes_of(ip, ip_len));
    return e;
}

/* Three digits and then the end, a space or a hyphen; 0 where it is none. */
uint16_t prelude_reply_code(struct bytes line)
{
    if (line.len < 3 || (line.len > 3 && line.p[3] != ' ' && line.p[3] != '-')) {
        return 0;
    }
    uint16_t code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (line.p[i] < '0' || line.p[i] > '9') {
            return 0;
        }
        code = (uint16_t)(code * 10 + (line.p[i] - '0'));
    }
    return code;
}

bool prelude_is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The word stands in the line, with no letter or digit beside it. */
bool prelude_has_word(struct bytes line, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= line.len; i++) {
        bool starts = i == 0 || !prelude_is_alnum(line.p[i - 1]);
        bool ends = i + len == line.len || !prelude_is_alnum(line.p[i + len]);
        if (starts && ends && prelude_same_word(bytes_head(bytes_skip(line, i), len), word)) {
            return true;
        }
    }
    return false;
}

bool prelude_contains(struct bytes line, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= line.len; i++) {
        if (prelude_same_word(bytes_head(bytes_skip(line, i), len), text)) {
            return true;
        }
    }
    return false;
}
