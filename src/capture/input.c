#include "capture/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    WINDOW_BYTES =
        256 * 1024, /* stays in the L2 cache; larger ones cost more, smaller ones calls */
    PACKED_BYTES = 128 * 1024,
};

static enum status start_window(struct input *in, struct err *err)
{
    in->buf = malloc(WINDOW_BYTES);
    if (in->buf == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", in->path);
    }
    in->cap = WINDOW_BYTES;
    return ST_OK;
}

enum status input_open(struct input *in, const char *path, int idle_ms, struct err *err)
{
    bool is_stdin = bytes_equal(bytes_of_str(path), BYTES("-"));
    *in = (struct input){ .path = is_stdin ? "standard input" : path, .idle_ms = idle_ms };
    in->owns_fd = !is_stdin;
    in->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (in->fd < 0) {
        return err_sys(err, "%s", in->path);
    }
    struct stat st;
    if (fstat(in->fd, &st) != 0) {
        return err_sys(err, "%s", in->path);
    }
    if (S_ISDIR(st.st_mode)) {
        return err_set(err, ST_IO, "%s: is a directory", in->path);
    }
    in->is_streaming = !S_ISREG(st.st_mode);
    if (!in->is_streaming) {
        in->size_bytes = (uint64_t)st.st_size;
        (void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL); /* only a hint */
    }
    return start_window(in, err);
}

enum status input_open_memory(struct input *in, struct bytes whole, size_t chunk_bytes,
                              struct err *err)
{
    *in = (struct input){ .path = "memory", .fd = -1, .memory = whole };
    in->chunk_bytes = chunk_bytes > 0 ? chunk_bytes : SIZE_MAX;
    in->size_bytes = whole.len;
    return start_window(in, err);
}

void input_deinit(struct input *in)
{
    if (in->owns_fd && in->fd >= 0) {
        close(in->fd);
    }
    decompressor_free(in->decompressor);
    free(in->packed);
    free(in->buf);
    *in = (struct input){ .fd = -1 };
}

enum status input_decompress(struct input *in, enum compression kind, struct err *err)
{
    TRY(decompressor_new(kind, &in->decompressor, err));
    size_t n = input_left(in);
    size_t room = n > PACKED_BYTES ? n : PACKED_BYTES;
    in->packed = malloc(room);
    if (in->packed == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", in->path);
    }
    struct bytes head = { input_at(in), n };
    (void)bytes_copy(in->packed, room, head); /* n <= room */
    in->packed_left = bytes_of(in->packed, n);
    in->start = 0;
    in->end = 0;
    in->base_offset = 0;
    return ST_OK;
}

static enum input_state wait_readable(const struct input *in, struct err *err)
{
    struct pollfd p = { .fd = in->fd, .events = POLLIN };
    int n = poll(&p, 1, in->idle_ms);
    if (n > 0) {
        return INPUT_OK;
    }
    if (n == 0 || errno == EINTR) { /* a signal: the caller may want to stop */
        return INPUT_IDLE;
    }
    (void)err_sys(err, "%s", in->path);
    return INPUT_FAILED;
}

static enum input_state read_memory(struct input *in, uint8_t *to, size_t room, size_t *out_n)
{
    struct bytes part = bytes_head(bytes_head(in->memory, in->chunk_bytes), room);
    if (part.len == 0) {
        return INPUT_END;
    }
    (void)bytes_copy(to, room, part); /* part.len <= room */
    in->memory = bytes_skip(in->memory, part.len);
    in->bytes_read += part.len;
    *out_n = part.len;
    return INPUT_OK;
}

/* Bytes as they are on disk. One call to read(2), unless a signal interrupts it on a file. */
static enum input_state read_raw(struct input *in, uint8_t *to, size_t room, size_t *out_n,
                                 struct err *err)
{
    if (in->fd < 0) {
        return read_memory(in, to, room, out_n);
    }
    if (in->is_streaming) {
        enum input_state state = wait_readable(in, err);
        if (state != INPUT_OK) {
            return state;
        }
    }
    ssize_t n = read(in->fd, to, room);
    while (n < 0 && errno == EINTR && !in->is_streaming) {
        n = read(in->fd, to, room);
    }
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
        return INPUT_IDLE;
    }
    if (n < 0) {
        (void)err_sys(err, "%s", in->path);
        return INPUT_FAILED;
    }
    *out_n = (size_t)n;
    in->bytes_read += (size_t)n;
    return n == 0 ? INPUT_END : INPUT_OK;
}

static enum input_state end_packed(struct input *in, enum input_fault fault, const char *reason)
{
    in->fault = fault;
    snprintf(in->fault_reason, sizeof in->fault_reason, "%s: %s",
             decompressor_name(in->decompressor), reason);
    return INPUT_END;
}

/* More compressed bytes, once those before are used up. */
static enum input_state refill_packed(struct input *in, struct err *err)
{
    size_t n = 0;
    enum input_state state = read_raw(in, in->packed, PACKED_BYTES, &n, err);
    if (state == INPUT_END && !decompressor_is_between(in->decompressor)) {
        return end_packed(in, INPUT_FAULT_CUT, "ends in the middle");
    }
    in->packed_left = bytes_of(in->packed, n);
    return state;
}

static enum input_state read_packed(struct input *in, uint8_t *to, size_t room, size_t *out_n,
                                    struct err *err)
{
    while (in->fault == INPUT_FAULT_NONE) {
        size_t had = in->packed_left.len;
        enum decompress_state z = decompress(in->decompressor, &in->packed_left, to, room, out_n);
        if (z == DECOMPRESS_NOMEM) {
            (void)err_set(err, ST_NOMEM, "%s: no memory to decompress", in->path);
            return INPUT_FAILED;
        }
        if (*out_n > 0) {
            return INPUT_OK;
        }
        if (z == DECOMPRESS_BROKEN) {
            return end_packed(in, INPUT_FAULT_BROKEN, decompress_reason(in->decompressor));
        }
        if (in->packed_left.len > 0 && in->packed_left.len == had) {
            return end_packed(in, INPUT_FAULT_BROKEN, "makes no progress");
        }
        if (in->packed_left.len > 0) {
            continue; /* a member without content, or a header */
        }
        enum input_state state = refill_packed(in, err);
        if (state != INPUT_OK) {
            return state;
        }
    }
    return INPUT_END;
}

/* Room for `want` bytes from the window's start, and for at least one more than there are. */
static enum status make_room(struct input *in, size_t want, struct err *err)
{
    size_t left = input_left(in);
    if (in->start > 0) {
        if (left > 0) {
            memmove(in->buf, in->buf + in->start, left);
        }
        in->base_offset += in->start;
        in->start = 0;
        in->end = left;
    }
    if (want <= in->cap) {
        return ST_OK;
    }
    uint8_t *larger = realloc(in->buf, want);
    if (larger == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory for %zu bytes", in->path, want);
    }
    in->buf = larger;
    in->cap = want;
    return ST_OK;
}

enum input_state input_fill(struct input *in, size_t want, struct err *err)
{
    while (input_left(in) < want) {
        if (make_room(in, want, err) != ST_OK) {
            return INPUT_FAILED;
        }
        size_t n = 0;
        uint8_t *to = in->buf + in->end;
        size_t room = in->cap - in->end;
        enum input_state state = in->decompressor != NULL ? read_packed(in, to, room, &n, err)
                                                          : read_raw(in, to, room, &n, err);
        if (state != INPUT_OK) {
            return state;
        }
        in->end += n;
    }
    return INPUT_OK;
}
