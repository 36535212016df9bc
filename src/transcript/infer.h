/*
 * infer: what encrypted records show by their type, size, order and timing.
 *
 * Sizes follow from the negotiated suite: a TLS 1.3 Finished is 4 + Hash.length bytes in a record
 * of that plus 1 (content type) plus the tag, an alert 2 + 1 + tag (RFC 8446 sections 4.4.4, 5.2,
 * 6; the tag is 8 bytes for CCM_8 and 16 for the others). What is concluded here carries the flag
 * EVENT_INFERRED. Records opened with keys need none of it.
 */
#ifndef HANDFAST_TRANSCRIPT_INFER_H
#define HANDFAST_TRANSCRIPT_INFER_H

#include "transcript/transcript.h"

struct sealed_sizes {
    uint32_t alert, finished, empty_certificate, end_of_early_data;
    uint32_t overhead; /* content type, padding and tag */
};

/* Of application_data records in TLS 1.3 under this suite. */
struct sealed_sizes sealed_sizes_of(uint16_t cipher_suite, bool is_dtls, uint32_t padding);
void infer(struct transcript *t);

#endif
