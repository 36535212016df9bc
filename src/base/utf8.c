#include "base/utf8.h"

static bool is_harmful(uint32_t c)
{
    bool is_control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool is_direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
                        c == 0x200e || c == 0x200f || c == 0x061c || /* marks of direction */
                        c == 0x2028 || c == 0x2029;
    return is_control || is_direction;
}

static size_t decode(struct bytes b, uint32_t *out)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t min;
    } forms[] = {
        { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
    };
    for (size_t n = 1; n <= 4; n++) {
        if (b.len < n || (b.p[0] & forms[n - 1].mask) != forms[n - 1].lead) {
            continue;
        }
        uint32_t c = (uint32_t)(b.p[0] & ~forms[n - 1].mask);
        for (size_t i = 1; i < n; i++) {
            if ((b.p[i] & 0xc0) != 0x80) {
                return 0;
            }
            c = (c << 6) | (b.p[i] & 0x3f);
        }
        if (c < forms[n - 1].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
            return 0;
        }
        *out = c;
        return n;
    }
    return 0;
}

size_t utf8_decode(struct bytes b, uint32_t *out)
{
    *out = 0;
    return decode(b, out);
}

size_t utf8_printable(struct bytes b)
{
    uint32_t c = 0;
    size_t n = decode(b, &c);
    return is_harmful(c) ? 0 : n;
}
