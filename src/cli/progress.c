#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define INTERVAL_NS (NS_PER_S / 10)

void progress_init(struct progress *p, bool is_on)
{
    *p = (struct progress){ .is_on = is_on, .last_ns = is_on ? clock_monotonic_ns() : 0 };
}

static void draw(const struct capture_stats *stats, uint64_t n_handshakes, uint64_t n_failed)
{
    fprintf(stderr, "\r\033[K%" PRIu64 " frames, ", stats->frames);
    if (stats->size_bytes > 0) {
        fprintf(stderr, "%" PRIu64 " %%, ", stats->bytes_read * 100 / stats->size_bytes);
    }
    fprintf(stderr, "%" PRIu64 " handshakes, %" PRIu64 " failed", n_handshakes, n_failed);
    fflush(stderr);
}

void progress_show(struct progress *p, const struct capture_stats *stats, uint64_t n_handshakes,
                   uint64_t n_failed)
{
    if (!p->is_on) {
        return;
    }
    int64_t now = clock_monotonic_ns();
    if (now - p->last_ns >= INTERVAL_NS) {
        p->last_ns = now;
        p->is_shown = true;
        draw(stats, n_handshakes, n_failed);
    }
}

void progress_clear(struct progress *p)
{
    if (p->is_shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        p->is_shown = false;
    }
}
