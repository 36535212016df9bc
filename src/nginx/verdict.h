/*
 * verdict: a note becomes a verdict in the worker, and the verdict goes to all who are told.
 *
 * Judging takes milliseconds at worst, and a worker has other things to do: it may take a fifth of
 * its time, which saves up to a second; failures beyond that are counted as unjudged, and still go
 * to the collector.
 */
#ifndef HANDFAST_NGINX_VERDICT_H
#define HANDFAST_NGINX_VERDICT_H

#include "nginx/module.h"

/* In the master: what all workers judge by is read once, and they share it. */
void hf_verdict_prepare(void);
/* errno and OpenSSL's error queue are as they were. */
void hf_verdict_reach(const struct hf_main_conf *all, const struct hf_whose *w, SSL *ssl,
                      struct bytes note);

#endif
