/*
 * verify: one path as OpenSSL judges it, and the checks OpenSSL leaves to settings.
 */
#ifndef HANDFAST_X509_VERIFY_H
#define HANDFAST_X509_VERIFY_H

#include "x509/findings.h"

/* Everything but the host name, the stapled answer and why no anchor is reached. A path without an
 * anchor is judged as if its last certificate were trusted. */
enum status verify_path(const struct path *path, const struct x509_question *q,
                        struct findings *out) NODISCARD;

#endif
