/*
 * capture: a pcap or pcapng file, pipe or live interface as a sequence of frames.
 *
 * Files may be gzip- or zstd-compressed; standard input ("-") may still be being written. A file
 * that ends in the middle of a frame or is corrupt in the middle is not an error: next() gives
 * every frame before, then ends, and capture_end() says how and at which offset. Only what cannot
 * be read at all (no such file, not a capture, no memory) is a status.
 *
 * Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, RFC 1952, RFC 8878, pcap(3PCAP).
 */
#ifndef HANDFAST_CAPTURE_CAPTURE_H
#define HANDFAST_CAPTURE_CAPTURE_H

#include "base/status.h"
#include "capture/frame.h"

struct capture;

enum capture_end_kind {
    CAPTURE_END_CLEAN,
    CAPTURE_END_TRUNCATED, /* the last frame or block is not whole */
    CAPTURE_END_CORRUPT,   /* a length or type contradicts the format */
};

struct capture_end {
    enum capture_end_kind kind;
    uint64_t offset;  /* of the frame or block header, in the uncompressed file */
    char reason[160]; /* "packet record says 4294967295 bytes ..., at offset 812" */
};

struct capture_stats {
    uint64_t frames, bytes; /* frames given so far; bytes of the uncompressed file read so far */
    uint64_t bytes_read, size_bytes; /* position in and size of the file on disk, for progress; size
                                        0 where unknown */
    uint64_t
        dropped; /* by the kernel or interface: live captures, and pcapng interface statistics */
};

/* Secrets inside a pcapng (Decryption Secrets Block, type "TLSK"): the text of an NSS key log,
 * handed over before the next frame is returned. */
struct capture_secrets_sink {
    void (*keylog)(void *arg, struct bytes text);
    void *arg;
};

enum capture_next {
    CAPTURE_FRAME, /* *out is a frame */
    CAPTURE_DONE,  /* no more; see capture_end() */
    CAPTURE_IDLE,  /* live or pipe: nothing within `idle_ms`, or a signal came; ask again */
    CAPTURE_FAILED /* *err says why; what was read so far stands */
};

struct capture_options {
    struct capture_secrets_sink secrets;
    const char
        *filter; /* a BPF expression, or NULL; compiled by libpcap for the link type in use */
    int idle_ms; /* on a pipe or an interface, return CAPTURE_IDLE after this; -1: wait */
    uint32_t ring_bytes; /* live: kernel ring buffer; 0: 64 MiB */
    uint32_t snap_len;   /* live: 0: 262144 */
};

/* path "-" is standard input. `path` and the filter are borrowed for the life of the capture. A
 * pipe is opened without waiting for its first bytes: that it is no capture, or that the filter
 * makes no sense, is then told by the first capture_next() (CAPTURE_FAILED). A filter that libpcap
 * does not understand is ST_USAGE. */
enum status capture_open(const char *path, const struct capture_options *options,
                         struct capture **out, struct err *err) NODISCARD;
/* An interface by name, or "any". Needs CAP_NET_RAW; the error says so. */
enum status capture_open_live(const char *interface, const struct capture_options *options,
                              struct capture **out, struct err *err) NODISCARD;
enum capture_next capture_next(struct capture *c, struct frame *out, struct err *err);
/* As capture_next(), and what can be had with it without waiting or reading: *n frames are in
 * `out`, all borrowed until the next call, and what is returned comes after them (CAPTURE_FRAME:
 * ask again). Key logs between them are handed over before the first of them is given. */
enum capture_next capture_next_batch(struct capture *c, struct frame *out, size_t room, size_t *n,
                                     struct err *err);
const struct capture_end *capture_end(const struct capture *c);
struct capture_stats capture_stats(const struct capture *c);
/* True for a pipe, standard input that is no regular file, and interfaces: verdicts are wanted
 * at once. */
bool capture_is_streaming(const struct capture *c);
void capture_free(struct capture *c); /* NULL is fine */

#endif
