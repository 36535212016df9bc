/*
 * folder: files and directories of the gateway's own, out of reach of other users.
 *
 * Files are made with mode 0600. A write is whole or did not happen: what it replaces stays until
 * the new file is complete.
 */
#ifndef HANDFAST_GATEWAY_FOLDER_H
#define HANDFAST_GATEWAY_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"
#include "base/text.h"

/* With exactly that mode; one that exists keeps its own. */
enum status folder_make(const char *path, mode_t mode, struct err *err) NODISCARD;
/* A regular file; not synced to the disk. */
enum status folder_write(const char *path, struct bytes content, struct err *err) NODISCARD;
/* ST_FORMAT where it is longer than `limit` bytes. */
enum status folder_read(const char *path, size_t limit, struct text *out,
                        struct err *err) NODISCARD;
bool folder_exists(const char *path);
/* The link is another or still the old one, never missing. */
enum status folder_relink(const char *link, const char *target, struct err *err) NODISCARD;
/* With all in it. What cannot be removed stays. Links are not followed. */
void folder_remove(const char *path);

#endif
