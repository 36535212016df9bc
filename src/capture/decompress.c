#include "capture/decompress.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct decompressor {
    enum compression kind;
    bool is_between;
    bool is_z_ready;
    const char *reason;
    z_stream z;
    ZSTD_DCtx *zstd;
    size_t zstd_wants; /* bytes for its next step: the rest of a header, or a block */
};

enum {
    GZIP_WINDOW_BITS = 15 + 16, /* zlib: 32 KiB window, gzip header and trailer expected */
    ZSTD_FIRST_STEP = 5,        /* magic and descriptor: what a frame begins with */
    ZSTD_BLOCK_HEAD = 3,        /* RFC 8878 section 3.1.1.2 */
};

enum compression compression_of(struct bytes start)
{
    if (bytes_start_with(start, BYTES("\x1f\x8b"))) {
        return COMPRESSION_GZIP;
    }
    /* A skippable frame may come first: RFC 8878 section 3.1.2 */
    bool is_skippable = start.len >= 4 && (load_le32(start.p) & 0xfffffff0) == 0x184d2a50;
    if (is_skippable || bytes_start_with(start, BYTES("\x28\xb5\x2f\xfd"))) {
        return COMPRESSION_ZSTD;
    }
    return COMPRESSION_NONE;
}

static enum status start(struct decompressor *z, struct err *err)
{
    if (z->kind == COMPRESSION_GZIP) {
        z->is_z_ready = inflateInit2(&z->z, GZIP_WINDOW_BITS) == Z_OK;
        return z->is_z_ready ? ST_OK : err_set(err, ST_NOMEM, "gzip: no memory");
    }
    z->zstd_wants = ZSTD_FIRST_STEP;
    z->zstd = ZSTD_createDCtx();
    return z->zstd != NULL ? ST_OK : err_set(err, ST_NOMEM, "zstd: no memory");
}

enum status decompressor_new(enum compression kind, struct decompressor **out, struct err *err)
{
    struct decompressor *z = calloc(1, sizeof *z);
    if (z == NULL) {
        return err_set(err, ST_NOMEM, "no memory to decompress");
    }
    z->kind = kind;
    z->is_between = true;
    enum status st = start(z, err);
    if (st != ST_OK) {
        decompressor_free(z);
        return st;
    }
    *out = z;
    return ST_OK;
}

void decompressor_free(struct decompressor *z)
{
    if (z == NULL) {
        return;
    }
    if (z->is_z_ready) {
        inflateEnd(&z->z);
    }
    ZSTD_freeDCtx(z->zstd); /* NULL is fine */
    free(z);
}

static enum decompress_state broken(struct decompressor *z, const char *reason)
{
    z->reason = reason;
    return DECOMPRESS_BROKEN;
}

/* gzip(1) and tapes pad with zeros after a member. */
static bool start_member(struct decompressor *z, struct bytes *in, bool is_first)
{
    while (!is_first && in->len > 0 && in->p[0] == 0) {
        *in = bytes_skip(*in, 1);
    }
    if (in->len == 0) {
        return false;
    }
    z->is_between = false;
    return true;
}

static enum decompress_state gzip_step(struct decompressor *z, struct bytes *in, uint8_t *to,
                                       size_t room, size_t *out_n)
{
    if (z->is_between) {
        bool is_first = z->z.total_in == 0;
        if (!start_member(z, in, is_first)) {
            return DECOMPRESS_OK;
        }
        if (!is_first && inflateReset(&z->z) != Z_OK) {
            return broken(z, "cannot start the next member");
        }
    }
    size_t in_len = in->len > UINT32_MAX ? UINT32_MAX : in->len;
    size_t out_len = room > UINT32_MAX ? UINT32_MAX : room;
    z->z.next_in = (z_const Bytef *)in->p;
    z->z.avail_in = (uInt)in_len;
    z->z.next_out = to;
    z->z.avail_out = (uInt)out_len;
    int rc = inflate(&z->z, Z_NO_FLUSH);
    *in = bytes_skip(*in, in_len - z->z.avail_in);
    *out_n = out_len - z->z.avail_out;
    switch (rc) {
    case Z_STREAM_END:
        z->is_between = true;
        return DECOMPRESS_OK;
    case Z_OK:
    case Z_BUF_ERROR: /* no progress was possible: it needs more input */
        return DECOMPRESS_OK;
    case Z_MEM_ERROR:
        return DECOMPRESS_NOMEM;
    case Z_NEED_DICT:
        return broken(z, "needs a dictionary");
    default:
        return broken(z, z->z.msg != NULL ? z->z.msg : "invalid data");
    }
}

/* One block at a time: on an error libzstd does not say what it had written before, in the same
 * call. It asks for a block and the header of the next together; they are given apart. */
static enum decompress_state zstd_step(struct decompressor *z, struct bytes *in, uint8_t *to,
                                       size_t room, size_t *out_n)
{
    size_t len = in->len < z->zstd_wants ? in->len : z->zstd_wants;
    ZSTD_inBuffer src = { in->p, len, 0 };
    ZSTD_outBuffer dst = { to, room, 0 };
    size_t rc = ZSTD_decompressStream(z->zstd, &dst, &src);
    bool has_moved = src.pos > 0 || dst.pos > 0;
    *in = bytes_skip(*in, src.pos);
    *out_n = dst.pos;
    if (ZSTD_isError(rc)) {
        if (ZSTD_getErrorCode(rc) == ZSTD_error_memory_allocation) {
            return DECOMPRESS_NOMEM;
        }
        return broken(z, ZSTD_getErrorName(rc));
    }
    if (has_moved) {
        z->is_between = rc == 0;
        z->zstd_wants = rc > ZSTD_BLOCK_HEAD ? rc - ZSTD_BLOCK_HEAD : rc;
        z->zstd_wants = rc > 0 ? z->zstd_wants : ZSTD_FIRST_STEP;
    }
    return DECOMPRESS_OK;
}

enum decompress_state decompress(struct decompressor *z, struct bytes *in, uint8_t *to, size_t room,
                                 size_t *out_n)
{
    *out_n = 0;
    if (z->reason != NULL) {
        return DECOMPRESS_BROKEN;
    }
    return z->kind == COMPRESSION_GZIP ? gzip_step(z, in, to, room, out_n)
                                       : zstd_step(z, in, to, room, out_n);
}

bool decompressor_is_between(const struct decompressor *z)
{
    return z->is_between;
}

const char *decompressor_name(const struct decompressor *z)
{
    return z->kind == COMPRESSION_GZIP ? "gzip" : "zstd";
}

const char *decompress_reason(const struct decompressor *z)
{
    return z->reason != NULL ? z->reason : "";
}
