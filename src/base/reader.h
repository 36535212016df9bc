/*
 * reader: bounded reads from bytes nobody vouches for.
 *
 * The first fault sticks; after it every read gives zero or an empty view and rd_left() gives 0,
 * so loops end. Check `fault->kind` once, at the end. A sub-reader shares its parent's fault.
 * Views returned borrow from the bytes given to rd_whole/rd_stream.
 */
#ifndef HANDFAST_BASE_READER_H
#define HANDFAST_BASE_READER_H

#include "base/bytes.h"

enum fault_kind {
    FAULT_NONE = 0,
    FAULT_SHORT,    /* the bytes end here; more may come */
    FAULT_MALFORMED /* the bytes are here and contradict the format */
};

struct fault {
    enum fault_kind kind;
    size_t at;        /* offset from the start of the outermost bytes */
    const char *what; /* the field, by its RFC name; a literal */
};

struct reader {
    const uint8_t *p;
    size_t left;
    size_t at;
    enum fault_kind overrun; /* what reading past the end means here */
    struct fault *fault;
};

/* A complete message: reading past its end is MALFORMED. */
struct reader rd_whole(struct bytes b, struct fault *fault);
/* The start of a stream: reading past its end is SHORT. */
struct reader rd_stream(struct bytes b, struct fault *fault);

uint8_t rd_u8(struct reader *r, const char *what);
uint16_t rd_u16(struct reader *r, const char *what);
uint32_t rd_u24(struct reader *r, const char *what);
uint32_t rd_u32(struct reader *r, const char *what);
uint64_t rd_u64(struct reader *r, const char *what);
uint16_t rd_u16le(struct reader *r, const char *what);
uint32_t rd_u32le(struct reader *r, const char *what);
struct bytes rd_bytes(struct reader *r, size_t n, const char *what);
/* A vector with an 8-, 16- or 24-bit length before it; a length outside min..max is MALFORMED. */
struct bytes rd_vec8(struct reader *r, size_t min, size_t max, const char *what);
struct bytes rd_vec16(struct reader *r, size_t min, size_t max, const char *what);
struct bytes rd_vec24(struct reader *r, size_t min, size_t max, const char *what);
/* A reader of such a vector. Its content is complete: overrunning it is MALFORMED. */
struct reader rd_sub8(struct reader *r, const char *what);
struct reader rd_sub16(struct reader *r, const char *what);
struct reader rd_sub24(struct reader *r, const char *what);
/* All that is left. */
struct bytes rd_rest(struct reader *r);
/* Left-over bytes are MALFORMED. */
void rd_end(struct reader *r, const char *what);
/* The first fault sticks. */
void rd_fail(struct reader *r, enum fault_kind kind, const char *what);

/* Bytes that can still be read: 0 once a fault stands. */
static inline size_t rd_left(const struct reader *r)
{
    return r->fault->kind == FAULT_NONE ? r->left : 0;
}

#endif
