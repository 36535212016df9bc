/*
 * access_log: a line for each request that the management API answered.
 *
 *     2026-11-23T21:40:00.123Z 192.0.2.1 opdk@example.com "GET /v1/organizations" 200 17 3 ID
 *
 * Time, client, user ("-" where nobody logged in), method and path, status, bytes, milliseconds,
 * X-Request-Id. Never a query, a header or a body: passwords stand there. A file that was renamed
 * is made anew (logrotate needs no signal). Lines may be put from several threads.
 */
#ifndef HANDFAST_API_ACCESS_LOG_H
#define HANDFAST_API_ACCESS_LOG_H

#include <stdint.h>

#include "base/status.h"

struct access_log;

struct access_line {
    const char *client, *user, *method, *path, *id;
    unsigned status;
    size_t n_bytes;
    int64_t took_ns;
};

enum status access_log_open(const char *path, struct access_log **out, struct err *err) NODISCARD;
void access_log_close(struct access_log *log); /* NULL is fine */
/* What cannot be written is not; the request was answered. */
void access_log_put(struct access_log *log, const struct access_line *line);

#endif
