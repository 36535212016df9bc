/*
 * nginx_metrics: what the module counts in the two nginx, as Prometheus's text.
 *
 * Asked on the socket of each part below /handfast/metrics (docs/man/handfast-nginx.5.scd). The
 * names of the two are told apart by a label: part="router", part="message-processor".
 */
#ifndef HANDFAST_GATEWAY_NGINX_METRICS_H
#define HANDFAST_GATEWAY_NGINX_METRICS_H

#include <stdbool.h>

#include "base/text.h"
#include "gateway/places.h"

/* Completed handshakes, and those of them that resumed a session, by enum direction minus one. */
struct nginx_resumption {
    uint64_t completed[2], resumed[2];
};

/* Appends the series of both; what does not answer is left out. */
void nginx_metrics_put(const struct places *places, struct text *out,
                       struct nginx_resumption *resumption);
/* Exposed for tests: both parts' texts; series of one name stand together, as the format asks. */
void nginx_metrics_merge(struct text *out, const struct bytes text[2],
                         struct nginx_resumption *resumption);

#endif
