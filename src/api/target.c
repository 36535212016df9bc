#include "api/target.h"

#include <string.h>

#include "base/utf8.h"

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *check_text(struct bytes text, bool lines_are_fine)
{
    while (text.len > 0) {
        uint32_t code = 0;
        size_t len = utf8_decode(text, &code);
        if (len == 0) {
            return "text that is not UTF-8";
        }
        bool is_line = code == '\n' || code == '\r' || code == '\t';
        if (code == 0x7f || (code < 0x20 && !(is_line && lines_are_fine))) {
            return "a control character";
        }
        text = bytes_skip(text, len);
    }
    return NULL;
}

/* The byte that the %XX at `at` stands for; -1: it is none. */
static int escaped(struct bytes raw, size_t at)
{
    if (raw.len - at <= 2) {
        return -1;
    }
    int high = hex_digit(raw.p[at + 1]);
    int low = hex_digit(raw.p[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* A decoded copy, never longer than what it was made from. NULL: `why`. */
static char *decode(struct bytes raw, bool is_form, struct arena *arena, const char **why)
{
    char *out = arena_alloc(arena, raw.len + 1);
    if (out == NULL) {
        *why = "too much";
        return NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < raw.len; i++) {
        uint8_t c = raw.p[i];
        if (c == '%') {
            int byte = escaped(raw, i);
            if (byte < 0) {
                *why = "a percent sign without two hexadecimal digits";
                return NULL;
            }
            c = (uint8_t)byte;
            i += 2;
        } else if (c == '+' && is_form) {
            c = ' ';
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    const char *bad = check_text(bytes_of(out, n), is_form);
    if (bad != NULL) {
        *why = bad;
        return NULL;
    }
    return out;
}

static struct bytes cut(struct bytes *rest, char at)
{
    const uint8_t *p = rest->len == 0 ? NULL : memchr(rest->p, at, rest->len);
    struct bytes head = bytes_head(*rest, p == NULL ? rest->len : (size_t)(p - rest->p));
    *rest = bytes_skip(*rest, head.len + (p == NULL ? 0 : 1));
    return head;
}

static bool add_pair(struct bytes raw, struct arena *arena, struct api_pair *out, const char **why)
{
    struct bytes value = raw;
    struct bytes name = cut(&value, '=');
    char *decoded_name = decode(name, true, arena, why);
    char *decoded = decoded_name == NULL ? NULL : decode(value, true, arena, why);
    if (decoded == NULL) {
        return false;
    }
    *out = (struct api_pair){ decoded_name, decoded, strlen(decoded) };
    return true;
}

bool api_pairs_parse(struct bytes raw, struct arena *arena, struct api_pairs *out, const char **why)
{
    *out = (struct api_pairs){ 0 };
    size_t most = 1;
    for (size_t i = 0; i < raw.len && most <= API_PAIRS_MAX; i++) {
        most += raw.p[i] == '&' ? 1 : 0;
    }
    out->list = arena_alloc_array(arena, most, sizeof *out->list);
    if (most > API_PAIRS_MAX || out->list == NULL) {
        *why = "too many fields";
        return false;
    }
    while (raw.len > 0) {
        struct bytes field = cut(&raw, '&');
        if (field.len == 0) {
            continue;
        }
        if (!add_pair(field, arena, &out->list[out->n], why)) {
            return false;
        }
        out->n++;
    }
    return true;
}

const struct api_pair *api_pairs_find(const struct api_pairs *pairs, const char *name)
{
    for (size_t i = 0; i < pairs->n; i++) {
        if (strcmp(pairs->list[i].name, name) == 0) {
            return &pairs->list[i];
        }
    }
    return NULL;
}

/* "http://host:port/path" is what a client sends to a proxy, RFC 9112 section 3.2.2. */
static struct bytes without_authority(struct bytes raw)
{
    size_t skip = bytes_start_with(raw, BYTES("http://"))    ? 7
                  : bytes_start_with(raw, BYTES("https://")) ? 8
                                                             : 0;
    if (skip == 0) {
        return raw;
    }
    struct bytes rest = bytes_skip(raw, skip);
    const uint8_t *slash = rest.len == 0 ? NULL : memchr(rest.p, '/', rest.len);
    return slash == NULL ? BYTES("/") : bytes_skip(rest, (size_t)(slash - rest.p));
}

static bool take_segments(struct bytes path, struct arena *arena, struct api_target *out,
                          const char **why)
{
    struct bytes left = bytes_skip(path, 1);
    while (left.len > 0) {
        struct bytes raw = cut(&left, '/');
        char *segment = decode(raw, false, arena, why);
        if (segment == NULL) {
            return false;
        }
        if (segment[0] == '\0' || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0) {
            *why = "an empty segment, . or .. in the path";
            return false;
        }
        if (out->n_segments == API_SEGMENTS_MAX) {
            *why = "too many segments in the path";
            return false;
        }
        out->segments[out->n_segments++] = segment;
    }
    return true;
}

bool api_target_parse(struct bytes raw, struct arena *arena, struct api_target *out,
                      const char **why)
{
    *out = (struct api_target){ 0 };
    *why = "too long a target";
    if (raw.len > API_TARGET_MAX) {
        return false;
    }
    struct bytes query = without_authority(raw);
    struct bytes path = cut(&query, '?');
    if (path.len == 0 || path.p[0] != '/') {
        *why = "a target that does not begin with a slash";
        return false;
    }
    out->path = arena_strndup(arena, (const char *)path.p, path.len);
    if (out->path == NULL || !take_segments(path, arena, out, why)) {
        return false;
    }
    if (out->n_segments > 0 && strcmp(out->segments[0], "v1") == 0) {
        out->is_versioned = true;
        out->n_segments--;
        memmove(&out->segments[0], &out->segments[1], out->n_segments * sizeof out->segments[0]);
    }
    return api_pairs_parse(query, arena, &out->query, why);
}
