/*
 * decompress: gzip and zstd members, one after the other, as a stream.
 *
 * Members may be concatenated, and each may be followed by zero padding (gzip). What is broken is
 * evidence and reported as DECOMPRESS_BROKEN with a reason, after every byte before it was given.
 *
 * Sources: RFC 1952 section 2.2 (members), RFC 8878 section 3.1 (frames).
 */
#ifndef HANDFAST_CAPTURE_DECOMPRESS_H
#define HANDFAST_CAPTURE_DECOMPRESS_H

#include "base/bytes.h"
#include "base/status.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

enum decompress_state {
    DECOMPRESS_OK,     /* *out_n bytes were written; 0: it needs more input */
    DECOMPRESS_BROKEN, /* the compressed bytes contradict their format; decompress_reason() */
    DECOMPRESS_NOMEM,
};

struct decompressor;

/* What the first bytes of a file say it is. Needs 4 bytes. */
enum compression compression_of(struct bytes start);
enum status decompressor_new(enum compression kind, struct decompressor **out,
                             struct err *err) NODISCARD;
void decompressor_free(struct decompressor *z); /* NULL is fine */
/* Takes bytes off the front of *in and writes at most `room`. */
enum decompress_state decompress(struct decompressor *z, struct bytes *in, uint8_t *to, size_t room,
                                 size_t *out_n);
/* Between members (or before the first): the stream may end here. */
bool decompressor_is_between(const struct decompressor *z);
const char *decompressor_name(const struct decompressor *z);
/* Why it is broken; borrowed until the decompressor is freed. */
const char *decompress_reason(const struct decompressor *z);

#endif
