#include "store/descriptor.h"

enum { LINE_MAX_BYTES = 1024, UNICODE_DIGITS = 4 };

/* A logical line: escapes undone, but where the key ends is known. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
    size_t key_len;  /* of the key */
    size_t value_at; /* where the value begins */
    bool is_too_long;
};

/* What of the line has been seen. */
enum stage { IN_KEY, BEFORE_SEPARATOR, AFTER_SEPARATOR, IN_VALUE };

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static void put(struct line *line, uint8_t c)
{
    if (line->len + 1 >= sizeof line->text) {
        line->is_too_long = true;
        return;
    }
    line->text[line->len++] = (char)c;
}

static bool skip_end(struct bytes *left)
{
    size_t n = left->len > 0 && left->p[0] == '\r' ? 1 : 0;
    n += left->len > n && left->p[n] == '\n' ? 1 : 0;
    *left = bytes_skip(*left, n);
    return n > 0;
}

static void skip_blanks(struct bytes *left)
{
    while (left->len > 0 && is_blank(left->p[0])) {
        *left = bytes_skip(*left, 1);
    }
}

/* What stands after a backslash. */
static void put_escaped(struct line *line, struct bytes *left)
{
    static const char from[] = "tnrf";
    static const char to[] = "\t\n\r\f";
    if (skip_end(left)) {
        skip_blanks(left);
        return;
    }
    if (left->len == 0) {
        return;
    }
    uint8_t c = left->p[0];
    const char *known = c != '\0' ? strchr(from, c) : NULL;
    put(line, known != NULL ? (uint8_t)to[known - from] : c);
    *left = bytes_skip(*left, 1);
}

/* Where a character that is no part of the key leaves the line. */
static enum stage next_stage(enum stage stage, uint8_t c)
{
    bool is_separator = c == '=' || c == ':';
    if (stage == IN_KEY && (is_blank(c) || is_separator)) {
        return is_separator ? AFTER_SEPARATOR : BEFORE_SEPARATOR;
    }
    if (stage == BEFORE_SEPARATOR && !is_blank(c)) {
        return is_separator ? AFTER_SEPARATOR : IN_VALUE;
    }
    if (stage == AFTER_SEPARATOR && !is_blank(c)) {
        return IN_VALUE;
    }
    return stage;
}

/* One character, which is not a line's end. An escaped one is never a separator. */
static enum stage read_character(struct bytes *left, struct line *line, enum stage was)
{
    uint8_t c = left->p[0];
    enum stage stage = next_stage(was, c == '\\' ? 'x' : c);
    if (was == IN_KEY && stage != IN_KEY) {
        line->key_len = line->len;
    }
    if (stage == IN_VALUE && was != IN_VALUE) {
        line->value_at = line->len;
    }
    *left = bytes_skip(*left, 1);
    if (stage != IN_KEY && stage != IN_VALUE) {
        return stage;
    }
    if (c == '\\') {
        put_escaped(line, left);
    } else {
        put(line, c);
    }
    return stage;
}

static void read_line(struct bytes *left, struct line *line)
{
    enum stage stage = IN_KEY;
    *line = (struct line){ 0 };
    while (left->len > 0 && left->p[0] != '\n' && left->p[0] != '\r') {
        stage = read_character(left, line, stage);
    }
    skip_end(left);
    if (stage == IN_KEY) {
        line->key_len = line->len;
    }
    if (stage != IN_VALUE) {
        line->value_at = line->len;
    }
}

static bool is_key(const struct line *line, const char *key)
{
    return bytes_equal(bytes_of(line->text, line->key_len), bytes_of_str(key));
}

/* Blanks at the end are part of a Java value, and never of a file's name. */
static const char *keep_value(const struct line *line, char out[DESCRIPTOR_VALUE_MAX + 1])
{
    struct bytes value = bytes_of(line->text + line->value_at, line->len - line->value_at);
    while (value.len > 0 && is_blank(value.p[value.len - 1])) {
        value.len--;
    }
    if (bytes_start_with(value, BYTES("./"))) {
        value = bytes_skip(value, 2);
    }
    while (value.len > 0 && value.p[0] == '/') {
        value = bytes_skip(value, 1);
    }
    if (value.len == 0) {
        return "a value is empty";
    }
    if (!bytes_copy(out, DESCRIPTOR_VALUE_MAX, value)) {
        return "a value is too long";
    }
    out[value.len] = '\0';
    return strlen(out) == value.len ? NULL : "a value has a NUL in it";
}

static const char *take_line(const struct line *line, struct descriptor *out)
{
    if (line->is_too_long) {
        return "a line is too long";
    }
    if (is_key(line, "certFile")) {
        return keep_value(line, out->cert_file);
    }
    return is_key(line, "keyFile") ? keep_value(line, out->key_file) : NULL;
}

static void skip_comment(struct bytes *left)
{
    while (left->len > 0 && left->p[0] != '\n' && left->p[0] != '\r') {
        *left = bytes_skip(*left, 1);
    }
    skip_end(left);
}

const char *descriptor_read(struct bytes text, struct descriptor *out)
{
    *out = (struct descriptor){ 0 };
    if (bytes_start_with(text, BYTES("\xef\xbb\xbf"))) {
        text = bytes_skip(text, 3);
    }
    const char *fault = NULL;
    while (text.len > 0 && fault == NULL) {
        struct line line;
        skip_blanks(&text);
        if (text.len > 0 && (text.p[0] == '#' || text.p[0] == '!')) {
            skip_comment(&text);
            continue;
        }
        read_line(&text, &line);
        fault = take_line(&line, out);
    }
    return fault;
}
