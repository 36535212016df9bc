/*
 * filter: one BPF expression, compiled by libpcap for each link type that turns up.
 *
 * Source: pcap-filter(7), pcap_compile(3PCAP).
 */
#ifndef HANDFAST_CAPTURE_FILTER_H
#define HANDFAST_CAPTURE_FILTER_H

#include "base/status.h"
#include "capture/frame.h"

struct filter;

/* `expression` is borrowed for the life of the filter; NULL: no filter, *out is NULL. */
enum status filter_new(const char *expression, struct filter **out, struct err *err) NODISCARD;
void filter_free(struct filter *f); /* NULL is fine */
/* Compiles for this link type now, so that a mistake is told before the first frame. ST_USAGE:
 * libpcap does not understand the expression, or not for this link type. */
enum status filter_prepare(struct filter *f, uint16_t link_type, struct err *err) NODISCARD;
enum status filter_match(struct filter *f, const struct frame *frame, bool *out_matches,
                         struct err *err) NODISCARD;

#endif
