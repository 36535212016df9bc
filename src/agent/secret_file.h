/*
 * secret_file: files that hold keys. Made for their owner alone, whatever the umask; one that is
 * there already keeps its mode.
 */
#ifndef HANDFAST_AGENT_SECRET_FILE_H
#define HANDFAST_AGENT_SECRET_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* NULL with errno where it cannot be opened. Not append: emptied first. The caller closes it. */
FILE *secret_file_open(const char *path, bool append);

#endif
