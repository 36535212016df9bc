/*
 * from_capture: frames in, a transcript for each connection on which TLS was tried or might have
 * been.
 *
 * While a connection is open only its journal grows (journal.h); when it ends its events are
 * unfolded into a transcript, which the sink sees before the next frame is read. A sink that
 * wants to judge later, when more of the capture is known, keeps the connection in its compact form
 * and unfolds it again.
 *
 * Memory: per connection the journal's limit and the record layer's; see watcher_limits.
 */
#ifndef HANDFAST_TRANSCRIPT_FROM_CAPTURE_H
#define HANDFAST_TRANSCRIPT_FROM_CAPTURE_H

#include "capture/capture.h"
#include "tls/keylog.h"
#include "transcript/transcript.h"

struct watcher;
/* A connection that ended, in compact form. Owned by who kept it. */
struct kept_connection;

struct watcher_sink {
    /* The transcript is borrowed until return. True: keep the connection, *kept is for
     * watcher_unfold() and kept_connection_free(). */
    bool (*ended)(void *arg, const struct transcript *t);
    /* Called right after ended() returned true. */
    void (*kept)(void *arg, struct kept_connection *kept);
    void *arg;
};

struct watcher_options {
    struct watcher_sink sink;
    struct keylog *keylog;    /* borrowed; may grow while reading; NULL: none */
    struct x509_store *store; /* borrowed */
    struct tcp_limits limits;
};

struct watcher_stats {
    uint64_t frames, tcp_packets, udp_packets, broken_packets, unknown_link_frames;
    uint16_t unknown_link_type;
    uint64_t connections, open;
    bool out_of_memory; /* something could not be kept: verdicts may lack evidence */
};

enum status watcher_new(const struct watcher_options *options, struct watcher **out,
                        struct err *err) NODISCARD;
void watcher_free(struct watcher *w); /* NULL is fine */
/* The name that transcripts carry from now on; borrowed. Streams are numbered anew. Connections of
 * the capture before must have been finished. */
enum status watcher_start_capture(struct watcher *w, const char *name, struct err *err) NODISCARD;
/* The capture says that it lost frames: transcripts from here on say so. */
void watcher_note_drops(struct watcher *w);
enum status watcher_frame(struct watcher *w, const struct frame *frame, struct err *err) NODISCARD;
/* The same as one by one, faster: what several frames need is fetched into the cache together. */
enum status watcher_frames(struct watcher *w, const struct frame *frames, size_t n,
                           struct err *err) NODISCARD;
/* Everything that is left of a capture; the caller still calls watcher_finish(). */
enum status watcher_read(struct watcher *w, struct capture *capture, struct err *err) NODISCARD;
/* Time goes on without frames. */
void watcher_advance(struct watcher *w, int64_t now_ns);
/* The capture is over: every open connection ends. */
void watcher_finish(struct watcher *w);
struct watcher_stats watcher_stats(const struct watcher *w);

/* The transcript of a kept connection; borrowed until the next call that unfolds or reads a frame.
 */
const struct transcript *watcher_unfold(struct watcher *w, const struct kept_connection *kept);
size_t kept_connection_bytes(const struct kept_connection *kept);
void kept_connection_free(struct kept_connection *kept); /* NULL is fine */

#endif
