/*
 * clock: times as text. Nanoseconds since the Unix epoch, UTC; no time zone is ever consulted.
 */
#ifndef HANDFAST_BASE_CLOCK_H
#define HANDFAST_BASE_CLOCK_H

#include "base/text.h"

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* The two calls of this project that ask the system what time it is. */
int64_t clock_now_ns(void);
int64_t clock_monotonic_ns(void);

/* "2026-11-23T12:22:57.123456Z"; decimals 0 to 9. */
void clock_put(struct text *out, int64_t at_ns, unsigned decimals);
/* "2026-11-23". */
void clock_put_date(struct text *out, int64_t at_s);
/* RFC 3339 date-time, or a date alone (midnight UTC), or "@seconds". */
bool clock_parse(const char *s, int64_t *out_ns);

#endif
