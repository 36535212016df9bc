#include "base/reader.h"

struct reader rd_whole(struct bytes b, struct fault *fault)
{
    return (struct reader){ b.p, b.len, 0, FAULT_MALFORMED, fault };
}

struct reader rd_stream(struct bytes b, struct fault *fault)
{
    return (struct reader){ b.p, b.len, 0, FAULT_SHORT, fault };
}

void rd_fail(struct reader *r, enum fault_kind kind, const char *what)
{
    if (r->fault->kind == FAULT_NONE) {
        *r->fault = (struct fault){ kind, r->at, what };
    }
}

static const uint8_t *take(struct reader *r, size_t n,
                           const char *what) /* the only one that moves */
{
    if (n > rd_left(r)) {
        rd_fail(r, r->overrun, what);
        return NULL;
    }
    const uint8_t *here = r->p;
    if (n > 0) { /* an empty view may be NULL: no arithmetic on it */
        r->p += n;
        r->left -= n;
        r->at += n;
    }
    return here;
}

uint8_t rd_u8(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 1, what);
    return p == NULL ? 0 : p[0];
}

uint16_t rd_u16(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 2, what);
    return p == NULL ? 0 : load_be16(p);
}

uint32_t rd_u24(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 3, what);
    return p == NULL ? 0 : load_be24(p);
}

uint32_t rd_u32(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 4, what);
    return p == NULL ? 0 : load_be32(p);
}

uint64_t rd_u64(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 8, what);
    return p == NULL ? 0 : load_be64(p);
}

uint16_t rd_u16le(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 2, what);
    return p == NULL ? 0 : load_le16(p);
}

uint32_t rd_u32le(struct reader *r, const char *what)
{
    const uint8_t *p = take(r, 4, what);
    return p == NULL ? 0 : load_le32(p);
}

struct bytes rd_bytes(struct reader *r, size_t n, const char *what)
{
    const uint8_t *p = take(r, n, what);
    return p == NULL ? (struct bytes){ NULL, 0 } : (struct bytes){ p, n };
}

static struct bytes vec(struct reader *r, size_t len, size_t min, size_t max, const char *what)
{
    if (r->fault->kind == FAULT_NONE && (len < min || len > max)) {
        rd_fail(r, FAULT_MALFORMED, what);
    }
    return rd_bytes(r, len, what);
}

struct bytes rd_vec8(struct reader *r, size_t min, size_t max, const char *what)
{
    return vec(r, rd_u8(r, what), min, max, what);
}

struct bytes rd_vec16(struct reader *r, size_t min, size_t max, const char *what)
{
    return vec(r, rd_u16(r, what), min, max, what);
}

struct bytes rd_vec24(struct reader *r, size_t min, size_t max, const char *what)
{
    return vec(r, rd_u24(r, what), min, max, what);
}

static struct reader sub(struct reader *r, size_t len, const char *what)
{
    size_t at = r->at;
    struct bytes b = rd_bytes(r, len, what);
    return (struct reader){ b.p, b.len, at, FAULT_MALFORMED, r->fault };
}

struct reader rd_sub8(struct reader *r, const char *what)
{
    return sub(r, rd_u8(r, what), what);
}

struct reader rd_sub16(struct reader *r, const char *what)
{
    return sub(r, rd_u16(r, what), what);
}

struct reader rd_sub24(struct reader *r, const char *what)
{
    return sub(r, rd_u24(r, what), what);
}

struct bytes rd_rest(struct reader *r)
{
    return rd_bytes(r, rd_left(r), "rest");
}

void rd_end(struct reader *r, const char *what)
{
    if (rd_left(r) > 0) {
        rd_fail(r, FAULT_MALFORMED, what);
    }
}
