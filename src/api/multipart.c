#include "api/multipart.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct bytes trim(struct bytes b)
{
    while (b.len > 0 && is_blank(b.p[0])) {
        b = bytes_skip(b, 1);
    }
    while (b.len > 0 && (is_blank(b.p[b.len - 1]) || b.p[b.len - 1] == '\r')) {
        b.len--;
    }
    return b;
}

/* The length of a parameter up to its semicolon; one within quotes does not count. */
static size_t parameter_length(struct bytes b)
{
    bool quoted = false;
    for (size_t i = 0; i < b.len; i++) {
        if (quoted && b.p[i] == '\\') {
            i++;
        } else if (b.p[i] == '"') {
            quoted = !quoted;
        } else if (b.p[i] == ';' && !quoted) {
            return i;
        }
    }
    return b.len;
}

static char *unquote(struct bytes value, struct arena *arena)
{
    if (value.len < 2 || value.p[0] != '"' || value.p[value.len - 1] != '"') {
        return arena_strndup(arena, (const char *)value.p, value.len);
    }
    value = bytes_skip(bytes_head(value, value.len - 1), 1);
    char *out = arena_alloc(arena, value.len + 1);
    size_t n = 0;
    for (size_t i = 0; out != NULL && i < value.len; i++) {
        if (value.p[i] == '\\' && value.len - i > 1) {
            i++;
        }
        out[n++] = (char)value.p[i];
    }
    return out;
}

char *api_header_parameter(struct bytes value, const char *name, struct arena *arena)
{
    value = bytes_skip(value, parameter_length(value) + 1);
    while (value.len > 0) {
        size_t len = parameter_length(value);
        struct bytes one = trim(bytes_head(value, len));
        const uint8_t *equals = one.len == 0 ? NULL : memchr(one.p, '=', one.len);
        struct bytes key = trim(bytes_head(one, equals == NULL ? 0 : (size_t)(equals - one.p)));
        if (equals != NULL && key.len == strlen(name) &&
            strncasecmp((const char *)key.p, name, key.len) == 0) {
            return unquote(trim(bytes_skip(one, (size_t)(equals - one.p) + 1)), arena);
        }
        value = bytes_skip(value, len + 1);
    }
    return NULL;
}

/* Where the next delimiter stands: a line that begins with it. body.len: nowhere. */
static size_t find_delimiter(struct bytes body, struct bytes delimiter, size_t from)
{
    while (from < body.len) {
        struct bytes rest = bytes_skip(body, from);
        const uint8_t *at = memmem(rest.p, rest.len, delimiter.p, delimiter.len);
        if (at == NULL) {
            return body.len;
        }
        size_t found = (size_t)(at - body.p);
        if (found == 0 || body.p[found - 1] == '\n') {
            return found;
        }
        from = found + 1;
    }
    return body.len;
}

/* Cuts off a line, without its end. False: no line ends here. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->p, '\n', rest->len);
    if (end == NULL) {
        return false;
    }
    size_t len = (size_t)(end - rest->p);
    *line = bytes_head(*rest, len > 0 && rest->p[len - 1] == '\r' ? len - 1 : len);
    *rest = bytes_skip(*rest, len + 1);
    return true;
}

static bool is_header(struct bytes line, const char *name, struct bytes *value)
{
    size_t len = strlen(name);
    if (line.len <= len || line.p[len] != ':' ||
        strncasecmp((const char *)line.p, name, len) != 0) {
        return false;
    }
    *value = trim(bytes_skip(line, len + 1));
    return true;
}

/* A name goes into messages and documents: it is text, or it is none. */
static const char *as_name(const char *s)
{
    struct bytes left = s == NULL ? bytes_of(NULL, 0) : bytes_of_str(s);
    while (left.len > 0) {
        size_t len = utf8_printable(left);
        if (len == 0) {
            return "";
        }
        left = bytes_skip(left, len);
    }
    return s == NULL ? "" : s;
}

static bool take_header(struct bytes line, struct arena *arena, struct api_part *part)
{
    struct bytes value;
    if (is_header(line, "Content-Disposition", &value)) {
        part->name = as_name(api_header_parameter(value, "name", arena));
        part->filename = as_name(api_header_parameter(value, "filename", arena));
    } else if (is_header(line, "Content-Type", &value)) {
        part->type = as_name(arena_strndup(arena, (const char *)value.p, value.len));
    }
    return part->name != NULL && part->filename != NULL && part->type != NULL;
}

static bool parse_part(struct bytes raw, struct arena *arena, struct api_part *part,
                       const char **why)
{
    *part = (struct api_part){ .name = "", .filename = "", .type = "" };
    struct bytes left = raw;
    for (;;) {
        struct bytes line;
        if (raw.len - left.len > API_PART_HEADERS_MAX || !next_line(&left, &line)) {
            *why = "a part whose headers do not end";
            return false;
        }
        if (line.len == 0) {
            break;
        }
        if (!take_header(line, arena, part)) {
            *why = "too much";
            return false;
        }
    }
    part->body = left;
    return true;
}

/* The line end before a delimiter belongs to the delimiter. */
static struct bytes without_line_end(struct bytes b)
{
    if (b.len > 0 && b.p[b.len - 1] == '\n') {
        b.len--;
        if (b.len > 0 && b.p[b.len - 1] == '\r') {
            b.len--;
        }
    }
    return b;
}

static bool is_last(struct bytes after, bool *is_broken)
{
    struct bytes line;
    struct bytes rest = after;
    if (bytes_start_with(after, BYTES("--"))) {
        return true;
    }
    if (!next_line(&rest, &line)) { /* nothing after it: a client that forgets the "--" */
        *is_broken = trim(after).len > 0;
        return true;
    }
    *is_broken = trim(line).len > 0;
    return rest.len == 0;
}

static bool split(struct bytes body, struct bytes delimiter, struct arena *arena,
                  struct api_parts *out, const char **why)
{
    size_t at = find_delimiter(body, delimiter, 0);
    for (;;) {
        bool is_broken = false;
        if (at == body.len) {
            *why = "no closing boundary";
            return false;
        }
        struct bytes after = bytes_skip(body, at + delimiter.len);
        bool last = is_last(after, &is_broken);
        if (is_broken) {
            *why = "a boundary with something after it on its line";
            return false;
        }
        if (last) {
            return true;
        }
        struct bytes line;
        struct bytes rest = after;
        (void)next_line(&rest, &line); /* is_last() has seen it */
        size_t start = body.len - rest.len;
        at = find_delimiter(body, delimiter, start);
        if (out->n == API_PARTS_MAX) {
            *why = "too many parts";
            return false;
        }
        struct bytes part = bytes_skip(bytes_head(body, at), start);
        if (!parse_part(part, arena, &out->list[out->n], why)) {
            return false;
        }
        out->list[out->n].body = without_line_end(out->list[out->n].body);
        out->n++;
    }
}

bool api_multipart_parse(const char *content_type, struct bytes body, struct arena *arena,
                         struct api_parts *out, const char **why)
{
    *out = (struct api_parts){ 0 };
    char *boundary = api_header_parameter(bytes_of_str(content_type), "boundary", arena);
    if (boundary == NULL || boundary[0] == '\0' || strlen(boundary) > API_BOUNDARY_MAX) {
        *why = "no boundary, or one of more than 70 characters";
        return false;
    }
    char *delimiter = arena_printf(arena, "--%s", boundary);
    out->list = arena_alloc_array(arena, API_PARTS_MAX, sizeof *out->list);
    if (delimiter == NULL || out->list == NULL) {
        *why = "too much";
        return false;
    }
    return split(body, bytes_of_str(delimiter), arena, out, why);
}
