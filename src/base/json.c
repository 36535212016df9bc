#include "base/json.h"

#include <inttypes.h>

#include "base/utf8.h"

struct json json_start(struct text *out)
{
    return (struct json){ out, false };
}

static void begin(struct json *j, const char *key)
{
    if (key != NULL) {
        text_puts(j->out, j->needs_comma ? ",\"" : "\"");
        text_puts(j->out, key);
        text_put(j->out, "\":", 2);
    } else if (j->needs_comma) {
        text_putc(j->out, ',');
    }
    j->needs_comma = true;
}

void json_object(struct json *j, const char *key)
{
    begin(j, key);
    text_putc(j->out, '{');
    j->needs_comma = false;
}

void json_end_object(struct json *j)
{
    text_putc(j->out, '}');
    j->needs_comma = true;
}

void json_array(struct json *j, const char *key)
{
    begin(j, key);
    text_putc(j->out, '[');
    j->needs_comma = false;
}

void json_end_array(struct json *j)
{
    text_putc(j->out, ']');
    j->needs_comma = true;
}

static void put_escaped(struct text *out, uint8_t c)
{
    switch (c) {
    case '"':
        text_put(out, "\\\"", 2);
        break;
    case '\\':
        text_put(out, "\\\\", 2);
        break;
    case '\n':
        text_put(out, "\\n", 2);
        break;
    case '\t':
        text_put(out, "\\t", 2);
        break;
    default:
        text_printf(out, "\\u%04x", c);
        break;
    }
}

/* One character beyond ASCII: as it is where it prints, escaped where it could drive a terminal,
 * U+FFFD where it is none. Returns the bytes read. */
static size_t put_character(struct text *out, struct bytes value)
{
    uint32_t c = 0;
    size_t n = utf8_decode(value, &c);
    if (n == 0) {
        text_put(out, "\xef\xbf\xbd", 3);
        return 1;
    }
    if (utf8_printable(value) > 0) {
        text_put(out, (const char *)value.p, n);
    } else {
        text_printf(out, "\\u%04x", (unsigned)c); /* all of them lie in the basic plane */
    }
    return n;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_bytes(struct json *j, const char *key, struct bytes value)
{
    begin(j, key);
    text_putc(j->out, '"');
    while (value.len > 0) {
        size_t n = 0;
        while (n < value.len && is_plain(value.p[n])) {
            n++;
        }
        if (n > 0) {
            text_put(j->out, (const char *)value.p, n);
        } else if (value.p[0] < 0x80) {
            put_escaped(j->out, value.p[0]);
            n = 1;
        } else {
            n = put_character(j->out, value);
        }
        value = bytes_skip(value, n);
    }
    text_putc(j->out, '"');
}

void json_str(struct json *j, const char *key, const char *value)
{
    if (value == NULL) {
        json_null(j, key);
        return;
    }
    json_bytes(j, key, bytes_of_str(value));
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
    begin(j, key);
    text_put_u64(j->out, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
    begin(j, key);
    text_printf(j->out, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
    json_raw(j, key, value ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
    json_raw(j, key, "null");
}

void json_fixed(struct json *j, const char *key, int64_t value, unsigned decimals)
{
    begin(j, key);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t scale = 1;
    for (unsigned i = 0; i < decimals; i++) {
        scale *= 10;
    }
    if (value < 0) {
        text_putc(j->out, '-');
    }
    text_put_u64(j->out, magnitude / scale);
    if (decimals > 0) {
        text_printf(j->out, ".%0*" PRIu64, (int)decimals, magnitude % scale);
    }
}

void json_raw(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    text_puts(j->out, value);
}
