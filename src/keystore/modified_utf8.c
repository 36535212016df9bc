#include "keystore/modified_utf8.h"

/* A surrogate is ED, then A0 to AF (high) or B0 to BF (low), then 80 to BF. */
static bool is_surrogate(struct bytes b, uint8_t kind, uint32_t *out)
{
    if (b.len < 3 || b.p[0] != 0xed || (b.p[1] & 0xf0) != kind || (b.p[2] & 0xc0) != 0x80) {
        return false;
    }
    *out = (uint32_t)(b.p[1] & 0x0f) << 6 | (b.p[2] & 0x3f);
    return true;
}

static void put_wide(struct text *out, uint32_t c)
{
    text_putc(out, (char)(0xf0 | c >> 18));
    text_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
    text_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
    text_putc(out, (char)(0x80 | (c & 0x3f)));
}

void modified_utf8_put(struct text *out, struct bytes b)
{
    while (b.len > 0) {
        uint32_t high = 0;
        uint32_t low = 0;
        size_t n = 1;
        if (is_surrogate(b, 0xa0, &high) && is_surrogate(bytes_skip(b, 3), 0xb0, &low)) {
            put_wide(out, 0x10000 + (high << 10 | low));
            n = 6;
        } else if (bytes_start_with(b, BYTES("\xc0\x80"))) {
            text_putc(out, '\0');
            n = 2;
        } else {
            text_putc(out, (char)b.p[0]);
        }
        b = bytes_skip(b, n);
    }
}
