#include "base/base64.h"

enum { PAD = 0xfd, SPACE = 0xfe, BAD = 0xff };

static const struct {
    uint8_t of[256];
} value = { {
/* clang-format off */
#define B BAD
#define S SPACE
    B,  B,  B,  B,  B,  B,  B,  B,  B,  S,  S,  S,  S,  S,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  S,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  62, B,  B,  B,  63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, B,  B,  B,  PAD, B,  B,  B,  0,  1,  2,  3,  4,  5,  6,
    7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,  21, 22, 23, 24, 25, B,  B,  B,  B,  B,
    B,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,  39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
    49, 50, 51, B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,  B,  B,  B,  B,  B,  B,  B,  B,
    B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,  B,   B,  B,
#undef B
#undef S
    /* clang-format on */
} };

struct decoding {
    uint32_t group;
    unsigned n;      /* characters of the group, padding included */
    unsigned n_pads; /* of the last group */
    uint8_t *to;
};

static void put_group(struct decoding *d)
{
    d->to[0] = (uint8_t)(d->group >> 16);
    d->to[1] = (uint8_t)(d->group >> 8);
    d->to[2] = (uint8_t)d->group;
    d->to += 3;
    d->group = 0;
    d->n = 0;
}

/* Whole groups without white space: nearly all there is. Returns the characters taken. */
static size_t take_groups(struct decoding *d, const uint8_t *p, size_t len)
{
    size_t at = 0;
    for (; len - at >= 4; at += 4) {
        uint8_t a = value.of[p[at]];
        uint8_t b = value.of[p[at + 1]];
        uint8_t c = value.of[p[at + 2]];
        uint8_t e = value.of[p[at + 3]];
        if (((a | b | c | e) & 0xc0) != 0) {
            return at;
        }
        d->group = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | e;
        put_group(d);
    }
    return at;
}

/* What is wrong with the character, or NULL. */
static const char *take_one(struct decoding *d, uint8_t c)
{
    uint8_t v = value.of[c];
    if (v == SPACE) {
        return NULL;
    }
    if (v == BAD) {
        return "a character that is not of the base64 alphabet";
    }
    if (v == PAD) {
        if (d->n < 2 || d->n_pads >= 2) {
            return "a base64 padding character that closes no group";
        }
        d->n_pads++;
        v = 0;
    } else if (d->n_pads > 0) {
        return "base64 that goes on after its padding";
    }
    d->group = d->group << 6 | v;
    if (++d->n == 4) {
        put_group(d);
        d->to -= d->n_pads;
    }
    return NULL;
}

bool base64_decode(struct bytes text, uint8_t *out, size_t *out_len, struct fault *fault)
{
    struct decoding d = { .to = out };
    size_t at = 0;
    while (at < text.len) {
        if (d.n == 0 && d.n_pads == 0) {
            at += take_groups(&d, text.p + at, text.len - at);
        }
        const char *wrong = at < text.len ? take_one(&d, text.p[at]) : NULL;
        if (wrong != NULL) {
            *fault = (struct fault){ FAULT_MALFORMED, at, wrong };
            return false;
        }
        at++;
    }
    if (d.n != 0) {
        *fault = (struct fault){ FAULT_MALFORMED, text.len,
                                 "base64 that ends in the middle of a group of four" };
        return false;
    }
    *out_len = (size_t)(d.to - out);
    return true;
}
