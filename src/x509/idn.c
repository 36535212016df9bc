#include "x509/idn.h"

#include "base/utf8.h"

enum {
    LABEL_MAX = 63,
    /* RFC 3492 section 5 */
    BASE = 36,
    T_MIN = 1,
    T_MAX = 26,
    SKEW = 38,
    DAMP = 700,
    INITIAL_BIAS = 72,
    INITIAL_N = 0x80
};

struct label {
    uint32_t points[LABEL_MAX];
    size_t n;
    bool is_ascii;
};

struct sink {
    char *p;
    size_t len, room; /* room for the NUL not counted */
};

static bool put(struct sink *out, char c)
{
    if (out->len >= out->room) {
        return false;
    }
    out->p[out->len++] = c;
    return true;
}

static uint32_t fold(uint32_t c)
{
    bool is_latin = (c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7);
    bool is_greek = c >= 0x391 && c <= 0x3A9;
    bool is_cyrillic = c >= 0x410 && c <= 0x42F;
    if (is_latin || is_greek || is_cyrillic) {
        return c + 32;
    }
    return c >= 0x400 && c <= 0x40F ? c + 80 : c;
}

/* RFC 3492 section 6.1 */
static uint32_t adapt(uint32_t delta, uint32_t n_points, bool is_first)
{
    uint32_t k = 0;
    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / n_points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE) {
        delta /= BASE - T_MIN;
    }
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static char digit(uint32_t d)
{
    return (char)(d < 26 ? 'a' + d : '0' + (d - 26));
}

static bool put_delta(struct sink *out, uint32_t delta, uint32_t bias)
{
    uint32_t q = delta;
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = k <= bias ? T_MIN : (k >= bias + T_MAX ? T_MAX : k - bias);
        if (q < t) {
            return put(out, digit(q));
        }
        if (!put(out, digit(t + (q - t) % (BASE - t)))) {
            return false;
        }
        q = (q - t) / (BASE - t);
    }
}

static uint32_t smallest_from(const struct label *l, uint32_t from)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < l->n; i++) {
        if (l->points[i] >= from && l->points[i] < least) {
            least = l->points[i];
        }
    }
    return least;
}

struct punycode {
    uint32_t n, delta, bias, done, n_basic;
};

/* One round of the encoder: all places of the code point p->n. */
static bool encode_round(const struct label *l, struct punycode *p, struct sink *out)
{
    for (size_t i = 0; i < l->n; i++) {
        p->delta += l->points[i] < p->n;
        if (l->points[i] != p->n) {
            continue;
        }
        if (!put_delta(out, p->delta, p->bias)) {
            return false;
        }
        p->bias = adapt(p->delta, p->done + 1, p->done == p->n_basic);
        p->delta = 0;
        p->done++;
    }
    return true;
}

/* The ASCII characters come first; their number. */
static bool put_basic(struct sink *out, const struct label *l, uint32_t *out_n)
{
    *out_n = 0;
    for (size_t i = 0; i < l->n; i++) {
        bool is_basic = l->points[i] < 0x80;
        *out_n += is_basic;
        if (is_basic && !put(out, (char)l->points[i])) {
            return false;
        }
    }
    return *out_n == 0 || put(out, '-');
}

/* RFC 3492 section 6.3. At most 63 code points below 2^21: nothing overflows 32 bits. */
static bool put_punycode(struct sink *out, const struct label *l)
{
    struct punycode p = { INITIAL_N, 0, INITIAL_BIAS, 0, 0 };
    if (!put_basic(out, l, &p.n_basic)) {
        return false;
    }
    for (p.done = p.n_basic; p.done < l->n; p.n++, p.delta++) {
        uint32_t next = smallest_from(l, p.n);
        p.delta += (next - p.n) * (p.done + 1);
        p.n = next;
        if (!encode_round(l, &p, out)) {
            return false;
        }
    }
    return true;
}

/* Encoded it is longer than typed, and has to be a label still (RFC 3490 section 4.1, step 8). */
static bool put_encoded(struct sink *out, const struct label *l)
{
    size_t from = out->len;
    return put(out, 'x') && put(out, 'n') && put(out, '-') && put(out, '-') &&
           put_punycode(out, l) && out->len - from <= LABEL_MAX;
}

static bool put_label(struct sink *out, const struct label *l)
{
    if (!l->is_ascii) {
        return put_encoded(out, l);
    }
    for (size_t i = 0; i < l->n; i++) {
        if (!put(out, (char)l->points[i])) {
            return false;
        }
    }
    return true;
}

/* Reads up to the next dot (RFC 3490 section 3.1 has three more that count as one). */
static bool read_label(struct bytes *host, struct label *out, bool *out_dot)
{
    *out = (struct label){ .is_ascii = true };
    *out_dot = false;
    while (host->len > 0) {
        uint32_t raw = 0;
        size_t len = utf8_decode(*host, &raw);
        if (len == 0) {
            return false;
        }
        uint32_t c = fold(raw);
        *host = bytes_skip(*host, len);
        if (c == '.' || c == 0x3002 || c == 0xFF0E || c == 0xFF61) {
            *out_dot = true;
            return true;
        }
        if (c == 0 || out->n == LABEL_MAX) {
            return false;
        }
        out->points[out->n++] = c;
        out->is_ascii = out->is_ascii && c < 0x80;
    }
    return true;
}

bool idn_to_ascii(struct bytes host, char *out, size_t room)
{
    struct sink sink = { out, 0, room - 1 };
    bool is_dot = true;
    while (is_dot) {
        struct label label;
        if (!read_label(&host, &label, &is_dot) || !put_label(&sink, &label) ||
            (is_dot && !put(&sink, '.'))) {
            return false;
        }
    }
    out[sink.len] = '\0';
    return true;
}
