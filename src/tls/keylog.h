/*
 * keylog: secrets of an NSS key log, looked up by client random.
 *
 * Lines that are not key log are counted and skipped, never an error. Source: the NSS Key Log
 * Format (draft-ietf-tls-keylogfile): CLIENT_RANDOM, CLIENT_/SERVER_HANDSHAKE_TRAFFIC_SECRET,
 * CLIENT_/SERVER_TRAFFIC_SECRET_0, CLIENT_EARLY_TRAFFIC_SECRET, EXPORTER_SECRET (ignored), RSA
 * (ignored).
 */
#ifndef HANDFAST_TLS_KEYLOG_H
#define HANDFAST_TLS_KEYLOG_H

#include "base/bytes.h"
#include "base/status.h"

enum keylog_label {
    KEYLOG_CLIENT_RANDOM, /* the master secret of 1.2 and before */
    KEYLOG_CLIENT_EARLY,
    KEYLOG_CLIENT_HANDSHAKE,
    KEYLOG_SERVER_HANDSHAKE,
    KEYLOG_CLIENT_TRAFFIC_0,
    KEYLOG_SERVER_TRAFFIC_0,
    KEYLOG_N_LABELS
};

struct keylog;

enum status keylog_new(struct keylog **out, struct err *err) NODISCARD;
void keylog_free(struct keylog *k); /* NULL is fine; secrets are wiped */
/* Text of any size; whole lines. Bounded: at most 4 million entries, later ones are counted as
 * dropped. */
enum status keylog_add(struct keylog *k, struct bytes text, struct err *err) NODISCARD;
enum status keylog_add_file(struct keylog *k, const char *path, struct err *err) NODISCARD;
/* The secret, len 0 where there is none; borrowed until the keylog is freed or added to. */
struct bytes keylog_find(const struct keylog *k, struct bytes client_random,
                         enum keylog_label label);
bool keylog_has(const struct keylog *k, struct bytes client_random);
size_t keylog_n_entries(const struct keylog *k);
size_t keylog_n_bad_lines(const struct keylog *k);
size_t keylog_n_dropped(const struct keylog *k); /* beyond the limit */

#endif
