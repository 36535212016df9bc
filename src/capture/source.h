/*
 * source: the inside of a capture, shared by the formats and the live source.
 *
 * Each source gives frames through `next`; capture.c numbers, filters and counts them.
 */
#ifndef HANDFAST_CAPTURE_SOURCE_H
#define HANDFAST_CAPTURE_SOURCE_H

#include "capture/capture.h"
#include "capture/filter.h"
#include "capture/input.h"

enum {
    /* What libpcap and Wireshark take as the largest frame: a record that says more is corrupt. */
    MAX_FRAME_BYTES = 262144,
    MAX_BLOCK_BYTES = 16 * 1024 * 1024, /* of pcapng: key logs and names may be large */
    MAX_INTERFACES = 4096,              /* in one pcapng section */
};

struct pcap_file {
    bool is_big_endian;
    bool may_be_swapped; /* version 2.3 and older: the two lengths may have changed places */
    uint16_t link_type;
    uint32_t ns_per_unit;
    uint32_t head_bytes; /* of a record */
};

struct pcapng_interface {
    uint16_t link_type;
    uint32_t snap_len;
    uint8_t resolution;              /* if_tsresol: 10^-n, or 2^-n with the top bit set */
    int64_t offset_s;                /* if_tsoffset */
    uint64_t ns_per_tick, max_ticks; /* up to max_ticks a product is enough */
    uint64_t dropped;                /* the newest statistics block's */
};

struct pcapng_file {
    bool is_big_endian;
    struct pcapng_interface *interfaces; /* of the current section */
    size_t n_interfaces, cap_interfaces;
    uint64_t dropped_before; /* of earlier sections, and of obsolete packet blocks */
    int64_t last_at_ns;      /* for simple packets, which have no time */
};

struct live;

struct capture {
    struct capture_options options;
    enum capture_next (*next)(struct capture *c, struct frame *out, struct err *err);
    struct input input;
    struct pcap_file pcap;
    struct pcapng_file pcapng;
    struct live *live; /* NULL for files */
    struct filter *filter;
    uint64_t n_seen, n_given; /* frames, before and after the filter */
    bool keeps_window;        /* frames given before are still in use: what is not there is IDLE */
    struct capture_end end;
};

/* capture.c, for the formats. CAPTURE_FRAME here means: go on. */

/* The window holds `want` bytes, or why not: at the end of the input the capture ends, cut in
 * the middle of `what` if the window is not empty. */
enum capture_next capture_need(struct capture *c, size_t want, const char *what, struct err *err);
/* Ends the capture at the window's start. */
enum capture_next capture_stop(struct capture *c, enum capture_end_kind kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* A link type that frames will have: the filter must understand it. */
enum capture_next capture_expect_link(struct capture *c, uint16_t link_type, struct err *err);

/* A capture in memory, given to the parsers at most `chunk_bytes` at a time (0: at once): for
 * tests and fuzzing. */
enum status capture_open_memory(struct bytes whole, size_t chunk_bytes,
                                const struct capture_options *options, struct capture **out,
                                struct err *err) NODISCARD;

/* pcap.c, pcapng.c: takes the file's header from the window and sets `next`. */
bool pcap_has_magic(struct bytes start);
enum capture_next pcap_start(struct capture *c, struct err *err);
bool pcapng_has_magic(struct bytes start);
enum capture_next pcapng_start(struct capture *c, struct err *err);
void pcapng_deinit(struct pcapng_file *f);
uint64_t pcapng_dropped(const struct pcapng_file *f);

/* live_linux.c, live_none.c: sets c->live and c->next. */
enum status live_open(struct capture *c, const char *interface, struct err *err) NODISCARD;
void live_close(struct live *live); /* NULL is fine */
uint64_t live_dropped(struct live *live);

#endif
