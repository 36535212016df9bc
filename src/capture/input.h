/*
 * input: a file, pipe or memory as a window of its uncompressed bytes.
 *
 * One buffer, reused: frames are views into it, valid until the next input_fill(). Filling asks
 * the system once and is content as soon as `want` bytes are there, so a pipe that is still being
 * written never waits for a full buffer.
 */
#ifndef HANDFAST_CAPTURE_INPUT_H
#define HANDFAST_CAPTURE_INPUT_H

#include "base/bytes.h"
#include "base/status.h"
#include "capture/decompress.h"

enum input_state {
    INPUT_OK,    /* the bytes asked for are in the window */
    INPUT_END,   /* they will never come; `fault` says whether the compression broke */
    INPUT_IDLE,  /* a pipe gave nothing within idle_ms, or a signal came */
    INPUT_FAILED /* the system refused; err */
};

enum input_fault { INPUT_FAULT_NONE, INPUT_FAULT_CUT, INPUT_FAULT_BROKEN };

struct input {
    uint8_t *buf; /* the window is buf[start..end) */
    size_t start, end, cap;
    uint64_t base_offset; /* of buf[0] in the uncompressed bytes */

    const char *path; /* borrowed */
    int fd;           /* -1: memory */
    bool owns_fd;
    struct bytes memory;
    size_t chunk_bytes; /* memory: no more than this at a time */
    bool is_streaming;
    int idle_ms;

    struct decompressor *decompressor; /* NULL: plain */
    uint8_t *packed;                   /* compressed bytes, and the part not yet used */
    struct bytes packed_left;

    uint64_t bytes_read, size_bytes; /* on disk */
    enum input_fault fault;
    char fault_reason[96];
};

enum status input_open(struct input *in, const char *path, int idle_ms, struct err *err) NODISCARD;
/* Borrows `whole` for the life of the input; chunk_bytes 0: no limit. */
enum status input_open_memory(struct input *in, struct bytes whole, size_t chunk_bytes,
                              struct err *err) NODISCARD;
/* What is in the window was compressed all the time: puts a decompressor before it. */
enum status input_decompress(struct input *in, enum compression kind, struct err *err) NODISCARD;
/* Makes the window hold at least `want` bytes. Moves it: views taken before are gone. */
enum input_state input_fill(struct input *in, size_t want, struct err *err);
void input_deinit(struct input *in);

static inline size_t input_left(const struct input *in)
{
    return in->end - in->start;
}

static inline const uint8_t *input_at(const struct input *in)
{
    return in->buf + in->start;
}

/* Of the start of the window, in the uncompressed bytes. */
static inline uint64_t input_offset(const struct input *in)
{
    return in->base_offset + in->start;
}

/* n <= input_left(). */
static inline void input_skip(struct input *in, size_t n)
{
    in->start += n;
}

#endif
