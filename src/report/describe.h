/*
 * describe: one event of a transcript in a few words.
 *
 * "TLS 1.2 to TLS 1.3, sni app.example, alpn h2, 17 suites". The text holds bytes from the wire as
 * they are: the caller makes them safe (wrap.h, json.h).
 */
#ifndef HANDFAST_REPORT_DESCRIBE_H
#define HANDFAST_REPORT_DESCRIBE_H

#include "transcript/transcript.h"

/* Nothing where there is no more to say than the name. */
void describe_event(struct text *out, const struct transcript *t, const struct event *e);
/* event_name(), with "Alert " before an alert's. */
void describe_name(struct text *out, const struct event *e);
/* "TLS 1.0 to TLS 1.3", "TLS 1.2"; false where the hello offers nothing known. */
bool describe_offered_versions(struct text *out, const struct tls_client_hello *hello);
/* Neither a signal (SCSV) nor GREASE. */
bool describe_is_real_suite(uint16_t suite);

#endif
