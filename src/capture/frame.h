/*
 * frame: one captured frame, as every source of frames gives it.
 *
 * `bytes` is borrowed until the next frame is asked for. Times are nanoseconds since the Unix
 * epoch, UTC.
 */
#ifndef HANDFAST_CAPTURE_FRAME_H
#define HANDFAST_CAPTURE_FRAME_H

#include "base/bytes.h"

struct frame {
    uint64_t number; /* 1 is the first of the capture, as Wireshark counts */
    int64_t at_ns;
    uint32_t len_on_wire; /* >= bytes.len; more where a snap length cut the frame */
    uint16_t link_type;   /* LINKTYPE_*, the tcpdump group's registry */
    struct bytes bytes;
};

#endif
