#include "capture/capture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "capture/source.h"

enum { SNIFF_BYTES = 4 };

/* What people give us that is no capture we read, so that the error can name it. */
struct foreign {
    struct bytes magic;
    const char *what;
};

/* A table reads by columns. */
/* clang-format off */
static const struct foreign foreigners[] = {
    { { (const uint8_t *)"\x04\x22\x4d\x18", 4 }, "compressed with lz4: decompress it first" },
    { { (const uint8_t *)"\xfd" "7zX", 4 },       "compressed with xz: decompress it first" },
    { { (const uint8_t *)"BZh", 3 },              "compressed with bzip2: decompress it first" },
    { { (const uint8_t *)"PK\x03\x04", 4 },       "a zip archive: unpack it first" },
    { { (const uint8_t *)"snoo", 4 },             "a snoop capture: convert it to pcapng first" },
    { { (const uint8_t *)"GMBU", 4 },             "a NetMon capture: convert it to pcapng first" },
};
/* clang-format on */

static enum capture_next next_after_end(struct capture *c, struct frame *out, struct err *err)
{
    (void)c;
    (void)out;
    (void)err;
    return CAPTURE_DONE;
}

enum capture_next capture_stop(struct capture *c, enum capture_end_kind kind, const char *fmt, ...)
{
    c->end.kind = kind;
    c->end.offset = input_offset(&c->input);
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->end.reason, sizeof c->end.reason, fmt, args);
    va_end(args);
    if (kind != CAPTURE_END_CLEAN) {
        size_t used = strlen(c->end.reason);
        snprintf(c->end.reason + used, sizeof c->end.reason - used, ", at offset %" PRIu64,
                 c->end.offset);
    }
    c->next = next_after_end;
    return CAPTURE_DONE;
}

static enum capture_next stop_at_end(struct capture *c, size_t want, const char *what)
{
    const struct input *in = &c->input;
    size_t left = input_left(in);
    switch (in->fault) {
    case INPUT_FAULT_BROKEN:
        return capture_stop(c, CAPTURE_END_CORRUPT, "%s", in->fault_reason);
    case INPUT_FAULT_CUT:
        return capture_stop(c, CAPTURE_END_TRUNCATED, "%s", in->fault_reason);
    case INPUT_FAULT_NONE:
        break;
    }
    if (left == 0) {
        return capture_stop(c, CAPTURE_END_CLEAN, "%s", "");
    }
    return capture_stop(c, CAPTURE_END_TRUNCATED, "%s has %zu of %zu bytes", what, left, want);
}

enum capture_next capture_need(struct capture *c, size_t want, const char *what, struct err *err)
{
    if (input_left(&c->input) >= want) {
        return CAPTURE_FRAME;
    }
    if (c->keeps_window) {
        return CAPTURE_IDLE;
    }
    switch (input_fill(&c->input, want, err)) {
    case INPUT_OK:
        return CAPTURE_FRAME;
    case INPUT_IDLE:
        return CAPTURE_IDLE;
    case INPUT_FAILED:
        return CAPTURE_FAILED;
    case INPUT_END:
        break;
    }
    return stop_at_end(c, want, what);
}

enum capture_next capture_expect_link(struct capture *c, uint16_t link_type, struct err *err)
{
    if (c->filter != NULL && filter_prepare(c->filter, link_type, err) != ST_OK) {
        return CAPTURE_FAILED;
    }
    return CAPTURE_FRAME;
}

static enum capture_next fail_foreign(struct capture *c, struct err *err)
{
    const struct input *in = &c->input;
    struct bytes start = bytes_of(input_at(in), input_left(in));
    const char *what = start.len == 0 ? "empty" : "not a pcap or pcapng capture";
    for (size_t i = 0; i < ARRAY_LEN(foreigners); i++) {
        if (bytes_start_with(start, foreigners[i].magic)) {
            what = foreigners[i].what;
        }
    }
    if (in->fault != INPUT_FAULT_NONE) {
        (void)err_set(err, ST_FORMAT, "%s: %s", in->path, in->fault_reason);
    } else {
        (void)err_set(err, ST_FORMAT, "%s: %s", in->path, what);
    }
    return CAPTURE_FAILED;
}

/* The first bytes are in the window, or CAPTURE_FAILED: there are none. */
static enum capture_next sniff(struct capture *c, struct bytes *out_start, struct err *err)
{
    enum input_state state = input_fill(&c->input, SNIFF_BYTES, err);
    if (state == INPUT_IDLE) {
        return CAPTURE_IDLE;
    }
    if (state == INPUT_FAILED) {
        return CAPTURE_FAILED;
    }
    *out_start = bytes_of(input_at(&c->input), input_left(&c->input));
    return state == INPUT_END ? fail_foreign(c, err) : CAPTURE_FRAME;
}

/* Finds out what the input is and takes the file's header. May be called again after IDLE. */
static enum capture_next recognize(struct capture *c, struct err *err)
{
    struct bytes start;
    enum capture_next got = sniff(c, &start, err);
    if (got != CAPTURE_FRAME) {
        return got;
    }
    enum compression packed =
        c->input.decompressor == NULL ? compression_of(start) : COMPRESSION_NONE;
    if (packed != COMPRESSION_NONE) {
        if (input_decompress(&c->input, packed, err) != ST_OK) {
            return CAPTURE_FAILED;
        }
        got = sniff(c, &start, err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
    }
    if (pcap_has_magic(start)) {
        return pcap_start(c, err);
    }
    return pcapng_has_magic(start) ? pcapng_start(c, err) : fail_foreign(c, err);
}

/* The first `next` of a file: on a pipe nothing may have been written yet when it is opened. */
static enum capture_next next_first(struct capture *c, struct frame *out, struct err *err)
{
    enum capture_next got = recognize(c, err);
    return got == CAPTURE_FRAME ? c->next(c, out, err) : got;
}

static enum status start(struct capture *c, struct err *err)
{
    c->next = next_first;
    TRY(filter_new(c->options.filter, &c->filter, err));
    struct err why = { 0 };
    if (!c->input.is_streaming && recognize(c, &why) == CAPTURE_FAILED) {
        return err_set(err, why.status, "%s", why.text);
    }
    return ST_OK;
}

static enum status start_file(struct capture *c, const char *path, struct err *err)
{
    TRY(input_open(&c->input, path, c->options.idle_ms, err));
    return start(c, err);
}

static enum status start_memory(struct capture *c, struct bytes whole, size_t chunk_bytes,
                                struct err *err)
{
    TRY(input_open_memory(&c->input, whole, chunk_bytes, err));
    return start(c, err);
}

static struct capture *allocate(const struct capture_options *options)
{
    struct capture *c = calloc(1, sizeof *c);
    if (c != NULL) {
        c->options = *options;
        c->input.fd = -1;
    }
    return c;
}

static enum status finish_open(struct capture *c, enum status st, struct capture **out)
{
    if (st != ST_OK) {
        capture_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

enum status capture_open(const char *path, const struct capture_options *options,
                         struct capture **out, struct err *err)
{
    struct capture *c = allocate(options);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", path);
    }
    return finish_open(c, start_file(c, path, err), out);
}

enum status capture_open_memory(struct bytes whole, size_t chunk_bytes,
                                const struct capture_options *options, struct capture **out,
                                struct err *err)
{
    struct capture *c = allocate(options);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    return finish_open(c, start_memory(c, whole, chunk_bytes, err), out);
}

enum status capture_open_live(const char *interface, const struct capture_options *options,
                              struct capture **out, struct err *err)
{
    struct capture *c = allocate(options);
    if (c == NULL) {
        return err_set(err, ST_NOMEM, "%s: no memory", interface);
    }
    return finish_open(c, live_open(c, interface, err), out);
}

enum capture_next capture_next(struct capture *c, struct frame *out, struct err *err)
{
    for (;;) {
        enum capture_next got = c->next(c, out, err);
        if (got != CAPTURE_FRAME) {
            return got;
        }
        c->n_seen++;
        out->number = c->n_seen;
        bool matches = true;
        if (c->filter != NULL && filter_match(c->filter, out, &matches, err) != ST_OK) {
            return CAPTURE_FAILED;
        }
        if (matches) {
            c->n_given++;
            return CAPTURE_FRAME;
        }
    }
}

enum capture_next capture_next_batch(struct capture *c, struct frame *out, size_t room, size_t *n,
                                     struct err *err)
{
    enum capture_next got = capture_next(c, out, err);
    *n = got == CAPTURE_FRAME ? 1 : 0;
    if (c->live != NULL) { /* the ring gives one frame at a time */
        return got;
    }
    c->keeps_window = true;
    while (got == CAPTURE_FRAME && *n < room) {
        got = capture_next(c, &out[*n], err);
        *n += got == CAPTURE_FRAME ? 1 : 0;
    }
    c->keeps_window = false;
    return got == CAPTURE_IDLE && *n > 0 ? CAPTURE_FRAME : got;
}

const struct capture_end *capture_end(const struct capture *c)
{
    return &c->end;
}

struct capture_stats capture_stats(const struct capture *c)
{
    struct capture_stats s = {
        .frames = c->n_given,
        .bytes = input_offset(&c->input),
        .bytes_read = c->input.bytes_read,
        .size_bytes = c->input.size_bytes,
        .dropped = pcapng_dropped(&c->pcapng),
    };
    if (c->live != NULL) {
        s.dropped = live_dropped(c->live);
    }
    return s;
}

bool capture_is_streaming(const struct capture *c)
{
    return c->live != NULL || c->input.is_streaming;
}

void capture_free(struct capture *c)
{
    if (c == NULL) {
        return;
    }
    live_close(c->live);
    input_deinit(&c->input);
    pcapng_deinit(&c->pcapng);
    filter_free(c->filter);
    free(c);
}
