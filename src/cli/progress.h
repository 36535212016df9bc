/*
 * progress: one line on standard error while a long file is read, gone before anything is printed.
 */
#ifndef HANDFAST_CLI_PROGRESS_H
#define HANDFAST_CLI_PROGRESS_H

#include "capture/capture.h"

struct progress {
    bool is_on;
    bool is_shown;
    int64_t last_ns; /* monotonic: at most ten times a second */
};

void progress_init(struct progress *p, bool is_on);
void progress_show(struct progress *p, const struct capture_stats *stats, uint64_t n_handshakes,
                   uint64_t n_failed);
void progress_clear(struct progress *p);

#endif
