#include "base/bytes.h"
#include "store/xml.h"

#include <string.h>

/* Behind the next `end`; all of the text where it is not there. */
static struct bytes after(struct bytes text, struct bytes end)
{
    while (text.len > 0 && text.len >= end.len) {
        const uint8_t *p = memchr(text.p, end.p[0], text.len);
        if (p == NULL) {
            break;
        }
        text = bytes_skip(text, (size_t)(p - text.p));
        if (bytes_start_with(text, end)) {
            return bytes_skip(text, end.len);
        }
        text = bytes_skip(text, 1);
    }
    return bytes_skip(text, text.len);
}

/* From behind the "<" to behind the ">". */
static struct bytes walk_tag(struct bytes text, size_t *n_signs)
{
    uint8_t quote = 0;
    size_t i = 0;
    *n_signs = 0;
    for (; i < text.len && (quote != 0 || text.p[i] != '>'); i++) {
        uint8_t c = text.p[i];
        if (quote != 0) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else {
            *n_signs += c == '=' ? 1 : 0;
        }
    }
    return bytes_skip(text, i < text.len ? i + 1 : i);
}

static bool has_many_signs(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        n += text.p[i] == '=' ? 1 : 0;
    }
    return n > XML_ATTRIBUTES_MAX;
}

bool xml_is_crowded(struct bytes text)
{
    size_t n_signs = 0;
    if (text.len > 0 && memchr(text.p, 0, text.len) != NULL) {
        return has_many_signs(text); /* UTF-16: where tags end is not told by bytes */
    }
    while (text.len > 0 && n_signs <= XML_ATTRIBUTES_MAX) {
        const uint8_t *p = memchr(text.p, '<', text.len);
        text = bytes_skip(text, p == NULL ? text.len : (size_t)(p - text.p) + 1);
        if (bytes_start_with(text, BYTES("!--"))) {
            text = after(text, BYTES("-->"));
        } else if (bytes_start_with(text, BYTES("![CDATA["))) {
            text = after(text, BYTES("]]>"));
        } else if (bytes_start_with(text, BYTES("?"))) {
            text = after(text, BYTES("?>"));
        } else {
            text = walk_tag(text, &n_signs);
        }
    }
    return n_signs > XML_ATTRIBUTES_MAX;
}
