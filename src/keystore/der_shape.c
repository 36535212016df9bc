#include "keystore/der.h"

#include "base/status.h"

enum { TAGS_MAX = 8 };

bool der_peek(struct bytes b, struct der_value *out)
{
    *out = (struct der_value){ 0 };
    if (b.len < 2 || (b.p[0] & 0x1f) == 0x1f) {
        return false;
    }
    size_t header = 2;
    size_t len = b.p[1];
    if (len >= 0x80) {
        size_t n = len & 0x7f;
        if (n == 0 || n > 4 || n > b.len - 2) {
            return false;
        }
        len = 0;
        for (size_t i = 0; i < n; i++) {
            len = len << 8 | b.p[2 + i];
        }
        header += n;
    }
    out->tag = b.p[0];
    out->claimed = header + len;
    out->whole = bytes_head(b, out->claimed);
    out->content = bytes_skip(out->whole, header);
    return true;
}

bool der_next(struct bytes *left, struct der_value *out)
{
    if (!der_peek(*left, out) || out->claimed > left->len) {
        return false;
    }
    *left = bytes_skip(*left, out->claimed);
    return true;
}

struct bytes der_first(struct bytes b)
{
    struct der_value v;
    return der_peek(b, &v) ? v.whole : b;
}

/* The tags of the first values of `content`, which may be cut short. */
static size_t tags_of(struct bytes content, uint8_t *tags)
{
    struct der_value v;
    size_t n = 0;
    while (n < TAGS_MAX && content.len > 0 && der_peek(content, &v)) {
        tags[n++] = v.tag;
        content = bytes_skip(content, v.claimed);
    }
    return n;
}

/* "*" in `pattern` stands for any further values. */
static bool is_like(struct bytes content, const char *pattern)
{
    uint8_t tags[TAGS_MAX];
    size_t n = tags_of(content, tags);
    size_t i = 0;
    for (; pattern[i] != '\0' && pattern[i] != '*'; i++) {
        if (i >= n || tags[i] != (uint8_t)pattern[i]) {
            return false;
        }
    }
    return pattern[i] == '*' || i == n;
}

#define INT   "\x02"
#define OCTET "\x04"
#define OID   "\x06"
#define ENUM  "\x0a"
#define UTC   "\x17"
#define GTIME "\x18"
#define SEQ   "\x30"
#define TAG0  "\xa0"

/* clang-format off */
static const struct {
    const char *outer; /* tags in the SEQUENCE */
    const char *inner; /* tags in its first value; NULL: any */
    enum der_shape shape;
} shapes[] = {
    { SEQ SEQ "\x03", TAG0 INT SEQ SEQ SEQ SEQ "*", SHAPE_CERTIFICATE }, /* RFC 5280 4.1 */
    { SEQ SEQ "\x03", INT SEQ SEQ SEQ SEQ SEQ "*", SHAPE_CERTIFICATE },  /* version 1 */
    { SEQ SEQ "\x03", SEQ SEQ UTC "*", SHAPE_CRL },                      /* RFC 5280 5.1 */
    { SEQ SEQ "\x03", SEQ SEQ GTIME "*", SHAPE_CRL },
    { SEQ SEQ "\x03", INT SEQ SEQ UTC "*", SHAPE_CRL },
    { SEQ SEQ "\x03", INT SEQ SEQ GTIME "*", SHAPE_CRL },
    { SEQ SEQ "\x03", INT SEQ SEQ TAG0 "*", SHAPE_REQUEST }, /* RFC 2986 4.2 */
    { SEQ SEQ "\x03", INT SEQ SEQ, SHAPE_REQUEST },
    { SEQ SEQ "*", TAG0 "*", SHAPE_CERTIFICATE }, /* cut or damaged */
    { SEQ, TAG0 INT SEQ "*", SHAPE_CERTIFICATE },
    { OID TAG0 "*", NULL, SHAPE_PKCS7 },          /* RFC 5652 3 */
    { INT SEQ SEQ "*", NULL, SHAPE_PKCS12 },      /* RFC 7292 4 */
    { INT SEQ OCTET "*", NULL, SHAPE_PKCS8 },     /* RFC 5958 2 */
    { INT SEQ, NULL, SHAPE_PKCS12 },              /* no MAC */
    { SEQ OCTET, OID "*", SHAPE_LOCKED_PKCS8 },   /* RFC 5958 3 */
    { INT OCTET "*", NULL, SHAPE_EC_KEY },        /* RFC 5915 3 */
    { INT INT INT INT INT INT, NULL, SHAPE_DSA_KEY },
    { INT INT INT INT INT INT "*", NULL, SHAPE_RSA_KEY }, /* RFC 8017 A.1.2 */
    { SEQ "\x03", OID "*", SHAPE_PUBLIC_KEY },            /* RFC 5280 4.1 */
    { ENUM TAG0, NULL, SHAPE_OCSP_RESPONSE },             /* RFC 6960 4.2 */
};
/* clang-format on */

/* RFC 5652 section 3 and RFC 7292 section 4 say BER. */
static enum der_shape shape_of_ber(struct bytes b)
{
    if (bytes_start_with(b, BYTES("\x30\x80\x02\x01\x03"))) {
        return SHAPE_PKCS12;
    }
    return bytes_start_with(b, BYTES("\x30\x80\x06\x09")) ? SHAPE_PKCS7 : SHAPE_UNKNOWN;
}

enum der_shape der_shape(struct bytes b)
{
    struct der_value v;
    struct der_value first;
    if (b.len < 2 || b.p[0] != DER_SEQUENCE) {
        return SHAPE_NONE;
    }
    if (!der_peek(b, &v) || !der_peek(v.content, &first)) {
        return shape_of_ber(b);
    }
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        if (is_like(v.content, shapes[i].outer) &&
            (shapes[i].inner == NULL || is_like(first.content, shapes[i].inner))) {
            return shapes[i].shape;
        }
    }
    return SHAPE_UNKNOWN;
}
